package reactor

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/backpressure"
	"weir/registry"
)

// addOne offers "one", of which one call runs at a time. What it does is its argument.
func (s *server) addOne(opts ...registry.HandlerOption) {
	type in struct {
		Do string `json:"do"`
	}
	registry.AddTool(s.registry, &mcp.Tool{Name: "one"}, func(ctx context.Context, req *mcp.CallToolRequest, in in) (
		*mcp.CallToolResult, any, error,
	) {
		switch in.Do {
		case "wait":
			s.stuck <- struct{}{}
			<-s.release
		case "hear":
			s.stuck <- struct{}{}
			<-ctx.Done()
		case "panic":
			panic("on purpose")
		case "exit":
			runtime.Goexit()
		case "ask":
			if req.Params.InputResponses["name"] == nil {
				form := &mcp.ElicitParams{Message: "your name?", RequestedSchema: map[string]any{"type": "object"}}
				return &mcp.CallToolResult{InputRequests: mcp.InputRequestMap{"name": form}}, nil, nil
			}
		}
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: "done"}}}, nil, nil
	}, append([]registry.HandlerOption{registry.MaxConcurrent(1)}, opts...)...)
}

func one(id, do string) string {
	return strings.TrimSpace(toolCall(id, "one", `{"do":"`+do+`"}`))
}

// running waits until so many calls of "one" run, for the queue, the limiter and metrics alike.
func (s *server) running(n string) {
	s.t.Helper()
	s.eventually(n+" run", func() bool {
		return s.metric(`weir_tool_concurrency{tool="one"}`) == n &&
			fmt.Sprint(s.queue.Executing(backpressure.Blocking)) == n
	})
}

// At the limit every client is told alike, and the next call has the place that was given back.
func TestToolLimit(t *testing.T) {
	s := start(t, func(o *Options, _ *backpressure.Options, _ *registry.Options) { o.HTTPSSEPath = "/sse" })
	s.addOne()
	if limit := s.metric(`weir_tool_concurrency_limit{tool="one"}`); limit != "1" {
		t.Errorf("the limit is %s", limit)
	}
	refused := 0
	for transport, versions := range map[string][]string{"tcp": {"2025-11-25", "2026-07-28"}, "sse": {"2024-11-05"},
		"websocket": {"2025-11-25", "2026-07-28"}, "http": {"2025-11-25", "2026-07-28"}} {
		for _, version := range versions {
			v := s.newVoice(t, transport, version)
			say := func(id, do string) {
				message := one(id, do)
				if _, modern := v.(modernVoice); modern {
					message = strings.Replace(message, `"params":{`, `"params":{"_meta":{`+modernIs+`},`, 1)
				}
				v.say(message)
			}
			say("1", "hear")
			s.awaitStuck()
			say("2", "")
			contains(t, v.hear(), `"id":2,"error":{"code":-32603`, `"reason":"tool_limit"`, `"retryAfterMs":`,
				`"executed":false`)
			refused++
			v.cancel("1")
			s.running("0")
			say("3", "")
			contains(t, v.hear(), `"id":3`, "done")
		}
	}
	if n := s.refused("tool_limit"); n != fmt.Sprint(refused) {
		t.Errorf("%s calls were refused, want %d", n, refused)
	}
	if n := s.metric(`weir_tool_refusals_total{tool="one"}`); n != fmt.Sprint(refused) {
		t.Errorf("%s calls of the tool were refused, want %d", n, refused)
	}
}

// Over HTTP the head is enough, and says when to come again.
func TestToolLimitAtTheHead(t *testing.T) {
	s := start(t)
	s.addOne()
	line := s.dial("tcp").greet()
	line.send(one("1", "wait") + "\n")
	s.awaitStuck()
	call := modernCall("1", "one", `{"do":""}`)
	p := s.dial("http")
	p.send(call[:strings.Index(call, "\r\n\r\n")+4])
	r, body, err := p.readResponse()
	must(t, err)
	if r.StatusCode != 503 || r.Header.Get("Retry-After") == "" {
		t.Errorf("the head of a call was answered %s", r.Status)
	}
	contains(t, body, `"reason":"tool_limit"`, `"executed":false`)
	s.free()
	contains(t, line.line(), `"id":1,"result"`)
}

// Who comes with many at once finds as many places as there are, and every call has one answer, those that were kept
// compact too.
func TestToolLimitOfABurst(t *testing.T) {
	for _, cheap := range []bool{false, true} {
		s := start(t, func(_ *Options, b *backpressure.Options, _ *registry.Options) { b.Workers = 4 })
		opts := []registry.HandlerOption{registry.MaxConcurrent(2)}
		if cheap {
			opts = append(opts, registry.Cheap())
		}
		s.addOne(opts...)
		p := s.dial("tcp").greet()
		const n = 1000
		var sent strings.Builder
		for id := range n {
			sent.WriteString(one(fmt.Sprint(id), "") + "\n")
		}
		p.send(sent.String())
		done, seen := 0, map[string]bool{}
		for range n {
			answer := p.line()
			_, id, _ := strings.Cut(answer, `"id":`)
			if id, _, _ = strings.Cut(id, ","); seen[id] {
				t.Fatalf("call %s was answered twice", id)
			}
			if seen[id] = true; strings.Contains(answer, "done") {
				done++
			} else {
				contains(t, answer, `"reason":"tool_limit"`, `"executed":false`)
			}
		}
		if refused := s.refused("tool_limit"); refused != fmt.Sprint(n-done) || done < 2 {
			t.Errorf("%d were done of %d, and %s refused", done, n, refused)
		}
		s.running("0")
	}
}

