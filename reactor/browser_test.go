package reactor

import (
	"bytes"
	"strings"
	"sync"
	"testing"

	"github.com/rs/zerolog"

	"weir/backpressure"
	"weir/registry"
)

// preflight is what a browser asks before a page's POST.
func preflight(path, origin, names string) string {
	return head("OPTIONS", path, "Origin: "+origin, "Access-Control-Request-Method: POST",
		"Access-Control-Request-Headers: "+names)
}

// TestWhoMayCallMayRead: an Origin that passes the check gets the fields without which its page sees "Failed to fetch",
// in every answer: refusals and streams too.
func TestWhoMayCallMayRead(t *testing.T) {
	s := start(t, withSSE, func(o *Options, _ *backpressure.Options, _ *registry.Options) {
		o.AllowedOrigins = []string{"https://app.example"}
		o.Auth.Resource, o.Auth.AuthorizationServers = "https://mcp.example/mcp", []string{"https://issuer.example"}
	})
	for _, origin := range []string{"https://app.example", "http://localhost:6274", "https://127.0.0.1",
		"http://[::1]:5173"} {
		from := "Origin: " + origin
		f := func(status int, request string) {
			t.Helper()
			p := s.dial("http")
			p.send(request)
			r, err := p.readHead()
			must(t, err)
			exposed := r.Header.Get("Access-Control-Expose-Headers")
			if r.StatusCode != status || r.Header.Get("Access-Control-Allow-Origin") != origin ||
				r.Header.Get("Vary") != "Origin" || !strings.Contains(exposed, "Mcp-Session-Id") ||
				!strings.Contains(exposed, "Retry-After") || !strings.Contains(exposed, "WWW-Authenticate") {
				t.Errorf("%s, %.60q: %s %v", origin, request, r.Status, r.Header)
			}
		}
		f(200, postDiscover(from))
		f(400, post("no JSON", from))
		f(404, strings.Replace(postDiscover(from), "/mcp", "/other", 1))
		f(405, head("PUT", "/mcp", from))
		f(406, strings.Replace(postDiscover(from), "application/json, text/event-stream", "text/html", 1))
		f(413, head("POST", "/mcp", "Content-Type: application/json", "Content-Length: 99999999", from))
		f(415, postDiscover(from, "Content-Encoding: gzip"))
		f(426, head("GET", "/mcp", "Connection: Upgrade", "Upgrade: websocket", from))
		f(431, head("POST", "/mcp", from, "X: "+strings.Repeat("x", 5000)))
		f(200, head("GET", "/.well-known/oauth-protected-resource", from))
		f(200, get(s.dial("http").session(), from))
		f(200, getSSE(from))
		f(204, preflight("/mcp", origin, "content-type"))
		f(204, preflight("/sse", origin, "content-type"))
	}
}

// TestPreflightOfToolHeaders: the names of Mcp-Param-* are the tools', and no list can hold them.
func TestPreflightOfToolHeaders(t *testing.T) {
	p := start(t).dial("http")
	names := "authorization,content-type,last-event-id,mcp-method,mcp-name,mcp-param-region,mcp-param-tenant_id," +
		"mcp-protocol-version,mcp-session-id,traceparent"
	r, _ := p.exchange(preflight("/mcp", "http://localhost:6274", names))
	allowed := map[string]bool{}
	for name := range strings.SplitSeq(r.Header.Get("Access-Control-Allow-Headers"), ",") {
		allowed[strings.ToLower(strings.TrimSpace(name))] = true
	}
	for name := range strings.SplitSeq(names, ",") {
		if !allowed[name] {
			t.Errorf("%s is not allowed: %v", name, r.Header)
		}
	}
	if r.Header.Get("Access-Control-Allow-Private-Network") != "true" || r.Header.Get("Access-Control-Max-Age") != "7200" {
		t.Errorf("a page may not reach a private network, or asks each time: %v", r.Header)
	}
	if methods := r.Header.Get("Access-Control-Allow-Methods"); methods != "POST, GET, DELETE, OPTIONS" {
		t.Error(methods)
	}
	r, _ = p.exchange(preflight("/mcp", "http://localhost:6274", "x,evil\tname,\xff"))
	got := r.Header.Get("Access-Control-Allow-Headers")
	if strings.Contains(got, "evil") || strings.Contains(got, "\xff") {
		t.Errorf("what is no name is repeated: %q", got)
	}
}

// TestOriginsOfOneConnection: a connection that a proxy shares among pages answers each in its own name.
func TestOriginsOfOneConnection(t *testing.T) {
	p := start(t).dial("http")
	for _, origin := range []string{"http://localhost:1", "http://localhost:2", "http://127.0.0.1:1",
		"http://localhost:1"} {
		if r, _ := p.exchange(postDiscover("Origin: " + origin)); r.Header.Get("Access-Control-Allow-Origin") != origin {
			t.Errorf("%s: %v", origin, r.Header)
		}
	}
	for _, origin := range []string{"chrome-extension://localhost", "http://[::1].evil", "http://localhost.evil", ""} {
		r, _ := p.exchange(postDiscover("Origin: " + origin))
		if r.StatusCode != 403 || r.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%q: %s %v", origin, r.Status, r.Header)
		}
	}
	if r, _ := p.exchange(postDiscover()); r.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("nobody's page: %v", r.Header)
	}
}

