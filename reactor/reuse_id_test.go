package reactor

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/reactor/pipeline"
	"weir/registry"
)

func cancelOf(id string) string {
	return `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":` + id + `}}`
}

// Many clients use one id for everything. It is free as soon as its call is cancelled, in the same write, even if the
// handler of that call heeds nothing; each id is answered once, with what its own call came to.
func TestCancelledIDIsFreeAtOnce(t *testing.T) {
	rounds := 10_000
	if testing.Short() || raceEnabled {
		rounds = 2000
	}
	f := func(name string, connect func(*server) client, frame func(text string) string) {
		t.Run(name, func(t *testing.T) {
			s := deafServer(t)
			c := connect(s)
			c.t = t
			c.send(frame(deafCall(1)))
			s.awaitStuck()
			c.send(frame(cancelOf("1")))
			for round := range rounds {
				c.send(frame(strings.TrimSpace(toolCall("1", "stuck", `{}`))) + frame(cancelOf("1")) +
					frame(strings.TrimSpace(toolCall("1", "echo", fmt.Sprintf(`{"message":"round %d."}`, round)))))
				answer, err := c.answer()
				must(t, err)
				if !strings.Contains(answer, fmt.Sprintf("round %d.", round)) {
					t.Fatalf("round %d was answered %s", round, answer)
				}
			}
			s.free()
			cancelled := fmt.Sprint(rounds + 1)
			s.eventually("all the others are dropped", func() bool {
				return s.metric(`weir_messages_dropped_total{reason="cancelled"}`) == cancelled
			})
			c.send(frame(`{"jsonrpc":"2.0","id":"last","method":"ping"}`))
			answer, err := c.answer()
			must(t, err)
			contains(t, answer, `"id":"last"`)
			s.eventually("every byte is given back", func() bool {
				return s.queue.HeldBytes() == 0 &&
					s.loops.OutboxBytes() == 0
			})
		})
	}
	f("tcp", (*server).lineClient, func(text string) string { return text + "\n" })
	f("websocket", (*server).webSocketClient, clientFrame)
}

// Over HTTP the conversation is a session, whose calls and cancellations come on any connection.
func TestCancelledIDIsFreeInASession(t *testing.T) {
	s := deafServer(t)
	first, second := s.dial("http"), s.dial("http")
	session := first.session()
	first.send(post(deafCall(1), session))
	s.awaitStuck()
	second.send(post(cancelOf("1"), session) + post(strings.TrimSpace(toolCall("1", "echo", `{"message":"next"}`)),
		session))
	if r, _ := second.response(); r.StatusCode != 202 {
		t.Error("the cancellation was answered", r.Status)
	}
	_, body := second.response()
	contains(t, body, `"id":1,"result"`, "next")
	s.free()
	if r, body := first.response(); r.StatusCode != 202 || body != "" {
		t.Errorf("the cancelled call was answered %s %q", r.Status, body)
	}
}

// Each message that was POSTed has an answer of its own, so two of one session may have one id at once.
func TestPostsOfASessionShareAnID(t *testing.T) {
	s := deafServer(t)
	first, second := s.dial("http"), s.dial("http")
	session := first.session()
	first.send(post(deafCall(1), session))
	s.awaitStuck()
	second.send(post(strings.TrimSpace(toolCall("1", "echo", `{"message":"meanwhile"}`)), session) +
		post(cancelOf("1"), session))
	r, body := second.response()
	if r.StatusCode != 200 {
		t.Error("the second call was answered", r.Status)
	}
	contains(t, body, `"id":1,"result"`, "meanwhile")
	s.free()
	if r, _ := second.response(); r.StatusCode != 202 {
		t.Error("the cancellation was answered", r.Status)
	}
	first.response()
}

func TestCancelledIDIsFreeInABatch(t *testing.T) {
	s := start(t)
	p := s.dial("tcp")
	p.send(strings.Replace(hello, "2025-11-25", "2025-03-26", 1) + "\n")
	p.line()
	p.send("[" + strings.TrimSpace(toolCall("1", "stuck", `{}`)) + "," + cancelOf("1") + "," +
		strings.TrimSpace(toolCall("1", "echo", `{"message":"next"}`)) + "]\n")
	answer := p.line()
	contains(t, answer, "next")
	if strings.Count(answer, `"id":1`) != 1 {
		t.Errorf("not one answer: %s", answer)
	}
}

