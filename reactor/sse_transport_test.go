package reactor

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/backpressure"
	"weir/registry"
)

func withSSE(o *Options, _ *backpressure.Options, _ *registry.Options) { o.HTTPSSEPath = "/sse" }

func getSSE(headers ...string) string {
	return "GET /sse HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n" +
		strings.Join(append(headers, ""), "\r\n") + "\r\n"
}

func postTo(path, body string, headers ...string) string {
	return strings.Replace(post(body, headers...), "POST /mcp ", "POST "+path+" ", 1)
}

// sse opens a stream and returns where to POST.
func (p *peer) sse(headers ...string) (*events, string) {
	p.t.Helper()
	p.send(getSSE(headers...))
	e := p.stream()
	endpoint := e.next()
	if endpoint.name != "endpoint" || !strings.HasPrefix(endpoint.data, "/sse?sessionId=") ||
		len(endpoint.data) < len("/sse?sessionId=")+26 {
		p.t.Fatalf("the first event is %+v", endpoint)
	}
	return e, endpoint.data
}

// asked POSTs a message and wants it taken.
func (p *peer) asked(path, body string) {
	p.t.Helper()
	p.send(postTo(path, body))
	if r, body := p.response(); r.StatusCode != 202 || body != "" {
		p.t.Fatalf("got %s %s", r.Status, body)
	}
}

func (e *events) message() string {
	e.t.Helper()
	ev := e.next()
	for ; ev.comment != ""; ev = e.next() {
	}
	if ev.name != "message" {
		e.t.Errorf("got %+v, want a message", ev)
	}
	return ev.data
}

// The stream is the conversation: answers, progress, changes and questions go out on it, whoever POSTs.
func TestSSESession(t *testing.T) {
	s := start(t, withSSE)
	s.addTell()
	s.addAsk()
	for i := range 3 { // stream and POSTs meet on one loop and on two
		p, q := s.dial("http"), s.dial("http")
		e, path := p.sse()
		q.asked(path, strings.Replace(able, "2025-11-25", "2024-11-05", 1))
		contains(t, e.message(), `"protocolVersion":"2024-11-05"`)
		q.asked(path, `{"jsonrpc":"2.0","method":"notifications/initialized"}`)
		q.asked(path, tellCall("1", `{"times":2}`, `"progressToken":"p"`))
		for _, want := range []string{wordless(step1), wordless(step2), logLine} {
			if got := e.message(); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		}
		contains(t, e.message(), `"id":1`, endsWith)
		q.asked(path, askCall("2", 1))
		request := e.message()
		contains(t, request, `elicitation/create`)
		q.asked(path, reply(t, request, ada))
		contains(t, e.message(), `"id":2`, greeted)
		if s.change(fmt.Sprint("new-", i)); e.message() != toolsChanged {
			t.Error("the change was not told")
		}
		q.asked(path, `{"jsonrpc":"2.0","id":3,"method":`)
		contains(t, e.message(), `-32700`)
		q.asked(path, `{"jsonrpc":"2.0","id":4,"method":"ping"}`)
		contains(t, e.message(), `"id":4,"result":{}`)
	}
	if got := s.metric("weir_http_sse_sessions"); got != "3" {
		t.Errorf("%s sessions, want 3", got)
	}
}

// The end of the stream is the end of the session, and cancels what it asked.
func TestSSESessionEndsWithItsStream(t *testing.T) {
	s := start(t, withSSE)
	p, q := s.dial("http"), s.dial("http")
	e, path := p.sse()
	q.asked(path, hello)
	e.message()
	q.asked(path, toolCall("1", "stuck", `{}`))
	s.awaitStuck()
	p.Close()
	s.eventually("the session ends", func() bool {
		return s.metric("weir_http_sse_sessions") == "0" && s.queue.Executing(backpressure.Blocking) == 0
	})
	q.send(postTo(path, `{"jsonrpc":"2.0","id":2,"method":"ping"}`))
	q.wantStatus(404, "no such session")
}

// A server that stops refuses streams, and calls on the stream; control goes on.
func TestSSEDrain(t *testing.T) {
	s := start(t, withSSE)
	p, q, r := s.dial("http"), s.dial("http"), s.dial("http")
	e, path := p.sse()
	q.asked(path, hello)
	e.message()
	q.asked(path, toolCall("1", "stuck", `{}`))
	s.awaitStuck()
	stopped := make(chan DrainReport)
	go func() { stopped <- s.stop(patience) }()
	s.eventually("it stops", func() bool { return s.queue.Draining() })
	q.asked(path, toolCall("2", "echo", `{"message":"late"}`))
	contains(t, e.message(), `"id":2`, `"reason":"draining"`)
	r.send(postTo(path, `{"jsonrpc":"2.0","id":3,"method":"ping"}`)) // q was closed after its answer
	r.wantStatus(202)
	contains(t, e.message(), `"id":3,"result":{}`)
	s.free()
	contains(t, e.message(), `"id":1`, "free")
	e.ends()
	for _, peer := range []*peer{p, q, r} {
		peer.Close() // or the stop waits for it
	}
	if report := <-stopped; report.Messages != 0 || report.OutboxBytes != 0 {
		t.Errorf("%+v", report)
	}
}

