package reactor

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/backpressure"
	"weir/reactor/loop"
	"weir/reactor/pipeline"
	"weir/registry"
)

// Requests are answered in order, so an upgrade must not overtake the answer before it, nor take its transport away.
func TestUpgradeBehindAnUnansweredRequest(t *testing.T) {
	s := start(t)
	p := s.dial("http")
	p.send(modernCall("1", "stuck", `{}`) + upgradeRequest)
	s.awaitStuck()
	s.eventually("the upgrade was decoded", func() bool { return s.metric("weir_reads_total") != "0" })
	p.send(postDiscover())
	s.eventually("that one too", func() bool { return s.metric("weir_reads_total") >= "2" })
	s.free()
	r, body := p.response()
	if r.StatusCode != 200 {
		t.Fatalf("the first answer is %s, want that of the call", r.Status)
	}
	contains(t, body, `"id":1,"result"`)
}

const upgradeRequest = "GET /mcp HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

// Nor must the connection of a call that has closed its stream become something else: the call comes back to it.
func TestUpgradeUnderACallThatClosedItsStream(t *testing.T) {
	s := start(t, withSSE)
	s.addPoll()
	for _, request := range []string{upgradeRequest, getSSE("Connection: close")} {
		p, q := s.dial("http"), s.dial("http")
		session := p.session()
		p.send(post(pollCall("1", `{}`), session))
		e := p.stream()
		e.wantEvent("1-0", "")
		e.ends()
		s.awaitStuck()
		p.send(request)
		p.wantStatus(400, "when the requests before it are answered")
		q.send(resumeFrom(session, "1-0"))
		e = q.stream()
		e.next()
		s.release <- struct{}{}
		contains(t, e.data()+e.data(), "closed 1")
		e.ends()
	}
}

// A call that waits for its turn to run must not be stopped by the answers that wait for it.
func TestHTTPHeldAnswersDoNotStopTheCallTheyWaitFor(t *testing.T) {
	s := start(t)
	p := s.dial("http")
	for id := range 32 { // one more than may run
		p.send(modernCall(fmt.Sprint(id), "stuck", `{}`))
	}
	for range 31 {
		s.awaitStuck()
	}
	long := strings.Repeat("x", 10_000)
	for id := range 10 {
		p.send(modernCall(fmt.Sprint(100+id), "echo", `{"message":"`+long+`"}`))
	}
	s.eventually("the outbox is full", func() bool { return s.metric("weir_outbox_full_total") == "1" })
	s.free()
	for i := range 42 {
		r, _ := p.response()
		if r.StatusCode != 200 {
			t.Fatalf("answer %d is %s", i, r.Status)
		}
	}
}

func paused(o *Options, b *backpressure.Options, _ *registry.Options) {
	o.OnFull = OnFullPause
	b.MaxExecutingPerConnection, b.MaxWaitingPerConnection = 1, 2
}

// With on_full pause nothing is refused, and nothing forgotten, when a batch has more elements than there is room for.
func TestPauseForgetsNothingOfABatch(t *testing.T) {
	s := start(t, paused)
	p := s.dial("tcp")
	p.send(strings.Replace(hello, "2025-11-25", "2025-03-26", 1) + "\n")
	p.line()
	var elements []string
	for id := range 10 {
		elements = append(elements, strings.TrimSpace(toolCall(fmt.Sprint(id), "stuck", `{}`)))
	}
	p.send("[" + strings.Join(elements, ",") + "]\n")
	s.awaitStuck()
	s.free()
	answer := p.line()
	for id := range 10 {
		contains(t, answer, fmt.Sprintf(`"id":%d,`, id))
	}
}

// The message that waits beside the full queue must have an outcome also when the queue of all is full by then.
func TestPausedMessageHasAnOutcomeWhenTheWholeQueueIsFull(t *testing.T) {
	s := start(t, paused, func(_ *Options, b *backpressure.Options, _ *registry.Options) { b.MaxQueueBytes = 7300 })
	hog := s.dial("tcp").greet()
	pad := `,"_meta":{"pad":"` + strings.Repeat("x", 2000) + `"}`
	hog.send(padded("1", "sleep", `{"ms":600000}`, pad))
	s.eventually("the hog runs", func() bool { return s.queue.Executing(backpressure.Blocking) == 1 })
	p := s.dial("tcp").greet()
	p.send(toolCall("1", "stuck", `{}`) + toolCall("2", "stuck", `{}`) + toolCall("3", "stuck", `{}`))
	s.awaitStuck()
	s.eventually("two wait", func() bool { return s.queue.Waiting() == 2 })
	p.send(padded("4", "stuck", `{}`, pad) + `{"jsonrpc":"2.0","id":5,"method":"ping"}` + "\n")
	s.eventually("all of it was read", func() bool { return s.metric("weir_messages_received_total") >= "9" })
	s.free()
	seen := ""
	for range 5 {
		seen += p.line()
	}
	contains(t, seen, `"id":1,`, `"id":2,`, `"id":3,`, `"id":4,`, `"id":5,`)
}

