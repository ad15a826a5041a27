package registry

import (
	"sync/atomic"

	"weir/codec"
	"weir/registry/event"
	"weir/registry/protocol"
	"weir/registry/session"
)

// Transport says how a message came, as far as MCP treats transports differently.
type Transport uint8

const (
	// Line is newline-delimited JSON: TCP, Unix sockets, stdio. The conversation is the connection's.
	Line Transport = iota
	// WebSocket carries one message per text frame; otherwise as Line.
	WebSocket
	// HTTP is Streamable HTTP: headers count, answers have a status, and the conversation is a session or none.
	HTTP
)

// Class says where a message is dispatched.
type Class uint8

const (
	// Inline is answered at once on the event loop: control, prepared lists, refusals. A few microseconds at most.
	Inline Class = iota
	// Compute is queued for workers of which there are a few per core; its handlers never wait.
	Compute
	// Blocking is queued for goroutines that may sleep; the safe class of a tool about which nothing is known.
	Blocking
	// Listening is dispatched at once on the event loop, after Begin. Its answer is no end: when Stream returns one, what
	// was appended is its first message, and the exchange lasts (until End) as long as the stream.
	Listening
)

// Header holds the HTTP headers that MCP gives a meaning. They are read only during Route.
type Header = protocol.Header

// Exchange is one message on its way through the registry, and what becomes of it. The transport owns and pools it,
// fills the first group of fields, and calls Reset before it is used for another message. One goroutine at a time works
// on an exchange; only Cancel and Cancelled may be called from others, from Begin (or Route, if that is how the caller
// shares it) until End.
type Exchange struct {
	// Raw is the message. It may move between Route and Begin (Env holds offsets) and must not change from Begin to End.
	// Nothing that outlives Dispatch aliases it.
	Raw []byte
	// Env is what codec.Scan found in Raw.
	Env codec.Envelope
	// Transport is how the message came.
	Transport Transport
	// InBatch: the message is an element of a JSON array (see AcceptsBatch).
	InBatch bool
	// Outcome is what becomes of the message, set by Route and, where that cannot know it yet, by Dispatch. With Answered
	// and the refusals there is a response, unless the message was a notification.
	Outcome Outcome
	// Header is needed for HTTP, during Route only.
	Header *Header
	// Principal is who the peer proved to be, as the transport's authentication names it; "" is anybody. What a request
	// leaves behind (a session, a requestState, a task) is its principal's alone. Set by the transport before Route.
	Principal string
	// Responder sends messages ahead of the answer; nil is a transport that cannot. It stays over
	// Reset: it is that of whatever the transport embeds the exchange in.
	Responder Responder

	// WorkerSlot is the place of the goroutine that dispatches. nil: handlers have no deadlines, as a task's, which has
	// its own time.
	Slot *WorkerSlot

	// Conv is the conversation. Line, WebSocket: the connection's, set by the transport, never nil. HTTP: set by Route
	// for a request of a legacy session, else nil.
	Conv *Conversation
	// SessionID is set by Dispatch of an initialize over HTTP: send it as Mcp-Session-Id.
	SessionID string

	row      *method
	tool     *tool
	prompt   *prompt
	resource *resource     // nil: a template's, which Dispatch finds
	inputs   *inputs       // what its handler had asked for; nil for most
	stream   *event.Stream // of a listen, set by its Dispatch
	refusal  *codec.Error  // decided by Route; Dispatch only has to encode it
	revision uint8         // index into revisions
	modern   bool
	asTask   bool // tools/call: Route decided that a task is made of it

	marks      atomic.Uint32               // markCancelled and the others
	suspension atomic.Pointer[suspension]  // while it is suspended
	ctx        atomic.Pointer[callContext] // of the handler while it runs

	entry session.Entry[*Exchange] // among those in flight
}

// What anybody may mark an exchange with, at any time.
const (
	markCancelled uint32 = 1 << iota
	markTimedOut         // its handler came too late
	markLeft             // by one of the two who hold it: see LastHolder
)

// Reset makes x ready for another message. Nobody else may hold x.
func (x *Exchange) Reset() { *x = Exchange{Responder: x.Responder} }

// Cancel ends the exchange early: a call that waits is dropped when it is dequeued, the context of a running handler is
// cancelled, and no answer is appended any more. Any goroutine; idempotent.
func (x *Exchange) Cancel() {
	x.marks.Or(markCancelled)
	// Dispatch publishes the context before it looks at cancelled, so one of the two sides sees the other.
	if c := x.ctx.Load(); c != nil {
		c.cancel(callCanceled)
	}
	if s := x.suspension.Load(); s != nil {
		s.cancel()
	}
	if x.stream != nil { // a listen is dispatched and cancelled on the same loop
		x.stream.Close()
	}
}

// Stream is what a listen opened, after its Dispatch; nil for everything else, and when it was refused.
func (x *Exchange) Stream() *event.Stream { return x.stream }

// Cancelled says whether Cancel was called. Any goroutine.
func (x *Exchange) Cancelled() bool { return x.marks.Load()&markCancelled != 0 }

// Modern says, after Route, whether the message is of the stateless era (2026-07-28 and later), in which a disconnect
// cancels the request; before, it must not (MCP 2025-11-25, basic/transports).
func (x *Exchange) Modern() bool { return x.modern }

// EndsWithPeer says, after Route, whether a disconnect ends the request: in the stateless era, and in any for one that
// only waits for what goes on without it.
func (x *Exchange) EndsWithPeer() bool { return x.modern || x.row != nil && x.row.waits }

// rev is the revision by whose rules the message is answered.
func (x *Exchange) rev() *protocol.Revision { return protocol.RevisionAt(int(x.revision)) }

// ID is the request's id token, which aliases Raw; nil for notifications.
func (x *Exchange) ID() []byte { return x.Env.ID.Of(x.Raw) }

// SharesID implements session.Request: over HTTP the answer to a message goes where the message came from, whatever its
// id; in a batch, as on a connection, the id is all that tells one answer from another.
func (x *Exchange) SharesID() bool { return x.Transport == HTTP && !x.InBatch }
