package loop

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/VictoriaMetrics/metrics"
	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"weir/reactor/logwriter"
	"weir/reactor/loop/budget"
	"weir/reactor/loop/socket"
)

// Loops are all the loops of a server, with their listeners. Their life: New, Listen, Start, StopAccepting, Stop,
// Release; each once, in order, and any left out. The other methods are for any goroutine.
type Loops struct {
	opts    Options
	host    Host
	log     zerolog.Logger
	metrics loopMetrics

	all       []*Loop
	listeners []*Listener
	drivers   []*driver
	closing   atomic.Bool
	paused    atomic.Bool // nothing is accepted for now (PauseAccepting)
	left      atomic.Bool // the listeners are another process's too: the files of Unix sockets stay

	outBudget *budget.Budget // what waits in all outboxes
	inBudget  *budget.Budget // capacity of all unfinished input
	cutBytes  atomic.Int64   // of answers that the kernel had and peers had not taken when the server's end closed them

	cuts logwriter.Gate // how often cut answers are logged

	reserve struct {
		sync.Mutex
		fd         int   // given up when descriptors are out; -1 while there is none
		complained int64 // when the log was told last
	}
}

// New makes loops that do nothing yet.
func New(o Options, host Host, set *metrics.Set, log zerolog.Logger) (*Loops, error) {
	s := &Loops{opts: o, host: host, log: log,
		outBudget: budget.New(int64(o.MaxOutboxTotalBytes), uint8(CloseOutboxBudget)),
		inBudget:  budget.New(int64(o.MaxInputTotalBytes), uint8(CloseInputBudget)),
	}
	s.reserve.fd = -1
	for id := range o.Loops {
		l, err := newLoop(s, id)
		if err != nil {
			s.Release()
			return nil, err
		}
		s.all = append(s.all, l)
	}
	s.registerMetrics(set)
	return s, nil
}

// Len is how many loops there are, and Loop one of them.
func (s *Loops) Len() int { return len(s.all) }

// Loop returns the loop with a number.
func (s *Loops) Loop(id int) *Loop { return s.all[id] }

// Listeners returns what Listen has bound.
func (s *Loops) Listeners() []*Listener { return s.listeners }

// Start accepts and serves, and returns when every loop turns. When it fails, some of them may: Stop ends them. Its
// goroutines are netpoll's, one per loop for the life of the process, and one per loop that waits for the end.
func (s *Loops) Start() error {
	if err := growPool(len(s.all)); err != nil {
		return err
	}
	s.reserve.fd = openReserve()
	for _, ln := range s.listeners {
		if err := ln.open(); err != nil {
			return fmt.Errorf("watch the %s listener: %w", ln.Name, err)
		}
	}
	for _, l := range s.all {
		d, err := drive(l)
		if err != nil {
			return err
		}
		s.drivers = append(s.drivers, d)
	}
	socket.KeepPollers()
	return nil
}

// StopAccepting closes the listeners soon, for good.
func (s *Loops) StopAccepting() {
	s.closing.Store(true)
	s.tell(func(l *Loop) { l.inbox.closeLn = true })
}

// VisitAll has every connection looked at soon (Handler.Ready), a few per turn. To ask again before that is over
// costs nothing.
func (s *Loops) VisitAll() {
	s.tell(func(l *Loop) { l.inbox.visitAll = true })
}

// End ends every connection in order, a few per turn: what is written reaches the peer, nothing more is, and we
// wait for it to close too, for linger_timeout and longer while it takes bytes. Ended says when that is over; Stop
// does not wait for it.
func (s *Loops) End() {
	s.tell(func(l *Loop) { l.inbox.endAll = true })
}

// Ended reports whether End has come to every connection, and no peer is waited for any more.
func (s *Loops) Ended() bool {
	for _, l := range s.all[:len(s.drivers)] { // nobody turns the others
		if !l.stats.allEnded.Load() || l.stats.lingering.Load() > 0 {
			return false
		}
	}
	return true
}

// CutBytes is how much of what was written had not reached the peers whose connections the server's end has closed.
// After Stop.
func (s *Loops) CutBytes() int64 { return s.cutBytes.Load() }

// tell changes every loop's inbox and wakes the loop.
func (s *Loops) tell(change func(*Loop)) {
	for _, l := range s.all {
		l.inbox.Lock()
		change(l)
		l.wakeLocked()
		l.inbox.Unlock()
	}
}

// Stop closes every connection and waits until no loop turns any more. It takes milliseconds: a turn is bounded.
func (s *Loops) Stop() error {
	var stopped []chan struct{}
	s.tell(func(l *Loop) {
		done := make(chan struct{})
		stopped = append(stopped, done)
		l.inbox.stop = done
	})
	for i, done := range stopped {
		if i >= len(s.drivers) { // Start failed before: nobody turns it, but others may have given it connections
			s.all[i].readInbox()
		}
		<-done
	}
	var errs []error
	for _, d := range s.drivers {
		errs = append(errs, d.stop(context.Background()))
	}
	return errors.Join(errs...)
}

// Release gives up the descriptors of loops that never started, or have stopped.
func (s *Loops) Release() {
	for _, l := range s.all {
		l.closeListeners()
		l.closeDescriptors()
	}
	s.reserve.Lock()
	defer s.reserve.Unlock()
	if s.reserve.fd >= 0 {
		_ = unix.Close(s.reserve.fd) // nothing was written through it
		s.reserve.fd = -1
	}
}

// Connections returns how many connections are open.
func (s *Loops) Connections() int64 {
	total := int64(0)
	for _, l := range s.all {
		total += l.Connections()
	}
	return total
}

// Turns counts the loop's turns, of which there are four in a second at least. Any goroutine.
func (l *Loop) Turns() uint64 { return l.stats.turns.Load() }

// Connections returns how many connections the loop has. Any goroutine.
func (l *Loop) Connections() int64 { return l.stats.connections.Load() }

// OutboxBytes is how much waits in all outboxes.
func (s *Loops) OutboxBytes() int64 { return s.outBudget.Total() }

// InputBytes is how much room unfinished input takes.
func (s *Loops) InputBytes() int64 { return s.inBudget.Total() }

// TakeInput accounts for n more bytes of input that belongs to no connection's unfinished message, or says that
// there is no room for them. GiveInput takes them off again. Any goroutine.
func (l *Loop) TakeInput(n int) bool { return l.loops.inBudget.Borrow(n) }

// GiveInput: see TakeInput.
func (l *Loop) GiveInput(n int) { l.loops.inBudget.Return(n) }

// Relieve closes the connections that hold most unread answers or unfinished messages for longest (process_pressure):
// an eighth of what is held each time. Any goroutine.
func (s *Loops) Relieve() {
	s.outBudget.Relieve(uint8(ClosePressure))
	s.inBudget.Relieve(uint8(ClosePressure))
}
