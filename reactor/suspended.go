package reactor

import (
	"weir/backpressure"
	"weir/codec"
	"weir/reactor/loop"
)

// A call whose handler asked its client for something is suspended: it is no worker's and in no queue, but keeps its place
// in its connection's line and counts as pending there. It goes on when the registry says so.

// appendCutShort appends the refusal of a call that was suspended. It is not the usual one: that says that nothing was
// executed, and some of this was.
func (s *Server) appendCutShort(dst []byte, k *call, refusal backpressure.Refusal) []byte {
	s.queue.CountRefusal(refusal)
	return codec.AppendError(dst, k.ID(), &codec.Error{Code: codec.CodeInternal,
		Message: "the server cannot go on with the call",
		Data:    []byte(`{"reason":"` + refusal.String() + `","executed":true}`)})
}

// Resume implements registry.Responder.
func (k *call) Resume() { k.conn.intake.Do(k) }

// OnLoop implements loop.Job.
func (k *call) OnLoop(l *loop.Loop) { k.conn.intake.srv.intakes[l.ID()].resume(k) }

// resume puts a call that was suspended in line again, or ends it if there is no room or, unless its stream can be resumed, no
// peer any more. Loop only.
func (in *intake) resume(k *call) {
	c, lane, admit := k.conn, &k.conn.lane, in.srv.queue.AdmitFirst
	if c.Finished() {
		if !in.survives(k) {
			c.abandon(&k.ticket)
			return
		}
		if home := in.srv.intakes[0]; in != home {
			home.Do(k)
			return
		}
		lane, admit = in.srv.detachedCalls.laneOf(k), in.srv.queue.Admit // of several clients, so each in its turn
	} else if o := c.transport.order(); o != nil {
		o.setStarted(c, k, false)
	}
	refusal := admit(lane, &k.ticket, k.class, len(k.Raw), in.Now())
	if refusal == backpressure.Accepted {
		in.srv.queue.Schedule(lane)
		return
	}
	in.msg = in.srv.appendCutShort(in.msg[:0], k, refusal)
	in.out = c.conclude(k, c.endCall(k, in.msg), in.out)
	c.AddPending(-1)
	in.flush(c)
	c.Settle()
}
