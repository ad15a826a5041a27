package reactor

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"weir/backpressure"
	"weir/registry"
)

// exchange sends a request and reads its response as the client of that method does.
func (p *peer) exchange(request string) (*http.Response, string) {
	p.t.Helper()
	p.send(request)
	method, _, _ := strings.Cut(request, " ")
	r, err := http.ReadResponse(p.r, &http.Request{Method: method})
	must(p.t, err)
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	must(p.t, err)
	return r, string(body)
}

// readHead reads the head of a response; a body is left.
func (p *peer) readHead() (*http.Response, error) {
	return http.ReadResponse(p.r, &http.Request{Method: "HEAD"})
}

// head is a request without a body.
func head(method, target string, headers ...string) string {
	return method + " " + target + " HTTP/1.1\r\nHost: localhost\r\n" + strings.Join(append(headers, ""), "\r\n") + "\r\n"
}

// serves holds that the connection is good for another request.
func (p *peer) serves() {
	p.t.Helper()
	if r, body := p.exchange(postDiscover()); r.StatusCode != 200 {
		p.t.Errorf("the connection is not good any more: %s %s", r.Status, body)
	}
}

func TestUpgradeRequiredNamesTheProtocol(t *testing.T) {
	p := start(t).dial("http")
	for _, version := range []string{"Sec-WebSocket-Version: 8", "X: none"} {
		r, _ := p.exchange(head("GET", "/mcp", "Connection: Upgrade", "Upgrade: websocket",
			"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", version, "Accept: text/event-stream"))
		if r.StatusCode != 426 || r.Header.Get("Upgrade") != "websocket" || r.Header.Get("Connection") != "Upgrade" ||
			r.Header.Get("Sec-WebSocket-Version") != "13" {
			t.Errorf("%s: %s %v", version, r.Status, r.Header)
		}
	}
	p.serves()
}

// TestHeadHasNoBody: whatever HEAD is refused for, no byte follows the head, and no length is told that is not GET's.
func TestHeadHasNoBody(t *testing.T) {
	s := start(t, guarded, func(o *Options, _ *backpressure.Options, _ *registry.Options) {
		o.Auth.Resource, o.Auth.AuthorizationServers = "https://mcp.example/mcp", []string{"https://issuer.example"}
	})
	f := func(status int, sent string) {
		t.Helper()
		p := s.dial("http")
		p.send(sent)
		r, err := http.ReadResponse(p.r, &http.Request{Method: "HEAD"})
		must(t, err)
		if r.StatusCode != status || r.Header.Get("Content-Length") != "" {
			t.Errorf("%.40q: %s %v", sent, r.Status, r.Header)
		}
		p.closeWrite()
		if rest := p.rest(); rest != "" {
			t.Errorf("%.40q: a body came: %q", sent, rest)
		}
	}
	f(401, head("HEAD", "/mcp"))
	f(405, head("HEAD", "/mcp", "Authorization: Bearer "+tokenOf("alice")))
	f(404, head("HEAD", "/nothing"))
	f(403, strings.Replace(head("HEAD", "/mcp"), "localhost", "evil.example", 1))
	f(200, head("HEAD", "/.well-known/oauth-protected-resource"))
	f(400, "HEAD /mcp HTTP/1.1\r\n\r\n")
	f(400, "\r\nHEAD /mcp HTTP/1.1\r\n\r\n")
	f(400, "HEAD /mcp HTTP/1.1\r\nHost: localhost\r\nX : 1\r\n\r\n")
	f(417, head("HEAD", "/mcp", "Expect: more"))
	f(431, head("HEAD", "/mcp", "X: "+strings.Repeat("x", 40_000)))
	f(413, head("HEAD", "/mcp", "Content-Length: 9999999"))
	f(414, head("HEAD", "/"+strings.Repeat("x", 9000)))
	f(505, "HEAD /mcp HTTP/3.0\r\n\r\n")
	f(400, "HEAD mcp HTTP/1.1\r\nHost: localhost\r\n\r\n")
}

