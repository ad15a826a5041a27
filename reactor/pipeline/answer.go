package pipeline

import (
	"sync/atomic"

	"weir/backpressure"
	"weir/codec"
	"weir/reactor/loop/buffer"
	"weir/registry/engine"
)

// How a message ends: answered alone or in its batch, on the loop or by a worker; or with nobody left to answer.

// Answer routes what the loop answered to where it belongs: k's batch or the transport. It takes k over.
func (in *Intake) Answer(k *Call, message []byte) {
	if g := k.group; g != nil {
		k.noteAnswer(message)
		g.add(k, message)
		k.Release()
		return
	}
	c := k.Conn
	message = c.afford(k, message)
	k.noteAnswer(message)
	if in.Out = c.transport.Answer(c, k, message, in.Out); len(in.Out) > FlushAbove {
		in.Flush(c)
	}
}

// Fail answers k with an error made on the loop. It takes k over.
func (in *Intake) Fail(k *Call, err *codec.Error) {
	in.Msg = codec.AppendError(in.Msg[:0], k.ID(), err)
	in.Answer(k, in.Msg)
}

// invalid is the error of a message that may not be served.
func invalid(message string) *codec.Error {
	return &codec.Error{Code: codec.CodeInvalidRequest, Message: message}
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
		message = c.afford(k, message)
		k.noteAnswer(message)
		return c.transport.Answer(c, k, message, out)
	}
	k.noteAnswer(message)
	g.add(k, message)
	k.Release()
	if g.finished() {
		out = g.deliver(c, out)
		c.AddPending(-1)
	}
	return out
}

// abandon ends it: nobody is left to answer.
func (c *Conn) abandon(t *backpressure.Ticket) {
	p := c.intake.p
	p.metrics.dropped[dropDisconnected].Inc()
	c.AddPending(-1)
	k, ok := t.Job.(*Call)
	if !ok {
		c.forgetCompact(t.Job.(*compactCall))
		return
	}
	p.Engine.End(&k.Exchange)
	if o := c.transport.Order(); o != nil {
		o.Drop(c, k)
	}
	k.Release()
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

// batchGroup collects the answers of one batch.
type batchGroup struct {
	anchor *Call        // stands for the whole batch in the transport's order
	left   atomic.Int32 // elements that are not answered yet, and one for the loop while it still reads elements

	// Guarded by the connection's lock.
	buf  []byte // the array so far, without its closing bracket
	room int    // what of this is on the connection's books
}

// add collects the answer of k. The connection's account has it until the whole array leaves.
func (g *batchGroup) add(k *Call, message []byte) {
	if len(message) == 0 {
		return
	}
	c, bracket := k.Conn, []byte{','}
	c.Lock()
	defer c.Unlock()
	if !c.OpenLocked() {
		g.forgetLocked(c)
		return
	}
	if len(g.buf) == 0 {
		bracket[0] = '['
	}
	message = c.affordLocked(k, message)
	g.buf = buffer.Append(buffer.Append(g.buf, bracket), message)
	if asksFirst(message) {
		c.WithdrawLocked(len(message))
	}
	g.bookLocked(c)
}

// bookLocked has the connection's account know of the group and what it has collected.
func (g *batchGroup) bookLocked(c *Conn) {
	now := callBytes + cap(g.buf)
	if now > g.room {
		c.HoldLocked(0, now-g.room)
		g.room = now
	}
}

// forgetLocked drops what was collected.
func (g *batchGroup) forgetLocked(c *Conn) {
	c.UnholdLocked(0, g.room)
	buffer.Put(g.buf)
	g.buf, g.room = nil, 0
}

// finished takes one element off; whoever takes the last one sends the answer.
func (g *batchGroup) finished() bool { return g.left.Add(-1) == 0 }

// deliver sends the answer of a finished batch in its turn, if anything asked for one.
func (g *batchGroup) deliver(c *Conn, out []byte) []byte {
	if len(g.buf) == 0 {
		g.anchor.Outcome = engine.Accepted
	} else {
		g.buf = append(g.buf, ']')
	}
	whole := g.buf
	c.Lock()
	c.ConvertLocked(0, g.room, len(whole)) // what is sent is on the books as that from here on
	c.Unlock()
	out = c.transport.Answer(c, g.anchor, whole, out)
	buffer.Put(whole)
	return out
}

// sendGroup delivers a batch whose last answer was made on the loop.
func (in *Intake) sendGroup(c *Conn, g *batchGroup) {
	in.Out = g.deliver(c, in.Out)
	c.AddPending(-1)
}
