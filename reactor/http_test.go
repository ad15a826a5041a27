package reactor

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"weir/backpressure"
	"weir/reactor/internal/wire"
	"weir/reactor/loop"
	"weir/registry"
)

// response reads one response and its body.
func (p *peer) response() (*http.Response, string) {
	p.t.Helper()
	r, body, err := p.readResponse()
	if err != nil {
		p.t.Fatalf("read a response: %v", err)
	}
	return r, body
}

// readResponse is response for goroutines other than the test's.
func (p *peer) readResponse() (*http.Response, string, error) {
	r, err := http.ReadResponse(p.r, nil)
	if err != nil {
		return nil, "", err
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	return r, string(body), err
}

// session initializes over HTTP and returns the header that names the session.
func (p *peer) session() string {
	p.t.Helper()
	p.send(post(hello))
	r, body := p.response()
	contains(p.t, body, `"protocolVersion":"2025-11-25"`)
	id := r.Header.Get("Mcp-Session-Id")
	if len(id) < 22 {
		p.t.Fatalf("session id %q has fewer than 128 bits", id)
	}
	return "Mcp-Session-Id: " + id
}

// discover is a request that needs no session and is answered on the loop.
const discover = `{"jsonrpc":"2.0","id":1,"method":"server/discover","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}`

func postDiscover(headers ...string) string {
	return post(discover, append(headers, "MCP-Protocol-Version: 2026-07-28", "Mcp-Method: server/discover")...)
}

func TestHTTPSession(t *testing.T) {
	s := start(t)
	p := s.dial("http")
	session := p.session()
	p.send(post(`{"jsonrpc":"2.0","method":"notifications/initialized"}`, session))
	if r, body := p.response(); r.StatusCode != 202 || body != "" {
		t.Errorf("a notification got %d %q", r.StatusCode, body)
	}
	p.send(post(strings.TrimSpace(toolCall("1", "echo", `{"message":"over HTTP"}`)), session))
	r, body := p.response()
	contains(t, body, `"id":1`, `over HTTP`)
	if r.StatusCode != 200 || r.Header.Get("Content-Type") != "application/json" || r.Header.Get("Date") == "" {
		t.Errorf("%d %v", r.StatusCode, r.Header)
	}
	p.send("DELETE /mcp HTTP/1.1\r\nHost: localhost\r\n" + session + "\r\n\r\n")
	if r, _ := p.response(); r.StatusCode != 204 && r.StatusCode != 200 {
		t.Errorf("DELETE got %d", r.StatusCode)
	}
	p.send(post(strings.TrimSpace(toolCall("2", "echo", `{"message":"late"}`)), session))
	if r, _ := p.response(); r.StatusCode != 404 {
		t.Errorf("a call in an ended session got %d, want 404", r.StatusCode)
	}
}

func TestHTTPModern(t *testing.T) {
	s := start(t)
	p := s.dial("http")
	p.send(modernCall(`"a"`, "echo", `{"message":"stateless"}`))
	r, body := p.response()
	contains(t, body, `"id":"a"`, `stateless`, `"resultType":"complete"`)
	if r.StatusCode != 200 {
		t.Error(r.Status)
	}
	p.send(strings.Replace(modernCall("2", "echo", `{"message":"x"}`), "Mcp-Name: echo", "Mcp-Name: other", 1))
	r, body = p.response()
	contains(t, body, `-32020`)
	if r.StatusCode != 400 {
		t.Error(r.Status)
	}
}

// Answers leave in the order of the requests, whatever finishes first.
func TestHTTPPipelining(t *testing.T) {
	s := start(t)
	p := s.dial("http")
	session := p.session()
	call := func(id, tool, arguments string) string {
		return post(strings.TrimSpace(toolCall(id, tool, arguments)), session)
	}
	p.send(call("1", "stuck", `{}`) + call("2", "echo", `{"message":"two"}`) +
		post(`{"jsonrpc":"2.0","id":3,"method":"ping"}`, session) +
		call("4", "sleep", `{"ms":1}`) + "PUT /mcp HTTP/1.1\r\nHost: localhost\r\n\r\n" +
		call("5", "echo", `{"message":"five"}`))
	s.awaitStuck()
	s.eventually("the answers behind the stuck call are ready",
		func() bool { return s.queue.Executing(backpressure.Blocking) == 1 })
	s.free()
	for _, want := range []string{`"id":1`, `"id":2`, `"id":3`, `"id":4`, `not served`, `"id":5`} {
		_, body := p.response()
		contains(t, body, want)
	}
}

func TestHTTPRefusesWhatIsNotMCP(t *testing.T) {
	s := start(t)
	f := func(name, sent string, status int, closes bool, want ...string) {
		t.Run(name, func(t *testing.T) {
			p := s.dial("http")
			p.t = t
			p.send(sent)
			r, body := p.response()
			if r.StatusCode != status || r.Close != closes {
				t.Errorf("got %d, close %v; want %d, %v", r.StatusCode, r.Close, status, closes)
			}
			contains(t, body+fmt.Sprint(r.Header), want...)
			if closes {
				p.rest()
			} else {
				p.send(postDiscover())
				if r, body := p.response(); r.StatusCode != 200 {
					t.Errorf("the connection is not good any more: %s %s", r.Status, body)
				}
			}
		})
	}
	ping := `{"jsonrpc":"2.0","id":1,"method":"ping"}`
	f("GET", "GET /mcp HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n", 405, false, "Allow", "POST")
	f("OPTIONS", "OPTIONS /mcp HTTP/1.1\r\nHost: localhost\r\n\r\n", 204, false, "POST")
	f("another path", strings.Replace(post(ping), "/mcp", "/other", 1), 404, false, "http_path")
	f("another host", strings.Replace(post(ping), "Host: localhost", "Host: evil.example", 1), 403, false, "allowed_hosts")
	f("another origin", post(ping, "Origin: http://evil.example"), 403, false, "allowed_origins")
	f("a null origin", post(ping, "Origin: null"), 403, false, "allowed_origins")
	f("a form", strings.Replace(post(ping), "application/json\r\n", "text/plain\r\n", 1), 415, false, "application/json")
	f("accepts HTML", strings.Replace(post(ping), "Accept: application/json, text/event-stream", "Accept: text/html", 1),
		406, false)
	f("no body", "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\r\n", 400, false,
		"JSON-RPC message")
	f("not JSON", post("hello"), 400, false, "-32700")
	f("no session", post(strings.TrimSpace(toolCall("1", "echo", `{"message":"x"}`))), 400, false)
	f("an unknown session", post(ping, "Mcp-Session-Id: 0123456789abcdef0123456789abcdef"), 404, false)
	f("a body too large", "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9999999\r\n\r\n", 413, true)
	f("too many headers", "POST /mcp HTTP/1.1\r\nHost: localhost\r\n"+strings.Repeat("A: b\r\n", 200)+"\r\n", 431, true)
	f("two lengths", "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}", 400,
		true)
	f("length and chunks", "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, true)
	s.closedFor(loop.CloseBadRequest, "3")
	s.closedFor(loop.CloseMessageTooBig, "1")
}

func TestHTTPAllowedHostAndOrigin(t *testing.T) {
	s := start(t, func(o *Options, _ *backpressure.Options, _ *registry.Options) {
		o.AllowedHosts, o.AllowedOrigins = []string{"mcp.example"}, []string{"https://app.example"}
	})
	p := s.dial("http")
	p.send(strings.Replace(postDiscover("Origin: https://app.example"), "localhost", "MCP.example:8443", 1))
	if r, body := p.response(); r.StatusCode != 200 {
		t.Errorf("%s: %s", r.Status, body)
	}
	p.send(postDiscover("Origin: http://127.0.0.1:3000"))
	if r, body := p.response(); r.StatusCode != 200 {
		t.Errorf("%s: %s", r.Status, body)
	}
}

func TestHTTPExpectContinue(t *testing.T) {
	s := start(t)
	p := s.dial("http")
	request := postDiscover("Expect: 100-continue")
	head, body, _ := strings.Cut(request, "\r\n\r\n")
	p.send(head + "\r\n\r\n")
	if line := p.line(); line != "HTTP/1.1 100 Continue\r" {
		t.Fatalf("got %q", line)
	}
	p.line()
	p.send(body)
	if r, _ := p.response(); r.StatusCode != 200 {
		t.Error(r.Status)
	}
	p.send(strings.Replace(head, "/mcp", "/nothing", 1) + "\r\n\r\n")
	if r, _ := p.response(); r.StatusCode != 404 {
		t.Errorf("a body nobody wants got %s", r.Status)
	}
	p.rest()
}

func TestHTTPChunkedAndCutAnywhere(t *testing.T) {
	s := start(t)
	p := s.dial("http")
	request := "POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:1\r\n" + p.session() +
		"\r\nContent-Type: application/json; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n" +
		"10\r\n{\"jsonrpc\":\"2.0\"\r\n18;x=y\r\n,\"id\":1,\"method\":\"ping\"}\r\n0\r\nTrailer: x\r\n\r\n"
	for i := range request {
		p.send(request[i : i+1])
	}
	_, body := p.response()
	contains(t, body, `"id":1,"result":{}`)
}

func TestHTTPCloseAndOldVersion(t *testing.T) {
	s := start(t)
	p := s.dial("http")
	p.send(postDiscover("Connection: close"))
	if r, _ := p.response(); !r.Close {
		t.Error("the answer to Connection: close does not say it")
	}
	p.rest()
	p = s.dial("http")
	p.send(strings.Replace(postDiscover(), "HTTP/1.1", "HTTP/1.0", 1))
	p.response()
	p.rest()
	s.closedFor(loop.CloseRequested, "2")
}

func TestHTTPDisconnectCancelsOnlyTheStatelessEra(t *testing.T) {
	s := start(t)
	p := s.dial("http")
	legacy := p.session()
	p.send(post(strings.TrimSpace(toolCall("1", "stuck", `{}`)), legacy))
	s.awaitStuck()
	q := s.dial("http")
	q.send(modernCall("1", "stuck", `{}`))
	s.awaitStuck()
	for _, c := range []*peer{p, q} {
		must(t, c.Conn.(interface{ SetLinger(int) error }).SetLinger(0))
		c.Close()
	}
	s.closedFor(loop.ClosePeerReset, "2")
	s.eventually("only the legacy call runs on", func() bool { return s.queue.Executing(backpressure.Blocking) == 1 })
}

// A peer that closes its socket sends a FIN, like one that only closes its sending side.
func TestHTTPCloseCancelsTheStatelessEra(t *testing.T) {
	s := start(t)
	p := s.dial("http")
	p.send(modernCall("1", "stuck", `{}`))
	s.awaitStuck()
	p.Close()
	s.eventually("the call was cancelled", func() bool { return s.queue.Executing(backpressure.Blocking) == 0 })
	s.closedFor(loop.ClosePeerReset, "1")
}

func TestHTTPHalfClosedPeerGetsItsAnswer(t *testing.T) {
	s := start(t)
	p := s.dial("http")
	p.send(modernCall("1", "stuck", `{}`) + modernCall("2", "echo", `{"message":"second"}`))
	s.awaitStuck()
	p.closeWrite()
	if line := p.line(); line != "HTTP/1.1 100 Continue\r" {
		t.Fatalf("got %q", line)
	}
	p.line()
	s.free()
	for _, want := range []string{`"id":1`, `"id":2`} {
		_, body := p.response()
		contains(t, body, want)
	}
	p.rest()
}

// The stuck call is not the first of the line's calls to be started: refusals and answers behind the first must not
// keep the queue from getting to it.
func TestHTTPAnswersBehindStuckCallsDoNotBlockThem(t *testing.T) {
	s := start(t, func(o *Options, b *backpressure.Options, _ *registry.Options) {
		o.MaxOutboxBytes, b.MaxExecutingPerConnection = 2048, 2
	})
	p := s.dial("http")
	session := p.session()
	var sent strings.Builder
	for id := range 20 {
		sent.WriteString(post(strings.TrimSpace(toolCall(fmt.Sprint(id), "stuck", `{}`)), session))
		sent.WriteString(post(strings.TrimSpace(toolCall(fmt.Sprint(100+id), "echo",
			`{"message":"`+strings.Repeat("x", 300)+`"}`)), session))
	}
	go p.Write([]byte(sent.String()))
	s.awaitStuck()
	s.eventually("reading pauses", func() bool { return s.metric("weir_outbox_full_total") != "0" })
	s.free()
	for id := range 20 {
		_, body := p.response()
		contains(t, body, fmt.Sprintf(`"id":%d,"result"`, id))
		_, body = p.response()
		contains(t, body, fmt.Sprintf(`"id":%d,"result"`, 100+id))
	}
	s.eventually("nothing is on the books any more", func() bool { return s.metric("weir_outbox_bytes") == "0" })
}

func TestHTTPUpgradeBehindAnUnansweredRequest(t *testing.T) {
	s := start(t)
	p := s.dial("http")
	p.send(modernCall("1", "stuck", `{}`) +
		"GET /mcp HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	s.awaitStuck()
	s.free()
	_, body := p.response()
	contains(t, body, `"id":1,"result"`)
	r, body := p.response()
	contains(t, body, "are answered")
	if r.StatusCode != 400 {
		t.Error(r.Status)
	}
}

func TestCORSOfAnAllowedOrigin(t *testing.T) {
	s := start(t, func(o *Options, _ *backpressure.Options, _ *registry.Options) {
		o.AllowedOrigins = []string{"https://app.example"}
	})
	p := s.dial("http")
	p.send("OPTIONS /mcp HTTP/1.1\r\nHost: localhost\r\nOrigin: https://app.example\r\nAccess-Control-Request-Method: POST\r\n\r\n")
	r, _ := p.response()
	if r.StatusCode != 204 || r.Header.Get("Access-Control-Allow-Origin") != "https://app.example" ||
		!strings.Contains(r.Header.Get("Access-Control-Allow-Headers"), "Mcp-Session-Id") {
		t.Error(r.Status, r.Header)
	}
	p.send(postDiscover("Origin: https://app.example"))
	if r, _ := p.response(); r.Header.Get("Access-Control-Allow-Origin") != "https://app.example" {
		t.Error(r.Header)
	}
	p.send(postDiscover())
	if r, _ := p.response(); r.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Error(r.Header)
	}
}

func post(body string, headers ...string) string { return wire.Post(body, headers...) }

func modernCall(id, tool, arguments string) string { return wire.ModernCall(id, tool, arguments) }
