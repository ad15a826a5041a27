package reactor

import (
	"weir/backpressure"
	"weir/codec/http1"
	"weir/registry"
	"weir/registry/event"
)

// openStream is an event stream with a source of its own (event.Stream): of a session's GET, of a listen, or of one that resumes
// the response to a POST. It is served while it is at the head of the order. Loop only.
type openStream struct{ eventStream }

// openSession serves a session's GET; it takes k over.
func (t *httpTransport) openSession(l *loop, c *conn, r *http1.Request, k *call) {
	if l.srv.draining.Load() {
		l.refuse(k, nullID, backpressure.Draining)
		return
	}
	if k.http10 { // it has no chunks to stream in
		k.Outcome, k.allow = registry.NoStream, true
		l.fail(k, errMethod)
		return
	}
	header := registry.Header{ProtocolVersion: r.ProtocolVersion, SessionID: r.SessionID}
	stream, outcome, fail := l.srv.registry.OpenStream(&header, c.principal(), r.LastEventID, c)
	if fail != nil {
		k.Outcome, k.allow = outcome, outcome == registry.NoStream
		l.fail(k, fail)
		return
	}
	k.stream = stream
	t.open(l, c, k, nil)
}

// open begins the stream with its head and the first event: the message, or what primes a session's stream.
func (s openStream) open(l *loop, first []byte) {
	c, k := s.conn, s.k
	c.pending.Add(1)
	k.started = true // it needs no worker
	s.order.queue(l, c, k)
	part := appendStreamHead(getBuffer(httpHeadRoom+len(first)+eventRoom), c, k)
	if first != nil {
		part = appendEvent(part, 0, first)
	} else if id, primed := k.stream.Primed(); primed {
		part = appendPriming(part, id, l.srv.opts.SSERetry)
	}
	c.mu.Lock()
	s.sendLocked(part)
	c.mu.Unlock()
	putBuffer(part)
	l.feed(c)
}

// openAtHead is the stream at the head of the order, if there is one; those behind it wait for their turn.
func (o *answerOrder) openAtHead(c *conn) (s openStream, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reason != stillOpen || o.head == nil || o.head.stream == nil {
		return openStream{}, false
	}
	return openStream{eventStream{o, c, o.head}}, true
}

// feed serves the streams whose turn it is.
func (o *answerOrder) feed(l *loop, c *conn) {
	o.yield(c)
	for {
		s, ok := o.openAtHead(c)
		if !ok {
			return
		}
		s.pump(l)
		switch stream := s.k.stream; {
		case stream.Over():
			s.end(l, s.appendParting(l, nil))
		case l.srv.draining.Load() && !stream.OfPost(): // one that carries a call is still to be answered
			s.end(l, s.appendCancelled(l, nil))
		default:
			return
		}
	}
}

// pump sends what the stream is owed until that is nothing or the peer does not read.
func (s openStream) pump(l *loop) {
	for s.conn.caughtUp() {
		var id event.ID
		if l.msg, id = s.k.stream.Next(l.msg[:0]); len(l.msg) == 0 {
			return
		}
		part := appendEvent(getBuffer(len(l.msg)+eventRoom), id, l.msg)
		s.conn.mu.Lock()
		s.sendLocked(part)
		s.conn.mu.Unlock()
		putBuffer(part)
	}
}

// appendParting appends when to come back, for a stream that its call has closed.
func (s openStream) appendParting(l *loop, dst []byte) []byte {
	if id, retry, early := s.k.stream.EndedEarly(); early {
		return appendPriming(dst, id, l.srv.retry(retry))
	}
	return dst
}

// appendCancelled appends the last words of a listen that the server ends.
func (s openStream) appendCancelled(l *loop, dst []byte) []byte {
	if s.k.stream.Listen() {
		l.msg = s.k.stream.AppendCancelled(l.msg[:0])
		dst = appendEvent(dst, 0, l.msg)
		l.msg = s.k.stream.AppendResult(l.msg[:0])
		dst = appendEvent(dst, 0, l.msg)
	}
	return dst
}

// end ends the stream, the head of the order, with last as its last bytes, and lets the order go on.
func (s openStream) end(l *loop, last []byte) {
	last = http1.AppendLastChunk(last)
	c := s.conn
	c.mu.Lock()
	c.sendLocked(last)
	s.order.unlinkLocked(s.k)
	c.pending.Add(-1)
	s.order.sendReadyLocked(c)
	c.mu.Unlock()
	l.closeStream(s.k)
}
