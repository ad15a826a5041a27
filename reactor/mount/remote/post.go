package remote

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"io"
	"mime"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"strings"
	"time"

	"weir/codec"
	"weir/reactor/mount/reason"
)

// A request of the mount's becomes a POST, and its answer lines.

// newRequest makes a request of the session.
func (r *Remote) newRequest(ctx context.Context, method string, body []byte, s session) (*http.Request, *Failure) {
	request := (&http.Request{Method: method, URL: r.c.URL, Host: r.c.URL.Host, Proto: "HTTP/1.1", ProtoMajor: 1,
		ProtoMinor: 1, Header: make(http.Header, len(r.c.Headers)+8)}).WithContext(ctx)
	h := request.Header
	for name, value := range r.c.Headers {
		h.Set(name, value)
	}
	if r.token != nil {
		value, err := r.token.read()
		if err != nil {
			return nil, failed(Token, "%v", err)
		}
		h["Authorization"] = []string{value}
	}
	h["Accept"] = []string{"application/json, text/event-stream"}
	if method == http.MethodGet {
		h["Accept"] = []string{"text/event-stream"}
	}
	if s.id != "" {
		h["Mcp-Session-Id"] = []string{s.id}
	}
	if s.version != "" {
		h["Mcp-Protocol-Version"] = []string{s.version}
	}
	if body != nil {
		h["Content-Type"] = []string{"application/json"}
		request.ContentLength = int64(len(body))
		request.Body = io.NopCloser(bytes.NewReader(body))
		request.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	}
	return request, nil
}

// post sends a message and returns the response's head, of whatever status.
func (r *Remote) post(ctx context.Context, m *message, s session) (*http.Response, *Failure) {
	if m.method == "initialize" || m.isModern() {
		s = session{}
	}
	connected := false // nothing was sent before
	ctx = httptrace.WithClientTrace(ctx,
		&httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected = true }})
	request, f := r.newRequest(ctx, http.MethodPost, m.line, s)
	if f != nil {
		return nil, f
	}
	if m.isModern() {
		version, _ := codec.StringOf(m.env.ProtocolVersion.Of(m.line))
		request.Header["Mcp-Protocol-Version"] = []string{string(version)}
		request.Header["Mcp-Method"] = []string{m.method}
		if name := m.name(); name != "" {
			request.Header["Mcp-Name"] = []string{headerText(name)}
		}
	}
	response, err := r.transport.RoundTrip(request)
	switch {
	case err != nil && connected:
		return nil, failed(Lost, "%v", err)
	case err != nil:
		return nil, failed(Unsent, "%v", err)
	}
	return response, nil
}

// name is what a request is for, as Mcp-Name says it; "": nothing with a name.
func (m *message) name() string {
	at := codec.Span{}
	switch m.method {
	case "tools/call", "prompts/get":
		at = m.env.Name
	case "resources/read":
		at = m.env.URI
	}
	name, _ := codec.StringOf(at.Of(m.line))
	return string(name)
}

// headerText is text as a header's value, encoded if it is not plain (MCP 2026-07-28,
// basic/transports/streamable-http).
func headerText(text string) string {
	plain := !strings.HasPrefix(text, "=?base64?") && strings.TrimSpace(text) == text
	for i := 0; plain && i < len(text); i++ {
		plain = text[i] >= ' ' && text[i] <= '~'
	}
	if plain {
		return text
	}
	return "=?base64?" + base64.StdEncoding.EncodeToString([]byte(text)) + "?="
}

// request sends a request and has the mount hear what comes of it.
func (r *Remote) request(ctx context.Context, cancel context.CancelFunc, m *message) {
	defer r.done(cancel, m)
	s := r.now()
	f := r.exchange(ctx, m, s)
	if f == errForgotten {
		if f = r.renew(s.epoch); f == nil { // who does not know the session has executed nothing
			if f = r.exchange(ctx, m, r.now()); f == errForgotten {
				f = failed(Refused, "the server forgets each session at once")
			}
		}
	}
	if f != nil && ctx.Err() == nil {
		r.c.Failed(m.id, f)
	}
}

