package engine

import (
	"weir/codec"
	"weir/registry/fault"
	"weir/registry/offer"
)

// Begin marks a request as in flight in its conversation, from where a cancellation finds it. An id that is in flight
// already is refused with -32600, and the first request is answered as if nothing had happened: a second answer to one
// id would reach whoever waits for the first (many clients use the same id for everything). Not so over HTTP, where
// each message that was POSTed has an answer of its own; none of them can be cancelled by an id that several have.
// No-op without a conversation and for what is not a request.
func (eng *Engine) Begin(x *Exchange) *codec.Error {
	if x.Conv == nil || x.Env.Kind != codec.KindRequest {
		return nil
	}
	// Over HTTP the answer to a message goes where the message came from, whatever its id; in a batch, as on a
	// connection, the id is all that tells one answer from another.
	if !x.Call.Begin(eng.seed, x.Transport == HTTP && !x.InBatch) {
		return fault.DuplicateID
	}
	return nil
}

// End takes the request out of its conversation: nothing can cancel it from then on, and x may be reused. It must be
// called after a Begin that returned nil, before the answer is sent: if x is Cancelled after it, there is none, for its
// id may be another request's by now. Idempotent.
func (eng *Engine) End(x *Exchange) { x.End() }

// AppendOwed appends the next message that the client of a legacy conversation on a connection of its own is owed;
// nothing when none is. v is what it is offered. The transport calls it while the client reads, on the connection's
// loop.
func (eng *Engine) AppendOwed(dst []byte, c *Conversation, v *offer.View) []byte {
	return c.Client.AppendOwed(dst, v.Hub)
}
