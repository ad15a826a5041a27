package engine_test

//lint:file-ignore SA1019 sampling and roots are deprecated and still served to those who have them

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/registry"
	. "weir/registry/engine"
)

// sessionTool does what its argument says through the Session of its request, as handlers of the SDK do.
func sessionTool(ctx context.Context, req *mcp.CallToolRequest, in jobIn) (*mcp.CallToolResult, any, error) {
	s, did := req.Session, ""
	var err error
	switch in.Do {
	case "elicit":
		var r *mcp.ElicitResult
		if r, err = s.Elicit(ctx, &mcp.ElicitParams{Message: "your name?", RequestedSchema: map[string]any{
			"type": "object", "properties": map[string]any{"name": map[string]any{"type": "string"},
				"town": map[string]any{"type": "string", "default": "Oslo"}}}}); err == nil {
			did = fmt.Sprint(r.Action, " ", r.Content["name"], " of ", r.Content["town"])
		}
	case "sample":
		var r *mcp.CreateMessageResult
		if r, err = s.CreateMessage(ctx, &mcp.CreateMessageParams{MaxTokens: 1}); err == nil {
			did = r.Model + " " + r.Content.(*mcp.TextContent).Text
		}
	case "sample with tools":
		var r *mcp.CreateMessageWithToolsResult
		if r, err = s.CreateMessageWithTools(ctx, &mcp.CreateMessageWithToolsParams{MaxTokens: 1}); err == nil {
			did = r.Model
		}
	case "roots":
		var r *mcp.ListRootsResult
		if r, err = s.ListRoots(ctx, nil); err == nil {
			did = r.Roots[0].URI
		}
	case "tell":
		err = errors.Join(
			s.NotifyProgress(ctx, &mcp.ProgressNotificationParams{ProgressToken: req.Params.GetProgressToken(),
				Progress: 1, Total: 2, Message: "half"}),
			s.Log(ctx, &mcp.LoggingMessageParams{Level: "warning", Logger: "me", Data: map[string]int{"n": 1}}),
			s.NotifyElicitationComplete(ctx, &mcp.ElicitationCompleteParams{ElicitationID: "e"}))
	case "nobody's":
		err = s.NotifyProgress(context.Background(), &mcp.ProgressNotificationParams{Progress: 2})
	case "nothing":
		err = s.NotifyProgress(ctx, nil)
	case "ping":
		err = s.Ping(ctx, nil)
	case "who":
		p := s.InitializeParams()
		did = fmt.Sprint(req.ProtocolVersion(), p.ClientInfo.Name, req.ClientCapabilities().Elicitation != nil,
			s.ID(), req.Extra.Header.Get("X"), req.Extra.TokenInfo)
	}
	return textResult("did " + did), nil, err
}

