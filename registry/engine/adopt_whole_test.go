package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/registry"
	. "weir/registry/engine"
)

// TestAdoptKeepsWhatTheServerSays: of itself, and in its definitions.
func TestAdoptKeepsWhatTheServerSays(t *testing.T) {
	theirs := func(name string) *mcp.Server {
		s := mcp.NewServer(&mcp.Implementation{Name: name, Title: "The " + name, Version: "7"}, &mcp.ServerOptions{
			Instructions: "Ask " + name + ".",
			CompletionHandler: func(_ context.Context, req *mcp.CompleteRequest) (*mcp.CompleteResult, error) {
				return &mcp.CompleteResult{Completion: mcp.CompletionResultDetails{
					Values: []string{name, req.Params.Argument.Value, fmt.Sprint(req.Session != nil, req.Extra != nil)}}}, nil
			}})
		no := false
		mcp.AddTool(s, &mcp.Tool{Name: name, Title: "Title", Meta: mcp.Meta{"m": 1},
			Annotations: &mcp.ToolAnnotations{ReadOnlyHint: true, DestructiveHint: &no}, Icons: []mcp.Icon{{Source: "data:,"}}},
			func(_ context.Context, req *mcp.CallToolRequest, _ none) (*mcp.CallToolResult, weatherOut, error) {
				if req.Extra == nil || req.Extra.CloseSSEStream == nil || req.Extra.TokenInfo == nil {
					return nil, weatherOut{}, fmt.Errorf("extra %+v", req.Extra)
				}
				req.Extra.CloseSSEStream(mcp.CloseSSEStreamArgs{})
				return nil, weatherOut{City: req.Extra.TokenInfo.UserID}, nil
			})
		s.AddPrompt(&mcp.Prompt{Name: name, Arguments: []*mcp.PromptArgument{{Name: "a"}}},
			func(context.Context, *mcp.GetPromptRequest) (*mcp.GetPromptResult, error) { return nil, nil })
		return s
	}
	one, two := theirs("one"), theirs("two")
	opt, err := registry.OptionsFor(one)
	if err != nil || opt.Name != "one" || opt.Title != "The one" || opt.Version != "7" || opt.Instructions != "Ask one." {
		t.Errorf("%v %q %q %q %q", err, opt.Name, opt.Title, opt.Version, opt.Instructions)
	}
	f := func(instructions string, want ...string) {
		t.Helper()
		own := opt
		own.Instructions = instructions
		r, err := newRegistry(own)
		if err != nil {
			t.Fatal(err)
		}
		adopt(t, r, one, registry.Adoption{})
		adopt(t, r, two, registry.Adoption{})
		p := &peer{r: r, principal: "alice"}
		old := p.send(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{}}}`, Header{})
		for _, body := range []string{old.body, p.send(modern("server/discover", "", ""), Header{}).body} {
			for _, part := range append(want, `"name":"one"`, `"title":"The one"`, `"version":"7"`, `"completions":{}`) {
				if !strings.Contains(body, part) {
					t.Errorf("no %s in %s", part, body)
				}
			}
		}
		list := p.send(modern("tools/list", "", ""), Header{}).body
		for _, part := range []string{`"title":"Title"`, `"_meta":{"m":1}`, `"readOnlyHint":true`, `"destructiveHint":false`,
			`"icons":[{"src":"data:,"}]`, `"outputSchema":{`} {
			if strings.Count(list, part) != 2 {
				t.Errorf("%d times %s in %s", strings.Count(list, part), part, list)
			}
		}
		two := modern("tools/call", `"name":"two","arguments":{},`, "")
		if got := p.send(two, Header{}).body; !strings.Contains(got, `"alice"`) {
			t.Error(got)
		}
		complete := modern("completion/complete", `"ref":{"type":"ref/prompt","name":"one"},"argument":{"name":"a","value":"v"},`, "")
		if got := p.send(complete, Header{}).body; !strings.Contains(got, `"values":["one","v","true true"]`) {
			t.Error(got)
		}
	}
	f("", `"instructions":"Ask one.\n\nAsk two."`)
	f("Mine.", `"instructions":"Mine."`)
}

// TestAdoptedDepth: what an adopted handler supplies is bounded in depth as natively, where the SDK lets it come so far.
func TestAdoptedDepth(t *testing.T) {
	s, r := sdkServer(), emptyRegistry(t)
	deep := func(n int) string { return `{"a":` + strings.Repeat("[", n) + strings.Repeat("]", n) + "}" }
	raw := map[string]any{"type": "object"}
	s.AddTool(&mcp.Tool{Name: "deep", InputSchema: raw}, func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult,
		error) {
		return &mcp.CallToolResult{StructuredContent: json.RawMessage(deep(1_000_000))}, nil
	})
	mcp.AddTool(s, &mcp.Tool{Name: "typed"}, func(context.Context, *mcp.CallToolRequest, none) (*mcp.CallToolResult,
		map[string]any, error) {
		var v any
		for range 2000 {
			v = []any{v}
		}
		return nil, map[string]any{"a": v}, nil
	})
	mcp.AddTool(s, &mcp.Tool{Name: "any"}, func(context.Context, *mcp.CallToolRequest, none) (*mcp.CallToolResult,
		any, error) {
		return &mcp.CallToolResult{Meta: mcp.Meta{"deep": json.RawMessage(deep(2000))}}, nil, nil
	})
	adopt(t, r, s, registry.Adoption{})
	for _, tool := range []string{"deep", "typed", "any"} {
		got := (&peer{r: r}).send(modern("tools/call", `"name":"`+tool+`","arguments":{},`, ""), Header{}).body
		if !strings.Contains(got, `"code":-32603`) || !strings.Contains(got, "nest") || len(got) > 1000 {
			t.Errorf("%s: %.300s", tool, got)
		}
	}
}
