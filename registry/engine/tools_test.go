package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/registry"
	. "weir/registry/engine"
)

func noop(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) { return nil, nil }

var openSchema = json.RawMessage(`{"type":"object"}`)

// pages walks tools/list to its end.
func pages(t *testing.T, p *peer) (names []string, count int) {
	t.Helper()
	cursor := ""
	for {
		a := p.send(`{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{`+cursor+`}}`, Header{})
		var m struct {
			Result struct {
				Tools      []struct{ Name string }
				NextCursor string
			}
		}
		if err := json.Unmarshal([]byte(a.body), &m); err != nil || len(m.Result.Tools) == 0 {
			t.Fatalf("%v in %s", err, a.body)
		}
		if len(a.body) > p.r.Opt().Results.MaxBytes {
			t.Errorf("a page of %d bytes", len(a.body))
		}
		for _, tool := range m.Result.Tools {
			names = append(names, tool.Name)
		}
		count++
		if m.Result.NextCursor == "" {
			return names, count
		}
		cursor = `"cursor":"` + m.Result.NextCursor + `"`
	}
}

func TestPages(t *testing.T) {
	r, err := newRegistry(func() registry.Options { o := namedOptions(); o.PageSize = 7; return o }())
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{r: r}
	p.initialize(t, "2025-11-25")
	var want []string
	for i := range 50 {
		name := fmt.Sprintf("tool-%02d", (i*17)%50)
		r.AddTool(&mcp.Tool{Name: name, InputSchema: openSchema}, noop)
		want = append(want, name)
	}
	slices.Sort(want)
	names, count := pages(t, p)
	if !slices.Equal(names, want) || count != 8 {
		t.Errorf("%d pages: %v", count, names)
	}
	// Replaced in place; removed ones are gone, and a cursor that names one still works.
	r.AddTool(&mcp.Tool{Name: "tool-10", Description: "new", InputSchema: openSchema}, noop, registry.Replace())
	if n := r.RemoveTool("tool-06", "tool-20", "nobody"); n != 2 {
		t.Error("removed", n)
	}
	a := p.send(`{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"cursor":"dCkgCaZ0b29sLTA2"}}`, Header{})
	if !strings.Contains(a.body, `"tools":[{"inputSchema":{"type":"object","properties":{}},"name":"tool-07"}`) {
		t.Error("after a removed tool:", a.body)
	}
	if names, _ := pages(t, p); len(names) != 48 || slices.Contains(names, "tool-06") {
		t.Error("left:", names)
	}
	if a := p.send(callOf("tool-06", `{}`), Header{}); !strings.Contains(a.body, "Unknown tool") {
		t.Error("a removed tool:", a.body)
	}
	if strings.Contains(scrape(r), "tool-06") {
		t.Error("a removed tool keeps its series")
	}
}

// Pages end before they exceed what an answer may hold.
func TestPagesAreBounded(t *testing.T) {
	o := namedOptions()
	o.MaxResultBytes = 8192
	r, err := newRegistry(o)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		r.AddTool(&mcp.Tool{Name: fmt.Sprint("tool", i), Description: strings.Repeat("d", 1500+100*i),
			InputSchema: openSchema}, noop)
	}
	p := &peer{r: r}
	p.initialize(t, "2025-11-25")
	if names, count := pages(t, p); len(names) != 20 || count < 7 {
		t.Errorf("%d tools on %d pages", len(names), count)
	}
}

func TestBadTools(t *testing.T) {
	r := newFixture(t, func(o *registry.Options) { o.MaxTools = 8 }) // the fixture has eight
	f := func(want string, add func()) {
		t.Helper()
		defer func() {
			if v := recover(); v == nil || !strings.Contains(fmt.Sprint(v), want) {
				t.Errorf("panic %v, want %q", v, want)
			}
		}()
		add()
	}
	raw := func(name string, schema any) func() {
		return func() { r.AddTool(&mcp.Tool{Name: name, InputSchema: schema}, noop) }
	}
	f("0 bytes long", raw("", openSchema))
	f("129 bytes long", raw(strings.Repeat("x", 129), openSchema))
	f("control characters", raw("a\nb", openSchema))
	f("missing", raw("a", nil))
	f(`type "object"`, raw("a", json.RawMessage(`{"type":"string"}`)))
	f(`type "object"`, raw("a", json.RawMessage(`true`)))
	f(`type "object"`, raw("a", (*jsonschema.Schema)(nil)))
	f("half of max_result_bytes", raw("a", json.RawMessage(`{"type":"object","title":"`+strings.Repeat("x", 1<<19)+`"}`)))
	f("max_tools (8)", raw("one more", openSchema))
	f("input type: the type: chan int has no JSON form", func() {
		AddTool(r, &mcp.Tool{Name: "a"}, func(context.Context, *mcp.CallToolRequest, chan int) (*mcp.CallToolResult, any,
			error) {
			return nil, nil, nil
		})
	})
	f(`type "object"`, func() {
		AddTool(r, &mcp.Tool{Name: "a"}, func(context.Context, *mcp.CallToolRequest, string) (*mcp.CallToolResult, any,
			error) {
			return nil, nil, nil
		})
	})
	f("output type: the type: func() has no JSON form", func() {
		AddTool(r, &mcp.Tool{Name: "a"}, func(context.Context, *mcp.CallToolRequest, none) (*mcp.CallToolResult, func(),
			error) {
			return nil, nil, nil
		})
	})
	// x-mcp-header where clients would drop the tool (MCP 2026-07-28, basic/transports/streamable-http).
	header := func(properties string) func() {
		return raw("a", json.RawMessage(`{"type":"object","properties":{`+properties+`}}`))
	}
	f("field name", header(`"p":{"type":"string","x-mcp-header":""}`))
	f("field name", header(`"p":{"type":"string","x-mcp-header":"a b"}`))
	f("field name", header(`"p":{"type":"string","x-mcp-header":7}`))
	f("needs type", header(`"p":{"type":"number","x-mcp-header":"a"}`))
	f("used twice", header(`"p":{"type":"string","x-mcp-header":"a"},"q":{"type":"object","properties":{"r":{"type":"string","x-mcp-header":"A"}}}`))
	f("chain of properties", header(`"p":{"type":"array","items":{"type":"string","x-mcp-header":"a"}}`))
	f("chain of properties", header(`"p":{"anyOf":[{"type":"string","x-mcp-header":"a"}]}`))
	if strings.Contains(scrape(r), `tool="one more"`) {
		t.Error("a refused tool left series")
	}
}

// Tools may change while they are listed and called.
func TestToolsChangeWhileServing(t *testing.T) {
	r := newFixture(t)
	var done sync.WaitGroup
	for worker := range 4 {
		done.Go(func() {
			p := &peer{r: r}
			p.initialize(t, "2025-11-25")
			for i := range 200 {
				switch name := fmt.Sprintf("t%d", i%5); worker {
				case 0:
					r.AddTool(&mcp.Tool{Name: name, InputSchema: openSchema}, noop, registry.Replace())
				case 1:
					r.RemoveTool(name)
				case 2:
					if a := p.send(callOf(name, `{}`), Header{}); !json.Valid([]byte(a.body)) {
						t.Error(a.body)
					}
				default:
					if a := p.send(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, Header{}); !json.Valid([]byte(a.body)) {
						t.Error(a.body)
					}
				}
			}
		})
	}
	done.Wait()
}
