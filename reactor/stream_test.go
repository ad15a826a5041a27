package reactor

import (
	"context"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/backpressure"
	"weir/registry"
)

// get opens a session's stream.
func get(session string, headers ...string) string {
	return "GET /mcp HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n" + session + "\r\n" +
		strings.Join(append(headers, ""), "\r\n") + "\r\n"
}

// change changes the list of tools; name must be new.
func (s *server) change(name string) {
	registry.AddTool(s.registry, &mcp.Tool{Name: name}, func(context.Context, *mcp.CallToolRequest,
		struct{}) (*mcp.CallToolResult, any, error) {
		return nil, nil, nil
	}, registry.Cheap())
}

const (
	toolsChanged = `{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}`
	updatedA     = `{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"test://a"}}`
)

func subscribe(id, verb, uri string) string {
	return `{"jsonrpc":"2.0","id":` + id + `,"method":"resources/` + verb + `","params":{"uri":"` + uri + `"}}`
}

func (p *peer) wantLine(want string) {
	p.t.Helper()
	if got := p.line(); got != want {
		p.t.Errorf("got  %s\nwant %s", got, want)
	}
}

func (p *peer) wantStatus(status int, parts ...string) {
	p.t.Helper()
	r, body := p.response()
	if r.StatusCode != status {
		p.t.Errorf("got %s, want %d: %s", r.Status, status, body)
	}
	contains(p.t, body, parts...)
}

func (e *events) wantEvent(id, data string) {
	e.t.Helper()
	for {
		ev := e.next()
		if ev.comment != "" {
			continue
		}
		if ev.id != id || ev.data != data {
			e.t.Errorf("got %+v, want %s %s", ev, id, data)
		}
		return
	}
}

func TestSessionStream(t *testing.T) {
	s := start(t)
	p, q := s.dial("http"), s.dial("http")
	session := p.session()
	q.send(get(session))
	e := q.stream()
	if ev := e.next(); ev != (sseEvent{id: "0-0", retry: "1000"}) {
		t.Errorf("the stream begins with %+v", ev)
	}
	s.change("new")
	e.wantEvent("0-1", toolsChanged)
	p.send(post(subscribe("1", "subscribe", "test://a"), session))
	p.wantStatus(200, `"id":1,"result":{}`)
	s.registry.ResourceUpdated("test://b")
	s.registry.ResourceUpdated("test://a")
	e.wantEvent("0-2", updatedA)
	p.send(post(subscribe("2", "unsubscribe", "test://a"), session))
	p.wantStatus(200, `"id":2,"result":{}`)
	s.registry.ResourceUpdated("test://a")
	s.change("newer")
	e.wantEvent("0-3", toolsChanged)
	if got := s.metric("weir_session_streams"); got != "1" {
		t.Errorf("%s streams are open, want 1", got)
	}
	p.send("DELETE /mcp HTTP/1.1\r\nHost: localhost\r\n" + session + "\r\n\r\n")
	p.wantStatus(204)
	e.ends()
	q.send(postDiscover())
	q.wantStatus(200)
	if got := s.metric("weir_session_streams") + s.metric("weir_subscriptions") +
		s.metric("weir_event_store_bytes"); got != "000" {
		t.Errorf("something is left: %s", got)
	}
}

// The newest GET has the stream: whoever opens a second one has lost the first.
func TestSessionStreamIsOne(t *testing.T) {
	s := start(t)
	p, q := s.dial("http"), s.dial("http")
	session := p.session()
	p.send(get(session))
	first := p.stream()
	first.next()
	q.send(get(session))
	second := q.stream()
	second.next()
	first.ends()
	s.change("new")
	second.wantEvent("0-1", toolsChanged)
	p.send(get(session, "Last-Event-ID: 0-0"))
	third := p.stream()
	third.next()
	third.wantEvent("0-1", toolsChanged)
	second.ends()
	if got := s.metric("weir_session_streams"); got != "1" {
		t.Errorf("%s streams are open, want 1", got)
	}
}