// A held message that was taken back leaves its id free too, and says nothing of it when its turn comes.
func TestCancelledIDOfAHeldMessage(t *testing.T) {
	s := start(t)
	p := s.dial("tcp").greet()
	for id := range 31 {
		p.send(toolCall(fmt.Sprint(id), "stuck", `{}`))
	}
	for range 31 {
		s.awaitStuck()
	}
	var text strings.Builder
	for id := 31; id < pipeline.CompactAbove; id++ {
		text.WriteString(toolCall(fmt.Sprint(id), "stuck", `{}`))
	}
	text.WriteString(toolCall("1000", "stuck", `{}`))
	for id := range 20 {
		text.WriteString(cancelOf(fmt.Sprint(id)) + "\n")
	}
	p.send(text.String() + cancelOf("1000") + "\n")
	s.eventually("there is room again",
		func() bool { return s.metric(`weir_messages_dropped_total{reason="cancelled"}`) == "20" })
	p.send(toolCall("1000", "stuck", `{}`)) // this one is no held message
	p.send(`{"jsonrpc":"2.0","id":"mark","method":"ping"}` + "\n")
	contains(t, p.line(), `"id":"mark"`)
	s.free()
	answers := 0
	for range pipeline.CompactAbove - 20 + 1 {
		if answer := p.line(); strings.Contains(answer, `"id":1000,`) {
			answers++
			contains(t, answer, "free")
		}
	}
	if answers != 1 {
		t.Errorf("id 1000 was answered %d times", answers)
	}
	p.send(`{"jsonrpc":"2.0","id":"last","method":"ping"}` + "\n")
	contains(t, p.line(), `"id":"last"`)
}

// A handler that ends its goroutine is answered for, unless its call was cancelled.
func TestCancelledCallThatExitsIsNotAnswered(t *testing.T) {
	s := start(t)
	addExit(s)
	p := s.dial("tcp").greet()
	p.send(toolCall("1", "exits", `{}`))
	s.awaitStuck()
	p.send(cancelOf("1") + "\n" + toolCall("1", "echo", `{"message":"next"}`))
	contains(t, p.line(), "next")
	s.free()
	s.eventually("it is dropped", func() bool { return s.metric(`weir_messages_dropped_total{reason="cancelled"}`) == "1" })
	p.send(`{"jsonrpc":"2.0","id":"last","method":"ping"}` + "\n")
	contains(t, p.line(), `"id":"last"`)
}

// addExit adds a tool, "exits", that waits for the test and then ends its goroutine.
func addExit(s *server) {
	registry.AddTool(s.registry, &mcp.Tool{Name: "exits"},
		func(context.Context, *mcp.CallToolRequest, struct{}) (*mcp.CallToolResult, any, error) {
			s.stuck <- struct{}{}
			<-s.release
			runtime.Goexit()
			return nil, nil, nil
		})
}

// A listen that is cancelled is over, and one with the same id may begin in the same write.
func TestCancelledListenIsReplaced(t *testing.T) {
	s := start(t)
	p := s.dial("tcp")
	listen := `{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{"notifications":{"toolsListChanged":true},"_meta":{` + modernIs + `}}}` + "\n"
	const rounds = 100
	for range rounds {
		p.send(listen + cancelOf("1") + "\n" + listen)
		contains(t, p.line(), "acknowledged")
		contains(t, p.line(), "acknowledged")
		p.send(cancelOf("1") + "\n")
	}
	p.send(listen)
	contains(t, p.line(), "acknowledged")
	addExit(s)
	contains(t, p.line(), "tools/list_changed")
	p.send(`{"jsonrpc":"2.0","id":"last","method":"ping","params":{"_meta":{` + modernIs + `}}}` + "\n")
	contains(t, p.line(), `"id":"last"`)
	if n := s.metric("weir_subscriptions"); n != "1" {
		t.Errorf("%s subscriptions", n)
	}
}
