package client

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"weir/loadtest/pacing"
	"weir/loadtest/socket"
	"weir/loadtest/table"
	"weir/loadtest/wire"
)

// Fleet is a number of connections of one kind. Its methods may be called from any goroutine, one at a time; each acts
// on all loops. Close ends it and everything it owns.
type Fleet struct {
	opts  Options
	loops []*loop
	base  time.Time // of the loops' clocks
	wg    sync.WaitGroup
	next  int // the loop that gets the next connection

	closed bool
}

// NewFleet makes a fleet without connections.
func NewFleet(o Options) (*Fleet, error) {
	if err := o.Validate(); err != nil {
		return nil, fmt.Errorf("fleet: %w", err)
	}
	msgs, err := wire.NewMessages(&o.Options)
	if err != nil {
		return nil, fmt.Errorf("fleet: %w", err)
	}
	f := &Fleet{opts: o, base: time.Now()}
	for i := range o.Loops {
		to, err := socket.Address(o.Network, o.Address) // its own: connecting writes into it
		if err != nil {
			f.Close()
			return nil, fmt.Errorf("fleet: %w", err)
		}
		l, err := newLoop(&f.opts, msgs, to, f.base, i)
		if err != nil {
			f.Close()
			return nil, fmt.Errorf("fleet: %w", err)
		}
		f.loops = append(f.loops, l)
		f.wg.Go(l.run)
	}
	return f, nil
}

// each runs do on every loop's own goroutine and waits for all.
func (f *Fleet) each(do func(*loop)) {
	var wg sync.WaitGroup
	for _, l := range f.loops {
		wg.Add(1)
		l.post(func(l *loop) { do(l); wg.Done() })
	}
	wg.Wait()
}

// await waits until cond has held on every loop, each at a moment of its own.
func (f *Fleet) await(ctx context.Context, cond func(*loop) bool) error {
	for _, l := range f.loops {
		held := make(chan struct{})
		w := &waiter{cond: cond, held: held}
		l.post(func(l *loop) { l.waiters = append(l.waiters, w) })
		select {
		case <-held:
		case <-ctx.Done():
			l.post(func(*loop) { w.cond = func(*loop) bool { return true } })
			return ctx.Err()
		}
	}
	return nil
}

// Launch begins to open n more connections and returns at once.
func (f *Fleet) Launch(n int) {
	share := make([]int, len(f.loops))
	for i := range n {
		share[(f.next+i)%len(f.loops)]++
	}
	f.next = (f.next + n) % len(f.loops)
	for i, l := range f.loops {
		l.post(func(l *loop) { l.launch(share[i]) })
	}
}

// Open opens n more connections and waits until each is open or has failed; the error says how many failed and of what.
func (f *Fleet) Open(ctx context.Context, n int) error {
	before := f.Counters()
	f.Launch(n)
	err := f.await(ctx, func(l *loop) bool { return l.toOpen == 0 && l.opening == 0 })
	after := f.Counters()
	if got := after.Opened - before.Opened; err != nil || got != uint64(n) {
		return fmt.Errorf("opened %d of %d connections:%s %v %v: %w", got, n, after.endings(), after.TurnedAwayReasons,
			after.Failures,
			errors.Join(err, errNotAllOpen))
	}
	return nil
}

var errNotAllOpen = errors.New("not all connections were opened")

// Start begins to send on all open connections: those opened later join in where the load is closed.
func (f *Fleet) Start() {
	at := time.Since(f.base)
	f.each(func(l *loop) {
		var plan *pacing.Plan
		if rate := f.opts.RatePerSecond; rate > 0 && l.stats.Open > 0 {
			each := rate / float64(len(f.loops)) / float64(l.stats.Open)
			plan = pacing.NewPlan(pacing.Segment{Length: endless, From: each, To: each})
		}
		l.start(plan, at, false)
	})
}

// endless is longer than any run.
const endless = 1000 * time.Hour

// StartPlan begins to send what plan says on all open connections, and on those opened later from then on. The plan
// begins at the given moment.
func (f *Fleet) StartPlan(plan *pacing.Plan, begin time.Time) {
	f.each(func(l *loop) { l.start(plan, begin.Sub(f.base), true) })
}

// Hold keeps n connections from now on: what is missing is opened and opened again when it ends (after ReopenAfter),
// what is too much is retired.
func (f *Fleet) Hold(n int) {
	loops := len(f.loops)
	for i, l := range f.loops {
		share := n*(i+1)/loops - n*i/loops
		l.post(func(l *loop) { l.holdAt(share) })
	}
}

// Quiet waits until no connection is being opened or retired, nor waits to be.
func (f *Fleet) Quiet(ctx context.Context) error {
	return f.await(ctx, func(l *loop) bool { return l.toOpen+l.toReopen+l.opening+l.leaving == 0 })
}

// Stop sends nothing new and waits for what is in flight; the error is ctx's when something has not ended by then.
func (f *Fleet) Stop(ctx context.Context) error {
	f.each(func(l *loop) { l.sending = false })
	if err := f.await(ctx, func(l *loop) bool { return l.stats.InFlight == 0 }); err != nil {
		return fmt.Errorf("stop: %d calls in flight: %w", f.Counters().InFlight, err)
	}
	return nil
}

// Done waits until every open connection has sent its CallsPerConnection, or the fleet its OneID.Calls, and each has
// ended.
func (f *Fleet) Done(ctx context.Context) error {
	return f.await(ctx, func(l *loop) bool { return l.unfinished == 0 && l.callLog.finished() && l.stats.InFlight == 0 })
}

// Expect begins a round of hearing: Counters.Heard and Counters.Hearing tell of what arrives on the streams from now
// on.
func (f *Fleet) Expect() {
	at := time.Since(f.base)
	f.each(func(l *loop) {
		l.round++
		l.expected = at
		l.stats.Heard = 0
		l.stats.Hearing.Reset()
	})
}

// Heard waits until something has arrived on every open stream since Expect; before the first Expect, since it was
// opened.
func (f *Fleet) Heard(ctx context.Context) error {
	return f.await(ctx, func(l *loop) bool { return l.stats.Heard >= l.stats.Open })
}

// ResetLatency empties the latency histograms: what is recorded from now on belongs to the measurement that begins.
func (f *Fleet) ResetLatency() {
	f.each(func(l *loop) {
		l.stats.Latency.Reset()
		l.stats.Refusal.Reset()
		l.stats.Service.Reset()
		l.stats.Told.Reset()
		l.stats.Late.Reset()
	})
}

// Take returns what the fleet has seen so far, with histograms that hold what was recorded since the last Take.
func (f *Fleet) Take() Counters {
	var mu sync.Mutex
	sum := NewCounters()
	f.each(func(l *loop) {
		mu.Lock()
		defer mu.Unlock()
		table.Add(&sum, &l.stats)
		for _, h := range l.stats.Histograms() {
			h.Reset()
		}
	})
	return sum
}

// Counters returns what the fleet has seen so far; the caller owns it.
func (f *Fleet) Counters() Counters {
	var mu sync.Mutex
	sum := NewCounters()
	f.each(func(l *loop) {
		mu.Lock()
		defer mu.Unlock()
		table.Add(&sum, &l.stats)
	})
	return sum
}

// Close hangs up every connection and waits for the loops to end. A second call does nothing; no other method may be
// called after the first.
func (f *Fleet) Close() {
	if f.closed {
		return
	}
	f.closed = true
	for _, l := range f.loops {
		l.post(func(l *loop) { l.closing = true })
	}
	f.wg.Wait()
}
