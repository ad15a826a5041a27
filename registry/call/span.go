package call

import (
	"context"
	"net/netip"
	"time"

	"weir/codec/traceparent"
)

// Span is a request from its arrival to its answer, as traces and the audit log tell of it. There is one only while
// somebody looks on. It belongs to whoever works on the call; Context and State do not change once the call has it.
type Span struct {
	traceparent.Context                     // its own place in the trace; not Valid: it is in none
	State               string              // tracestate, passed on as it came
	Parent              [8]byte             // the span it is below, of the same trace; zeros: it is the first
	Link                traceparent.Context // the HTTP request's, where the message brought a parent of its own
	Began               time.Time

	Method string     // of the table; UnknownMethod: it is none of it
	Kind   targetKind // what Target is
	Target string     // the tool, the prompt or the resource, as it was asked for
	Known  bool       // Target is the name of something registered
	// Request is the id, as JSON. Session tells sessions apart and opens none. Revision is that of MCP.
	Request, Session, Revision string

	// Who asked, and how it came: Listener is that of the connection.
	Principal, Listener string
	Peer                netip.Addr // not valid: not over IP
	WebSocket, HTTP10   bool

	Ending  Ending // of its handler
	Outcome string // what became of the request: a word of the list below, of Ending, or a reason
	Code    int    // of the JSON-RPC error that it was answered with; 0: it was not
	Message string // of that error
	Reason  string // in its data
	Ended   time.Time
}

// UnknownMethod stands for a method that does not exist: peers must not choose names of series or spans.
const UnknownMethod = "_OTHER"

// The outcomes that no handler's ending is.
const (
	OutcomeDisconnected = "disconnected" // nobody was left to answer
	OutcomeTask         = "task"         // it goes on as a task
)

// targetKind is what a request is about.
type targetKind uint8

const (
	TargetNone targetKind = iota
	TargetTool
	TargetPrompt
	TargetResource
)

// String is the word for an ending, as the metrics have it.
func (e Ending) String() string { return endingNames[e] }

// TraceContext is the place in a trace of the call to which ctx belongs, as the texts traceparent and tracestate; both
// are "" when it is in none, and when its handler is off.
func TraceContext(ctx context.Context) (parent, state string) {
	c := contextOf(ctx)
	if c == nil {
		return "", ""
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.call == nil || c.call.Span == nil || !c.call.Span.Valid() {
		return "", ""
	}
	return string(c.call.Span.Append(make([]byte, 0, traceparent.Bytes))), c.call.Span.State
}
