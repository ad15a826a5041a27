package backpressure

import (
	"context"
	"errors"
	"hash/maphash"
	"runtime/debug"
	"sync/atomic"

	"github.com/VictoriaMetrics/metrics"
)

// OwnLanes is how many lanes there may be that are no connection's: the server's own, beside those of tasks (Detach).
// They have places in the rings beside those of Options.MaxConnections.
const OwnLanes = 64

// Queue holds every message that was admitted and not yet done, and the goroutines that run them.
type Queue struct {
	options Options
	metrics queueMetrics
	onPanic func(value any, stack []byte)

	waiting budget // messages that wait
	held    budget // bytes of messages that wait or execute

	executing      [classes]atomic.Int64 // messages
	executingBytes atomic.Int64

	// lingering counts closed lanes that a ring still points at. They keep their places there, so Limits
	// counts them as open; that is why open connections and leftovers together always fit in a ring.
	lingering atomic.Int64

	detached atomic.Bool // Detach was called

	shedding Shedding

	draining atomic.Bool
	drained  chan struct{} // holds a token when the queue may have run empty during a drain

	load load
	fair fair

	pools [classes]*pool
}

// NewQueue returns a queue that admits but does not run anything before Start. o must be valid and
// resolved: otherwise the error holds everything that is wrong. The queue registers its series in set.
func NewQueue(o Options, set *metrics.Set) (*Queue, error) {
	errs := o.Validate()
	if o.MaxConnections == 0 || o.Workers == 0 {
		errs = append(errs, errors.New("max_connections, workers: 0 is not resolved: allowed is what Resolve returns"))
	}
	if errs != nil {
		return nil, errors.Join(errs...)
	}
	q := &Queue{options: o, drained: make(chan struct{}, 1)}
	q.fair.seed = maphash.MakeSeed()
	q.load.rate.Store(q.cores())
	q.waiting.init("waiting messages", o.MaxWaiting, o.RefuseAbove, o.ReopenBelow)
	q.held.init("queue bytes", o.MaxQueueBytes, o.RefuseAbove, o.ReopenBelow)
	q.pools[Compute] = newPool(q, Compute, o.Workers, o.Workers)
	q.pools[Blocking] = newPool(q, Blocking, o.MaxBlockingWorkers, o.Workers)
	q.metrics.register(q, set)
	return q, nil
}

// OnPanic sets what hears of panics that escaped a Runner. Before Start; f is called on the worker.
func (q *Queue) OnPanic(f func(value any, stack []byte)) { q.onPanic = f }

// Start starts the workers. Once.
func (q *Queue) Start() {
	for _, p := range q.pools {
		p.start()
	}
}

// Waiting returns how many messages wait in all. Concurrent.
func (q *Queue) Waiting() int { return int(q.waiting.used.Load()) }

// HeldBytes returns the bytes of all messages that wait or execute. Concurrent.
func (q *Queue) HeldBytes() int { return int(q.held.used.Load()) }

// Executing returns how many messages of class c are with workers. Concurrent.
func (q *Queue) Executing(c Class) int { return int(q.executing[c].Load()) }

// MaxWorkers returns how many goroutines run messages at most. Concurrent.
func (q *Queue) MaxWorkers() int { return q.options.Workers + q.options.MaxBlockingWorkers }

// Shedding is what is refused of new messages and connections although there is room. Concurrent.
func (q *Queue) Shedding() *Shedding { return &q.shedding }

// Draining reports whether Drain or Stop was called. Concurrent.
func (q *Queue) Draining() bool { return q.draining.Load() }

// pending is what was admitted and is not done. Waiting is read first: a message moves from there to
// executing, and is counted in both for a moment, so none is missed.
func (q *Queue) pending() int {
	waiting := q.Waiting()
	return waiting + q.Executing(Compute) + q.Executing(Blocking)
}

// Drain refuses everything new with Draining and waits until everything admitted is done, or ctx is. It
// returns how many messages were not: those still wait or execute, and go on doing so until Stop.
func (q *Queue) Drain(ctx context.Context) (left int) {
	q.draining.Store(true)
	for {
		if left = q.pending(); left == 0 {
			q.wakeDrain() // another Drain may be waiting for the same token
			return 0
		}
		select {
		case <-q.drained:
		case <-ctx.Done():
			return q.pending()
		}
	}
}

// wakeDrain lets Drain look again, if there is one and there is nothing left to wait for.
func (q *Queue) wakeDrain() {
	if q.draining.Load() && q.pending() == 0 {
		select {
		case q.drained <- struct{}{}:
		default:
		}
	}
}

