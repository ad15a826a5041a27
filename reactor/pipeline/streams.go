package pipeline

import (
	"time"

	"weir/backpressure"
	"weir/codec"
	"weir/registry/engine"
	"weir/registry/event"
)

// Streams that outlive a request: a session's GET and subscriptions/listen. The registry knows what each client is
// owed; the loop asks it whenever something changed, the client was woken for, or an outbox has emptied. A stream has
// no goroutine and no timer of its own.

// Wake implements event.Peer.
func (c *Conn) Wake() { c.Post() }

// Peer implements engine.Responder.
func (k *Call) Peer() event.Peer { return k.Conn }

// Feed sends c's peer what it is owed, unless it does not even read what it has: then this is called again when it has.
func (in *Intake) Feed(c *Conn) {
	if !c.Finished() && c.CaughtUp() {
		c.transport.Feed(in, c)
	}
}

var errNotAcceptable = invalid("the answer to this is a stream: Accept must allow text/event-stream")

// listen serves a request whose answer stays open. It takes k over.
func (in *Intake) listen(c *Conn, k *Call) {
	p := in.p
	switch {
	case p.draining.Load():
		in.Refuse(k, k.ID(), backpressure.Draining)
		return
	case k.Transport == engine.HTTP && !k.TakesSSE(SSEWhole):
		k.Outcome = engine.NeedsStream
		in.Fail(k, errNotAcceptable)
		return
	}
	// What it opened has copied what it needs: for as long as the stream lasts only the id is kept, before Begin, since
	// from there on others may look at it.
	in.Msg = p.Engine.Dispatch(&k.Exchange, in.Msg[:0])
	if k.Source = k.Stream(); k.Source == nil {
		in.Answer(k, in.Msg)
		return
	}
	k.own(k.ID())
	k.Env = codec.Envelope{Kind: codec.KindRequest, ID: codec.Span{Len: uint32(len(k.Raw))}}
	if err := p.Engine.Begin(&k.Exchange); err != nil {
		k.Source.Close()
		k.Outcome = engine.Invalid
		in.Fail(k, err)
		return
	}
	c.transport.Open(in, c, k, in.Msg)
}

// EndStream gives up what a stream's call holds. Its transport has let go of it.
func (in *Intake) EndStream(k *Call) {
	k.Source.Close()
	in.p.Engine.End(&k.Exchange)
	k.Release()
}

// Send implements engine.Responder. In a batch the messages of every element go ahead of the one answer.
func (k *Call) Send(message []byte) bool {
	place := k
	if k.group != nil {
		place = k.group.anchor
	}
	return k.Conn.transport.Notify(k.Conn, place, message)
}

// CloseStream implements engine.StreamCloser.
func (k *Call) CloseStream(retry time.Duration) bool {
	o := k.Conn.transport.Order()
	return o != nil && k.TakesSSE(SSEAhead) && o.CloseStream(k.Conn, k, retry)
}
