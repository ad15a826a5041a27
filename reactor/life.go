package reactor

import (
	"errors"
	"sync"
	"time"
)

// life is where a server is between New and its end.
type life struct {
	mu      sync.Mutex // held for a step towards serving, so that a stop finds it done or not begun
	stopped bool
	bound   bool      // Listen has succeeded
	started time.Time // when Start was called; zero before
	stop    sync.Once
	report  DrainReport   // of the stop, when it is over
	ended   chan struct{} // closed then
}

// step takes a step towards serving, unless the server has been stopped meanwhile.
func (l *life) step(do func() error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped {
		return errors.New("reactor: the server was shut down before it began")
	}
	return do()
}

// endSteps lets no step begin any more. It waits for one that has.
func (l *life) endSteps() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stopped = true
}

// DrainReport counts what a stop cut off. A clean stop is all zeros.
type DrainReport struct {
	Messages    int   // accepted and neither answered nor finished in time
	OutboxBytes int64 // answers that peers had not taken in time, in outboxes or in the kernel
	Connections int64 // open until the last step and closed by it
}
