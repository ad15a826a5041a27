package succession

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/rs/zerolog"

	"weir/cmd/systemd"
	"weir/reactor"
	"weir/reactor/upgrade"
)

// countEvery is how often the old process says how many connections it has.
const countEvery = 250 * time.Millisecond

// lookTimeout is how long the old process waits, before it stops, for its loops to look at what it took last.
const lookTimeout = time.Second

// Succession is one process's. Its exported fields are set before anything is called.
type Succession struct {
	Options Options
	// Version is the program's, StateKey what the new process opens states with.
	Version, StateKey string
	// Server is who is handed over, Addresses are what its listeners are configured to, and Admin is the descriptor of
	// another one that goes with them; -1: there is none.
	Server    *reactor.Server
	Addresses func(name string) string
	Admin     upgrade.Socket
	// MaxHandovers is how many connections that came back may wait for a look.
	MaxHandovers int
	Manager      *systemd.Notifier
	Log          *zerolog.Logger
	// Reload reads again what can be read again. CloseAdmin closes the listener of Admin. Stop begins the stop once
	// nobody is waited for any more; it returns when that is over.
	Reload, CloseAdmin, Stop func()

	program string // its file, as it was started

	mu          sync.Mutex
	predecessor *upgrade.Predecessor // nil: there is none, or it has ended
	shown       Predecessor
	upgrading   bool // or upgraded
	successor   int  // its process id; 0: there is none
	since       time.Time
	leave       context.CancelFunc // ends the waiting for clients, or for a new process
}

// Predecessor is what is known of the process that this one was started by.
type Predecessor struct {
	PID           int       `json:"pid"`
	Version       string    `json:"version"`
	DrainingSince time.Time `json:"draining_since"`
	Connections   int       `json:"connections"`
}

// StateKey is the key that seals states, in hex: the configured one, or else the one of the process that is taken over
// from, or else a new one.
func StateKey(configured string, heir *upgrade.Predecessor) string {
	if configured == "" && heir != nil {
		configured = heir.StateKey
	}
	if configured == "" {
		var key [32]byte
		rand.Read(key[:]) // never fails
		configured = hex.EncodeToString(key[:])
	}
	return configured
}

// Init notes how the process was started, before its folder could be another, and registers the series.
func (s *Succession) Init(set *metrics.Set) {
	set.NewGauge("weir_predecessor_connections", func() float64 {
		if before := s.Predecessor(); before != nil {
			return float64(before.Connections)
		}
		return 0
	})
	program, err := exec.LookPath(os.Args[0])
	if err == nil {
		program, err = filepath.Abs(program)
	}
	if err != nil { // somebody chose another name for it
		program, _ = os.Executable()
	}
	s.program, s.leave = program, func() {}
}

// Succeed takes over from the process that started this one: start begins to accept, once the other one does not any
// more. heir nil: nobody is taken over from.
func (s *Succession) Succeed(heir *upgrade.Predecessor, start func() error) error {
	if heir == nil {
		return start()
	}
	connections, err := heir.Ready()
	if err != nil {
		return err
	}
	s.counted(connections)
	s.Server.Handover().GiveBack(func(fd int, read []byte) error {
		if err := heir.GiveBack(fd, read); !errors.Is(err, upgrade.ErrGone) {
			return err
		}
		return reactor.ErrPredecessorGone
	})
	if err := start(); err != nil {
		return err
	}
	s.mu.Lock()
	s.predecessor = heir
	s.shown.PID, s.shown.Version, s.shown.DrainingSince = heir.PID, heir.Version, time.Now().UTC()
	s.mu.Unlock()
	if err := heir.Serving(); err != nil { // it has ended by itself
		s.Log.Warn().Err(err).Int("predecessor", heir.PID).Msg("the process that is upgraded does not answer any more")
	}
	go s.follow(heir)
	return nil
}

func (s *Succession) counted(connections int) {
	s.Server.Handover().CountElsewhere(connections)
	s.mu.Lock()
	s.shown.Connections = connections
	s.mu.Unlock()
}

// follow goes on until the predecessor has ended.
func (s *Succession) follow(heir *upgrade.Predecessor) {
	heir.Follow(s.counted)
	s.Server.Handover().StopGiving()
	s.mu.Lock()
	s.predecessor = nil
	s.mu.Unlock()
	s.Log.Info().Int("predecessor", heir.PID).Msg("the process that was upgraded has ended")
}

// Predecessor is the process that this one was started by, while it lives; nil afterwards.
func (s *Succession) Predecessor() *Predecessor {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.predecessor == nil {
		return nil
	}
	shown := s.shown
	return &shown
}

// Reloaded has the predecessor read again, too, what it can.
func (s *Succession) Reloaded() {
	s.mu.Lock()
	heir := s.predecessor
	s.mu.Unlock()
	if heir != nil {
		heir.Reload()
	}
}

// Stopping ends what an upgrade waits for: the process is to stop now.
func (s *Succession) Stopping() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.upgrading = true
	s.leave()
}