// TestAllowIsWhatIsAllowed: each path lists the methods that it serves, to OPTIONS, to preflights and with a 405.
func TestAllowIsWhatIsAllowed(t *testing.T) {
	s := start(t, withSSE, func(o *Options, _ *backpressure.Options, _ *registry.Options) {
		o.Auth.Resource, o.Auth.AuthorizationServers = "https://mcp.example/mcp", []string{"https://issuer.example"}
	})
	p := s.dial("http")
	f := func(status int, request, allow string) {
		t.Helper()
		r, _ := p.exchange(request)
		if r.StatusCode != status || r.Header.Get("Allow") != allow {
			t.Errorf("%.50q: %s, Allow: %q, want %d %q", request, r.Status, r.Header.Get("Allow"), status, allow)
		}
	}
	const mcp, sse, metadata = "POST, GET, DELETE, OPTIONS", "GET, POST, OPTIONS", "GET, HEAD, OPTIONS"
	f(204, head("OPTIONS", "/mcp"), mcp)
	f(204, head("OPTIONS", "*"), mcp)
	f(204, head("OPTIONS", "http://localhost"), mcp)
	f(404, head("OPTIONS", "http://localhost/"), "")
	f(405, head("PUT", "/mcp"), mcp)
	f(405, head("HEAD", "/mcp"), mcp)
	f(405, head("GET", "/mcp", "Accept: text/event-stream"), "POST, DELETE, OPTIONS")
	f(405, head("GET", "/mcp", "Accept: text/html"), "POST, DELETE, OPTIONS")
	for _, method := range []string{"DELETE", "HEAD", "PATCH"} {
		f(405, head(method, "/sse"), sse)
	}
	f(204, head("OPTIONS", "/sse"), sse)
	const document = "/.well-known/oauth-protected-resource"
	f(204, head("OPTIONS", document), metadata)
	f(405, head("POST", document), metadata)
	f(200, head("GET", document+"/mcp/"), "")
	p.serves()
}

func TestConnectEndsTheConnection(t *testing.T) {
	s := start(t)
	for _, target := range []string{"localhost:443", "evil.example:443"} {
		p := s.dial("http")
		p.send("CONNECT " + target + " HTTP/1.1\r\nHost: " + target + "\r\n\r\n" + postDiscover())
		r, body := p.response()
		if r.StatusCode != 501 || !r.Close {
			t.Error(r.Status, r.Header)
		}
		contains(t, body, "no proxy")
		if rest := p.rest(); rest != "" {
			t.Errorf("what followed CONNECT was served: %q", rest)
		}
	}
}

func TestPathsWithASlash(t *testing.T) {
	s := start(t, withSSE)
	p := s.dial("http")
	f := func(path string, status int) {
		t.Helper()
		if r, _ := p.exchange(strings.Replace(postDiscover(), "/mcp ", path+" ", 1)); r.StatusCode != status {
			t.Errorf("%s: %s", path, r.Status)
		}
	}
	f("/mcp", 200)
	f("/mcp/", 200)
	f("/mcp/?x=y", 200)
	f("/mcp//", 404)
	f("//mcp", 404)
	f("/", 404)
	f("/mcp/x", 404)
	f("/sse/?sessionId=none", 404)
	if r, _ := p.exchange(head("DELETE", "/sse/")); r.StatusCode != 405 {
		t.Errorf("/sse/: %s", r.Status)
	}
	p.send(strings.Replace(get(p.session()), "/mcp ", "/mcp/ ", 1))
	p.stream().next()
	o := DefaultOptions()
	o.HTTPSSEPath = "/mcp/"
	if len(o.Validate()) == 0 {
		t.Error("/mcp and /mcp/ are one path")
	}
}

// TestAcceptOfPosts: RFC 9110 12.5.1.
func TestAcceptOfPosts(t *testing.T) {
	p := start(t).dial("http")
	f := func(accept string, status int, contentType string) {
		t.Helper()
		r, body := p.exchange(strings.Replace(postDiscover(), "Accept: application/json, text/event-stream\r\n", accept, 1))
		if r.StatusCode != status || r.Header.Get("Content-Type") != contentType {
			t.Errorf("%q: %s %v\n%s", accept, r.Status, r.Header, body)
		}
		if contentType == "text/event-stream" {
			contains(t, body, `data: {"jsonrpc":"2.0","id":1,"result"`)
		}
	}
	const json, stream = "application/json", "text/event-stream"
	f("", 200, json)
	f("Accept:\r\n", 200, json)
	f("Accept: */*\r\n", 200, json)
	f("Accept: Application/JSON\r\n", 200, json)
	f("Accept: APPLICATION/*;q=0.1\r\n", 200, json)
	f("Accept: application/json;charset=utf-8;q=0.5 , text/event-stream\r\n", 200, json)
	f("Accept: text/html\r\nAccept: application/json\r\n", 200, json)
	f("Accept: text/event-stream\r\n", 200, stream)
	f("Accept: Text/Event-Stream;q=0.9\r\n", 200, stream)
	f("Accept: text/*\r\n", 200, stream)
	f("Accept: application/json;q=0, text/event-stream\r\n", 200, stream)
	f("Accept: application/json;q=0.000, */*\r\n", 200, stream)
	f("Accept: application/json;Q=0\r\n", 406, json)
	f("Accept: application/json; q=0 , */*;q=0\r\n", 406, json)
	f("Accept: text/html\r\n", 406, json)
	f("Accept: */*;q=0\r\n", 406, json)
	f("Accept: application/jsonx, text/event-streams\r\n", 406, json)
	f("Accept: application/*;q=0, application/json\r\n", 200, json)
	noJSON := strings.Replace(post("no JSON"), ", text/event-stream", ";q=0, text/event-stream", 1)
	if r, _ := p.exchange(noJSON); r.StatusCode != 400 {
		t.Errorf("an error has its status, and is JSON: %s", r.Status)
	}
}

