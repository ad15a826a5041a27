package reactor

import (
	"weir/backpressure"
	"weir/codec"
)

// A call whose handler asked its client for something is suspended: it is no worker's and in no queue, but keeps its place
// in its connection's line and counts as pending there. It goes on when the registry says so.

// appendCutShort appends the refusal of a call that was suspended. It is not the usual one: that says that nothing was
// executed, and some of this was.
func (s *Server) appendCutShort(dst []byte, k *call, refusal backpressure.Refusal) []byte {
	s.queue.CountRefusal(refusal)
	return codec.AppendError(dst, k.id(), &codec.Error{Code: codec.CodeInternal,
		Message: "the server cannot go on with the call",
		Data:    []byte(`{"reason":"` + refusal.String() + `","executed":true}`)})
}

// Resume implements registry.Responder.
func (k *call) Resume() { k.conn.loop.take(k) }

// take has the loop resume k. Any goroutine.
func (l *loop) take(k *call) {
	l.inbox.Lock()
	l.inbox.resumed = append(l.inbox.resumed, k)
	l.wakeLocked()
	l.inbox.Unlock()
}

// resume puts a call that was suspended in line again, or ends it if there is no room or, unless its stream can be resumed, no
// peer any more. Loop only.
func (l *loop) resume(k *call) {
	c, lane, admit := k.conn, &k.conn.lane, l.srv.queue.AdmitFirst
	if c.finished {
		if !l.survives(k) {
			c.abandon(&k.ticket)
			return
		}
		if home := l.srv.loops[0]; l != home {
			home.take(k)
			return
		}
		lane, admit = l.srv.detachedCalls.laneOf(k), l.srv.queue.Admit // of several clients, so each in its turn
	} else if o := c.transport.order(); o != nil {
		o.setStarted(c, k, false)
	}
	refusal := admit(lane, &k.ticket, k.class, len(k.Raw), l.now)
	if refusal == backpressure.Accepted {
		l.srv.queue.Schedule(lane)
		return
	}
	l.msg = l.srv.appendCutShort(l.msg[:0], k, refusal)
	l.out = c.conclude(k, c.endCall(k, l.msg), l.out)
	c.pending.Add(-1)
	l.flush(c)
	l.settle(c)
}