// A client whose stream does not read any more, and never says so, is not kept from another one.
func TestSessionStreamOfAStuckClient(t *testing.T) {
	s := start(t)
	p, q := s.dial("http"), s.dial("http")
	session := p.session()
	p.send(get(session))
	p.stream() // and nothing of it is read from here on
	q.send(get(session))
	second := q.stream()
	second.next()
	s.change("new")
	second.wantEvent("0-1", toolsChanged)
}

// What came while the client was away is sent when it is back: what it missed on the stream, then what happened since.
func TestSessionStreamResumes(t *testing.T) {
	s := start(t)
	p, q := s.dial("http"), s.dial("http")
	session := p.session()
	p.send(post(subscribe("1", "subscribe", "test://a"), session))
	p.wantStatus(200)
	q.send(get(session))
	e := q.stream()
	e.next()
	s.change("one")
	e.wantEvent("0-1", toolsChanged)
	s.registry.ResourceUpdated("test://a")
	e.wantEvent("0-2", updatedA)
	q.Close()
	s.eventually("the stream is given up", func() bool { return s.metric("weir_session_streams") == "0" })
	s.change("two")
	s.change("three")
	s.registry.ResourceUpdated("test://a")

	for _, bad := range []string{"0-9", "1-1", "x", "0-", "0--1"} {
		p.send(get(session, "Last-Event-ID: "+bad))
		p.wantStatus(400, "Last-Event-ID")
	}
	p.send(get(session, "Last-Event-ID: 0-1"))
	e = p.stream()
	e.wantEvent("0-1", "")
	e.wantEvent("0-2", updatedA)
	e.wantEvent("0-3", toolsChanged)
	e.wantEvent("0-4", updatedA)
}

func TestSessionStreamOfEachRevision(t *testing.T) {
	s := start(t)
	f := func(version string, status int, primed bool) {
		t.Run(version, func(t *testing.T) {
			p := s.dial("http")
			p.t = t
			p.send(post(strings.Replace(hello, "2025-11-25", version, 1)))
			r, _ := p.response()
			p.send(get("Mcp-Session-Id: " + r.Header.Get("Mcp-Session-Id")))
			if status != 200 {
				p.wantStatus(status)
				return
			}
			e := p.stream()
			if primed {
				e.wantEvent("0-0", "")
			}
			s.change("for-" + version)
			e.wantEvent("0-1", toolsChanged)
		})
	}
	f("2024-11-05", 405, false)
	f("2025-03-26", 200, false)
	f("2025-06-18", 200, false)
	f("2025-11-25", 200, true)
	p := s.dial("http")
	session := p.session()
	p.send(get(session, "MCP-Protocol-Version: 2026-07-28"))
	p.wantStatus(405)
	p.send(get(session, "MCP-Protocol-Version: 1999-01-01"))
	p.wantStatus(400)
	p.send(get("Mcp-Session-Id: 0123456789abcdef0123456789abcdef"))
	p.wantStatus(404)
	p.send(strings.Replace(get(session), "text/event-stream", "application/json", 1))
	p.wantStatus(405)
}

func TestSessionStreamKeepAlive(t *testing.T) {
	s := start(t, func(o *Options, _ *backpressure.Options, _ *registry.Options) {
		o.SSEKeepAlive, o.IdleTimeout = time.Millisecond, time.Millisecond
	})
	p := s.dial("http")
	p.send(get(p.session()))
	e := p.stream()
	e.next()
	for range 2 {
		if ev := e.next(); ev.comment == "" {
			t.Errorf("got %+v, want a comment", ev)
		}
	}
}

func TestLegacyNotificationsOnALine(t *testing.T) {
	s := start(t)
	p, stranger := s.dial("tcp").greet(), s.dial("tcp")
	p.send(subscribe("1", "subscribe", "test://a") + "\n" + subscribe("2", "subscribe", "test://a") + "\n" +
		subscribe("3", "subscribe", "") + "\n")
	p.line()
	p.line()
	contains(t, p.line(), `"id":3`, `-32602`)
	if got := s.metric("weir_subscriptions"); got != "1" {
		t.Errorf("%s subscriptions, want 1", got)
	}
	s.registry.ResourceUpdated("test://a")
	p.wantLine(updatedA)
	s.change("new")
	p.wantLine(toolsChanged)
	stranger.send(`{"jsonrpc":"2.0","id":1,"method":"ping"}` + "\n")
	stranger.wantLine(`{"jsonrpc":"2.0","id":1,"result":{}}`) // and nothing before it: it has not initialized
	p.Close()
	s.eventually("its subscription ends with it", func() bool { return s.metric("weir_subscriptions") == "0" })
}

