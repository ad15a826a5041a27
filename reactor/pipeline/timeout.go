package pipeline

import (
	"bytes"
	"runtime"
	"sync/atomic"
	"time"

	"weir/backpressure"
	"weir/codec"
	"weir/reactor/loop"
	"weir/registry/engine"
)

// A handler that does not return cannot be stopped, so its call is ended without it: a stand-in takes the call's
// place in its connection's order of answers and carries the answer, and the order moves on. The call itself stays
// with its worker, which counts as busy, until the handler returns; nobody hears what it says then.

// endTimedOut ends the calls whose handlers' deadlines have passed at now. Any goroutine.
func (p *Pipeline) endTimedOut(now time.Time) {
	p.Engine.EndTimedOut(p.slots, now, func(slot int, x *engine.Call) {
		p.runs[slot].takeOver()
		x.Responder.(*Call).endWithoutHandler()
	})
}

// endWithoutHandler answers k, whose worker is still in its handler.
func (k *Call) endWithoutHandler() {
	c := k.Conn
	p := c.intake.p
	message := p.Engine.AppendTimedOut(loop.GetBuffer(outRoom), &k.Exchange)
	if len(message) == 0 {
		p.metrics.dropped[dropCancelled].Inc()
	}
	standIn := NewSharedCall(c)
	standIn.group, standIn.Outcome = k.group, k.Outcome
	standIn.Raw = bytes.Clone(k.Env.ID.Of(k.Raw)) // all that anybody still asks of the message
	standIn.Env.ID = codec.Span{Len: uint32(len(standIn.Raw))}
	if o := c.transport.Order(); o != nil {
		o.Replace(c, k, standIn)
	}
	k.Release()
	c.settleWorker(c.conclude(standIn, message, nil), 1)
	loop.PutBuffer(message)
}

// run is a batch on its worker. While a handler runs, the answers that were not sent yet and the messages that come
// after it lie here, for who finds that the handler has run too long: they must not wait for it. The methods of a nil
// run do nothing.
type run struct {
	state atomic.Uint32
	conn  *Conn
	out   []byte               // of the batch so far
	rest  *backpressure.Ticket // not begun
	_     [16]byte             // a cache line each
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
	c, out, t, n := r.conn, r.out, r.rest, 0
	r.conn, r.out, r.rest = nil, nil, nil
	r.state.Store(runIsTaken)
	var nobody backpressure.Worker
	for ; t != nil; n++ {
		next := t.Next()
		t.Refused = backpressure.QueueTimeout
		out, _ = c.execute(t, out, &nobody, nil)
		t = next
	}
	c.settleWorker(out, n)
	loop.PutBuffer(out)
}