// TestSession: what handlers do through their Session works as in the SDK, or is an error that says what to do instead,
// whether the handler was registered here or with a server that was adopted.
func TestSession(t *testing.T) {
	theirs := mcp.NewServer(&mcp.Implementation{Name: "theirs", Version: "1"}, nil)
	mcp.AddTool(theirs, &mcp.Tool{Name: "adopted"}, sessionTool)
	const all = `"elicitation":{},"sampling":{"tools":{}},"roots":{}`
	f := func(tool, revision, declared, do, answer, want string) {
		t.Helper()
		r, jobs, p := newJobs(t)
		AddTool(r, &mcp.Tool{Name: "native"}, sessionTool)
		AddTool(r, &mcp.Tool{Name: "cheap"}, sessionTool, registry.Cheap())
		AddTool(r, &mcp.Tool{Name: "task"}, sessionTool, registry.Tasks(registry.TaskOptional))
		adopt(t, r, theirs, registry.Adoption{})
		message := modern("tools/call", `"name":"`+tool+`","arguments":{"do":"`+do+`"},`, declared)
		if revision != "2026-07-28" {
			p.send(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"`+revision+
				`","capabilities":{`+declared+`}}}`, Header{})
			task := ""
			if tool == "task" {
				task = `,"task":{}`
			}
			message = legacyRequest(1, "tools/call", `"name":"`+tool+`","arguments":{"do":"`+do+`"}`+task)
		}
		x := exchangeOf(t, message)
		x.Conv, x.Responder = &p.conv, &place{p.back, x}
		class := r.Route(x)
		if e := r.Begin(x); e != nil {
			t.Fatal(e)
		}
		out := make(chan string)
		go func() { out <- p.back.dispatch(x).body }()
		if answer != "" {
			var asked struct{ ID json.RawMessage }
			wait(t, "a request", func() bool {
				sent := p.back.early(&p.conv)
				return len(sent) == 1 && json.Unmarshal([]byte(sent[0]), &asked) == nil
			})
			p.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,%s}`, asked.ID, answer), Header{})
		}
		got := <-out
		if tool == "task" {
			jobs.run()
			got = p.send(legacyRequest(2, "tasks/result", `"taskId":"`+taskIDMember.FindStringSubmatch(got)[1]+`"`),
				Header{}).body
		}
		if !strings.Contains(got, want) {
			t.Errorf("%s %s %s (class %d): %s, want %s", tool, revision, do, class, got, want)
		}
	}
	for _, tool := range []string{"native", "adopted"} {
		for _, revision := range []string{"2024-11-05", "2025-11-25"} {
			f(tool, revision, all, "elicit", `"result":{"action":"accept","content":{"name":"Ada"}}`, "did accept Ada of Oslo")
			f(tool, revision, all, "elicit", `"result":{"action":"decline"}`, "did decline")
			f(tool, revision, all, "elicit", `"result":{"action":"accept","content":{"name":7}}`, "does not fit the schema")
			f(tool, revision, all, "elicit", `"error":{"code":-1,"message":"no form here"}`, "no form here")
			f(tool, revision, all, "sample", `"result":{"role":"assistant","model":"m","content":{"type":"text","text":"hi"}}`,
				"did m hi")
			f(tool, revision, all, "sample with tools",
				`"result":{"role":"assistant","model":"m","content":[{"type":"text","text":"hi"}]}`, "did m")
			f(tool, revision, all, "roots", `"result":{"roots":[{"uri":"file:///a"}]}`, "did file:///a")
			f(tool, revision, "", "elicit", "", "client does not support elicitation")
			f(tool, revision, "", "roots", "", "the client did not declare that it can be asked")
			f(tool, revision, all, "ping", "", "ping")
			f(tool, revision, all, "who", "", "did "+revision+"true<nil>")
		}
		f(tool, "2026-07-28", all, "elicit", "", "return an InputRequests map instead")
		f(tool, "2026-07-28", all, "roots", "", "return an InputRequests map instead")
		f(tool, "2026-07-28", all, "who", "", "did 2026-07-28true<nil>")
	}
	f("native", "2025-11-25", all, "nobody's", "", "give it the one that the handler was given")
	f("native", "2025-11-25", all, "nothing", "", "notifications/progress")
	f("cheap", "2025-11-25", all, "elicit", "", "registered with the option Cheap must not wait")
	f("task", "2025-11-25", all, "elicit", "", "a task waits for nobody: return InputRequests")
}

// TestSessionTells: what a handler says through its session is said to its caller, in order.
func TestSessionTells(t *testing.T) {
	r := emptyRegistry(t)
	AddTool(r, &mcp.Tool{Name: "native"}, sessionTool)
	w := &wire{}
	x := exchangeOf(t, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"native","arguments":{"do":"tell"},`+
		`"_meta":{"progressToken":"p"}}}`)
	x.Responder = w
	r.Route(x)
	if got := string(r.Dispatch(x, nil)); !strings.Contains(got, `"did "`) {
		t.Error(got)
	}
	want := []string{
		`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"p","progress":1,"total":2,"message":"half"}}`,
		`{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"warning","logger":"me","data":{"n":1}}}`,
		`{"jsonrpc":"2.0","method":"notifications/elicitation/complete","params":{"elicitationId":"e"}}`,
	}
	if !slices.Equal(w.sent, want) {
		t.Errorf("sent %q", w.sent)
	}
}

// TestSessionEnds: a handler that waits for its client goes on when its call is cancelled, when its client is gone, and
// when the server stops; nothing is left of what it asked for.
func TestSessionEnds(t *testing.T) {
	f := func(name string, end func(r *Registry, p *peer, x *Exchange), want string) {
		t.Helper()
		r, _, p := newJobs(t)
		var told error
		AddTool(r, &mcp.Tool{Name: "native"}, func(ctx context.Context, req *mcp.CallToolRequest,
			_ none) (*mcp.CallToolResult, any, error) {
			_, told = req.Session.ListRoots(ctx, nil)
			return nil, nil, told
		})
		p.send(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{"roots":{}}}}`, Header{})
		x := exchangeOf(t, legacyRequest(1, "tools/call", `"name":"native"`))
		x.Conv, x.Responder = &p.conv, &place{p.back, x}
		r.Route(x)
		if e := r.Begin(x); e != nil {
			t.Fatal(e)
		}
		out := make(chan string)
		go func() { out <- p.back.dispatch(x).body }()
		wait(t, "a request", func() bool { return p.conv.Unanswered().Load() == 1 })
		end(r, p, x)
		<-out
		if told == nil || !strings.Contains(told.Error(), want) || p.conv.Unanswered().Load() != 0 {
			t.Errorf("%s: %v, want %s; %d are unanswered", name, told, want, p.conv.Unanswered().Load())
		}
	}
	f("cancelled", func(_ *Registry, _ *peer, x *Exchange) { x.Cancel() }, "context canceled")
	f("gone", func(r *Registry, p *peer, _ *Exchange) { r.PeerEnded(&p.conv) }, "stopped sending")
	f("stopped", func(r *Registry, _ *peer, _ *Exchange) { r.StopAsking() }, "the server stops")
}