// A changed list is told to some connections at a time, so that others are served in between, and in the end to all.
func TestChangesAreToldInTurns(t *testing.T) {
	const turns = 6
	s := start(t, func(o *Options, _ *backpressure.Options, _ *registry.Options) { o.Loops = 1 })
	const toldPerTurn = 64 // of the loop
	peers := make([]*peer, turns*toldPerTurn)
	for i := range peers {
		peers[i] = s.dial("tcp").greet()
	}
	before := s.turns()
	s.change("one")
	for _, p := range peers {
		p.wantLine(toolsChanged)
	}
	if took := s.turns() - before; took < turns {
		t.Errorf("%d connections were told in %d turns of the loop, want %d", len(peers), took, turns)
	}
	s.change("two")
	peers[0].wantLine(toolsChanged) // the walk is under way
	s.change("three")
	for i, p := range peers {
		p.send(`{"jsonrpc":"2.0","id":1,"method":"ping"}` + "\n")
		told := 0
		line := p.line()
		for ; line == toolsChanged; line = p.line() {
			told++
		}
		if line != `{"jsonrpc":"2.0","id":1,"result":{}}` {
			t.Errorf("peer %d: %s", i, line)
		}
		if told == 0 { // then the walk has not come round yet; it must
			p.wantLine(toolsChanged)
		}
	}
}

func listen(id, filter string) string {
	return `{"jsonrpc":"2.0","id":` + id + `,"method":"subscriptions/listen","params":{"notifications":` + filter +
		`,"_meta":{` + modernIs + `}}}`
}

func acknowledged(id, filter string) string {
	return `{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":` + id + `},"notifications":` + filter + `}}`
}

func changedFor(id string) string {
	return `{"jsonrpc":"2.0","method":"notifications/tools/list_changed","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":` + id + `}}}`
}

func updatedFor(id, uri string) string {
	return `{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":` + id + `},"uri":"` + uri + `"}}`
}

func cancelledFor(id string) string {
	return `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":` + id + `},"requestId":` + id + `,"reason":"the server ends this subscription"}}`
}

