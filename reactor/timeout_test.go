package reactor

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/backpressure"
	"weir/reactor/loop"
	"weir/registry"
)

// deafServer has a tool, "deaf", that heeds nothing but the test. No deadline passes by itself.
func deafServer(t testing.TB, tunes ...tune) *server {
	tunes = append(tunes, func(_ *Options, _ *backpressure.Options,
		r *registry.Options) {
		r.HandlerTimeout = 24 * time.Hour
	})
	s := start(t, tunes...)
	registry.AddTool(s.registry, &mcp.Tool{Name: "deaf"},
		func(ctx context.Context, _ *mcp.CallToolRequest, _ struct{}) (*mcp.CallToolResult, any, error) {
			registry.Progress(ctx, 1, 2, "step")
			s.stuck <- struct{}{}
			<-s.release
			registry.Progress(ctx, 2, 2, "too late")
			return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: "free"}}}, nil, nil
		})
	t.Cleanup(s.free)
	return s
}

// passDeadlines has every handler that runs found late.
func (s *server) passDeadlines() {
	now := time.Now()
	s.pipeline.Tick(now)
	s.pipeline.Tick(now.Add(24 * time.Hour))
}

func (s *server) timedOut(n string) {
	s.t.Helper()
	s.eventually(n+" handlers are timed out", func() bool { return s.metric("weir_handlers_timed_out") == n })
}

func deafCall(id int) string { return strings.TrimSpace(toolCall(fmt.Sprint(id), "deaf", `{}`)) }

// One answer at the deadline, although the handler does not return; its place stays taken until it does, and what it
// says then is dropped.
func TestHandlerTimeout(t *testing.T) {
	f := func(name string, connect func(*server) client, frame func(text string) string) {
		t.Run(name, func(t *testing.T) {
			s := deafServer(t)
			c := connect(s)
			c.t = t
			expect := func(parts ...string) {
				t.Helper()
				answer, err := c.answer()
				must(t, err)
				contains(t, answer, parts...)
			}
			c.send(frame(deafCall(1)) + frame(strings.TrimSpace(toolCall("2", "echo", `{"message":"next"}`))))
			s.awaitStuck()
			if name != "http" {
				expect(`"id":2,"result"`)
			}
			s.passDeadlines()
			expect(`"id":1,"error":{"code":-32603,`, `"data":{"reason":"handler_timeout","executed":true}`)
			if name == "http" {
				expect(`"id":2,"result"`) // in its turn, at once
			}
			s.timedOut("1")
			if n := s.queue.Executing(backpressure.Blocking); n != 1 {
				t.Errorf("%d run, want the one that does not return", n)
			}
			c.send(frame(strings.TrimSpace(toolCall("1", "echo", `{"message":"again"}`)))) // the id is free
			expect(`"id":1,"result"`, "again")
			s.passDeadlines() // once only
			s.free()
			s.timedOut("0")
			s.eventually("nothing runs", func() bool {
				return s.queue.Executing(backpressure.Blocking) == 0 &&
					s.queue.HeldBytes() == 0
			})
			c.send(frame(`{"jsonrpc":"2.0","id":3,"method":"ping"}`))
			expect(`"id":3,"result":{}`)
			if n := s.metric(`weir_tool_calls_total{tool="deaf",outcome="handler_timeout"}`); n != "1" {
				t.Errorf("%s calls were counted as timed out", n)
			}
		})
	}
	f("tcp", (*server).lineClient, func(text string) string { return text + "\n" })
	f("websocket", (*server).webSocketClient, clientFrame)
	session := "" // of the last connection
	f("http", sessionClient(&session), func(text string) string { return post(text, session) })
}

// sessionClient connects over HTTP and leaves the header of its session in session.
func sessionClient(session *string) func(*server) client {
	return func(s *server) client {
		p := s.dial("http")
		*session = p.session()
		return client{peer: p, answer: func() (string, error) { _, body, err := p.readResponse(); return body, err }}
	}
}

