package pipeline

import (
	"bytes"
	"time"

	"weir/codec"
	"weir/reactor/loop/buffer"
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
	message := p.Engine.AppendTimedOut(buffer.Get(outRoom), &k.Exchange)
	if len(message) == 0 {
		p.metrics.dropped[dropCancelled].Inc()
	}
	standIn := NewSharedCall(c)
	standIn.group, standIn.Outcome = k.group, k.Outcome
	k.moveSpan(standIn)
	standIn.Raw = bytes.Clone(k.Env.ID.Of(k.Raw)) // all that anybody still asks of the message
	standIn.Env.ID = codec.Span{Len: uint32(len(standIn.Raw))}
	if o := c.transport.Order(); o != nil {
		o.Replace(c, k, standIn)
	}
	k.Release()
	c.settleWorker(c.conclude(standIn, message, nil), 1)
	buffer.Put(message)
}
