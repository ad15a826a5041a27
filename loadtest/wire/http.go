package wire

import (
	"bytes"
	"errors"
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
		"Accept: application/json, text/event-stream\r\nAccept-Encoding: identity\r\n%s", w.path, w.host, w.headers)
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
	if d.open && d.events.whole {
		a, n := d.nextEvent()
		return a, n, nil
	}
	r := &w.reply
	step, n, err := d.http.Next(b, r, &w.limits)
	switch {
	case err != nil:
		return Arrival{}, 0, badBytes(err)
	case step != http1.NeedMore && !d.open && isEvents(r):
		d.beginEvents(r)
	}
	switch {
	case step == http1.Ready && d.open:
		d.endEvents(r.Body, n)
	case step == http1.Ready:
		return arrivalOf(r), n, nil
	case !d.open || !d.http.Partial(b, r, &w.limits):
		return Arrival{}, 0, nil
	default:
		d.events.body = r.Body
	}
	a, n := d.nextEvent()
	return a, n, nil
}

// badBytes says what is wrong with an answer in the words of the grammar. The status in an http1.Error is what a server
// would answer, and no matter of ours.
func badBytes(err error) error {
	var broken *http1.Error
	if errors.As(err, &broken) {
		return fmt.Errorf("%w: %s", ErrBadBytes, broken.Detail)
	}
	return fmt.Errorf("%w: %w", ErrBadBytes, err)
}

// arrivalOf is what a whole answer that is no event stream brings.
func arrivalOf(r *http1.Reply) Arrival {
	a := Arrival{Kind: ArrivalNothing, Status: r.Status, Session: r.SessionID, Last: !r.KeepAlive,
		Location: r.Location, RetryAfter: r.RetryAfter, Packed: isPacked(r)}
	switch {
	case r.Status/100 == 1 && r.Status != 101:
		return Arrival{Kind: ArrivalNothing} // an interim response: the real one follows (RFC 9110 15.2)
	case a.Packed:
		a.Said = fmt.Sprintf("in the coding %.20s, and identity was asked for", r.Coding)
		return a
	case len(r.Location) > 0 && r.Status/100 == 3:
		a.Said = fmt.Sprintf("to %.120s", r.Location)
	}
	// RFC 8259 section 8.1: a byte order mark may be ignored.
	if a.Body = bytes.TrimSpace(bytes.TrimPrefix(r.Body, []byte(byteOrderMark))); len(a.Body) > 0 {
		a.Kind = ArrivalMessage
	}
	return a
}

// End implements Format.
func (w *HTTPFormat) End(d *Decoder, b []byte) (Arrival, bool, error) {
	if d.open && d.events.whole {
		a, _ := d.nextEvent()
		return a, true, nil
	}
	r := &w.reply
	step, err := d.http.End(b, r, &w.limits)
	switch {
	case err != nil:
		return Arrival{}, false, badBytes(err)
	case step != http1.Ready:
		return Arrival{}, false, nil
	case d.open:
		d.endEvents(r.Body, len(b))
		a, _ := d.nextEvent()
		return a, true, nil
	}
	return arrivalOf(r), true, nil
}

// StreamRequest opens an event stream: a session's (MCP 2025-11-25, basic/transports, listening for messages from the
// server), or one that listens for changes (MCP 2026-07-28, basic/patterns/subscriptions).
func StreamRequest(o *Options, w Format, msgs *Messages, session []byte) []byte {
	if msgs.listen != nil {
		t := w.Wrap(msgs.listen, IDOffset(msgs.listen), nil)
		return t.Append(nil, FirstID)
	}
	b := fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nAccept: text/event-stream\r\nAccept-Encoding: identity\r\n%s",
		o.Path, o.hostHeader(), o.Headers)
	if len(session) > 0 {
		b = fmt.Appendf(b, "Mcp-Session-Id: %s\r\nMCP-Protocol-Version: %s\r\n", session, o.SessionRevision())
	}
	return append(b, "\r\n"...)
}
