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
func (c *conn) Wake() { c.Post() }

// Peer implements registry.Responder.
func (k *call) Peer() event.Peer { return k.conn }

// feed sends c's peer what it is owed, unless it does not even read what it has: then this is called again when it has.
func (in *intake) feed(c *conn) {
	if !c.Finished() && c.CaughtUp() {
		c.transport.feed(in, c)
	}
}

var errNotAcceptable = &codec.Error{Code: codec.CodeInvalidRequest, Message: "the answer to this is a stream: Accept must list text/event-stream"}

// listen serves a request whose answer stays open. It takes k over.
func (in *intake) listen(c *conn, k *call) {
	s := in.srv
	switch {
	case s.draining.Load():
		in.refuse(k, k.ID(), backpressure.Draining)
		return
	case k.Transport == registry.HTTP && !k.takesSSE:
		k.Outcome = registry.NeedsStream
		in.fail(k, errNotAcceptable)
		return
	}
	k.own(k.Raw)
	if err := s.registry.Begin(&k.Exchange); err != nil {
		k.Outcome = registry.Invalid
		in.fail(k, err)
		return
	}
	in.msg = s.registry.Dispatch(&k.Exchange, in.msg[:0])
	if k.stream = k.Stream(); k.stream == nil {
		s.registry.End(&k.Exchange)
		in.answer(k, in.msg)
		return
	}
	c.transport.open(in, c, k, in.msg)
}

// closeStream gives up what a stream's call holds. Its transport has let go of it.
func (in *intake) closeStream(k *call) {
	k.stream.Close()
	in.srv.registry.End(&k.Exchange)
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
