package wire

import (
	"bytes"
	"fmt"

	"weir/codec"
	"weir/codec/http1"
)

// HTTPFormat is streamable HTTP over kept connections: one POST per message, and an answer that is JSON or an event
// stream.
type HTTPFormat struct {
	path, host string
	era        Era
	revision   string
	headers    string // further lines, each with its CRLF
	reply      http1.Reply
	limits     http1.Limits
}

func newHTTPFormat(o *Options) *HTTPFormat {
	limits := http1.DefaultLimits()
	limits.MaxBodyBytes = o.MaxAnswerBytes
	return &HTTPFormat{path: o.Path, host: o.hostHeader(), era: o.Era, revision: o.SessionRevision(), headers: o.Headers,
		limits: limits}
}

// Opening implements Format.
func (w *HTTPFormat) Opening() []byte { return nil }

// Wrap implements Format.
func (w *HTTPFormat) Wrap(body []byte, idAt int, session []byte) Template {
	b := fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\n"+
		"Accept: application/json, text/event-stream\r\n%s", w.path, w.host, w.headers)
	if w.era == Modern {
		b = fmt.Appendf(b, "MCP-Protocol-Version: %s\r\n", ModernRevision)
		b = w.appendRoute(b, body)
	}
	if len(session) > 0 {
		b = fmt.Appendf(b, "Mcp-Session-Id: %s\r\nMCP-Protocol-Version: %s\r\n", session, w.revision)
	}
	b = fmt.Appendf(b, "Content-Length: %d\r\n\r\n", len(body))
	t := Template{IDAt: idAt}
	if idAt >= 0 {
		t.IDAt += len(b)
	}
	t.Bytes = append(b, body...)
	return t
}

// appendRoute appends the headers that repeat what the body says (MCP 2026-07-28).
func (w *HTTPFormat) appendRoute(b, body []byte) []byte {
	body = bytes.Replace(body, []byte(`"id":0`), []byte(`"id":1`), 1) // a template's zeros are no JSON
	var e codec.Envelope
	limits := codec.DefaultLimits().JSON
	if err := codec.Scan(body, &e, &limits); err != nil {
		panic(fmt.Sprintf("loadtest: %v in a message of ours: %.200q", err, body))
	}
	method, _ := codec.StringOf(e.Method.Of(body))
	b = fmt.Appendf(b, "Mcp-Method: %s\r\n", method)
	if name, ok := codec.StringOf(e.Name.Of(body)); ok {
		b = fmt.Appendf(b, "Mcp-Name: %s\r\n", name)
	}
	return b
}

// DeleteSession is the request that ends a session (MCP 2025-11-25, basic/transports, session management).
func (w *HTTPFormat) DeleteSession(session []byte) []byte {
	return fmt.Appendf(nil, "DELETE %s HTTP/1.1\r\nHost: %s\r\n%sMcp-Session-Id: %s\r\nMCP-Protocol-Version: %s\r\n\r\n",
		w.path, w.host, w.headers, session, w.revision)
}

// Next implements Format.
func (w *HTTPFormat) Next(d *Decoder, b []byte) (Arrival, int, error) {
	step, n, err := d.http.Next(b, &w.reply, &w.limits)
	if err != nil {
		return Arrival{}, 0, fmt.Errorf("%w: %w", ErrBadBytes, err)
	}
	if step != http1.Ready {
		return Arrival{}, 0, nil
	}
	if s := w.reply.Status; s/100 == 1 && s != 101 {
		return Arrival{Kind: ArrivalNothing}, n, nil // an interim response: the real one follows (RFC 9110 15.2)
	}
	a := Arrival{Kind: ArrivalNothing, Status: w.reply.Status, Session: w.reply.SessionID}
	if a.Body = lastEvent(w.reply.Body); len(a.Body) > 0 {
		a.Kind = ArrivalMessage
	}
	return a, n, nil
}

// lastEvent returns the JSON of a body: itself, or the data of the last event of a stream, which is the response
// (MCP 2025-11-25, basic/transports: it ends the stream). An event's data may stand on several lines (WHATWG HTML,
// 9.2.6). What is neither is returned whole.
func lastEvent(body []byte) []byte {
	body = bytes.TrimSpace(body)
	if len(body) == 0 || body[0] == '{' || body[0] == '[' {
		return body
	}
	var last, data []byte
	seen := false
	for rest := body; len(rest) > 0; {
		line, after, _ := bytes.Cut(rest, []byte("\n"))
		rest = after
		line = bytes.TrimSuffix(line, []byte("\r"))
		value, isData := bytes.CutPrefix(line, []byte("data:"))
		switch {
		case len(line) == 0:
			data = nil // the event is over
			continue
		case !isData:
			continue
		case data == nil:
			data = value // without a copy: nearly every event has one line
		default:
			data = append(append(bytes.Clone(data), '\n'), value...)
		}
		if data = bytes.TrimPrefix(data, []byte(" ")); len(data) > 0 {
			last, seen = data, true
		}
	}
	if !seen {
		return body
	}
	return bytes.TrimSpace(last)
}

// StreamRequest opens an event stream: a session's (MCP 2025-11-25, basic/transports, listening for messages from the
// server), or one that listens for changes (MCP 2026-07-28, basic/patterns/subscriptions).
func StreamRequest(o *Options, w Format, msgs *Messages, session []byte) []byte {
	if msgs.listen != nil {
		t := w.Wrap(msgs.listen, IDOffset(msgs.listen), nil)
		return t.Append(nil, FirstID)
	}
	b := fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nAccept: text/event-stream\r\n%s", o.Path, o.hostHeader(),
		o.Headers)
	if len(session) > 0 {
		b = fmt.Appendf(b, "Mcp-Session-Id: %s\r\nMCP-Protocol-Version: %s\r\n", session, o.SessionRevision())
	}
	return append(b, "\r\n"...)
}
