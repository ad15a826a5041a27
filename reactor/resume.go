package reactor

import (
	"weir/backpressure"
	"weir/codec"
)

// A call whose handler asked its client for something is parked: it is no worker's and in no queue, but keeps its place
// in its connection's line and counts as pending there. It goes on when the registry says so.

// Resume implements registry.Back.
func (k *call) Resume() {
	in := &k.conn.loop.inbox
	in.Lock()
	in.resumed = append(in.resumed, k)
	k.conn.loop.wakeLocked()
	in.Unlock()
}

// resume puts a call that was parked in line again, or ends it if there is no room or no peer any more. Loop only.
func (l *loop) resume(k *call) {
	c := k.conn
	if c.finished {
		c.drop(&k.ticket)
		return
	}
	refusal := l.srv.queue.Admit(&c.lane, &k.ticket, k.class, len(k.Raw), l.now)
	if refusal == backpressure.Accepted {
		l.srv.queue.Schedule(&c.lane)
		return
	}
	l.srv.queue.CountRefusal(refusal)
	// Not the usual refusal: that says that nothing was executed, and some of this was.
	l.msg = codec.AppendError(l.msg[:0], k.Env.ID.Of(k.Raw), &codec.Error{Code: codec.CodeInternal,
		Message: "the server cannot go on with the call",
		Data:    []byte(`{"reason":"` + refusal.String() + `","executed":true}`)})
	l.srv.registry.End(&k.Exchange)
	l.out = c.conclude(k, l.msg, l.out)
	c.pending.Add(-1)
	l.flush(c)
	l.settle(c)
}
