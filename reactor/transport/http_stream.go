package transport

import (
	"weir/backpressure"
	"weir/codec/http1"
	"weir/reactor/loop"
	"weir/reactor/pipeline"
	"weir/registry/engine"
	"weir/registry/event"
)

// openStream is an event stream with a source of its own (event.Stream): of a session's GET, of a listen, or of one
// that resumes the response to a POST. It is served while it is at the head of the order. Loop only.
type openStream struct{ eventStream }

// openSession serves a session's GET; it takes k over.
func (t *httpTransport) openSession(in *pipeline.Intake, c *pipeline.Conn, r *http1.Request, k *pipeline.Call) {
	if in.Pipeline().Draining() {
		in.Refuse(k, pipeline.NullID, backpressure.Draining)
		return
	}
	header := engine.Header{ProtocolVersion: r.ProtocolVersion, SessionID: r.SessionID}
	stream, outcome, fail := in.Pipeline().Engine.OpenStream(k.View, &header, c.Principal(), r.LastEventID, c)
	if fail != nil {
		k.Outcome = outcome
		if outcome == engine.NoStream {
			k.Allow = allowMCPNotGet
		}
		in.Fail(k, fail)
		return
	}
	k.Source = stream
	t.Open(in, c, k, nil)
}

// open begins the stream with its head and the first event: the message, or what primes a session's stream.
func (s openStream) open(in *pipeline.Intake, first []byte) {
	c, k := s.conn, s.k
	c.AddPending(1)
	k.Started = true // it needs no worker
	s.order.Queue(in, c, k)
	part := appendStreamHead(loop.GetBuffer(httpHeadRoom+len(first)+eventRoom), c, k)
	if first != nil {
		part = delimiterOf(s.k).event(part, 0, first)
	} else if id, primed := k.Source.Primed(); primed {
		part = delimiterOf(s.k).priming(part, id, deskOf(in).Options.SSERetry)
	} else {
		part = delimiterOf(s.k).sign(part) // proxies wait for a byte of the body before they pass the head on
	}
	c.Lock()
	s.sendLocked(part)
	c.Unlock()
	loop.PutBuffer(part)
	in.Feed(c)
}

// openAtHead is the stream at the head of the order, if there is one; those behind it wait for their turn.
func (o *answerOrder) openAtHead(c *pipeline.Conn) (s openStream, ok bool) {
	c.Lock()
	defer c.Unlock()
	if !c.OpenLocked() || o.head == nil || o.head.Source == nil {
		return openStream{}, false
	}
	return openStream{eventStream{o, c, o.head}}, true
}

// feed serves the streams whose turn it is.
func (o *answerOrder) feed(in *pipeline.Intake, c *pipeline.Conn) {
	o.yield(c)
	for {
		s, ok := o.openAtHead(c)
		if !ok {
			return
		}
		s.pump(in)
		switch stream := s.k.Source; {
		case stream.Over():
			s.end(in, s.appendParting(in, nil))
		case (in.Pipeline().Draining() && !stream.OfPost() || stream.Listen()) && in.Pipeline().Parts(c):
			// Not one that carries a call, which is still to be answered.
			s.end(in, s.appendCancelled(in, nil))
		default:
			return
		}
	}
}

// pump sends what the stream is owed until that is nothing or the peer does not read.
func (s openStream) pump(in *pipeline.Intake) {
	for s.conn.CaughtUp() {
		var id event.ID
		if in.Msg, id = s.k.Source.Next(in.Msg[:0]); len(in.Msg) == 0 {
			return
		}
		part := delimiterOf(s.k).event(loop.GetBuffer(len(in.Msg)+eventRoom), id, in.Msg)
		s.conn.Lock()
		s.sendLocked(part)
		s.conn.Unlock()
		loop.PutBuffer(part)
	}
}

// appendParting appends when to come back, for a stream that its call has closed.
func (s openStream) appendParting(in *pipeline.Intake, dst []byte) []byte {
	if id, retry, early := s.k.Source.EndedEarly(); early {
		return delimiterOf(s.k).priming(dst, id, deskOf(in).retry(retry))
	}
	return dst
}

// appendCancelled appends the last words of a listen that the server ends.
func (s openStream) appendCancelled(in *pipeline.Intake, dst []byte) []byte {
	if s.k.Source.Listen() {
		in.Msg = s.k.Source.AppendCancelled(in.Msg[:0])
		dst = delimiterOf(s.k).event(dst, 0, in.Msg)
		in.Msg = s.k.Source.AppendResult(in.Msg[:0])
		dst = delimiterOf(s.k).event(dst, 0, in.Msg)
	}
	return dst
}

// end ends the stream, the head of the order, with last as its last bytes, and lets the order go on.
func (s openStream) end(in *pipeline.Intake, last []byte) {
	last = delimiterOf(s.k).end(last)
	c := s.conn
	c.Lock()
	c.SendLocked(last)
	s.order.unlinkLocked(s.k)
	c.AddPending(-1)
	s.order.sendReadyLocked(c)
	c.Unlock()
	in.EndStream(s.k)
}

// ListenBytes says what the open listens take.
func (t *httpTransport) ListenBytes(c *pipeline.Conn) (bytes int) {
	c.Lock()
	defer c.Unlock()
	for k := t.answers.head; k != nil; k = k.Next {
		if k.Source != nil {
			bytes += k.Source.ListenBytes()
		}
	}
	return bytes
}
