package engine_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/registry"
	. "weir/registry/engine"
)

func TestBadPrompts(t *testing.T) {
	r := newFixture(t, func(o *registry.Options) { o.MaxPrompts = 1 })
	f := func(want, name string, h mcp.PromptHandler, arguments ...*mcp.PromptArgument) {
		t.Helper()
		mustPanic(t, want, func() { r.AddPrompt(&mcp.Prompt{Name: name, Arguments: arguments}, h) })
	}
	f("0 bytes long", "", greet)
	f("129 bytes long", strings.Repeat("x", 129), greet)
	f("control characters", "a\nb", greet)
	f("handler is nil", "a", nil)
	f("argument 0 has no name", "a", greet, nil)
	f("argument 1 has no name", "a", greet, &mcp.PromptArgument{Name: "x"}, &mcp.PromptArgument{})
	f(`argument "x" is there twice`, "a", greet, &mcp.PromptArgument{Name: "x"}, &mcp.PromptArgument{Name: "x"})
	r.AddPrompt(&mcp.Prompt{Name: "a"}, greet)
	f("max_prompts (1)", "b", greet)
	if n := r.RemovePrompt("a", "nobody"); n != 1 {
		t.Error("removed", n)
	}
	r.AddPrompt(&mcp.Prompt{Name: "b"}, greet)
}

func TestOddPrompts(t *testing.T) {
	p := &peer{r: newFixture(t, func(o *registry.Options) { o.MaxResultBytes = 4096 })}
	p.initialize(t, "2025-11-25")
	f := func(want string, messages ...*mcp.PromptMessage) {
		t.Helper()
		p.r.AddPrompt(&mcp.Prompt{Name: "odd"}, func(context.Context, *mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
			return &mcp.GetPromptResult{Messages: messages}, nil
		}, registry.Replace())
		a := p.send(`{"jsonrpc":"2.0","id":1,"method":"prompts/get","params":{"name":"odd"}}`, Header{})
		if !strings.Contains(a.body, want) || !json.Valid([]byte(a.body)) || len(a.body) > 4200 {
			t.Errorf("got %.300s\nwant %s", a.body, want)
		}
	}
	text := func(s string) *mcp.PromptMessage {
		return &mcp.PromptMessage{Role: "user", Content: &mcp.TextContent{Text: s}}
	}
	f(`"result":{"messages":[]}`)
	f(`"messages":[{"role":"user","content":{"type":"text","text":""}},{"role":"user","content":{"type":"text","text":"\n"}}]`, text(""), text("\n"))
	f("cannot be encoded", nil)
	f("cannot be encoded", &mcp.PromptMessage{Role: "user"})
	f("cannot be encoded", &mcp.PromptMessage{Role: "user", Content: &mcp.TextContent{Meta: mcp.Meta{"f": func() {}}}})
	f("result too large", text(strings.Repeat("x", 4097)))
	f("result too large", text(strings.Repeat("x", 2100)), text(strings.Repeat("x", 2100)))
	f("result too large", &mcp.PromptMessage{Role: "user", Content: &mcp.ImageContent{Data: make([]byte, 4000)}})
	p.r.AddPrompt(&mcp.Prompt{Name: "odd"}, func(context.Context, *mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
		return &mcp.GetPromptResult{RequestState: "s"}, nil
	}, registry.Replace())
	if a := p.send(`{"jsonrpc":"2.0","id":1,"method":"prompts/get","params":{"name":"odd"}}`,
		Header{}); !strings.Contains(a.body, "asked for input") {
		t.Error(a.body)
	}
}

// Keys that were sent escaped are the keys they stand for; what a handler is given is its to keep.
func TestPromptArguments(t *testing.T) {
	p := offering(t)
	var kept map[string]string
	p.r.AddPrompt(&mcp.Prompt{Name: "keep", Arguments: []*mcp.PromptArgument{{Name: "é", Required: true}}},
		func(_ context.Context, req *mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
			kept = req.Params.Arguments
			return nil, nil
		})
	a := p.send(`{"jsonrpc":"2.0","id":1,"method":"prompts/get","params":{"name":"keep","arguments":{"\u00e9":"","b":"c"}}}`, Header{})
	if !strings.Contains(a.body, `"messages":[]`) || len(kept) != 2 || kept["b"] != "c" {
		t.Errorf("%s: %v", a.body, kept)
	}
}
