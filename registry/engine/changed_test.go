package engine_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/registry"
	. "weir/registry/engine"
	"weir/registry/event"
	"weir/registry/protocol"
)

// changes is a server that notes which lists have changed when it is told, and how long all are then.
type changes struct {
	Server
	r     *Registry
	heard event.Told
	told  []string
}

func (s *changes) ResourceUpdated(string) {}

func (s *changes) ListsChanged(protocol.List) {
	r := s.r
	for message := r.Events().AppendListChanged(nil,
		&s.heard); len(message) > 0; message = r.Events().AppendListChanged(nil,
		&s.heard) {
		list, _, _ := strings.Cut(strings.TrimPrefix(string(message), `{"jsonrpc":"2.0","method":"notifications/`), "/")
		s.told = append(s.told, fmt.Sprintf("%s %d%d%d%d", list,
			len(r.Tools().All()), len(r.Prompts().All()), len(r.Resources().All()), len(r.ResourceTemplates().All())))
	}
}

// Every change of a list is told once, after it can be seen; what changes nothing is not told.
func TestChangesAreTold(t *testing.T) {
	r := newFixture(t)
	s := &changes{r: r}
	r.Events().CatchUp(&s.heard)
	if e := r.Attach(s); e != nil {
		t.Fatal(e)
	}
	x := exchangeOf(t, `{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{"notifications":`+
		`{"resourceSubscriptions":["a:b"]},`+modernMeta+`}}`)
	x.Responder = &wire{}
	r.Route(x)
	r.Dispatch(x, nil)
	f := func(change func(), want ...string) {
		t.Helper()
		s.told = nil
		change()
		if message, _ := x.Stream().Next(nil); len(message) > 0 {
			s.told = append(s.told, "updated")
		}
		if !slices.Equal(s.told, want) {
			t.Errorf("told %q, want %q", s.told, want)
		}
	}
	read := func(context.Context, *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) { return nil, nil }
	f(func() { r.AddTool(&mcp.Tool{Name: "new", InputSchema: openSchema}, noop) }, "tools 9000")
	f(func() { r.AddTool(&mcp.Tool{Name: "new", InputSchema: openSchema}, noop, registry.Replace()) }, "tools 9000")
	f(func() { r.RemoveTool("new", "echo", "nobody") }, "tools 7000")
	f(func() { r.RemoveTool("nobody") })
	f(func() { r.AddPrompt(&mcp.Prompt{Name: "p"}, greet) }, "prompts 7100")
	f(func() { r.AddResource(&mcp.Resource{URI: "a:b", Name: "n"}, read) }, "resources 7110")
	f(func() { r.AddResourceTemplate(&mcp.ResourceTemplate{URITemplate: "a:{b}", Name: "n"}, read) }, "resources 7111")
	f(func() { r.RemoveResource("a:b") }, "resources 7101")
	f(func() { r.RemoveResourceTemplate("a:{b}") }, "resources 7100")
	f(func() { r.RemovePrompt("p") }, "prompts 7000")
	f(func() { r.ResourceUpdated("a:b") }, "updated")
	f(func() { r.ResourceUpdated("a:c") })
}

// Capabilities name what was offered once, for good.
func TestCapabilities(t *testing.T) {
	f := func(offer func(*Registry), legacy, oldest string) {
		t.Helper()
		r := newFixture(t)
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
	f(func(*Registry) {}, `{"tools":{"listChanged":true},"logging":{}}`, `{"tools":{"listChanged":true},"logging":{}}`)
	everything := func(r *Registry) {
		r.AddPrompt(&mcp.Prompt{Name: "p"}, greet)
		r.RemovePrompt("p")
		r.AddResourceTemplate(&mcp.ResourceTemplate{URITemplate: "a:{b}", Name: "n"},
			func(context.Context, *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) { return nil, nil })
		r.SetCompletion(complete)
	}
	f(everything,
		`{"tools":{"listChanged":true},"prompts":{"listChanged":true},"resources":{"subscribe":true,"listChanged":true},"completions":{},"logging":{}}`,
		`{"tools":{"listChanged":true},"prompts":{"listChanged":true},"resources":{"subscribe":true,"listChanged":true},"logging":{}}`)
}
