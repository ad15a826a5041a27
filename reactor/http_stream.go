package reactor

import (
	"weir/backpressure"
	"weir/codec/http1"
	"weir/reactor/loop"
	"weir/registry"
	"weir/registry/event"
)

// openStream is an event stream with a source of its own (event.Stream): of a session's GET, of a listen, or of one that resumes
// the response to a POST. It is served while it is at the head of the order. Loop only.
type openStream struct{ eventStream }

// openSession serves a session's GET; it takes k over.
func (t *httpTransport) openSession(in *intake, c *conn, r *http1.Request, k *call) {
	if in.srv.draining.Load() {
		in.refuse(k, nullID, backpressure.Draining)
		return
	}
	if k.http10 { // it has no chunks to stream in
		k.Outcome, k.allow = registry.NoStream, true
		in.fail(k, errMethod)
		return
	}
	header := registry.Header{ProtocolVersion: r.ProtocolVersion, SessionID: r.SessionID}
	stream, outcome, fail := in.srv.registry.OpenStream(&header, c.principal(), r.LastEventID, c)
	if fail != nil {
		k.Outcome, k.allow = outcome, outcome == registry.NoStream
		in.fail(k, fail)
		return
	}
	k.stream = stream
	t.open(in, c, k, nil)
}

// open begins the stream with its head and the first event: the message, or what primes a session's stream.
func (s openStream) open(in *intake, first []byte) {
	c, k := s.conn, s.k
	c.AddPending(1)
	k.started = true // it needs no worker
	s.order.queue(in, c, k)
	part := appendStreamHead(loop.GetBuffer(httpHeadRoom+len(first)+eventRoom), c, k)
	if first != nil {
		part = appendEvent(part, 0, first)
	} else if id, primed := k.stream.Primed(); primed {
		part = appendPriming(part, id, in.srv.opts.SSERetry)
	}
	c.Lock()
	s.sendLocked(part)
	c.Unlock()
	loop.PutBuffer(part)
	in.feed(c)
}

// openAtHead is the stream at the head of the order, if there is one; those behind it wait for their turn.
func (o *answerOrder) openAtHead(c *conn) (s openStream, ok bool) {
	c.Lock()
	defer c.Unlock()
	if !c.OpenLocked() || o.head == nil || o.head.stream == nil {
		return openStream{}, false
	}
	return openStream{eventStream{o, c, o.head}}, true
}

// feed serves the streams whose turn it is.
func (o *answerOrder) feed(in *intake, c *conn) {
	o.yield(c)
	for {
		s, ok := o.openAtHead(c)
		if !ok {
			return
		}
		s.pump(in)
		switch stream := s.k.stream; {
		case stream.Over():
			s.end(in, s.appendParting(in, nil))
		case in.srv.draining.Load() && !stream.OfPost(): // one that carries a call is still to be answered
			s.end(in, s.appendCancelled(in, nil))
		default:
			return
		}
	}
}

// pump sends what the stream is owed until that is nothing or the peer does not read.
func (s openStream) pump(in *intake) {
	for s.conn.CaughtUp() {
		var id event.ID
		if in.msg, id = s.k.stream.Next(in.msg[:0]); len(in.msg) == 0 {
			return
		}
		part := appendEvent(loop.GetBuffer(len(in.msg)+eventRoom), id, in.msg)
		s.conn.Lock()
		s.sendLocked(part)
		s.conn.Unlock()
		loop.PutBuffer(part)
	}
}

// appendParting appends when to come back, for a stream that its call has closed.
func (s openStream) appendParting(in *intake, dst []byte) []byte {
	if id, retry, early := s.k.stream.EndedEarly(); early {
		return appendPriming(dst, id, in.srv.retry(retry))
	}
	return dst
}

// appendCancelled appends the last words of a listen that the server ends.
func (s openStream) appendCancelled(in *intake, dst []byte) []byte {
	if s.k.stream.Listen() {
		in.msg = s.k.stream.AppendCancelled(in.msg[:0])
		dst = appendEvent(dst, 0, in.msg)
		in.msg = s.k.stream.AppendResult(in.msg[:0])
		dst = appendEvent(dst, 0, in.msg)
	}
	return dst
}

// end ends the stream, the head of the order, with last as its last bytes, and lets the order go on.
func (s openStream) end(in *intake, last []byte) {
	last = http1.AppendLastChunk(last)
	c := s.conn
	c.Lock()
	c.SendLocked(last)
	s.order.unlinkLocked(s.k)
	c.AddPending(-1)
	s.order.sendReadyLocked(c)
	c.Unlock()
	in.closeStream(s.k)
}