// padded is a tools/call line with something more in its params.
func padded(id, tool, arguments, more string) string {
	return `{"jsonrpc":"2.0","id":` + id + `,"method":"tools/call","params":{"name":"` + tool + `","arguments":` +
		arguments + more + `}}` + "\n"
}

// 202 and no body is what the transport owes for what is not answered (MCP 2025-03-26 basic/transports).
func TestHTTPBatchOfNotificationsIs202(t *testing.T) {
	s := start(t)
	p := s.dial("http")
	p.send(post(strings.Replace(hello, "2025-11-25", "2025-03-26", 1)))
	r, _ := p.response()
	session := "Mcp-Session-Id: " + r.Header.Get("Mcp-Session-Id")
	p.send(post(`[{"jsonrpc":"2.0","method":"notifications/initialized"},{"jsonrpc":"2.0","method":"notifications/initialized"}]`, session))
	if r, body := p.response(); r.StatusCode != 202 || body != "" {
		t.Errorf("got %s %q, want 202 without a body", r.Status, body)
	}
}

// A call of a session that another connection took back while it waited is not answered either.
func TestHTTPCallCancelledWhileItWaitsIs202(t *testing.T) {
	s := start(t, func(_ *Options, b *backpressure.Options, _ *registry.Options) {
		b.MaxExecutingPerConnection = 1
	})
	p := s.dial("http")
	session := p.session()
	p.send(post(strings.TrimSpace(toolCall("1", "stuck", `{}`)), session) +
		post(strings.TrimSpace(toolCall("2", "stuck", `{}`)), session))
	s.awaitStuck()
	s.eventually("the second waits", func() bool { return s.queue.Waiting() == 1 })
	q := s.dial("http")
	q.send(post(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":2}}`, session))
	q.response()
	s.free()
	if r, _ := p.response(); r.StatusCode != 200 {
		t.Errorf("the first got %s", r.Status)
	}
	if r, body := p.response(); r.StatusCode != 202 || body != "" {
		t.Errorf("the cancelled one got %s %q, want 202 without a body", r.Status, body)
	}
}

// RFC 9112 9.6: who closes after an answer says so in it.
func TestHTTPRejectedHeadSaysClose(t *testing.T) {
	s := start(t)
	p := s.dial("http")
	p.send("POST /nothing HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n")
	if r, _ := p.response(); r.StatusCode != 404 || !r.Close {
		t.Errorf("got %s, close %v; want 404, true", r.Status, r.Close)
	}
	p.rest()
}

// A refusal by the head alone says the same in its body as in Retry-After.
func TestHTTPRefusedHeadSaysWhenToRetry(t *testing.T) {
	s := start(t, func(_ *Options, b *backpressure.Options, _ *registry.Options) {
		b.MaxExecutingPerConnection, b.MaxWaiting, b.RefuseAbove = 1, 1, 1
	})
	p := s.dial("tcp").greet()
	p.send(toolCall("1", "stuck", `{}`))
	s.awaitStuck()
	p.send(toolCall("2", "stuck", `{}`))
	s.eventually("the queue is full", func() bool { return s.queue.Waiting() == 1 })
	q := s.dial("http")
	head, _, _ := strings.Cut(modernCall("1", "echo", `{"message":"x"}`), "\r\n\r\n")
	q.send(head + "\r\n\r\n")
	r, body := q.response()
	contains(t, body, `"reason":"queue_full"`, `"executed":false`, `"id":null`)
	if r.StatusCode != 503 || r.Header.Get("Retry-After") == "" || strings.Contains(body, `"retryAfterMs":0`) {
		t.Errorf("got %s, Retry-After %q and %s", r.Status, r.Header.Get("Retry-After"), body)
	}
}

// Nothing may follow a close frame (RFC 6455 5.5.1), whatever workers finish meanwhile.
func TestWebSocketCloseFrameIsTheLast(t *testing.T) {
	s := start(t)
	for range 200 {
		p := s.websocket()
		p.text(hello)
		p.received()
		var all strings.Builder
		for id := range 60 {
			all.WriteString(clientFrame(strings.TrimSpace(toolCall(fmt.Sprint(id), "echo", `{"message":"x"}`))))
		}
		all.WriteString("\x88\x82\x01\x02\x03\x04\x02\xea") // 1000, masked
		p.send(all.String())
		for p.received().Header.OpCode != 8 {
		}
		if after := p.rest(); after != "" {
			t.Fatalf("%d bytes followed the close frame: %.80q", len(after), after)
		}
		p.Close()
	}
}

// After a close frame nobody waits for anything: what is still in the queue must not run.
func TestWebSocketCloseDropsWhatWaits(t *testing.T) {
	s := start(t)
	c := s.webSocketClient()
	for id := range 300 { // some are held
		c.send(c.call(1 + id))
	}
	s.eventually("they wait", func() bool { return s.queue.Waiting() == 269 })
	for range 31 {
		s.awaitStuck()
	}
	c.send(closeFrame(1000))
	c.gone()
	s.closedFor(loop.CloseRequested, "1")
	if n := len(s.stuck); n != 0 {
		t.Errorf("%d calls began after the close frame", n)
	}
}

// Only notifications/cancelled takes a call back, whatever else names a request.
func TestOtherNotificationsRecallNothing(t *testing.T) {
	s := start(t)
	p := s.dial("tcp").greet()
	var sent strings.Builder
	const n = pipeline.CompactAbove + 50
	for id := range n {
		sent.WriteString(toolCall(fmt.Sprint(id), "stuck", `{}`))
	}
	p.send(sent.String())
	p.send(fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/other","params":{"requestId":%d}}`, n-1) + "\n")
	p.answers()
	s.free()
	last := false
	for range n {
		last = last || strings.Contains(p.line(), fmt.Sprintf(`"id":%d,`, n-1))
	}
	if !last {
		t.Error("the call was not answered")
	}
}

// Nor is it lost when it has become an event stream while it waited beside the queue: everything before it has left
// for a stream of its own.
func TestPausedStreamHasAnOutcomeWhenTheWholeQueueIsFull(t *testing.T) {
	s := start(t, paused, func(o *Options, b *backpressure.Options, _ *registry.Options) {
		b.MaxQueueBytes, b.MaxWaitingPerConnection, o.SSEAnswerAfter = 5300, 1, time.Millisecond
	})
	pass := make(chan struct{})
	registry.AddTool(s.registry, &mcp.Tool{Name: "leave"},
		func(ctx context.Context, _ *mcp.CallToolRequest, _ struct{}) (*mcp.CallToolResult, any, error) {
			registry.CloseStream(ctx, 0)
			s.stuck <- struct{}{}
			<-pass
			return nil, nil, nil
		})
	p, q, hog := s.dial("http"), s.dial("http"), s.dial("tcp").greet()
	session := p.session()
	p.send(post(toolCall("1", "leave", `{}`), session))
	s.awaitStuck()
	left := p.stream()
	left.next()
	left.ends()
	p.send(post(toolCall("2", "stuck", `{}`), session))
	waits := p.stream() // it has been silent
	q.send(resumeFrom(session, waits.next().id))
	q.stream().next()
	waits.ends()
	large := padded("3", "stuck", `{}`, `,"_meta":{"pad":"`+strings.Repeat("x", 3500)+`"}`)
	p.send(post(strings.TrimSpace(large), session))
	beside := p.stream()
	beside.next()
	hog.send(padded("1", "sleep", `{"ms":600000}`, `,"_meta":{"pad":"`+strings.Repeat("x", 1500)+`"}`))
	s.eventually("the hog runs", func() bool { return s.queue.Executing(backpressure.Blocking) == 2 })
	close(pass)
	contains(t, beside.data(), `"id":3,"error"`, `"reason":"queue_bytes"`)
	beside.ends()
	p.send(post(`{"jsonrpc":"2.0","id":4,"method":"ping"}`, session))
	_, body := p.response()
	contains(t, body, `"id":4,"result"`)
}