// Upgrade begins an upgrade, or says in the log why there is none. It returns at once.
func (s *Succession) Upgrade() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if why := s.refusalLocked(); why != "" {
		s.Log.Error().Str("reason", why).Msg("not upgraded")
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.upgrading, s.leave = true, cancel
	go s.upgrade(ctx)
}

// refusalLocked says why there can be no upgrade now, and what to do.
func (s *Succession) refusalLocked() string {
	switch {
	case s.successor != 0:
		return fmt.Sprintf("this process was upgraded already: send SIGUSR2 to process %d, which accepts", s.successor)
	case s.predecessor != nil:
		return fmt.Sprintf("process %d, which this one was started by, still drains, and two processes are all there may "+
			"be: try again when it has ended (its handover_timeout), or end it with SIGTERM", s.shown.PID)
	case s.upgrading:
		return "an upgrade, or the stop, has begun already: the log says how it ends"
	case os.Getpid() == 1:
		return "this is process 1 of a container, which would end with it: start another container instead"
	}
	return ""
}

// upgrade starts the new process, and leaves once that serves.
func (s *Succession) upgrade(ctx context.Context) {
	s.Log.Info().Str("program", s.program).Stringer("upgrade_timeout", s.Options.UpgradeTimeout).Msg("upgrading")
	waiting := make(chan struct{}, s.MaxHandovers)
	taker := upgrade.Taker{Take: func(fd int, read []byte) {
		waiting <- struct{}{}
		s.Server.Handover().Take(fd, append([]byte(nil), read...), func() { <-waiting })
	}, Reload: s.Reload}
	successor, err := s.begin(ctx, taker)
	if err != nil {
		stops := ctx.Err() != nil
		s.mu.Lock()
		s.upgrading = stops
		s.mu.Unlock()
		then := "goes on"
		if stops {
			then = "stops"
		}
		s.Log.Error().Err(err).Msg("not upgraded, this process " + then + ": the new one did not begin")
		return
	}
	s.Manager.Say(systemd.MainPID(successor.PID()))
	s.Manager.Mute()
	s.mu.Lock()
	s.successor, s.since = successor.PID(), time.Now()
	s.mu.Unlock()
	s.Log.Info().Int("successor", successor.PID()).Stringer("handover_timeout", s.Options.HandoverTimeout).
		Int64("connections", s.Server.Connections()).Msg("upgraded, this process drains")
	s.retire(ctx, successor, taker, waiting)
}

// begin returns when the new process accepts instead of this one.
func (s *Succession) begin(ctx context.Context, taker upgrade.Taker) (*upgrade.Successor, error) {
	offer := upgrade.Offer{PID: os.Getpid(), Version: s.Version, StateKey: s.StateKey}
	h := s.Server.Handover()
	for _, socket := range h.Sockets() {
		offer.Sockets = append(offer.Sockets, upgrade.Socket{Name: socket.Name, Address: s.Addresses(socket.Name),
			Lent: socket.Lent, Fd: socket.Fd})
	}
	if s.Admin.Fd >= 0 {
		offer.Sockets = append(offer.Sockets, s.Admin)
	}
	successor, err := upgrade.Start(ctx, upgrade.Options{Program: s.program, Args: os.Args[1:],
		Env: append(os.Environ(), s.Manager.Environment()...), Timeout: s.Options.UpgradeTimeout}, offer)
	if err != nil {
		return nil, err
	}
	h.Pause()
	if err := successor.Go(int(s.Server.Connections()), taker); err != nil {
		h.Resume()
		return nil, err
	}
	return successor, nil
}

// retire serves what belongs here until nobody needs it, and then stops. A value in waiting is a connection that came
// back and was not looked at yet.
func (s *Succession) retire(ctx context.Context, successor *upgrade.Successor, taker upgrade.Taker,
	waiting chan struct{}) {
	s.CloseAdmin()
	stopped := make(chan struct{})
	go s.count(successor, stopped)
	h := s.Server.Handover()
	taken := make(chan struct{})
	go func() {
		defer close(taken)
		if !successor.Serve(taker) {
			s.Log.Error().Int("successor", successor.PID()).
				Msg("the new process has ended while this one drains, nobody accepts: start the server again")
		}
	}()
	stay, cancel := context.WithTimeout(ctx, s.Options.HandoverTimeout)
	defer cancel()
	h.Leave(stay)
	h.AwaitNobody(stay)
	successor.StopTaking()
	<-taken
	looked, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	for range s.MaxHandovers { // or what was taken last would meet the stop
		select {
		case waiting <- struct{}{}:
		case <-looked.Done():
		}
	}
	s.Log.Info().Stringer("after", time.Since(s.since).Round(time.Millisecond)).
		Int64("connections", s.Server.Connections()).Msg("handed over, this process stops")
	s.Stop()
	close(stopped)
	successor.Close()
}

// count tells the new process how many connections this one has, until it has stopped.
func (s *Succession) count(successor *upgrade.Successor, stopped <-chan struct{}) {
	tick := time.NewTicker(countEvery)
	defer tick.Stop()
	for {
		successor.Count(int(s.Server.Connections()))
		select {
		case <-tick.C:
		case <-stopped:
			return
		}
	}
}
