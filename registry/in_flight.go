package registry

import (
	"hash/maphash"

	"weir/codec"
	"weir/registry/session"
)

// Conversation is what a server remembers of one client between its messages. The zero value is ready; a line or
// WebSocket connection embeds it by value. Safe for concurrent use; must not be copied.
type Conversation = session.Conversation[*Exchange]

// Begin marks a request as in flight in its conversation, from where a cancellation finds it. An id that is in flight
// already is refused with -32600, and the first request is answered as if nothing had happened: a second answer to one
// id would reach whoever waits for the first (many clients use the same id for everything). Not so over HTTP, where each
// message that was POSTed has an answer of its own; none of them can be cancelled by an id that several have. No-op
// without a conversation and for what is not a request.
func (r *Registry) Begin(x *Exchange) *codec.Error {
	if x.Conv == nil || x.Env.Kind != codec.KindRequest {
		return nil
	}
	if !x.Conv.Begin(x, &x.entry, maphash.Bytes(r.seed, x.ID())) {
		return errDuplicateID
	}
	return nil
}

// End takes the request out of its conversation: nothing can cancel it from then on, and x may be reused. It must be
// called after a Begin that returned nil, before the answer is sent: if x is Cancelled after it, there is none, for its
// id may be another request's by now. Idempotent.
func (r *Registry) End(x *Exchange) {
	if x.Conv != nil {
		x.Conv.End(&x.entry)
	}
}

// AppendOwed appends the next message that the client of a legacy conversation on a connection of its own is owed;
// nothing when none is. The transport calls it while the client reads, on the connection's loop.
func (r *Registry) AppendOwed(dst []byte, c *Conversation) []byte {
	return c.Client.AppendOwed(dst, r.events)
}