// TestCachesAndCredentials: what a cache may keep says that it depends on the page, also where no page asked. Credentials
// of a proxy are sent by pages that the configuration names, and by no other page of this machine.
func TestCachesAndCredentials(t *testing.T) {
	const listed, loopback = "https://app.example", "http://localhost:6274"
	s := start(t, func(o *Options, _ *backpressure.Options, _ *registry.Options) {
		o.AllowedOrigins = []string{listed}
		o.Auth.Resource, o.Auth.AuthorizationServers = "https://mcp.example/mcp", []string{"https://issuer.example"}
	})
	p := s.dial("http")
	f := func(request, vary, credentials string) {
		t.Helper()
		p.send(request)
		r, _ := p.response()
		if r.Header.Get("Vary") != vary || r.Header.Get("Access-Control-Allow-Credentials") != credentials {
			t.Errorf("%.80q: %v", request, r.Header)
		}
	}
	metadata := func(fields ...string) string { return head("GET", "/.well-known/oauth-protected-resource", fields...) }
	f(metadata(), "Origin", "")
	f(metadata("Origin: http://evil.example"), "Origin", "")
	f(head("GET", "/other"), "Origin", "")
	f(head("GET", "/mcp"), "Origin", "")
	f(postDiscover(), "", "") // no cache keeps it
	f(metadata("Origin: "+listed), "Origin", "true")
	f(postDiscover("Origin: "+listed), "Origin", "true")
	f(preflight("/mcp", listed, "content-type"), "Origin", "true")
	f(postDiscover("Origin: "+loopback), "Origin", "")
	f(preflight("/mcp", loopback, "content-type"), "Origin", "")
}

// lockedText is a log that a test reads.
type lockedText struct {
	sync.Mutex
	b bytes.Buffer
}

func (l *lockedText) Write(p []byte) (int, error) {
	l.Lock()
	defer l.Unlock()
	return l.b.Write(p)
}

func (l *lockedText) String() string {
	l.Lock()
	defer l.Unlock()
	return l.b.String()
}

// TestRefusedOriginsAreLogged: one line with what came and the key that lets it in, however many come.
func TestRefusedOriginsAreLogged(t *testing.T) {
	var text lockedText
	log := zerolog.New(&text)
	s := startLogged(t, &log)
	p := s.dial("http")
	for range 5 {
		p.exchange(postDiscover("Origin: http://evil.example\xff" + strings.Repeat("x", 1000)))
		p.exchange(strings.Replace(postDiscover(), "Host: localhost", "Host: evil.example", 1))
	}
	got := text.String()
	contains(t, got, `"origin":"http://evil.example`, `"key":"allowed_origins"`, `"host":"evil.example"`,
		`"key":"allowed_hosts"`)
	if n := strings.Count(got, "\n"); n != 2 || len(got) > 2000 {
		t.Errorf("%d lines, %d bytes:\n%s", n, len(got), got)
	}
}

// TestWebSocketTokenInASubprotocol: the only field of a handshake that a page can set.
func TestWebSocketTokenInASubprotocol(t *testing.T) {
	s := start(t, guarded)
	f := func(status int, parts string, fields ...string) string {
		t.Helper()
		p := s.dial("http")
		p.send(head("GET", "/mcp", append(fields, "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
			"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Origin: http://localhost:6274")...))
		r, err := p.readHead()
		must(t, err)
		if r.StatusCode != status {
			t.Errorf("%q: %s", fields, r.Status)
		}
		if status != 101 {
			return ""
		}
		if got := r.Header["Sec-Websocket-Protocol"]; strings.Join(got, ",") != parts {
			t.Errorf("%q: chose %q", fields, got)
		}
		p.send(clientFrame(`{"jsonrpc":"2.0","id":1,"method":"ping"}`))
		return string(p.received().Payload)
	}
	const offer = "Sec-WebSocket-Protocol: "
	contains(t, f(101, "mcp", offer+"mcp, mcp.auth."+tokenOf("alice")), `"id":1`)
	f(101, "mcp", offer+"mcp.auth."+tokenOf("alice"), offer+"mcp")
	f(101, "mcp", offer+"mcp", bearing("alice"))
	f(401, "", offer+"mcp, mcp.auth."+tokenOf("nobody"))
	f(401, "", offer+"mcp, mcp.auth."+tokenOf("late"))
	f(401, "", offer+"mcp, mcp.auth.")
	f(401, "", offer+"mcp, mcp.auth."+tokenOf("alice"), bearing("nobody"))
	f(401, "", offer+"mcp")
	p := s.dial("http")
	if r, _ := p.exchange(postDiscover(offer + "mcp, mcp.auth." + tokenOf("alice"))); r.StatusCode != 401 {
		t.Errorf("a POST can set Authorization: %s", r.Status)
	}
}