// done ends what belongs to a request.
func (r *Remote) done(cancel context.CancelFunc, m *message) {
	cancel()
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.calls, m.id)
	for id, call := range r.asked {
		if call == m.id {
			delete(r.asked, id)
		}
	}
}

var errForgotten = failed(Refused, "the server does not know the session")

// exchange sends a request and hears the answer.
func (r *Remote) exchange(ctx context.Context, m *message, s session) *Failure {
	response, f := r.post(ctx, m, s)
	if f != nil {
		return f
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return r.refused(response, m, s)
	}
	if m.method == "initialize" {
		r.begin(m, response.Header.Get("Mcp-Session-Id"))
	}
	kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	switch kind {
	case "application/json":
		body, long, err := r.c.Arriving.read(response.Body, r.c.MaxBytes)
		defer r.c.Arriving.free(body)
		switch {
		case err == errFull:
			r.c.Met(reason.LimitArriving)
			return failed(Answer, "%v", err)
		case long:
			return failed(Answer, "its body is longer than max_line_bytes")
		case err != nil:
			return failed(Lost, "%v", err)
		}
		if f := r.hear(body, m, true); f != errAnswered {
			return f
		}
		return nil
	case "text/event-stream":
		return r.hearEvents(ctx, response, m, s)
	}
	return failed(Answer, "its body is %.100q, no application/json and no text/event-stream", kind)
}

// readBody reads up to most bytes.
func readBody(from io.Reader, most int) (body []byte, long bool, err error) {
	body, err = io.ReadAll(io.LimitReader(from, int64(most)+1))
	return body, len(body) > most, err
}

// explained is how much of a refusal's body is read.
const explained = 64 << 10

// drain has a connection be used again.
func drain(response *http.Response) {
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, explained))
	response.Body.Close()
}

// refused says what a status other than 200 means.
func (r *Remote) refused(response *http.Response, m *message, s session) *Failure {
	body, _, _ := readBody(response.Body, explained)
	status, after := response.StatusCode, response.Header.Get("Retry-After")
	inSession := s.id != "" && !m.isModern() && m.method != "initialize"
	switch {
	case inSession && (status == 404 || status == 400 && bytes.Contains(bytes.ToLower(body), []byte("session"))):
		return errForgotten // 404 by the specification; the TypeScript SDK's examples say 400
	case status == 429, status == 503 && after != "":
		f := failed(Busy, "it answers %d", status)
		f.After = parseAfter(after, time.Now())
		return f
	case status == 401, status == 403:
		return failed(Denied, "it answers %d: are headers and token_file of the mount what it wants? %s", status,
			response.Header.Get("WWW-Authenticate"))
	case status >= 300 && status < 400:
		return failed(Refused, "it answers %d and points to %q, which is not followed: set url to where the server is",
			status, response.Header.Get("Location"))
	case status >= 200 && status < 300:
		return failed(Answer, "it answers %d to a request", status)
	case status >= 500:
		return failed(Status, "it answers %d", status)
	}
	if e := codec.Member(body, "error"); e != nil && e[0] == '{' && r.valid(body) {
		line := append([]byte(`{"jsonrpc":"2.0","id":`), m.env.ID.Of(m.line)...)
		r.write(append(append(append(line, `,"error":`...), e...), '}'))
		return nil
	}
	return failed(Refused, "it answers %d", status)
}

func (r *Remote) valid(body []byte) bool {
	var env codec.Envelope
	return codec.Scan(body, &env, &r.c.JSON) == nil
}

// maxAfter bounds what a server may say of when to come again.
const maxAfter = time.Hour

// parseAfter reads Retry-After (RFC 9110, 10.2.3); 0: it says nothing.
func parseAfter(text string, now time.Time) time.Duration {
	if seconds, err := strconv.Atoi(text); err == nil {
		return min(max(0, time.Duration(min(seconds, int(maxAfter/time.Second)))*time.Second), maxAfter)
	}
	if at, err := http.ParseTime(text); err == nil {
		return min(max(0, at.Sub(now)), maxAfter)
	}
	return 0
}

