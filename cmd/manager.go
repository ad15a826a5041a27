package cmd

import (
	"sync"

	"weir/cmd/systemd"
)

// obeyManager tells a service manager that the server is ready, and gives it the signs of life that it wants, until
// done is called: in the drain too, which may take longer than it waits for one.
func (s *server) obeyManager(manager *systemd.Notifier) (done func()) {
	manager.Say(systemd.Ready)
	stop, life := make(chan struct{}), pulse{}
	var watching sync.WaitGroup
	watching.Go(func() {
		manager.Watch(func() bool { return life.beats(s.reactor.Status().LoopTurns) }, stop)
	})
	return func() {
		close(stop)
		watching.Wait()
	}
}

// pulse says whether every loop has turned since it was asked last. A loop turns four times a second though nobody
// calls; one that does not is stuck, and so are its connections, whatever else of the process still answers.
type pulse struct{ turns []uint64 }

func (p *pulse) beats(turns []uint64) bool {
	alive := true
	for i, n := range turns {
		alive = alive && (i >= len(p.turns) || n != p.turns[i])
	}
	p.turns = turns
	return alive
}
