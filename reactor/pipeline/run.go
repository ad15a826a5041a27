package pipeline

import (
	"math"
	"runtime"
	"sync/atomic"
	"time"

	"weir/backpressure"
	"weir/reactor/loop"
)

// The worker's half of a message's life.

// flushEvery is how long a worker collects the answers of a batch before it sends what it has: a slow call must not
// hold back the quick ones before it.
const flushEvery = time.Millisecond

// outRoom is what a worker takes for the answers of a batch; it grows when they need more.
const outRoom = 4 << 10

// Run executes a batch of this connection's messages on a worker and sends their answers in as few writes as it can.
func (c *Conn) Run(batch *backpressure.Ticket, n int, w *backpressure.Worker) {
	out := loop.GetBuffer(outRoom)
	began := w.Taken()
	var r *run
	if n > 1 {
		r = &c.intake.p.runs[w.Number]
		r.detached = false
	}
	left, settled := n, false
	defer func() {
		if !settled { // a handler has ended the goroutine: see exited
			c.settleWorker(nil, n-left)
		}
	}()
	for t := batch; t != nil; {
		next, work, refused := t.Next(), t.Work, t.Refused
		var elsewhere bool
		if out, elsewhere = c.execute(t, out, w, r); elsewhere {
			n--
		}
		now := w.Ran(work, refused)
		if left--; r.wasTaken() {
			next, n = nil, n-left
		}
		if t = next; t == nil {
			break
		}
		if now-began > int64(flushEvery) || len(out) > FlushAbove {
			c.Send(out)
			out, began = out[:0], now
		}
	}
	r.end()
	settled = true
	c.settleWorker(out, n)
	loop.PutBuffer(out)
}

// execute serves one message and appends its framed answer to out. elsewhere: there is none, the call is somebody
// else's, because it waits for its client, or was answered at the handler's deadline. r is nil without a batch.
func (c *Conn) execute(t *backpressure.Ticket, out []byte, w *backpressure.Worker, r *run) (_ []byte, elsewhere bool) {
	p := c.intake.p
	k, begun := t.Job.(*Call)
	scratch := w.Buf[:0]
	if !begun {
		if k, scratch = c.expand(t.Job.(*compactCall), scratch); len(scratch) > 0 {
			return c.transport.Answer(c, k, scratch, out), false
		}
	}
	if o := c.transport.Order(); o != nil {
		o.SetStarted(c, k, true)
	}
	switch {
	case k.Cancelled():
	case t.Refused != backpressure.Accepted && k.Suspended(): // not any more
		scratch = p.appendCutShort(scratch, k, t.Refused)
	case t.Refused != backpressure.Accepted:
		scratch = p.appendRefusal(scratch, k, k.ID(), t.Refused)
	default:
		k.Slot, k.WaitedMicros = &p.slots[w.Number], uint32(min(t.Wait().Microseconds(), math.MaxUint32))
		r.enter(c, out, t.Next())
		scratch = c.dispatch(k, scratch, r)
		if !r.leave() {
			out = nil
		}
		if k.Suspended() {
			w.Buf = scratch
			p.suspended.Add(1)
			k.LetGo() // Resume brings it back, maybe before this returns
			return out, true
		}
		if k.TimedOut() {
			w.Buf = scratch
			k.Release()
			return out, true
		}
	}
	out = c.conclude(k, c.endCall(k, scratch), out)
	w.Buf = scratch // the queue drops it when it has grown too large to keep
	return out, false
}

// dispatch runs the handler, if its tool has a place for the call.
func (c *Conn) dispatch(k *Call, scratch []byte, r *run) []byte {
	at, ok := takePlace(k.Limiter())
	if !ok {
		return c.intake.p.appendLimited(scratch, k)
	}
	returned := false
	defer func() {
		at.leave(k.ReturnedWell)
		if !returned {
			c.exited(k, r)
		}
	}()
	scratch = c.intake.p.Engine.Dispatch(&k.Exchange, scratch)
	returned = true
	return scratch
}

// exited answers a call whose handler has ended the worker's goroutine, and what the worker leaves behind with it.
func (c *Conn) exited(k *Call, r *run) {
	if r != nil && r.detached {
		r.leave() // who runs them goes on with the others (detachedCalls.Run)
	} else {
		r.takeOver()
		r.leave()
		r.wasTaken() // or the next worker in this slot would find it so
	}
	if k.TimedOut() {
		k.Release()
		return
	}
	p := c.intake.p
	message := p.Engine.AppendExited(nil, &k.Exchange)
	c.settleWorker(c.conclude(k, c.endCall(k, message), nil), 1)
}

// run is a batch on its worker. While a handler runs, the answers that were not sent yet and the messages that come
// after it lie here, for who finds that the handler has run too long: they must not wait for it. The methods of a nil
// run do nothing.
type run struct {
	state atomic.Uint32
	conn  *Conn
	out   []byte               // of the batch so far
	rest  *backpressure.Ticket // not begun
	// detached: the calls are those of connections that have ended, each of its own.
	detached bool
	_        [15]byte // a cache line each
}

const (
	runIsWorkers uint32 = iota
	runIsFree           // the worker is in a handler: the batch is whose who takes it
	runIsTaking         // somebody reads it
	runIsTaken          // and has
)

// enter says that a handler is about to run.
func (r *run) enter(c *Conn, out []byte, rest *backpressure.Ticket) {
	if r != nil {
		r.conn, r.out, r.rest = c, out, rest
		r.state.Store(runIsFree)
	}
}

// leave says that it has returned; false: nothing of the batch is the worker's any more.
func (r *run) leave() bool {
	if r == nil || r.state.CompareAndSwap(runIsFree, runIsWorkers) {
		return true
	}
	for r.state.Load() == runIsTaking {
		runtime.Gosched() // it takes three loads
	}
	return false
}

// wasTaken says whether leave found that, once.
func (r *run) wasTaken() bool { return r != nil && r.state.CompareAndSwap(runIsTaken, runIsWorkers) }

// end forgets the batch when it is done.
func (r *run) end() {
	if r != nil {
		r.conn, r.out, r.rest = nil, nil, nil
	}
}

// takeOver sends what the worker has answered and refuses what it has not begun, unless it is in no batch or its
// handler has just returned. That it may have begun with the next handler does no harm: it finds the same then.
func (r *run) takeOver() {
	if r == nil || !r.state.CompareAndSwap(runIsFree, runIsTaking) {
		return
	}
	c, out, t, n, detached := r.conn, r.out, r.rest, 0, r.detached
	r.conn, r.out, r.rest = nil, nil, nil
	r.state.Store(runIsTaken)
	var nobody backpressure.Worker
	for ; t != nil; n++ {
		next := t.Next()
		t.Refused = backpressure.QueueTimeout
		if detached {
			_, _ = t.Job.(*Call).Conn.execute(t, nil, &nobody, nil)
		} else {
			out, _ = c.execute(t, out, &nobody, nil)
		}
		t = next
	}
	if detached {
		return // their answers go into their post streams
	}
	c.settleWorker(out, n)
	loop.PutBuffer(out)
}