// hear gives the mount a message that came for a request, or by itself (m nil). alone: it must be the answer.
func (r *Remote) hear(text []byte, m *message, alone bool) *Failure {
	var env codec.Envelope
	if err := codec.Scan(text, &env, &r.c.JSON); err != nil {
		if m == nil {
			return nil
		}
		return failed(Answer, "%v", err)
	}
	answers := env.Kind == codec.KindResponse && m != nil && m.sameID(env.ID.Of(text))
	switch {
	case alone && !answers:
		return failed(Answer, "its body is not the answer")
	case env.Kind == codec.KindResponse && !answers:
		return nil // whose it is has heard of it, or nobody waits
	case env.Kind == codec.KindRequest && m != nil:
		if !r.note(string(env.ID.Of(text)), m.id) {
			r.c.Met(reason.LimitAsked)
			return failed(Answer, "it asks for more than %d things at once", maxAsked)
		}
	case answers && m.method == "initialize":
		version, _ := codec.StringOf(codec.Member(env.Result.Of(text), "protocolVersion"))
		r.mu.Lock()
		r.session.version = string(version)
		r.mu.Unlock()
	}
	if answers && m.method == "server/discover" && env.Result.Present() { // what answered initialize before was no session
		r.mu.Lock()
		r.session = session{epoch: r.session.epoch}
		r.mu.Unlock()
	}
	r.write(text)
	if answers {
		return errAnswered
	}
	return nil
}

// maxAsked is how many requests of the server may wait for their answers at once.
const maxAsked = 1 << 10

// note notes which call a request of the server belongs to; false: it asks too much.
func (r *Remote) note(id string, call uint64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, known := r.asked[id]; !known && len(r.asked) >= maxAsked {
		return false
	}
	r.asked[id] = call
	return true
}

// errAnswered ends a stream whose answer came.
var errAnswered = failed(Answer, "answered")

// lingering is how long a stream may last after its answer, so that its connection can be used again.
const lingering = time.Second

// resumes is how often a stream that ends before its answer is asked for again, without an event in between.
const resumes = 5

// hearEvents hears the stream that answers m. One of the legacy era that ends early is resumed, if its events have ids
// (MCP 2025-11-25, basic/transports: resumability).
func (r *Remote) hearEvents(ctx context.Context, response *http.Response, m *message, s session) *Failure {
	lastID, retry := "", firstRetry
	for tries := 0; ; tries++ {
		e := &events{in: bufio.NewReader(response.Body), max: r.c.MaxBytes, lastID: lastID, retry: retry,
			account: r.c.Arriving}
		f := r.hearUntilAnswer(e, m)
		e.free()
		if f == errAnswered {
			ended := time.AfterFunc(lingering, func() { response.Body.Close() })
			_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, explained))
			ended.Stop()
			response.Body.Close()
			return nil
		}
		response.Body.Close()
		if f.Kind != Lost || e.lastID == "" || m.isModern() || m.method == "initialize" {
			return f
		}
		if e.lastID != lastID {
			tries = 0
		}
		lastID, retry = e.lastID, e.retry
		if tries >= resumes || !pause(ctx, retry) {
			return f
		}
		request, bad := r.newRequest(ctx, http.MethodGet, nil, s)
		if bad != nil {
			return f
		}
		request.Header["Last-Event-Id"] = []string{lastID}
		again, err := r.transport.RoundTrip(request)
		if err != nil {
			return f
		}
		if response = again; response.StatusCode != http.StatusOK {
			drain(response)
			return f
		}
	}
}

// hearUntilAnswer hears a stream up to its end or the answer.
func (r *Remote) hearUntilAnswer(e *events, m *message) *Failure {
	for {
		ev, err := e.next()
		if err == errFull {
			r.c.Met(reason.LimitArriving)
			return failed(Answer, "%v", err)
		}
		if err != nil {
			return failed(Lost, "its event stream ended before the answer: %v", err)
		}
		if ev.name != "" && ev.name != "message" {
			continue // a keep-alive, of servers that send events for that
		}
		if ev.long {
			return failed(Answer, "an event is longer than max_line_bytes")
		}
		if f := r.hear(ev.data, m, false); f != nil {
			return f
		}
	}
}

// pause waits; false: ctx is over.
func pause(ctx context.Context, long time.Duration) bool {
	t := time.NewTimer(long)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
