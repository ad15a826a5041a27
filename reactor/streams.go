package reactor

import (
	"weir/backpressure"
	"weir/codec"
	"weir/registry"
	"weir/registry/event"
)

// Streams that outlive a request: a session's GET and subscriptions/listen. The registry knows what each client is owed;
// the loop asks it whenever something changed, the client was woken for, or an outbox has emptied. A stream has no
// goroutine and no timer of its own.

// Wake implements event.Peer.
func (c *conn) Wake() { c.post() }

// Peer implements registry.Responder.
func (k *call) Peer() event.Peer { return k.conn }

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
		l.refuse(k, k.id(), backpressure.Draining)
		return
	case k.Transport == registry.HTTP && !k.takesSSE:
		k.Outcome = registry.NeedsStream
		l.fail(k, errNotAcceptable)
		return
	}
	k.own(k.Raw)
	if err := s.registry.Begin(&k.Exchange); err != nil {
		k.Outcome = registry.Invalid
		l.fail(k, err)
		return
	}
	l.msg = s.registry.Dispatch(&k.Exchange, l.msg[:0])
	if k.stream = k.Stream(); k.stream == nil {
		s.registry.End(&k.Exchange)
		l.answer(k, l.msg)
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

// Send implements registry.Responder. In a batch the messages of every element go ahead of the one answer.
func (k *call) Send(message []byte) bool {
	place := k
	if k.group != nil {
		place = k.group.anchor
	}
	return k.conn.transport.notify(k.conn, place, message)
}
