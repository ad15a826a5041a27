package pipeline

import (
	"time"

	"weir/backpressure"
	"weir/reactor/loop"
	"weir/registry/engine"
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
	var began int64
	var r *run
	if n > 1 {
		began = backpressure.Now()
		r = &c.intake.p.runs[w.Number]
	}
	left, settled := n, false
	defer func() {
		if !settled { // a handler has ended the goroutine: see exited
			c.settleWorker(nil, n-left)
		}
	}()
	for t := batch; t != nil; {
		next := t.Next()
		var elsewhere bool
		if out, elsewhere = c.execute(t, out, w, r); elsewhere {
			n--
		}
		if left--; r.wasTaken() {
			next, n = nil, n-left
		}
		if t = next; t == nil {
			break
		}
		if now := backpressure.Now(); now-began > int64(flushEvery) || len(out) > FlushAbove {
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
		k.Slot = &p.slots[w.Number]
		r.enter(c, out, t.Next())
		scratch = c.dispatch(k, scratch, r)
		if !r.leave() {
			out = nil
		}
		if k.Suspended() {
			w.Buf = scratch
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

// dispatch runs the handler.
func (c *Conn) dispatch(k *Call, scratch []byte, r *run) []byte {
	returned := false
	defer func() {
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
	r.takeOver()
	r.leave()
	r.wasTaken() // or the next worker in this slot would find it so
	if k.TimedOut() {
		k.Release()
		return
	}
	p := c.intake.p
	message := p.Engine.AppendExited(nil, &k.Exchange)
	c.settleWorker(c.conclude(k, c.endCall(k, message), nil), 1)
}

// endCall takes a call out of its conversation and returns its answer, message, or nothing if it was cancelled in
// time: whoever is answered under its id is another call's client. Any goroutine.
func (c *Conn) endCall(k *Call, message []byte) []byte {
	p := c.intake.p
	p.Engine.End(&k.Exchange)
	if !k.Cancelled() {
		return message
	}
	p.metrics.dropped[dropCancelled].Inc()
	k.Outcome = engine.Cancelled
	return message[:0]
}

// conclude ends a call that is in flight no more: its answer is appended to out, framed, or sent in its turn. It
// takes k over. Any goroutine.
func (c *Conn) conclude(k *Call, message, out []byte) []byte {
	g := k.group
	if g == nil {
		return c.transport.Answer(c, k, message, out)
	}
	g.add(message)
	k.Release()
	if g.finished() {
		out = g.deliver(c, out)
		c.AddPending(-1)
	}
	return out
}

// settleWorker sends what is left of a batch's answers and tells the loop when nothing is left to wait for.
func (c *Conn) settleWorker(out []byte, n int) {
	c.Lock()
	defer c.Unlock()
	if len(out) > 0 {
		c.SendLocked(out)
	}
	c.AnsweredLocked(n)
}