func TestAcceptOfGets(t *testing.T) {
	s := start(t, withSSE)
	f := func(accept string, status int) {
		t.Helper()
		p := s.dial("http")
		p.send(strings.Replace(get(p.session()), "Accept: text/event-stream\r\n", accept, 1))
		if status == 200 {
			p.stream().next()
			return
		}
		p.wantStatus(status, "Accept must allow text/event-stream")
	}
	for _, accept := range []string{"", "Accept: */*\r\n", "Accept: text/*;q=0.1\r\n", "Accept: TEXT/event-stream\r\n"} {
		f(accept, 200)
	}
	f("Accept: application/json\r\n", 405)
	f("Accept: text/event-stream;q=0, */*\r\n", 405)
	p := s.dial("http")
	p.send(strings.Replace(getSSE(), "text/event-stream", "*/*", 1))
	p.stream().next()
	p = s.dial("http")
	p.send(strings.Replace(post(listen("1", `{"toolsListChanged":true}`), "MCP-Protocol-Version: 2026-07-28",
		"Mcp-Method: subscriptions/listen"), "Accept: application/json, text/event-stream", "Accept: */*", 1))
	p.stream().next()
}

func TestCodedBodiesAreRefusedByName(t *testing.T) {
	p := start(t).dial("http")
	f := func(status int, codings ...string) {
		t.Helper()
		r, body := p.exchange(postDiscover(codings...))
		if r.StatusCode != status {
			t.Errorf("%q: %s %s", codings, r.Status, body)
		}
		if status == 415 {
			contains(t, body, "Content-Encoding")
			if r.Header.Get("Accept-Encoding") != "identity" {
				t.Error(r.Header)
			}
		}
	}
	f(415, "Content-Encoding: gzip")
	f(415, "content-encoding: BR")
	f(415, "Content-Encoding: identity, deflate")
	f(415, "Content-Encoding: identity", "Content-Encoding: zstd")
	f(200, "Content-Encoding: identity")
	f(200, "Content-Encoding:")
	p.serves()
}

// old makes a request one of HTTP/1.0, as proxies send it that have not been told better.
func old(request string) string { return strings.Replace(request, "HTTP/1.1", "HTTP/1.0", 1) }

// TestHTTP10Streams: what streams to HTTP/1.1 in chunks streams to HTTP/1.0 until the connection closes (RFC 9112 6.3).
func TestHTTP10Streams(t *testing.T) {
	s := start(t, withSSE)
	s.addTell()
	whole := func(name, request string, parts ...string) {
		t.Run(name, func(t *testing.T) {
			p := s.dial("http")
			p.t = t
			p.send(old(request))
			r, body := p.response()
			if r.StatusCode != 200 || !r.Close || len(r.TransferEncoding) > 0 || r.ContentLength >= 0 {
				t.Errorf("%s %v", r.Status, r.Header)
			}
			contains(t, body, parts...)
			for line := range strings.Lines(body) {
				if field := strings.TrimSpace(line); field != "" && !strings.HasPrefix(field, "data: ") && field != ":" &&
					!strings.HasPrefix(field, "id: ") && !strings.HasPrefix(field, "retry: ") {
					t.Errorf("the stream has a line %q", line)
				}
			}
		})
	}
	told := postTell("1", `{"times":2}`, `"progressToken":"p",`+modernIs, modernHeaders...)
	whole("progress", told, `"progress":1`, `"progress":2`, "sent 2")
	whole("keep-alive", strings.Replace(told, "\r\n", "\r\nConnection: keep-alive\r\n", 1), `"progress":1`, "sent 2")
	whole("only a stream", strings.Replace(postDiscover(), "application/json, text", "text", 1), `"result"`)
	t.Run("a peer that has ended", func(t *testing.T) { // wholly, or only its half
		p := s.dial("http")
		p.send(old(modernCall("1", "stuck", `{}`)))
		s.awaitStuck()
		p.closeWrite()
		e := p.stream()
		s.free()
		contains(t, e.data(), "free")
		e.ends()
		last := strings.Replace(modernCall("1", "stuck", `{}`), "\r\n", "\r\nConnection: close\r\n", 1)
		for _, request := range []string{old(modernCall("1", "stuck", `{}`)), last} {
			s := start(t)
			p := s.dial("http")
			p.send(request)
			s.awaitStuck()
			p.Close()
			s.eventually("its call is cancelled", func() bool { return s.queue.Executing(backpressure.Blocking) == 0 })
		}
	})
	t.Run("a session's stream", func(t *testing.T) {
		p, q := s.dial("http"), s.dial("http")
		session := q.session()
		p.send(old(get(session)))
		e := p.stream()
		e.wantEvent("0-0", "")
		s.change("old")
		e.wantEvent("0-1", toolsChanged)
		q.send(head("DELETE", "/mcp", session))
		q.response()
		e.ends()
	})
	t.Run("a listen", func(t *testing.T) {
		p := s.dial("http")
		p.send(old(post(listen("1", `{"toolsListChanged":true}`), "MCP-Protocol-Version: 2026-07-28",
			"Mcp-Method: subscriptions/listen")))
		e := p.stream()
		contains(t, e.data(), "acknowledged")
		s.change("older")
		contains(t, e.data(), "tools/list_changed")
	})
	t.Run("2024-11-05", func(t *testing.T) {
		p, q := s.dial("http"), s.dial("http")
		p.send(old(getSSE()))
		e := p.stream()
		endpoint := e.next()
		if endpoint.name != "endpoint" {
			t.Fatalf("%+v", endpoint)
		}
		q.send(old(postTo(endpoint.data, hello)))
		q.wantStatus(202)
		if ev := e.next(); ev.name != "message" {
			t.Errorf("%+v", ev)
		}
	})
	t.Run("keep-alive without streams", func(t *testing.T) {
		p := s.dial("http")
		for range 2 {
			p.send(old(strings.Replace(postDiscover("Connection: keep-alive"), ", text/event-stream", "", 1)))
			if r, _ := p.response(); r.StatusCode != 200 || r.Close || r.Header.Get("Connection") != "keep-alive" {
				t.Error(r.Status, r.Header)
			}
		}
	})
}

