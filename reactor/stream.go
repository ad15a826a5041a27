package reactor

import (
	"weir/backpressure"
	"weir/codec"
	"weir/codec/http1"
	"weir/registry"
	"weir/registry/event"
)

// Streams that outlive a request: a session's GET and subscriptions/listen. The registry knows what each client is owed;
// the loop asks it whenever something changed, the client was woken for, or an outbox has emptied. A stream has no
// goroutine and no timer of its own.

// Wake implements event.Peer.
func (c *conn) Wake() { c.post() }

// Peer implements registry.Back.
func (k *call) Peer() event.Peer { return k.conn }

// eachConn visits every connection of the loop.
func (l *loop) eachConn(visit func(*conn)) {
	for i := range l.slots {
		if c := l.slots[i].conn; c != nil {
			visit(c)
			l.settle(c)
		}
	}
}

// feedSome asks the next connections what they are owed, after a list has changed, and has the loop come back for the rest when
// it has served whoever else is ready.
func (l *loop) feedSome() {
	for asked := 0; l.toFeed > 0 && asked < feedsPerTurn; l.toFeed-- {
		if l.fedTo >= len(l.slots) {
			l.fedTo = 0
		}
		c := l.slots[l.fedTo].conn
		if l.fedTo++; c == nil {
			continue
		}
		l.feed(c)
		l.settle(c)
		asked++
	}
	if l.toFeed > 0 {
		l.inbox.Lock()
		l.wakeLocked()
		l.inbox.Unlock()
	}
}

// feed sends c's peer what it is owed, unless it does not even read what it has: then this is called again when it has.
func (l *loop) feed(c *conn) {
	if !c.finished && c.caughtUp() {
		c.transport.feed(l, c)
	}
}

var errNotAcceptable = &codec.Error{Code: codec.CodeInvalidRequest, Message: "the answer to this is a stream: Accept must list text/event-stream"}

// listen serves a request whose answer stays open. It takes k over.
func (l *loop) listen(c *conn, k *call) {
	s := l.srv
	switch {
	case s.draining.Load():
		l.refuse(c, k, backpressure.Draining)
		k.release()
		return
	case k.Transport == registry.HTTP && !k.takesSSE:
		k.Outcome = registry.NeedsStream
		l.fail(c, k, errNotAcceptable)
		k.release()
		return
	}
	k.own(k.Raw)
	if err := s.registry.Begin(&k.Exchange); err != nil {
		k.Outcome = registry.Invalid
		l.fail(c, k, err)
		k.release()
		return
	}
	l.msg = s.registry.Dispatch(&k.Exchange, l.msg[:0])
	if k.stream = k.Stream(); k.stream == nil {
		s.registry.End(&k.Exchange)
		l.answer(c, k, l.msg)
		k.release()
		return
	}
	c.transport.open(l, c, k, l.msg)
}

// closeStream gives up what a stream's call holds. Its transport has let go of it.
func (l *loop) closeStream(k *call) {
	k.stream.Close()
	l.srv.registry.End(&k.Exchange)
	k.release()
}

// openSession serves a session's GET.
func (t *httpTransport) openSession(l *loop, c *conn, r *http1.Request, k *call) {
	if l.srv.draining.Load() {
		l.msg = l.srv.appendRefusal(l.msg[:0], k, nullID, backpressure.Draining)
		t.answer(l, c, k, l.msg)
		k.release()
		return
	}
	if k.http10 { // it has no chunks to stream in
		k.Outcome, k.allow = registry.NoStream, true
		l.fail(c, k, errMethod)
		k.release()
		return
	}
	k.conn = c
	header := registry.Header{ProtocolVersion: r.ProtocolVersion, SessionID: r.SessionID}
	stream, outcome, fail := l.srv.registry.OpenStream(&header, c.principal(), r.LastEventID, c)
	if fail != nil {
		k.Outcome, k.allow = outcome, outcome == registry.NoStream
		l.fail(c, k, fail)
		k.release()
		return
	}
	k.stream = stream
	t.open(l, c, k, nil)
}

// open sends the head of the response and the first event: the message, or what primes a session's stream.
func (t *httpTransport) open(l *loop, c *conn, k *call, first []byte) {
	c.pending.Add(1)
	k.started = true // it needs no worker
	t.queued(l, c, k)
	part := appendStreamHead(getBuffer(httpHeadRoom+len(first)+eventRoom), c, k)
	if first != nil {
		part = appendEvent(part, 0, first)
	} else if id, primed := k.stream.Primed(); primed {
		part = appendPriming(part, id, l.srv.opts.SSERetry)
	}
	c.mu.Lock()
	t.streamLocked(c, k, part)
	c.mu.Unlock()
	putBuffer(part)
	l.feed(c)
}

// feed serves the stream at the head of the line, if there is one; those behind it wait for their turn.
func (t *httpTransport) feed(l *loop, c *conn) {
	t.yield(c)
	for k := t.streamAtHead(c); k != nil; k = t.streamAtHead(c) {
		t.pump(l, c, k)
		if !k.stream.Over() {
			return
		}
		var last []byte
		if id, retry, early := k.stream.EndedEarly(); early {
			last = appendPriming(nil, id, l.srv.retry(retry))
		}
		t.end(l, c, k, last)
	}
}

func (t *httpTransport) streamAtHead(c *conn) *call {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reason != stillOpen || t.head == nil || t.head.stream == nil {
		return nil
	}
	return t.head
}

// pump sends what k's stream is owed until that is nothing or the peer does not read.
func (t *httpTransport) pump(l *loop, c *conn, k *call) {
	for c.caughtUp() {
		var id event.ID
		if l.msg, id = k.stream.Next(l.msg[:0]); len(l.msg) == 0 {
			return
		}
		part := appendEvent(getBuffer(len(l.msg)+eventRoom), id, l.msg)
		c.mu.Lock()
		t.streamLocked(c, k, part)
		c.mu.Unlock()
		putBuffer(part)
	}
}

// end ends k's stream, the head of the line, with last as its last bytes, and lets the line go on.
func (t *httpTransport) end(l *loop, c *conn, k *call, last []byte) {
	last = http1.AppendLastChunk(last)
	c.mu.Lock()
	c.sendLocked(last)
	t.unlinkLocked(k)
	c.pending.Add(-1)
	t.sendReadyLocked(c)
	c.mu.Unlock()
	l.closeStream(k)
}

// endStreams ends the streams at the head of the line, but for one that carries a call, which is still to be answered.
func (t *httpTransport) endStreams(l *loop, c *conn) {
	for k := t.streamAtHead(c); k != nil && !k.stream.OfPost(); k = t.streamAtHead(c) {
		var last []byte
		if k.stream.Listen() {
			l.msg = k.stream.AppendCancelled(l.msg[:0])
			last = appendEvent(last, 0, l.msg)
			l.msg = k.stream.AppendResult(l.msg[:0])
			last = appendEvent(last, 0, l.msg)
		}
		t.end(l, c, k, last)
	}
}
