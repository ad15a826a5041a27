package registry

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/registry/protocol"
)

// Every change of a list is told once, after it can be seen; what changes nothing is not told.
func TestChangesAreTold(t *testing.T) {
	r := newFixture(t)
	var told []string
	r.hooks.listChanged = func(kind protocol.List) {
		told = append(told, fmt.Sprintf("%d %d%d%d%d", kind, len(r.tools.All()), len(r.prompts.All()), len(r.resources.All()), len(r.templates.All())))
	}
	r.hooks.resourceUpdated = func(uri string) { told = append(told, uri) }
	f := func(change func(), want ...string) {
		t.Helper()
		told = nil
		if change(); !slices.Equal(told, want) {
			t.Errorf("told %q, want %q", told, want)
		}
	}
	read := func(context.Context, *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) { return nil, nil }
	f(func() { r.AddTool(&mcp.Tool{Name: "new", InputSchema: openSchema}, noop) }, "0 9000")
	f(func() { r.AddTool(&mcp.Tool{Name: "new", InputSchema: openSchema}, noop) }, "0 9000")
	f(func() { r.RemoveTool("new", "echo", "nobody") }, "0 7000")
	f(func() { r.RemoveTool("nobody") })
	f(func() { r.AddPrompt(&mcp.Prompt{Name: "p"}, greet) }, "1 7100")
	f(func() { r.AddResource(&mcp.Resource{URI: "a:b", Name: "n"}, read) }, "2 7110")
	f(func() { r.AddResourceTemplate(&mcp.ResourceTemplate{URITemplate: "a:{b}", Name: "n"}, read) }, "2 7111")
	f(func() { r.RemoveResource("a:b") }, "2 7101")
	f(func() { r.RemoveResourceTemplate("a:{b}") }, "2 7100")
	f(func() { r.RemovePrompt("p") }, "1 7000")
	f(func() { r.ResourceUpdated("a:b") }, "a:b")
}

// Capabilities name what was offered once, for good, and whether anybody tells of changes.
func TestCapabilities(t *testing.T) {
	f := func(told bool, offer func(*Registry), legacy, oldest string) {
		t.Helper()
		r := newFixture(t)
		if !told {
			r.hooks = changeHooks{}
			r.greet()
		}
		offer(r)
		for version, want := range map[string]string{"2025-11-25": legacy, "2026-07-28": legacy, "2024-11-05": oldest} {
			p := &peer{r: r}
			message := `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"` + version + `"}}`
			if version == "2026-07-28" {
				message = `{"jsonrpc":"2.0","id":1,"method":"server/discover","params":{` + modernMeta + `}}`
			}
			if a := p.send(message, Header{}); !strings.Contains(a.body, `"capabilities":`+want+`,`) {
				t.Errorf("%s: %s, want %s", version, a.body, want)
			}
		}
	}
	f(false, func(*Registry) {}, `{"tools":{},"logging":{}}`, `{"tools":{},"logging":{}}`)
	f(true, func(*Registry) {}, `{"tools":{"listChanged":true},"logging":{}}`, `{"tools":{"listChanged":true},"logging":{}}`)
	everything := func(r *Registry) {
		r.AddPrompt(&mcp.Prompt{Name: "p"}, greet)
		r.RemovePrompt("p")
		r.AddResourceTemplate(&mcp.ResourceTemplate{URITemplate: "a:{b}", Name: "n"},
			func(context.Context, *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) { return nil, nil })
		r.SetCompletion(complete)
	}
	f(false, everything, `{"tools":{},"prompts":{},"resources":{},"completions":{},"logging":{}}`,
		`{"tools":{},"prompts":{},"resources":{},"logging":{}}`)
	f(true, everything,
		`{"tools":{"listChanged":true},"prompts":{"listChanged":true},"resources":{"subscribe":true,"listChanged":true},"completions":{},"logging":{}}`,
		`{"tools":{"listChanged":true},"prompts":{"listChanged":true},"resources":{"subscribe":true,"listChanged":true},"logging":{}}`)
}