// A peer that closes only its sending side still hears.
func TestSSESessionOfAHalfClosedPeer(t *testing.T) {
	s := start(t, withSSE)
	p, q := s.dial("http"), s.dial("http")
	e, path := p.sse()
	p.closeWrite()
	if ev := e.next(); ev.comment == "" {
		t.Errorf("got %+v, want a comment", ev)
	}
	q.asked(path, hello)
	contains(t, e.message(), `"id":0`)
	s.stop(patience)
	e.ends()
}

// A stream is its principal's alone: another one's POST finds none.
func TestSSEAsksForAToken(t *testing.T) {
	s := start(t, func(o *Options, b *backpressure.Options, r *registry.Options) { withSSE(o, b, r); guarded(o, b, r) })
	f := func(want int, request string) {
		t.Helper()
		p := s.dial("http")
		p.send(request)
		if r, body := p.response(); r.StatusCode != want {
			t.Errorf("got %s %s, want %d", r.Status, body, want)
		}
	}
	f(401, getSSE())
	f(401, getSSE("Authorization: Bearer mallory"))
	e, path := s.dial("http").sse(bearing("alice"))
	f(401, postTo(path, able))
	f(404, postTo(path, able, bearing("bob")))
	f(202, postTo(path, able, bearing("alice")))
	contains(t, e.message(), `"protocolVersion":`)
}

func TestSSERefuses(t *testing.T) {
	off := start(t).dial("http")
	off.send(getSSE())
	off.wantStatus(404)
	s := start(t, withSSE)
	p := s.dial("http")
	f := func(status int, request string, parts ...string) {
		t.Helper()
		p.send(request)
		p.wantStatus(status, parts...)
	}
	ping := `{"jsonrpc":"2.0","id":1,"method":"ping"}`
	f(404, postTo("/sse?sessionId=ABCDEFGHIJKLMNOPQRSTUVWXYZ", ping), "no such session")
	f(404, postTo("/sse", ping), "no such session")
	f(403, getSSE("Origin: https://elsewhere.example"), "allowed_origins")
	f(403, strings.Replace(getSSE(), "Host: localhost", "Host: elsewhere.example", 1), "allowed_hosts")
	f(406, strings.Replace(getSSE(), "text/event-stream", "text/html", 1), "text/event-stream")
	f(415, strings.Replace(postTo("/sse", ping), "application/json\r\n", "text/plain\r\n", 1))
	f(204, "OPTIONS /sse HTTP/1.1\r\nHost: localhost\r\n\r\n")
	f(405, "DELETE /sse HTTP/1.1\r\nHost: localhost\r\n\r\n")
	p.send(modernCall("9", "stuck", `{}`) + getSSE())
	s.awaitStuck()
	s.free()
	p.wantStatus(200)
	p.wantStatus(400, "when the requests before it are answered")
}

// A stream whose peer does not read is held to the bounds of any connection, and its POSTs are refused.
func TestSSEOfAPeerThatDoesNotRead(t *testing.T) {
	s := start(t, withSSE, func(o *Options, _ *backpressure.Options, _ *registry.Options) {
		o.SendBufferBytes, o.MaxOutboxBytes = 4096, 4096
	})
	p, q := s.dial("http"), s.dial("http")
	_, path := p.sse()
	q.asked(path, hello)
	echo := postTo(path, toolCall("1", "echo", `{"message":"`+strings.Repeat("x", 30_000)+`"}`))
	s.eventually("a POST is refused", func() bool {
		q.send(echo)
		r, body := q.response()
		return r.StatusCode == 503 && r.Header.Get("Retry-After") != "" && strings.Contains(body, "connection_queue_full")
	})
}

// Nor do POSTs that were taken before it showed fill its outbox.
func TestSSEOfAPeerThatAsksMoreThanItReads(t *testing.T) {
	s := start(t, withSSE, func(o *Options, _ *backpressure.Options, _ *registry.Options) {
		o.SendBufferBytes, o.MaxOutboxBytes, o.Loops = 4096, 4096, 1
	})
	const listBytes = 100_000
	registry.AddTool(s.registry, &mcp.Tool{Name: "long", Description: strings.Repeat("x", listBytes)},
		func(context.Context, *mcp.CallToolRequest, struct{}) (*mcp.CallToolResult, any, error) {
			return nil, nil, nil
		})
	p, q := s.dial("http"), s.dial("http")
	must(t, p.Conn.(*net.TCPConn).SetReadBuffer(4096))
	e, path := p.sse()
	q.asked(path, strings.Replace(hello, "2025-11-25", "2025-03-26", 1))
	contains(t, e.message(), `"id":0`)
	q.send(strings.Repeat(postTo(path, `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`)+
		postTo(path, `[{"jsonrpc":"2.0","id":2,"method":"tools/list"}]`), 50)) // one read
	most := int64(0)
	s.eventually("all are served", func() bool {
		most = max(most, s.loops.OutboxBytes())
		return s.loops.InputBytes() == 0 && s.refused("connection_queue_full") != "0"
	})
	if most > 4*listBytes {
		t.Errorf("%d bytes waited in an outbox of 4096", most)
	}
	heard := e.message() + e.message()
	for m := ""; !strings.Contains(m, "connection_queue_full"); heard += m {
		m = e.message()
	}
	contains(t, heard+e.message(), `"id":1,"error"`, `"id":null,"error"`)
}

