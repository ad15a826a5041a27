package call

import (
	"hash/maphash"
	"sync/atomic"

	"weir/codec"
	"weir/registry/event"
	"weir/registry/protocol"
	"weir/registry/session"
	"weir/registry/task"
)

// Conversation is what a server remembers of one client between its messages. The zero value is ready; a line or
// WebSocket connection embeds it by value. Safe for concurrent use; must not be copied.
type Conversation = session.Conversation[*Call]

// Call is one message, and what is known of it while it is served. One goroutine at a time works on it; only Cancel and
// Cancelled may be called from others, from Begin (or before, if that is how the owner shares it) until End.
type Call struct {
	// Raw is the message. It may move until Begin (Env holds offsets) and must not change from Begin to End. Nothing
	// that outlives the call aliases it.
	Raw []byte
	// Env is what codec.Scan found in Raw.
	Env   codec.Envelope
	marks atomic.Uint32 // markCancelled and the others; here because there is room
	// Principal is who the peer proved to be, as the transport's authentication names it; "" is anybody. What a request
	// leaves behind (a session, a requestState, a task) is its principal's alone. Set by the transport before Route.
	Principal string
	// Responder sends messages ahead of the answer; nil is a transport that cannot.
	Responder Responder
	// Slot is the place of the goroutine that dispatches. nil: handlers have no deadlines, as a task's, which has its
	// own time.
	Slot *WorkerSlot
	// Conv is the conversation. Line, WebSocket: the connection's, set by the transport, never nil. HTTP: set by Route
	// for a request of a legacy session, else nil.
	Conv *Conversation

	// Revision is the place, in the table, of the revision by whose rules it is answered. Set by Route.
	Revision uint8
	sharesID bool // see SharesID
	// WaitedMicros is how long the message waited for its worker, in microseconds, for what its latency counts towards.
	// Set by the transport before the call is dispatched.
	WaitedMicros uint32
	// Header holds the HTTP headers that MCP gives a meaning, until Route; afterwards it is nil, or what Header.Keep
	// has copied for a handler that reads them.
	Header *protocol.Header
	// Inputs are what its handler had asked for; nil for most.
	Inputs *Inputs
	// Span is what traces and the audit log tell of it; nil: nobody looks on. Set by the transport before Dispatch.
	Span *Span

	stream     *event.Stream // of a listen
	suspension atomic.Pointer[Suspension]
	ctx        atomic.Pointer[Context] // of the handler while it runs

	entry session.Entry[*Call] // among those in flight
}

// What anybody may mark a call with, at any time.
const (
	markCancelled uint32 = 1 << iota
	markTimedOut         // its handler came too late
	markLeft             // by one of the two who hold it: see LastHolder
)

// ID is the request's id token, which aliases Raw; nil for notifications.
func (c *Call) ID() []byte { return c.Env.ID.Of(c.Raw) }

// SharesID implements session.Request: other requests in flight may have the same id.
func (c *Call) SharesID() bool { return c.sharesID }

// Rev is the revision by whose rules the message is answered.
func (c *Call) Rev() *protocol.Revision { return protocol.RevisionAt(int(c.Revision)) }

// Bytes is how long what the call keeps is, while it waits.
func (c *Call) Bytes() int { return len(c.Raw) + c.Header.KeptBytes() }

// Modern says, after Route, whether the message is of the stateless era (2026-07-28 and later), in which a disconnect
// cancels the request; before, it must not (MCP 2025-11-25, basic/transports).
func (c *Call) Modern() bool { return c.Rev().Modern }

// Declared is what its client can be asked.
func (c *Call) Declared() protocol.Capabilities {
	switch {
	case c.Modern():
		return protocol.ReadCapabilities(c.Env.ClientCapabilities.Of(c.Raw))
	case c.Conv != nil:
		return c.Conv.Capabilities()
	}
	return 0
}

// Begin marks the request as in flight in its conversation, from where a cancellation finds it; false when another one
// with its id is. hashes is the seed of the ids' hashes, the same for all calls of a conversation.
func (c *Call) Begin(hashes maphash.Seed, sharesID bool) bool {
	c.sharesID = sharesID
	return c.Conv.Begin(c, &c.entry, maphash.Bytes(hashes, c.ID()))
}

// End takes the request out of its conversation, if it is in one. Idempotent.
func (c *Call) End() {
	if c.Conv != nil {
		c.Conv.End(&c.entry)
	}
}

// Cancel ends the call early: one that waits is dropped when it is dequeued, the context of a running handler is
// cancelled, and no answer is appended any more. Any goroutine; idempotent.
func (c *Call) Cancel() {
	c.marks.Or(markCancelled)
	// The context is published before anybody looks at cancelled, so one of the two sides sees the other.
	if ctx := c.ctx.Load(); ctx != nil {
		ctx.cancel(canceled)
	}
	if s := c.suspension.Load(); s != nil {
		s.Cancel()
	}
	if c.stream != nil { // a listen is dispatched and cancelled on the same loop
		c.stream.Close()
	}
}

// Cancelled says whether Cancel was called. Any goroutine.
func (c *Call) Cancelled() bool { return c.marks.Load()&markCancelled != 0 }

// Stream is what a listen opened, after its Dispatch; nil for everything else, and when it was refused.
func (c *Call) Stream() *event.Stream { return c.stream }

// SetStream says what a listen has opened; Cancel closes it.
func (c *Call) SetStream(s *event.Stream) { c.stream = s }

// task is the task that the call runs as; nil for most.
func (c *Call) task() *task.Task {
	if r, ok := c.Responder.(TaskResponder); ok {
		return r.Task()
	}
	return nil
}

// Suspend holds the call back by s. The call may have been cancelled before it could be seen as suspended.
func (c *Call) Suspend(s *Suspension) {
	c.suspension.Store(s)
	if c.Cancelled() {
		s.Cancel()
	}
}

// Suspended says, after Dispatch, that the call waits: nothing was appended, and the transport must neither answer it
// nor End it but LetGo. It will be resumed (Responder.Resume) and is then dispatched again.
func (c *Call) Suspended() bool { return c.suspension.Load() != nil }

// LetGo is the worker's last word on a suspended call: from here on it may be resumed.
func (c *Call) LetGo() { c.suspension.Load().Settle() }

// Resumed ends the suspension, if there was one, and returns why what was waited for did not come.
func (c *Call) Resumed() *codec.Error {
	if c.suspension.Load() == nil {
		return nil
	}
	c.suspension.Store(nil)
	if c.Inputs == nil {
		return nil
	}
	return c.Inputs.Failed
}

// LastHolder is called by both who hold a call that EndTimedOut has handed out, its Dispatch's caller and who answered
// it, when they are done with it, and says to the second that nobody else has it.
func (c *Call) LastHolder() bool { return c.marks.Or(markLeft)&markLeft != 0 }

// TimedOut says, to both who hold the call then (LastHolder), that it was ended by EndTimedOut: the caller of its
// Dispatch must neither answer it nor End it.
func (c *Call) TimedOut() bool { return c.marks.Load()&markTimedOut != 0 }