// However a call ends, its place is given back, once, and not before its handler has returned.
func TestToolLimitIsGivenBack(t *testing.T) {
	s := start(t, func(_ *Options, _ *backpressure.Options, r *registry.Options) { r.HandlerTimeout = 24 * time.Hour })
	s.addOne()
	p := s.dial("tcp").greetAble()
	works := func(after string) {
		t.Helper()
		s.running("0")
		p.send(one("9", "") + "\n")
		if answer := p.line(); !strings.Contains(answer, "done") {
			t.Fatalf("after %s: %s", after, answer)
		}
	}
	p.send(one("1", "panic") + "\n")
	contains(t, p.line(), "panicked")
	works("a panic")
	p.send(one("2", "exit") + "\n")
	contains(t, p.line(), "panicked")
	works("runtime.Goexit")
	p.send(one("3", "hear") + "\n")
	s.awaitStuck()
	p.send(cancelled("3") + "\n")
	works("a cancellation")
	gone := s.dial("tcp").greet()
	gone.send(one("4", "") + "\n")
	gone.Close()
	works("the end of its client")
	p.send(`{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"one","arguments":{"do":5}}}` + "\n")
	contains(t, p.line(), `"id":5`)
	works("wrong arguments")

	p.send(one("6", "wait") + "\n")
	s.awaitStuck()
	s.passDeadlines()
	contains(t, p.line(), `"id":6`, "handler_timeout")
	p.send(one("7", "") + "\n")
	contains(t, p.line(), `"id":7`, "tool_limit") // it runs on
	s.free()
	works("a deadline")
}

// A call that waits for its client runs no more. When it goes on it needs a place like any other.
func TestToolLimitOfSuspendedCalls(t *testing.T) {
	s := start(t)
	s.addOne()
	p := s.dial("tcp").greetAble()
	p.send(one("1", "ask") + "\n")
	asked := p.line()
	s.running("0")
	p.send(one("2", "") + "\n")
	contains(t, p.line(), `"id":2`, "done")
	p.send(reply(t, asked, `"result":{"action":"accept","content":{"n":"x"}}`) + "\n")
	contains(t, p.line(), `"id":1`, "done")

	p.send(one("3", "ask") + "\n")
	asked = p.line()
	s.running("0") // the client is asked a moment before
	p.send(one("4", "wait") + "\n")
	s.awaitStuck()
	p.send(reply(t, asked, `"result":{"action":"accept","content":{"n":"x"}}`) + "\n")
	contains(t, p.line(), `"id":3,"error"`, `"reason":"tool_limit"`, `"executed":true`)
	s.free()
	contains(t, p.line(), `"id":4`, "done")
	s.running("0")
}

// A task has its place from when it is queued, so its client hears of the limit at once.
func TestToolLimitOfTasks(t *testing.T) {
	s := start(t)
	s.addOne(registry.Tasks(registry.TaskOptional))
	p := s.dial("http")
	begin := func(do string) {
		p.send(postTask("1", "tools/call", `"name":"one","arguments":{"do":"`+do+`"}`, "one"))
	}
	begin("wait")
	_, body := p.response()
	first := taskIn(t, body)
	s.awaitStuck()
	begin("")
	p.wantStatus(503, `"id":1`, `"reason":"tool_limit"`, `"executed":false`)
	p.send(postTask("2", "tasks/cancel", named(first), first))
	_, _ = p.response()
	begin("")
	p.wantStatus(503, `"reason":"tool_limit"`) // its handler runs on
	s.free()
	s.running("0")
	begin("exit")
	_, body = p.response()
	s.taskIs(taskIn(t, body), `"status":"failed"`)
	s.running("0")
	begin("")
	_, body = p.response()
	s.taskIs(taskIn(t, body), `"status":"completed"`)
}

// adaptive_concurrency is for tools that wait and say nothing themselves.
func TestAdaptiveConcurrency(t *testing.T) {
	s := start(t, func(_ *Options, _ *backpressure.Options, r *registry.Options) {
		r.AdaptiveConcurrency, r.MaxConcurrency = true, 7
	})
	s.addOne()
	none := func(context.Context, *mcp.CallToolRequest, struct{}) (*mcp.CallToolResult, any, error) {
		return &mcp.CallToolResult{}, nil, nil
	}
	registry.AddTool(s.registry, &mcp.Tool{Name: "free"}, none, registry.MaxConcurrent(0))
	registry.AddTool(s.registry, &mcp.Tool{Name: "quick"}, none, registry.Cheap())
	for tool, want := range map[string]string{"stuck": "7", "one": "1", "free": "no series", "quick": "no series"} {
		if limit := s.metric(`weir_tool_concurrency_limit{tool="` + tool + `"}`); !strings.HasPrefix(limit, want) {
			t.Errorf("%s: %s, want %s", tool, limit, want)
		}
	}
	p := s.dial("tcp").greet()
	for id := range 7 {
		p.send(toolCall(fmt.Sprint(id), "stuck", `{}`))
		s.awaitStuck()
	}
	p.send(toolCall("8", "stuck", `{}`))
	contains(t, p.line(), `"id":8`, "tool_limit")
	s.free()
	for range 7 {
		contains(t, p.line(), "free")
	}
}
