package engine

import (
	"time"

	"weir/codec"
	"weir/registry/call"
	"weir/registry/concurrency"
	"weir/registry/handler"
	"weir/registry/offer"
	"weir/registry/protocol"
	"weir/registry/result"
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
	// Inline is answered at once on the event loop: control, prepared lists, errors. A few microseconds at most.
	Inline Class = iota
	// Compute is queued for workers of which there are a few per core; its handlers never wait.
	Compute
	// Blocking is queued for goroutines that may sleep; the safe class of a tool about which nothing is known.
	Blocking
	// Listening is dispatched at once on the event loop, after Begin. Its answer is no end: when Stream returns one,
	// what was appended is its first message, and the exchange lasts (until End) as long as the stream.
	Listening
)

// serveBy notes what h needs of Route, and says where its calls are dispatched.
func (x *Exchange) serveBy(h *call.Handler) Class {
	x.reads = x.reads || h.ReadsHeader
	return classOf(h)
}

// classOf is where the calls of a handler are dispatched.
func classOf(h *call.Handler) Class {
	if h.Cheap {
		return Compute
	}
	return Blocking
}

// What a transport meets of a call (package call).
type (
	Call         = call.Call
	Conversation = call.Conversation
	Responder    = call.Responder
	StreamCloser = call.StreamCloser
	WorkerSlot   = call.WorkerSlot
	Series       = call.Series
)

// Header holds the HTTP headers that MCP gives a meaning. They are read only during Route.
type Header = protocol.Header

// Exchange is one message on its way through the engine, and what becomes of it. The transport owns and pools it,
// fills the first group of fields, and calls Reset before it is used for another message. One goroutine at a time works
// on an exchange; only Cancel and Cancelled may be called from others, from Begin (or Route, if that is how the caller
// shares it) until End.
type Exchange struct {
	// Call is the message and what is known of it while it is served. The transport sets Raw, Env, Principal,
	// Responder, Slot, for HTTP Header, and else Conv.
	Call

	// View is what its principal is offered where it came to, set by Route. The transport sets the view of the endpoint;
	// nil is the main one.
	View *offer.View
	// Transport is how the message came.
	Transport Transport
	// InBatch: the message is an element of a JSON array (see AcceptsBatch).
	InBatch bool
	// Outcome is what becomes of the message, set by Route and, where that cannot know it yet, by Dispatch. With
	// Answered and the errors there is a response, unless the message was a notification.
	Outcome Outcome
	asTask  bool // tools/call: Route found that a task is made of it
	reads   bool // Route found a handler that reads the header
	// ReturnedWell: the handler ran, and returned what it should. Set by Dispatch.
	ReturnedWell bool
	// SessionID is set by Dispatch of an initialize over HTTP: send it as Mcp-Session-Id.
	SessionID string

	// What Route found.
	row *method
	// found is a *handler.Tool, *handler.Prompt or *handler.Resource; nil: a template's, which Dispatch finds as a
	// *handler.Template, or a completion, of which Dispatch finds the call.Forwarder, if it is another server's.
	found any
	fault *codec.Error // Dispatch only has to encode it
}

// to is the other server that answers x; nil: it is served here.
func (x *Exchange) to() call.Forwarder {
	switch found := x.found.(type) {
	case *handler.Tool:
		return found.Forward
	case *handler.Prompt:
		return found.Forward
	case *handler.Resource:
		return found.Forward
	case *handler.Template:
		return found.Forward
	case call.Forwarder:
		return found
	}
	return nil
}

// tool is what a tools/call is to.
func (x *Exchange) tool() *handler.Tool { return x.found.(*handler.Tool) }

// Series is what the handler's calls report that Route has found for x; nil where it found none.
func (x *Exchange) Series() *call.Series {
	switch found := x.found.(type) {
	case *handler.Tool:
		return found.Handler.Series
	case *handler.Prompt:
		return found.Handler.Series
	case *handler.Resource:
		return found.Handler.Series
	}
	return nil
}

// Limiter bounds how many calls run at once of the tool that Route has found for x; nil: nothing does.
func (x *Exchange) Limiter() *concurrency.Limiter {
	if tool, ok := x.found.(*handler.Tool); ok {
		return tool.Handler.Series.Limiter
	}
	return nil
}

// Waited is how long the message waited for its worker.
func (x *Exchange) Waited() time.Duration { return time.Duration(x.WaitedMicros) * time.Microsecond }

// IsTask says, after Route, whether the message is a call that goes on as a task.
func (x *Exchange) IsTask() bool { return x.asTask }

// Reset makes x ready for another message; it keeps its Responder, which is that of whatever the transport embeds it
// in. Nobody else may hold x: its answer is framed, or there is none, and its handler has returned.
func (x *Exchange) Reset() {
	x.Inputs.Release()
	*x = Exchange{Call: Call{Responder: x.Responder}}
}

// EndsWithPeer says, after Route, whether a disconnect ends the request: in the stateless era, and in any for one that
// only waits for what goes on without it.
func (x *Exchange) EndsWithPeer() bool { return x.Modern() || x.row != nil && x.row.waits }

// request is what answers need to know of x.
func (x *Exchange) request() result.Request {
	return result.Request{ID: x.ID(), Revision: int(x.Revision)}
}
