package wire

import (
	"errors"
	"fmt"

	"weir/codec/http1"
)

// ErrBadBytes says that the server sent bytes that the transport's grammar does not allow.
var ErrBadBytes = errors.New("bad bytes from the server")

// Format is one transport as a client sees it. Each loop has its own, used by that loop's goroutine alone, so it may
// keep scratch space; what it must remember about a connection is in that connection's decoder. It never blocks.
type Format interface {
	// opening returns what a fresh connection sends before its first message; nil when there is nothing. Only WebSocket's
	// is answered.
	Opening() []byte
	// wrap makes a message of a JSON body whose id, if it has one, is at idAt. session is the id that initialize was
	// answered with; empty where there is none.
	Wrap(body []byte, idAt int, session []byte) Template
	// next cuts the first thing from b and says how many bytes it took; 0 means that more must arrive first, and then the
	// next b is this one with more appended (b is writable: chunks are joined in place). An Early arrival takes no bytes
	// either: it is acted upon, and the next call has the same b. What it returns lives in b or in the wire until the next
	// call. An error is final for the connection.
	Next(d *Decoder, b []byte) (Arrival, int, error)
	// End is what the end of the connection brings, behind what Next has left of b: ok when that completes an answer, an
	// error when an answer was cut short.
	End(d *Decoder, b []byte) (a Arrival, ok bool, err error)
}

// Decoder is what is kept of one connection between two reads, beside the bytes themselves: how far they were
// understood.
type Decoder struct {
	http   http1.ReplyDecoder
	events *eventStream // kept from the first event stream on
	open   bool         // events is that of the answer that is being read
}

// arrivalKind is what came from the server.
type arrivalKind uint8

const (
	ArrivalMessage arrivalKind = iota // body is one JSON message
	ArrivalNothing                    // an HTTP answer without a message, or an empty line
	ArrivalOpened                     // the upgrade was accepted
	ArrivalPing                       // body must be sent back in a pong
	ArrivalClose                      // the server closes the conversation; body is its reason
)

// Arrival is one thing that came from the server.
type Arrival struct {
	Kind    arrivalKind
	Status  int    // HTTP status, 0 elsewhere
	Session []byte // Mcp-Session-Id, when the answer carries one
	Body    []byte
	Early   bool // an event of a stream that is not over
	Last    bool // the connection brings nothing after it
	// Location and RetryAfter are those headers; Packed says that the body has a coding nobody asked for.
	Location, RetryAfter []byte
	Packed               bool
	Said                 string // what else the head says, for people: where it sends us, a coding, a code; mostly ""
}

// SaysFull tells an HTTP status that stands for a refusal when no JSON-RPC message says so.
func (a *Arrival) SaysFull() bool { return (a.Status == 503 || a.Status == 429) && a.IsNoMessage() }

// IsNoMessage tells an HTTP answer that cannot answer a request: without a body, one whose body was written for people,
// as proxies and frameworks send, or 202, which only says that something was taken.
func (a *Arrival) IsNoMessage() bool {
	isProse := a.Status >= 300 && len(a.Body) > 0 && a.Body[0] != '{' && a.Body[0] != '['
	return a.Kind == ArrivalNothing || isProse || a.Status == 202
}

// StatusName names an HTTP answer by its status.
func (a *Arrival) StatusName() []byte {
	if a.Said != "" {
		return fmt.Appendf(nil, "http_%d (%s)", a.Status, a.Said)
	}
	return fmt.Appendf(nil, "http_%d", a.Status)
}

// IDOffset finds the ten zeros of a body's id; -1 for a notification.
func IDOffset(body []byte) int {
	if len(body) < len(MessagePrefix)+IDDigits || string(body[:len(MessagePrefix)]) != MessagePrefix {
		return -1
	}
	return len(MessagePrefix)
}