// A stream that has begun ends with the answer; one that must wait for its turn, too.
func TestHandlerTimeoutOfStreams(t *testing.T) {
	s := deafServer(t)
	p := s.dial("http")
	call := func(id int) string {
		return post(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"deaf","arguments":{},"_meta":{"progressToken":"p",%s}}}`,
			id, modernIs), "MCP-Protocol-Version: 2026-07-28", "Mcp-Method: tools/call", "Mcp-Name: deaf")
	}
	p.send(call(1) + call(2) + modernCall("3", "echo", `{"message":"next"}`))
	s.awaitStuck()
	s.awaitStuck()
	s.passDeadlines()
	for range 2 {
		stream := p.stream()
		contains(t, stream.data(), `"progress":1`)
		contains(t, stream.data(), `"reason":"handler_timeout"`)
		stream.ends()
	}
	_, body := p.response()
	contains(t, body, `"id":3,"result"`)
	s.free()
	s.timedOut("0")
	s.eventually("every byte is given back", func() bool { return s.queue.HeldBytes() == 0 && s.loops.OutboxBytes() == 0 })
}

func TestHandlerTimeoutInABatch(t *testing.T) {
	s := deafServer(t)
	p := s.dial("tcp")
	p.send(strings.Replace(hello, "2025-11-25", "2025-03-26", 1) + "\n")
	p.line()
	p.send("[" + deafCall(1) + "," + strings.TrimSpace(toolCall("2", "echo", `{"message":"b"}`)) + "]\n")
	s.awaitStuck()
	s.passDeadlines()
	answer := p.line()
	contains(t, answer, `"id":1,"error"`, `"reason":"handler_timeout"`, `"id":2,"result"`)
	s.free()
	s.timedOut("0")
	p.answers()
}

// A tool that says it is cheap and is not holds a batch: what was answered before it is sent at its deadline, and what
// comes after it is refused.
func TestHandlerTimeoutFreesTheBatch(t *testing.T) {
	f := func(name string, connect func(*server) client, frame func(text string) string) {
		t.Run(name, func(t *testing.T) {
			s := deafServer(t, func(_ *Options, b *backpressure.Options, _ *registry.Options) { b.Workers = 1 })
			deafen := func(tool string) {
				registry.AddTool(s.registry, &mcp.Tool{Name: tool},
					func(context.Context, *mcp.CallToolRequest, struct{}) (*mcp.CallToolResult, any, error) {
						s.stuck <- struct{}{}
						<-s.release
						return nil, nil, nil
					}, registry.Cheap())
			}
			deafen("cheap")
			c := connect(s)
			c.t = t
			call := func(id int, tool, arguments string) string {
				return frame(strings.TrimSpace(toolCall(fmt.Sprint(id), tool, arguments)))
			}
			c.send(call(1, "echo", `{"message":"before"}`) + call(2, "cheap", `{}`) + call(3, "echo", `{"message":"after"}`) +
				call(4, "echo", `{"message":"after"}`))
			s.awaitStuck()
			s.passDeadlines()
			answers := map[int]string{}
			for range 4 {
				answer, err := c.answer()
				must(t, err)
				var id int
				_, err = fmt.Sscanf(answer, `{"jsonrpc":"2.0","id":%d,`, &id)
				must(t, err)
				answers[id] = answer
			}
			contains(t, answers[1], "before")
			contains(t, answers[2], "handler_timeout")
			for id := 3; id <= 4; id++ { // unless they were no part of the batch
				contains(t, answers[id], `"reason":"queue_timeout"`, `"executed":false`)
			}
			s.free()
			c.send(call(3, "echo", `{"message":"again"}`))
			answer, err := c.answer()
			must(t, err)
			contains(t, answer, `"id":3`, "again")
			s.eventually("nothing is left", func() bool {
				return s.queue.HeldBytes() == 0 && s.loops.OutboxBytes() == 0 && s.queue.Executing(backpressure.Compute) == 0
			})
			c.peer.closeWrite()
			s.closedFor(loop.ClosePeer, "1") // nothing is pending
		})
	}
	f("tcp", (*server).lineClient, func(text string) string { return text + "\n" })
	session := "" // of the last connection
	f("http", sessionClient(&session), func(text string) string { return post(text, session) })
}

// A handler that ends its goroutine, as a failed assertion of package testing does, leaves nothing unanswered.
func TestHandlerThatEndsItsGoroutine(t *testing.T) {
	s := deafServer(t, func(_ *Options, b *backpressure.Options, _ *registry.Options) { b.Workers = 1 })
	exit := func(context.Context, *mcp.CallToolRequest, struct{}) (*mcp.CallToolResult, any, error) {
		runtime.Goexit()
		return nil, nil, nil
	}
	registry.AddTool(s.registry, &mcp.Tool{Name: "exit"}, exit)
	registry.AddTool(s.registry, &mcp.Tool{Name: "cheapExit"}, exit, registry.Cheap())
	p := s.dial("tcp").greet()
	p.send(toolCall("1", "exit", `{}`))
	contains(t, p.line(), `"id":1,"error":{"code":-32603,`, "panicked")
	p.send(toolCall("1", "echo", `{"message":"before"}`) + toolCall("2", "cheapExit", `{}`) +
		toolCall("3", "echo", `{"message":"after"}`))
	answers := p.line() + p.line() + p.line()
	contains(t, answers, `"id":1,"result"`, `"id":2,"error":{"code":-32603,`, `"id":3,`)
	p.send(toolCall("1", "echo", `{"message":"again"}`))
	contains(t, p.line(), `"id":1,"result"`, "again")
	p.closeWrite()
	s.closedFor(loop.ClosePeer, "1")
	s.eventually("nothing is left", func() bool {
		return s.queue.HeldBytes() == 0 && s.queue.Executing(backpressure.Compute) == 0 &&
			s.queue.Executing(backpressure.Blocking) == 0
	})
}

// Who took its call back still hears nothing, but what stands behind the call goes on.
func TestHandlerTimeoutOfACancelledCall(t *testing.T) {
	s := deafServer(t)
	cancel := `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`
	line := s.dial("tcp").greet()
	line.send(deafCall(1) + "\n")
	web, other := s.dial("http"), s.dial("http")
	session := web.session()
	web.send(post(deafCall(1), session) + post(`{"jsonrpc":"2.0","id":2,"method":"ping"}`, session))
	s.awaitStuck()
	s.awaitStuck()
	line.send(cancel + "\n")
	other.send(post(cancel, session))
	other.response()
	line.answers()
	s.passDeadlines()
	if r, body := web.response(); r.StatusCode != 202 || body != "" {
		t.Errorf("the cancelled call was answered %s %s", r.Status, body)
	}
	_, body := web.response()
	contains(t, body, `"id":2,"result"`)
	line.send(toolCall("1", "echo", `{"message":"the id is free"}`))
	contains(t, line.line(), `"id":1,"result"`)
	s.timedOut("2")
}

// Nothing holds up the end of a connection whose calls are all answered, nor does a handler that outlives it do harm.
func TestHandlerTimeoutAtTheEndOfAConnection(t *testing.T) {
	s := deafServer(t)
	half, gone, web := s.dial("tcp").greet(), s.dial("tcp").greet(), s.dial("http")
	half.send(deafCall(1) + "\n")
	half.closeWrite()
	gone.send(deafCall(1) + "\n")
	web.send(modernCall("1", "deaf", `{}`))
	for range 3 {
		s.awaitStuck()
	}
	gone.reset()
	web.reset()
	s.closedFor(loop.ClosePeerReset, "2")
	s.passDeadlines()
	contains(t, half.rest(), `"reason":"handler_timeout"`)
	s.closedFor(loop.ClosePeer, "1")
	s.timedOut("3")
	s.free()
	s.timedOut("0")
	s.eventually("every byte is given back", func() bool { return s.queue.HeldBytes() == 0 && s.loops.OutboxBytes() == 0 })
}

// The deadline and the return of a handler race, and whoever loses is silent: each call has exactly one answer.
func TestHandlerTimeoutRacesItsReturn(t *testing.T) {
	s := deafServer(t)
	registry.AddTool(s.registry, &mcp.Tool{Name: "quick"},
		func(context.Context, *mcp.CallToolRequest, struct{}) (*mcp.CallToolResult, any, error) {
			return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: "in time"}}}, nil, nil
		}, registry.Cheap(), registry.Timeout(time.Nanosecond))
	stop, ended := make(chan struct{}), make(chan struct{})
	var looks atomic.Int64
	go func() {
		defer close(ended)
		for now := time.Now(); ; now = now.Add(time.Millisecond) { // the next look is always too late
			select {
			case <-stop:
				return
			default:
				s.pipeline.Tick(now)
				looks.Add(1)
			}
		}
	}()
	const rounds, window = 60, 200
	line, web := s.dial("tcp").greet(), s.dial("http")
	timeouts, behind := 0, 0
	count := func(answer string) {
		switch {
		case strings.Contains(answer, `"reason":"handler_timeout"`):
			timeouts++
		case strings.Contains(answer, `"reason":"queue_timeout"`):
			behind++
		default:
			contains(t, answer, "in time")
		}
	}
	for range rounds {
		var lines, requests strings.Builder
		for id := range window {
			lines.WriteString(toolCall(fmt.Sprint(id), "quick", `{}`))
			requests.WriteString(modernCall(fmt.Sprint(id), "quick", `{}`))
		}
		line.send(lines.String())
		web.send(requests.String())
		seen := make([]bool, window)
		for range window {
			answer := line.line()
			var id int
			if _, err := fmt.Sscanf(answer, `{"jsonrpc":"2.0","id":%d,`, &id); err != nil || seen[id] {
				t.Fatalf("not the one answer of an open call: %s", answer)
			}
			seen[id] = true
			count(answer)
		}
		for id := range window {
			_, body := web.response()
			contains(t, body, fmt.Sprintf(`"id":%d,`, id))
			count(body)
		}
	}
	line.answers()
	close(stop)
	<-ended
	s.timedOut("0")
	s.eventually("nothing is left", func() bool { return s.queue.HeldBytes() == 0 && s.loops.OutboxBytes() == 0 })
	t.Logf("%d of %d calls timed out, %d behind them refused, %d looks", timeouts, 2*rounds*window, behind,
		looks.Load())
}

// A stream that can be resumed ends at the deadline too, on its connection or in the hands of who resumes it.
func TestHandlerTimeoutOfAPostStream(t *testing.T) {
	s := deafServer(t)
	p, broken, q := s.dial("http"), s.dial("http"), s.dial("http")
	session := p.session()
	call := func(id int) string {
		return post(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"deaf","arguments":{},"_meta":{"progressToken":"p"}}}`, id), session)
	}
	p.send(call(1) + post(`{"jsonrpc":"2.0","id":3,"method":"ping"}`, session))
	s.awaitStuck()
	broken.send(call(2))
	s.awaitStuck()
	first := p.stream()
	first.next() // primes it
	contains(t, first.data(), `"progress":1`)
	left := broken.stream()
	place := left.next().id
	contains(t, left.data(), `"progress":1`)
	broken.reset()
	s.closedFor(loop.ClosePeerReset, "1")
	s.passDeadlines()
	contains(t, first.data(), `"id":1,"error"`, `"reason":"handler_timeout"`)
	first.ends()
	_, body := p.response()
	contains(t, body, `"id":3,"result"`)
	q.send(resumeFrom(session, place))
	resumed := q.stream()
	resumed.next() // primes it
	contains(t, resumed.data(), `"progress":1`)
	contains(t, resumed.data(), `"id":2,"error"`, `"reason":"handler_timeout"`)
	resumed.ends()
	s.free()
	s.timedOut("0")
	s.eventually("nothing is left", func() bool { return s.queue.HeldBytes() == 0 && s.loops.OutboxBytes() == 0 })
}

// The worker that comes after one whose goroutine was ended finds nothing of that one's batch.
func TestBatchAfterAnExit(t *testing.T) {
	s := start(t, func(_ *Options, b *backpressure.Options, _ *registry.Options) { b.Workers = 1 })
	pass := make(chan struct{})
	t.Cleanup(func() { close(pass) })
	addCheap := func(name string, do func()) {
		registry.AddTool(s.registry, &mcp.Tool{Name: name}, func(context.Context, *mcp.CallToolRequest,
			struct{}) (*mcp.CallToolResult, any, error) {
			do()
			return &mcp.CallToolResult{}, nil, nil
		}, registry.Cheap())
	}
	addCheap("hold", func() { s.stuck <- struct{}{}; <-pass })
	addCheap("exit", runtime.Goexit)
	p := s.dial("tcp").greet()
	batch := func(text string, ids ...string) {
		p.send(toolCall("0", "hold", `{}`))
		s.awaitStuck()
		p.send(text + `{"jsonrpc":"2.0","id":"sent","method":"ping"}` + "\n")
		contains(t, p.line(), `"id":"sent"`)
		pass <- struct{}{}
		contains(t, p.line(), `"id":0`)
		for _, id := range ids {
			contains(t, p.line(), `"id":`+id)
		}
	}
	batch(toolCall("1", "exit", `{}`)+toolCall("2", "echo", `{"message":"x"}`), "2", "1")
	batch(toolCall("3", "echo", `{"message":"x"}`)+cancelOf("3")+"\n"+toolCall("4", "echo",
		`{"message":"x"}`)+toolCall("5", "echo", `{"message":"x"}`), "4", "5")
}
