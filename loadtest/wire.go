package loadtest

import (
	"errors"
	"fmt"

	"weir/codec/http1"
)

// errBadWire says that the server sent bytes that the transport's grammar does not allow.
var errBadWire = errors.New("bad bytes from the server")

// wire is one transport as a client sees it. Each loop has its own, used by that loop's goroutine alone, so it may keep
// scratch space; what it must remember about a connection is in that connection's decoder. It never blocks.
type wire interface {
	// opening returns what a fresh connection sends before its first message; nil when there is nothing. Only WebSocket's is
	// answered.
	opening() []byte
	// wrap makes a message of a JSON body whose id, if it has one, is at idAt. session is the id that initialize was
	// answered with; empty where there is none.
	wrap(body []byte, idAt int, session []byte) template
	// next cuts the first thing from b and says how many bytes it took; 0 means that more must arrive first, and then the
	// next b is this one with more appended (b is writable: chunks are joined in place). What it returns lives in b or in the
	// wire until the next call. An error is final for the connection.
	next(d *decoder, b []byte) (arrival, int, error)
}

// decoder is what is kept of one connection between two reads, beside the bytes themselves: how far they were understood.
type decoder struct {
	http http1.ReplyDecoder
}

// arrivalKind is what came from the server.
type arrivalKind uint8

const (
	arrivalMessage arrivalKind = iota // body is one JSON message
	arrivalNothing                    // an HTTP answer without a message, or an empty line
	arrivalOpened                     // the upgrade was accepted
	arrivalPing                       // body must be sent back in a pong
	arrivalClose                      // the server says goodbye; body is its reason
)

// arrival is one thing that came from the server.
type arrival struct {
	kind    arrivalKind
	status  int    // HTTP status, 0 elsewhere
	session []byte // Mcp-Session-Id, when the answer carries one
	body    []byte
}

// saysFull tells an HTTP status that stands for a refusal when no JSON-RPC message says so.
func (a *arrival) saysFull() bool {
	return (a.status == 503 || a.status == 429) && (a.kind == arrivalNothing || a.isProse())
}

// isProse is an HTTP error with a body that was written for people, as proxies and frameworks send.
func (a *arrival) isProse() bool {
	return a.status >= 400 && len(a.body) > 0 && a.body[0] != '{' && a.body[0] != '['
}

// statusName names an HTTP answer by its status.
func (a *arrival) statusName() []byte { return fmt.Appendf(nil, "http_%d", a.status) }

func newWire(o *WireOptions) wire {
	switch o.Transport {
	case WebSocket:
		return newWebSocketWire(o)
	case HTTP:
		return newHTTPWire(o)
	default:
		return lineWire{o.Headers}
	}
}

// idOffset finds the ten zeros of a body's id; -1 for a notification.
func idOffset(body []byte) int {
	if len(body) < len(messagePrefix)+idDigits || string(body[:len(messagePrefix)]) != messagePrefix {
		return -1
	}
	return len(messagePrefix)
}
