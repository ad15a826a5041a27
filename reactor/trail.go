package reactor

import (
	"hash/maphash"
	"time"

	"weir/backpressure"
	"weir/codec/http1"
	"weir/registry/event"
)

// The event stream that answers a POST of a session is a trail (registry/trail.go), and outlives its connection: that may
// break, be closed by the call itself so that the client polls, or be left behind by a client that has resumed the stream
// already. The call then is adrift: it runs on, and what it says goes into the trail alone. A stream that resumes one
// is a stream like a session's GET (stream.go).

// trailLocked is the trail of k, made with the first event of its stream; nil when it cannot be resumed.
func (t *httpTransport) trailLocked(c *conn, k *call) *event.PostStream {
	if k.trail == nil && !k.streaming && k.group == nil && c.reason == stillOpen {
		k.trail = c.loop.srv.registry.OpenPostStream(&k.Exchange)
	}
	return k.trail
}

// conclude ends k, which has a trail, with its answer.
func (t *httpTransport) conclude(c *conn, k *call, message, out []byte) []byte {
	mark := len(out)
	c.mu.Lock()
	defer c.mu.Unlock()
	id, posted := k.trail.End(k.ID(), message)
	if k.adrift {
		c.adrift--
		k.release()
		return out
	}
	if posted && len(message) > 0 {
		out = appendEvent(out, id, message)
	}
	out = http1.AppendLastChunk(out)
	t.deliverLocked(c, k, out[mark:])
	return out[:mark]
}

// strandLocked notes that c will not answer k, which goes on.
func (c *conn) strandLocked(k *call) {
	k.trail.Leave()
	k.adrift = true
	c.adrift++
}

// partLocked ends k's response with last, before k does.
func (t *httpTransport) partLocked(c *conn, k *call, last []byte) {
	c.strandLocked(k)
	if t.head == k {
		c.sendLocked(last)
		t.unlinkLocked(k)
		t.sendReadyLocked(c)
	} else {
		t.leavePlaceLocked(c, k, last)
	}
	if c.goodbye != stillOpen {
		c.post() // it may have waited for nothing else
	}
}

// leavePlaceLocked gives k's place in the line, and what k has said, to a response that is complete.
func (t *httpTransport) leavePlaceLocked(c *conn, k *call, last []byte) {
	place := newSharedCall()
	place.answer, k.answer = appendBuffer(k.answer, last), nil
	place.prev, place.next = k.prev, k.next
	place.prev.next = place // k is not the head
	if place.next != nil {
		place.next.prev = place
	} else {
		t.tail = place
	}
	k.prev, k.next = nil, nil
	t.keepLocked(c, place, len(last))
}

// yield ends the response at the head of the line if its client has resumed its stream elsewhere.
func (t *httpTransport) yield(c *conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if k := t.head; c.reason == stillOpen && k != nil && k.trail != nil && !k.trail.Posted() {
		t.partLocked(c, k, http1.AppendLastChunk(nil))
	}
}

// CloseStream implements registry.StreamCloser.
func (k *call) CloseStream(retry time.Duration) bool {
	t, ok := k.conn.transport.(*httpTransport)
	return ok && k.takesSSE && t.part(k.conn, k, retry)
}

// part closes the stream that carries k's messages, and tells its client when to come back.
func (t *httpTransport) part(c *conn, k *call, retry time.Duration) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	trail := t.trailLocked(c, k)
	if trail == nil {
		return false
	}
	if !trail.Primes() {
		if !k.streaming { // so it need not become a stream
			trail.End(k.ID(), nil)
			k.trail = nil
		}
		return false
	}
	if retry = c.loop.srv.retry(retry); k.adrift {
		return trail.EndEarly(retry)
	}
	if c.reason != stillOpen || !trail.Posted() {
		return false // the loop is about to find out
	}
	var last []byte
	if !k.streaming {
		k.streaming = true
		c.loop.srv.metrics.streamsOpened.Inc()
		last = appendStreamHead(last, c, k)
	}
	last = appendPriming(last, trail.Latest(), retry)
	t.partLocked(c, k, http1.AppendLastChunk(last))
	return true
}

// retry is what a client is told to wait, if the call has no wish of its own.
func (s *Server) retry(wish time.Duration) time.Duration {
	if wish > 0 {
		return wish
	}
	return s.opts.SSERetry
}

// survives says whether k outlives its connection, which has ended. Loop only.
func (l *loop) survives(k *call) bool {
	if l.stopped {
		return false
	}
	k.conn.mu.Lock()
	defer k.conn.mu.Unlock()
	return k.trail != nil
}

// orphans run the parked calls whose connections have ended, when they go on. Those of a session are in one lane, and so in
// the bounds of a connection, which few other sessions share. It is the first loop that admits them all.
type orphans struct {
	seed  maphash.Seed
	lanes [backpressure.OwnLanes]backpressure.Lane
}

func (o *orphans) init() {
	o.seed = maphash.MakeSeed()
	for i := range o.lanes {
		o.lanes[i].Init(o)
	}
}

// laneOf is the lane of k's session.
func (o *orphans) laneOf(k *call) *backpressure.Lane {
	return &o.lanes[maphash.Comparable(o.seed, k.Conv)%backpressure.OwnLanes]
}

// Run implements backpressure.Runner.
func (o *orphans) Run(batch *backpressure.Ticket, _ int, w *backpressure.Worker) {
	for t := batch; t != nil; {
		next := t.Next()
		k := t.Job.(*call)
		_, _ = k.conn.execute(t, nil, w, nil) // their answers go into their trails
		t = next
	}
}

// refuseAged ends those that have waited too long while no worker came for them, most of them at most.
func (o *orphans) refuseAged(l *loop, most int) {
	for i := range o.lanes {
		t, n := l.srv.queue.Expire(&o.lanes[i], l.now, most)
		for t != nil {
			next := t.Next()
			_, _ = t.Job.(*call).conn.execute(t, nil, &l.self, nil)
			t = next
		}
		if most -= n; most == 0 {
			return
		}
	}
}

// Drained implements backpressure.Runner: what found the lane full was refused.
func (o *orphans) Drained() {}