func TestListenOnALine(t *testing.T) {
	s := start(t)
	p := s.dial("tcp")
	p.send(listen("1", `{"toolsListChanged":true,"promptsListChanged":false}`) + "\n" +
		listen(`"1"`, `{"resourceSubscriptions":["test://a","test://b"]}`) + "\n" + listen("1", `{}`) + "\n" +
		listen("2", `[]`) + "\n")
	p.wantLine(acknowledged("1", `{"toolsListChanged":true}`))
	p.wantLine(acknowledged(`"1"`, `{"resourceSubscriptions":["test://a","test://b"]}`))
	contains(t, p.line(), `"id":1`, `duplicate id`)
	contains(t, p.line(), `"id":2`, `-32602`)
	s.registry.ResourceUpdated("test://b")
	p.wantLine(updatedFor(`"1"`, "test://b"))
	s.change("new")
	p.wantLine(changedFor("1"))

	// Cancelled, nothing more comes for it and its id is free.
	p.send(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}` + "\n")
	s.eventually("it is forgotten", func() bool { return s.metric("weir_subscriptions") == "3" })
	s.change("newer")
	s.registry.ResourceUpdated("test://a")
	p.wantLine(updatedFor(`"1"`, "test://a"))
	p.send(listen("1", `{"toolsListChanged":true}`) + "\n")
	p.wantLine(acknowledged("1", `{"toolsListChanged":true}`))
	p.Close()
	s.eventually("all end with the connection", func() bool { return s.metric("weir_subscriptions") == "0" })
}

// The server ends a listen with a cancellation and a result, over each transport.
func TestListenEndsWithTheServer(t *testing.T) {
	s := start(t)
	result := `{"jsonrpc":"2.0","id":7,"result":{"resultType":"complete","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"weir","version":"dev"},"io.modelcontextprotocol/subscriptionId":7}}}`
	line, socket, http, session := s.dial("tcp"), s.websocket(), s.dial("http"), s.dial("http")
	line.send(listen("7", `{}`) + "\n")
	line.wantLine(acknowledged("7", `{}`))
	socket.text(listen("7", `{}`))
	socket.received()
	http.send(post(listen("7", `{"toolsListChanged":true}`), "MCP-Protocol-Version: 2026-07-28",
		"Mcp-Method: subscriptions/listen"))
	e := http.stream()
	e.want(acknowledged("7", `{"toolsListChanged":true}`))
	s.change("new")
	e.want(changedFor("7"))
	session.send(get(session.session()))
	legacy := session.stream()
	legacy.next()
	report := s.stop(patience)
	if report.Messages != 0 || report.OutboxBytes != 0 {
		t.Errorf("%+v", report)
	}
	line.wantLine(cancelledFor("7"))
	line.wantLine(result)
	for _, want := range []string{cancelledFor("7"), result} {
		if got := string(socket.received().Payload); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	e.want(cancelledFor("7"), result)
	e.ends()
	legacy.ends()
}

func TestListenOverHTTP(t *testing.T) {
	s := start(t)
	p := s.dial("http")
	request := post(listen("7", `{"resourceSubscriptions":["test://a"]}`), "MCP-Protocol-Version: 2026-07-28",
		"Mcp-Method: subscriptions/listen")
	p.send(strings.Replace(request, ", text/event-stream", "", 1))
	p.wantStatus(406, "text/event-stream")
	// In a pipeline it waits for its turn and holds up what follows.
	p.send(postDiscover() + request + postDiscover())
	p.wantStatus(200)
	e := p.stream()
	e.want(acknowledged("7", `{"resourceSubscriptions":["test://a"]}`))
	for range 3 {
		s.registry.ResourceUpdated("test://a")
		e.want(updatedFor("7", "test://a"))
	}
	p.Close()
	s.eventually("it ends with its connection", func() bool { return s.metric("weir_subscriptions") == "0" })
}

// A subscriber that does not read costs a mark per resource and a number per list, however much happens; reading again,
// it hears of each once.
func TestStalledSubscriber(t *testing.T) {
	s := start(t, func(o *Options, _ *backpressure.Options, r *registry.Options) {
		o.SendBufferBytes, o.MaxOutboxBytes, r.MaxListenBytes = 4096, 4096, 1<<20
	})
	p := s.dial("tcp")
	uris := make([]string, 500)
	for i := range uris {
		uris[i] = fmt.Sprintf("test://%d/%s", i, strings.Repeat("x", 1000))
	}
	p.send(listen("1", `{"toolsListChanged":true,"resourceSubscriptions":["`+strings.Join(uris, `","`)+`"]}`) + "\n")
	s.eventually("it does not read", func() bool {
		return s.metric("weir_outbox_bytes") != "0" &&
			s.metric("weir_subscriptions") == "501"
	})
	outbox := func() int {
		n, err := strconv.Atoi(s.metric("weir_outbox_bytes"))
		must(t, err)
		return n
	}
	held := outbox()
	for range 200 {
		for _, uri := range uris {
			s.registry.ResourceUpdated(uri)
		}
	}
	s.change("new")
	if now := outbox(); now > held {
		t.Errorf("%d bytes wait for it, and %d before the changes", now, held)
	}
	contains(t, p.line(), `acknowledged`)
	heard := map[string]int{}
	for range uris {
		heard[p.line()]++
	}
	heard[p.line()]++
	if len(heard) != len(uris)+1 || heard[changedFor("1")] != 1 {
		t.Errorf("heard %d different things", len(heard))
	}
}

func TestSubscriptionLimits(t *testing.T) {
	s := start(t, func(_ *Options, _ *backpressure.Options, r *registry.Options) {
		r.MaxSubscriptionsPerClient, r.MaxSubscriptions = 2, 5
	})
	p := s.dial("tcp").greet()
	for _, uri := range []string{"a", "b", "c"} {
		p.send(subscribe(`"`+uri+`"`, "subscribe", uri) + "\n")
	}
	p.line()
	p.line()
	contains(t, p.line(), `"id":"c"`, `-32603`, `"reason":"subscription_limit_per_client"`)
	p.send(listen("1", `{}`) + "\n" + listen("2", `{}`) + "\n" + listen("3", `{}`) + "\n")
	p.line()
	p.line()
	contains(t, p.line(), `"id":3`, `"reason":"subscription_limit_per_client"`)
	q := s.dial("http")
	listening := []string{"MCP-Protocol-Version: 2026-07-28", "Mcp-Method: subscriptions/listen"}
	q.send(post(listen("1", `{"resourceSubscriptions":["a"]}`), listening...))
	q.wantStatus(503, `"reason":"subscription_limit"`)
	if got := s.metric("weir_subscriptions"); got != "4" {
		t.Errorf("%s subscriptions, want 4: a refused one leaves nothing", got)
	}
	for reason, want := range map[string]string{"subscription_limit_per_client": "2", "subscription_limit": "1"} {
		if got := s.metric(`weir_subscriptions_refused_total{reason="` + reason + `"}`); got != want {
			t.Errorf("%s: %s, want %s", reason, got, want)
		}
	}
}

// An open stream has no goroutine and weighs little.
func TestOpenStreamsAreCheap(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector weighs more")
	}
	s := start(t)
	const streams = 400
	peers, sessions := make([]*peer, streams), make([]string, streams)
	for i := range peers {
		peers[i] = s.dial("http")
		sessions[i] = peers[i].session()
	}
	goroutines, without := runtime.NumGoroutine(), heap()
	for i, p := range peers {
		p.send(get(sessions[i]))
		for line := ""; line != "retry: 1000"; line = p.line() {
		}
	}
	s.eventually("all are open", func() bool { return s.metric("weir_session_streams") == fmt.Sprint(streams) })
	per := (int64(heap()) - int64(without)) / streams
	t.Logf("%d bytes per open stream, beside its connection and its session", per)
	if per > 2048 {
		t.Errorf("an open stream weighs %d bytes, at most 2048", per)
	}
	if more := runtime.NumGoroutine() - goroutines; more > 4 {
		t.Errorf("%d goroutines for %d streams", more, streams)
	}
	runtime.KeepAlive(peers)
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// The SDK's client hears of changes over each transport.
func TestSDKClientHearsChanges(t *testing.T) {
	s := start(t)
	for i, transport := range []string{"http", "tcp", "http", "tcp"} {
		version := []string{"2025-11-25", "2026-07-28"}[i/2]
		t.Run(transport+" "+version, func(t *testing.T) {
			heard := make(chan string, 1<<16)
			client := mcp.NewClient(&mcp.Implementation{Name: "judge", Version: "1"}, &mcp.ClientOptions{
				ToolListChangedHandler: func(context.Context, *mcp.ToolListChangedRequest) { heard <- "tools" },
				ResourceUpdatedHandler: func(_ context.Context,
					r *mcp.ResourceUpdatedNotificationRequest) {
					heard <- r.Params.URI
				},
			})
			session := s.sdkClient(t, client, transport, version)
			// In the modern era Subscribe returns before its listen is open, so the change is repeated until it is
			// heard.
			await := func(want string, change func()) {
				t.Helper()
				s.eventually("the client hears "+want, func() bool {
					change()
					select {
					case got := <-heard:
						return got == want
					default:
						return false
					}
				})
			}
			must(t, session.Subscribe(t.Context(), &mcp.SubscribeParams{URI: "test://a"}))
			await("test://a", func() { s.registry.ResourceUpdated("test://a") })
			s.change("new-" + transport + version)
			await("tools", func() {})
		})
	}
}
