package pipeline

import (
	"context"
	"time"

	"weir/backpressure"
	"weir/codec"
	"weir/reactor/loop"
)

// A call whose handler asked its client for something is suspended: it is no worker's and in no queue, but keeps its
// place in its connection's order of answers and counts as pending there. It goes on when the registry says so.

// appendCutShort appends the refusal of a call that was suspended. It is not the usual one: that says that nothing was
// executed, and some of this was.
func (p *Pipeline) appendCutShort(dst []byte, k *Call, refusal backpressure.Refusal) []byte {
	p.Queue.CountRefusal(refusal)
	return codec.AppendError(dst, k.ID(), &codec.Error{Code: codec.CodeInternal,
		Message: "the server cannot go on with the call",
		Data:    []byte(`{"reason":"` + refusal.String() + `","executed":true}`)})
}

// Resume implements engine.Responder.
func (k *Call) Resume() { k.Conn.intake.Do(k) }

// OnLoop implements loop.Job.
func (k *Call) OnLoop(l *loop.Loop) { k.Conn.intake.p.Intake(l).resume(k) }

// AwaitSuspended waits until no call is suspended any more, or ctx is over. It follows the end of all that they wait
// for and comes before the queue's Drain: a call whose answer has just come is in no queue yet, and would be refused.
func (p *Pipeline) AwaitSuspended(ctx context.Context) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for p.suspended.Load() > 0 {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// resume queues a call again that was suspended, or ends it if there is no room or, unless its stream can be
// resumed, no peer any more. Loop only.
func (in *Intake) resume(k *Call) {
	c, lane, admit := k.Conn, &k.Conn.lane, in.p.Queue.AdmitFirst
	if c.Finished() {
		if !in.survives(k) {
			c.abandon(&k.ticket)
			in.p.suspended.Add(-1)
			return
		}
		if home := in.p.intakes[0]; in != home {
			home.Do(k)
			return // suspended still
		}
		lane, admit = in.p.detached.laneOf(k), in.p.Queue.AdmitPatient // of several clients, so each in its turn
	} else if o := c.transport.Order(); o != nil {
		o.SetStarted(c, k, false)
	}
	refusal := admit(lane, &k.ticket, k.class, k.Bytes(), in.Now())
	in.p.suspended.Add(-1)
	if refusal == backpressure.Accepted {
		in.p.Queue.Schedule(lane)
		return
	}
	in.Msg = in.p.appendCutShort(in.Msg[:0], k, refusal)
	in.Out = c.conclude(k, c.endCall(k, in.Msg), in.Out)
	c.AddPending(-1)
	in.Flush(c)
	c.Settle()
}
