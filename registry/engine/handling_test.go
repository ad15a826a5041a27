package engine_test

import (
	"context"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/registry"
	. "weir/registry/engine"
)

// A handler of any kind is told in whose name it runs, or that it is nobody's.
func TestHandlersSeeThePrincipal(t *testing.T) {
	r := newFixture(t)
	who := func(extra *mcp.RequestExtra) string {
		if extra.TokenInfo == nil {
			return "for anybody"
		}
		return "for " + extra.TokenInfo.UserID
	}
	AddTool(r, &mcp.Tool{Name: "who"}, func(_ context.Context, req *mcp.CallToolRequest, _ none) (*mcp.CallToolResult, any,
		error) {
		return textResult(who(req.Extra)), nil, nil
	})
	r.AddPrompt(&mcp.Prompt{Name: "who", Arguments: []*mcp.PromptArgument{{Name: "a"}}},
		func(_ context.Context, req *mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
			return &mcp.GetPromptResult{Description: who(req.Extra)}, nil
		})
	r.AddResource(&mcp.Resource{URI: "who:it", Name: "who"}, func(_ context.Context,
		req *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
		return &mcp.ReadResourceResult{Contents: []*mcp.ResourceContents{{Text: who(req.Extra)}}}, nil
	})
	r.SetCompletion(func(_ context.Context, req *mcp.CompleteRequest) (*mcp.CompleteResult, error) {
		return &mcp.CompleteResult{Completion: mcp.CompletionResultDetails{Values: []string{who(req.Extra)}}}, nil
	})
	for principal, want := range map[string]string{"": "for anybody", "alice": "for alice"} {
		p := &peer{r: r, principal: principal}
		for _, message := range []string{
			asking("tools/call", `"name":"who"`, ""), asking("prompts/get", `"name":"who"`, ""), asking("resources/read",
				`"uri":"who:it"`, ""),
			asking("completion/complete", `"ref":{"type":"ref/prompt","name":"who"},"argument":{"name":"a","value":""}`, ""),
		} {
			if a := p.send(message, Header{}); !strings.Contains(a.body, want) {
				t.Errorf("%s\n%s", message, a.body)
			}
		}
	}
}

// What only some may ask for is not kept for all.
func TestPrivateLists(t *testing.T) {
	for private, want := range map[bool]string{false: `"cacheScope":"public"`, true: `"cacheScope":"private"`} {
		p := &peer{r: newFixture(t, func(o *registry.Options) { o.PrivateLists = private })}
		for _, method := range []string{"server/discover", "tools/list"} {
			if a := p.send(`{"jsonrpc":"2.0","id":1,"method":"`+method+`","params":{`+modernMeta+`}}`,
				Header{}); !strings.Contains(a.body, want) {
				t.Errorf("%s: %s", method, a.body)
			}
		}
	}
}
