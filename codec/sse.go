package codec

import (
	"bytes"
	"strconv"
)

// SSEEvent is one event of a text/event-stream (WHATWG HTML, section 9.2). Zero members leave their field out, except
// Data: an event without data is written with an empty data field, because a client drops one that has none and with it
// the id (MCP 2025-11-25 primes its streams with such events).
type SSEEvent struct {
	ID    []byte // without line breaks and U+0000, else it is left out: it would forge fields
	Name  string // event; clients take an event without one for "message"
	Retry int    // milliseconds that the client waits before it connects again
	Data  []byte // each line of it becomes a data field
}

// AppendSSEEvent appends the event and the empty line that ends it.
func AppendSSEEvent(dst []byte, e *SSEEvent) []byte {
	if e.Name != "" {
		dst = append(dst, "event: "...)
		dst = append(dst, e.Name...)
		dst = append(dst, '\n')
	}
	if len(e.ID) > 0 && !bytes.ContainsAny(e.ID, "\r\n\x00") {
		dst = append(dst, "id: "...)
		dst = append(dst, e.ID...)
		dst = append(dst, '\n')
	}
	if e.Retry > 0 {
		dst = append(dst, "retry: "...)
		dst = strconv.AppendInt(dst, int64(e.Retry), 10)
		dst = append(dst, '\n')
	}
	return append(appendSSEData(dst, e.Data), '\n')
}

// appendSSEData appends data, a field for each of its lines. CRLF, LF and CR all end a line; JSON that Weir writes
// has none.
func appendSSEData(dst, data []byte) []byte {
	for {
		dst = append(dst, "data: "...)
		end := bytes.IndexAny(data, "\r\n")
		if end < 0 {
			return append(append(dst, data...), '\n')
		}
		dst = append(append(dst, data[:end]...), '\n')
		if data[end] == '\r' && end+1 < len(data) && data[end+1] == '\n' {
			end++
		}
		data = data[end+1:]
	}
}

// SSEComment is a line that clients ignore: it keeps a quiet stream alive in the eyes of what stands between.
const SSEComment = ":\n\n"