// What finds the queue full is refused on the stream; with on_full pause it waits, and what comes behind it may be 503.
// All are answered once.
func TestSSEWithAFullQueue(t *testing.T) {
	for _, onFull := range []OnFull{OnFullRefuse, OnFullPause} {
		t.Run(string(onFull), func(t *testing.T) {
			s := start(t, withSSE, func(o *Options, b *backpressure.Options, _ *registry.Options) {
				o.OnFull, b.MaxWaitingPerConnection, b.MaxExecutingPerConnection = onFull, 2, 1
			})
			p, q := s.dial("http"), s.dial("http")
			e, path := p.sse()
			q.asked(path, hello)
			e.message()
			q.asked(path, toolCall("0", "stuck", `{}`))
			s.awaitStuck()
			refused := 0
			for i := 1; i <= 6; i++ {
				q.send(postTo(path, toolCall(fmt.Sprint(i), "echo", `{"message":"m"}`)))
				if r, _ := q.response(); r.StatusCode == 503 {
					refused++
				}
			}
			due := 7 - refused
			if onFull == OnFullRefuse { // two wait
				for range 4 {
					contains(t, e.message(), `"reason":"connection_queue_full"`)
				}
				due = 3
			}
			s.free()
			for range due {
				e.message()
			}
		})
	}
}

func TestSSEKeepAlive(t *testing.T) {
	s := start(t, withSSE, func(o *Options, _ *backpressure.Options,
		_ *registry.Options) {
		o.SSEKeepAlive = time.Millisecond
	})
	e, _ := s.dial("http").sse()
	for range 2 {
		if ev := e.next(); ev.comment == "" {
			t.Errorf("got %+v, want a comment", ev)
		}
	}
}

func TestSSEPath(t *testing.T) {
	f := func(path string, valid bool) {
		o := DefaultOptions()
		o.HTTPSSEPath = path
		if got := len(o.Validate()) == 0; got != valid {
			t.Errorf("%q: %v", path, o.Validate())
		}
	}
	f("", true)
	f("/sse", true)
	f("/a/b-c", true)
	for _, bad := range []string{"sse", "/mcp", "/s e", "/sse?x=1", "/sse#f", "//host/sse", "/\n", "/%zz",
		"http://host/sse"} {
		f(bad, false)
	}
}

func TestSDKClientOverSSE(t *testing.T) {
	s := start(t, withSSE)
	s.addTell()
	heard := make(chan float64, 8)
	client := mcp.NewClient(&mcp.Implementation{Name: "judge", Version: "1"}, &mcp.ClientOptions{
		ProgressNotificationHandler: func(_ context.Context,
			r *mcp.ProgressNotificationClientRequest) {
			heard <- r.Params.Progress
		},
	})
	inner := &http.Transport{}
	defer inner.CloseIdleConnections()
	session, err := client.Connect(t.Context(), &mcp.SSEClientTransport{Endpoint: "http://" + s.Addrs()["http"] + "/sse",
		HTTPClient: &http.Client{Transport: inner}},
		&mcp.ClientSessionOptions{ProtocolVersion: "2024-11-05"})
	must(t, err)
	params := &mcp.CallToolParams{Name: "tell", Arguments: map[string]any{"times": 2}}
	params.SetProgressToken("p")
	result, err := session.CallTool(t.Context(), params)
	must(t, err)
	if text := result.Content[0].(*mcp.TextContent).Text; text != endsWith || <-heard != 1 || <-heard != 2 {
		t.Error(text)
	}
	must(t, session.Close())
}

// The SDK's client comes back for the rest of a stream that its call closed.
func TestSDKClientPolls(t *testing.T) {
	s := start(t, func(o *Options, _ *backpressure.Options, _ *registry.Options) { o.SSERetry = 20 * time.Millisecond })
	s.addPoll()
	client := mcp.NewClient(&mcp.Implementation{Name: "judge", Version: "1"}, nil)
	session := s.sdkClient(t, client, "http", "2025-11-25")
	done := make(chan string)
	go func() {
		result, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: "poll"})
		if err != nil {
			done <- err.Error()
			return
		}
		done <- result.Content[0].(*mcp.TextContent).Text
	}()
	s.awaitStuck()
	s.eventually("it is back", func() bool { return s.metric(`weir_stream_resumes_total{outcome="resumed"}`) != "0" })
	s.free()
	if text := <-done; !strings.HasPrefix(text, "closed 1") {
		t.Error(text)
	}
}
