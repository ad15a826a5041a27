package registry

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/codec"
)

// Every change of a list is told once, after it can be seen; what changes nothing is not told.
func TestChangesAreTold(t *testing.T) {
	r := newFixture(t)
	var told []string
	p := &peer{r: r}
	p.initialize(t, "2025-11-25")
	s := &listServer{changed: func() {
		owed := string(r.AppendOwed(nil, &p.conv))
		owed, _ = strings.CutPrefix(owed, `{"jsonrpc":"2.0","method":"notifications/`)
		owed, _ = strings.CutSuffix(owed, `/list_changed"}`)
		told = append(told, fmt.Sprintf("%s %d%d%d%d", owed, len(r.tools.All()), len(r.prompts.All()), len(r.resources.All()), len(r.templates.All())))
	}}
	if err := r.Attach(s); err != nil {
		t.Fatal(err)
	}
	f := func(change func(), want ...string) {
		t.Helper()
		told = nil
		if change(); !slices.Equal(told, want) {
			t.Errorf("told %q, want %q", told, want)
		}
	}
	read := func(context.Context, *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) { return nil, nil }
	f(func() { r.AddTool(&mcp.Tool{Name: "new", InputSchema: openSchema}, noop) }, "tools 9000")
	f(func() { r.AddTool(&mcp.Tool{Name: "new", InputSchema: openSchema}, noop) }, "tools 9000")
	f(func() { r.RemoveTool("new", "echo", "nobody") }, "tools 7000")
	f(func() { r.RemoveTool("nobody") })
	f(func() { r.AddPrompt(&mcp.Prompt{Name: "p"}, greet) }, "prompts 7100")
	f(func() { r.AddResource(&mcp.Resource{URI: "a:b", Name: "n"}, read) }, "resources 7110")
	f(func() { r.AddResourceTemplate(&mcp.ResourceTemplate{URITemplate: "a:{b}", Name: "n"}, read) }, "resources 7111")
	f(func() { r.RemoveResource("a:b") }, "resources 7101")
	f(func() { r.RemoveResourceTemplate("a:{b}") }, "resources 7100")
	f(func() { r.RemovePrompt("p") }, "prompts 7000")
}

// listServer is a server that hears of changed lists.
type listServer struct{ changed func() }

func (s *listServer) QueueTask(*TaskCall) *codec.Error { return nil }
func (s *listServer) ListsChanged()                    { s.changed() }
func (s *listServer) HandlerFailed(Failure)            {}

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