// Stop ends the workers, each after the batch it is running, and waits for them until ctx is done. It
// returns how many messages were cut off: those that still wait, which Close of their lanes hands to drop,
// and those whose Run has not returned. Everything new is refused with Draining.
func (q *Queue) Stop(ctx context.Context) (cut int) {
	q.draining.Store(true)
	for _, p := range q.pools {
		p.stop()
	}
	for _, p := range q.pools {
		select {
		case <-p.ended:
		case <-ctx.Done():
		}
	}
	return q.pending()
}

// serve runs one batch of l, which was just popped from the ring of class c.
func (q *Queue) serve(l *Lane, c Class, w *Worker) {
	b, drained := q.take(l, c, w)
	if b.n == 0 {
		return
	}
	defer q.settle(l, c, b, w)
	if drained {
		q.tellDrained(l)
	}
	l.owner.Run(b.first, b.n, w)
}

// take removes the next batch from l, which goes to the tail of the ring at once if more of it may run.
// drained: the lane was full and is half empty now.
func (q *Queue) take(l *Lane, c Class, w *Worker) (b batch, drained bool) {
	now := Now() // once per batch
	l.mu.Lock()
	q.delist(l, c)
	if l.flags&(paused|closed) != 0 {
		l.mu.Unlock()
		return batch{}, false
	}
	v := q.verdict(l, c, now)
	if most := min(q.pools[c].quantum(), l.room(c, q.options.MaxExecutingPerConnection)); most > 0 && l.tails[c] != nil {
		b = l.cut(c, q.turn(l, c, most, now, v, w))
	}
	l.executing[c] += uint16(b.n)
	if c == Compute && b.n > 0 {
		q.served(l)
	}
	owed := q.enlist(l)
	drained = b.n > 0 && q.madeRoom(l)
	l.mu.Unlock()
	q.publish(l, owed)
	if b.n == 0 {
		return b, false
	}
	// Executing before waiting: pending must never see a message in neither.
	q.executing[c].Add(int64(b.n))
	q.executingBytes.Add(b.held)
	q.waiting.give(int64(b.n))
	if c == Compute {
		b.cost = q.leave(c, b)
		q.load.executing.Add(b.cost)
		q.noteIdle(b, w)
	}
	q.age(b, now, v, w.shard)
	w.begin(now)
	return b, drained
}

// madeRoom says whether Drained is owed and due: the lane was full and is half empty now, or little waits where that
// was awaited. Needs l.mu.
func (q *Queue) madeRoom(l *Lane) bool {
	if l.flags&awaited != 0 && int64(l.work) <= littleTurns*q.turnCost() {
		l.flags &^= awaited
		return true
	}
	if l.flags&full == 0 || int(l.waiting) > q.options.MaxWaitingPerConnection/2 ||
		int64(l.bytes) > int64(q.options.MaxWaitingBytesPerConnection/2) {
		return false
	}
	l.flags &^= full
	return true
}

// settle gives back what the batch took, and makes l runnable again if its work had to wait for that. It
// is deferred directly by serve, so that it can recover what Run let escape.
func (q *Queue) settle(l *Lane, c Class, b batch, w *Worker) {
	if value := recover(); value != nil {
		q.panicked(value)
	}
	l.mu.Lock()
	l.executing[c] -= uint16(b.n)
	owed := q.enlist(l)
	l.mu.Unlock()
	if c == Compute {
		q.load.executing.Add(-b.cost)
		w.end(q)
	}
	q.held.give(b.held)
	q.executingBytes.Add(-b.held)
	q.executing[c].Add(int64(-b.n))
	q.wakeDrain()
	if owed&runnableIn(c) != 0 {
		// Nobody is woken: this worker looks at the ring next, and wakes another if there is more in it.
		q.pools[c].push(l, false)
		owed &^= runnableIn(c)
	}
	q.publish(l, owed)
	w.trim(q.pools[c].scratch)
}

// tellDrained keeps a panic of Drained away from the batch that is about to run.
func (q *Queue) tellDrained(l *Lane) {
	defer func() {
		if value := recover(); value != nil {
			q.panicked(value)
		}
	}()
	l.owner.Drained()
}

func (q *Queue) panicked(value any) {
	q.metrics.panics.Inc()
	if q.onPanic != nil {
		q.onPanic(value, debug.Stack())
	}
}