// TestStreamsBeginWithAByte: a proxy that waits for the first byte of a body passes the head on at once.
func TestStreamsBeginWithAByte(t *testing.T) {
	s := start(t, func(o *Options, _ *backpressure.Options, _ *registry.Options) { o.SSEKeepAlive = time.Hour })
	for _, version := range []string{"2025-03-26", "2025-06-18", "2025-11-25"} {
		p := s.dial("http")
		r, _ := p.exchange(post(strings.Replace(hello, "2025-11-25", version, 1)))
		p.send(get("Mcp-Session-Id: " + r.Header.Get("Mcp-Session-Id")))
		if ev := p.stream().next(); ev.data != "" || ev.comment == "" && ev.id == "" {
			t.Errorf("%s: %+v", version, ev)
		}
	}
}

// TestSilentAnswerBecomesAStream: what stands between must not take a call that thinks for a dead connection.
func TestSilentAnswerBecomesAStream(t *testing.T) {
	quick := func(o *Options, _ *backpressure.Options, _ *registry.Options) {
		o.SSEAnswerAfter, o.SSEKeepAlive = time.Millisecond, time.Millisecond
	}
	modern := modernCall("1", "stuck", `{}`)
	legacy := func(p *peer) string { return post(strings.TrimSpace(toolCall("1", "stuck", `{}`)), p.session()) }
	f := func(name string, request func(p *peer) string, primed bool) {
		t.Run(name, func(t *testing.T) {
			s := start(t, quick)
			p := s.dial("http")
			p.t = t
			p.send(request(p) + postDiscover())
			s.awaitStuck()
			e := p.stream()
			if ev := e.next(); ev.comment == "" && !primed || primed && ev.id == "" {
				t.Errorf("got %+v", ev)
			}
			if ev := e.next(); ev.comment == "" {
				t.Errorf("got %+v, want a comment", ev)
			}
			s.free()
			contains(t, e.data(), `"id":1,"result"`, "free")
			e.ends()
			if r, _ := p.response(); r.StatusCode != 200 || r.Header.Get("Content-Type") != "application/json" {
				t.Errorf("the answer behind it: %s %v", r.Status, r.Header)
			}
		})
	}
	f("stateless", func(*peer) string { return modern }, false)
	f("session", legacy, true)
	t.Run("no stream accepted", func(t *testing.T) {
		s := start(t, quick)
		p := s.dial("http")
		p.send(strings.Replace(modern, ", text/event-stream", "", 1))
		s.awaitStuck()
		turns := s.turns()
		s.eventually("the loops sweep", func() bool { return s.turns() > turns+4 })
		s.free()
		if r, _ := p.response(); r.Header.Get("Content-Type") != "application/json" {
			t.Error(r.Header)
		}
	})
	t.Run("HTTP/1.0", func(t *testing.T) {
		s := start(t, quick)
		p := s.dial("http")
		p.send(old(modern))
		s.awaitStuck()
		e := p.stream()
		e.next()
		s.free()
		contains(t, e.data(), "free")
		e.ends()
	})
}
