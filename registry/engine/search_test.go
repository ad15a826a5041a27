package engine_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/codec/http1"
	"weir/registry"
	. "weir/registry/engine"
	"weir/registry/protocol"
)

func searched(o *registry.Options) { o.Search.Mode = "on" }

// byCallTool is a tools/call as call_tool makes it, header included; every other message as it is.
func byCallTool(message string, h *Header) string {
	var m struct {
		Method string
		Params map[string]json.RawMessage
	}
	if json.Unmarshal([]byte(message), &m) != nil || m.Method != "tools/call" || m.Params["name"] == nil ||
		m.Params["name"][0] != '"' {
		return message
	}
	name, arguments := string(m.Params["name"]), string(m.Params["arguments"])
	inner := `"name":"call_tool","arguments":{"name":` + name
	if arguments != "" {
		message = strings.Replace(message, `"arguments":`+arguments, `"x":1`, 1)
		message = strings.Replace(strings.Replace(message, `"x":1,`, "", 1), `,"x":1`, "", 1)
		inner += `,"arguments":` + arguments
	}
	plain := strings.Trim(name, `"`)
	if said := string(h.Name); said == plain || said == "=?base64?"+base64.StdEncoding.EncodeToString([]byte(plain))+"?=" {
		h.Name = []byte("call_tool")
	}
	return strings.Replace(message, `"name":`+name, inner+`}`, 1)
}

// Every transcript, with each call made by call_tool, goes as it goes without: whatever becomes of a call is its tool's.
func TestTranscriptsByCallTool(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no transcripts", err)
	}
	for _, file := range files {
		script, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		want := strings.Split(string(script), "\n")
		got := strings.Split(play(t, string(script), byCallTool, searched), "\n")
		said := ""
		for i := range min(len(got), len(want)) {
			if word, rest, _ := strings.Cut(want[i], " "); word == "->" {
				said = rest
			}
			switch {
			case got[i] == want[i]:
			case strings.Contains(said, `"tools/list"`): // TestSearchLists
			case strings.Contains(said, `"name":"nobody"`): // TestSearchMisses
			case strings.Contains(want[i], "Mcp-Param-Region is missing"): // nobody was told to send it
			default:
				t.Errorf("%s:%d: after %s\n got %s\nwant %s", filepath.Base(file), i+1, said, got[i], want[i])
			}
		}
	}
}

// What is listed, in every revision, and how much that is.
func TestSearchLists(t *testing.T) {
	many := func(r *Registry, n int) {
		for i := range n {
			r.AddTool(&mcp.Tool{Name: fmt.Sprintf("tool%d", i), InputSchema: json.RawMessage(`{"type":"object"}`)}, idle)
		}
	}
	f := func(what string, change func(*registry.Options), tools int, want ...string) {
		t.Helper()
		o := namedOptions()
		change(&o)
		r, err := newRegistry(o)
		if err != nil {
			t.Fatal(err)
		}
		many(r, tools)
		r.AddTool(&mcp.Tool{Name: "a_ui", InputSchema: json.RawMessage(`{"type":"object"}`),
			Meta: mcp.Meta{"ui": map[string]any{"resourceUri": "ui://a"}}}, idle)
		for i := range protocol.LatestRevision + 1 {
			rev := protocol.RevisionAt(i)
			p := &peer{r: r}
			list := `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{` + modernMeta + `}}`
			if !rev.Modern {
				p.initialize(t, rev.Version)
				list = `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`
			}
			a := p.send(list, Header{})
			if got := namesIn(t, a.body); !slices.Equal(got, want) {
				t.Errorf("%s, %s: %v, want %v", what, rev.Version, got, want)
			}
		}
	}
	all := func(n int) (names []string) {
		names = []string{"a_ui"}
		for i := range n {
			names = append(names, fmt.Sprintf("tool%d", i))
		}
		slices.Sort(names)
		return names
	}
	f("at the threshold", func(*registry.Options) {}, 63, all(63)...)
	f("above it", func(*registry.Options) {}, 64, "a_ui", "call_tool", "find_tools")
	f("off", func(o *registry.Options) { o.Search.Mode = "off" }, 100, all(100)...)
	f("on", searched, 0, "a_ui", "call_tool", "find_tools")
	f("always", func(o *registry.Options) { o.Search.Always = []string{"tool7", "tool1*", "zzz"} }, 80, "a_ui",
		"call_tool", "find_tools", "tool1", "tool10", "tool11", "tool12", "tool13", "tool14", "tool15", "tool16",
		"tool17", "tool18", "tool19", "tool7")
	f("another threshold", func(o *registry.Options) { o.Search.Above = 2 }, 2, "a_ui", "call_tool", "find_tools")
}

func idle(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) { return nil, nil }

// namesIn are the names of the tools that a list holds.
func namesIn(t *testing.T, body string) (names []string) {
	t.Helper()
	var list struct {
		Result struct{ Tools []struct{ Name string } }
	}
	if err := json.Unmarshal([]byte(body), &list); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	for _, tool := range list.Result.Tools {
		names = append(names, tool.Name)
	}
	return names
}

// findIn calls find_tools and returns what its structured content says.
func (p *peer) findIn(t *testing.T, arguments string) (names []string, body string) {
	t.Helper()
	a := p.send(callOf("find_tools", arguments), Header{})
	var said struct {
		Result struct {
			Content           []struct{ Text string }
			StructuredContent json.RawMessage
		}
	}
	var found struct {
		Tools []struct {
			Name        string
			InputSchema json.RawMessage
		}
	}
	if err := json.Unmarshal([]byte(a.body), &said); err != nil || len(said.Result.Content) != 1 {
		t.Fatalf("%v: %s", err, a.body)
	}
	if said.Result.Content[0].Text != string(said.Result.StructuredContent) {
		t.Errorf("text and structured content differ: %s", a.body)
	}
	if err := json.Unmarshal(said.Result.StructuredContent, &found); err != nil {
		t.Fatalf("%v: %s", err, a.body)
	}
	for _, tool := range found.Tools {
		names = append(names, tool.Name)
	}
	return names, a.body
}

// What is found follows what is offered, and what is found can be called.
func TestSearchFinds(t *testing.T) {
	r := newFixture(t, searched)
	p := &peer{r: r}
	p.initialize(t, "2025-11-25")
	f := func(arguments string, want ...string) string {
		t.Helper()
		names, body := p.findIn(t, arguments)
		if !slices.Equal(names, want) {
			t.Errorf("%s: %v, want %v", arguments, names, want)
		}
		return body
	}
	body := f(`{"query":"return a message","limit":1}`, "echo")
	for _, part := range []string{`"description":"Returns the message it was sent."`, `"inputSchema":{"type":"object"`} {
		if !strings.Contains(body, part) {
			t.Errorf("%s\nlacks %s", body, part)
		}
	}
	if body := f(`{"query":"zebra"}`); !strings.Contains(body, "Nothing was found") {
		t.Error(body)
	}
	r.AddTool(&mcp.Tool{Name: "feedZebra", InputSchema: json.RawMessage(`{"type":"object"}`)}, idle)
	f(`{"query":"zebra"}`, "feedZebra")
	p.says(t, callOf("call_tool", `{"name":"feedZebra"}`), `"result":{"content":[]`)
	r.RemoveTool("feedZebra")
	f(`{"query":"zebra"}`)
	p.says(t, callOf("find_tools", `{}`), `"isError":true`, "query")
	p.says(t, callOf("find_tools", `{"query":"x","limit":21}`), `"isError":true`, "limit")
	// What is counted, and as what.
	for series, want := range map[string]int{`weir_tool_calls_total{tool="feedZebra",outcome="ok"}`: 0,
		`weir_tool_calls_total{tool="find_tools",outcome="ok"}`:         4,
		`weir_tool_calls_total{tool="call_tool",outcome="ok"}`:          0,
		`weir_tool_calls_total{tool="find_tools",outcome="tool_error"}`: 2} {
		if !strings.Contains(series, "feedZebra") && number(t, r, series) != want {
			t.Errorf("%s is %d, want %d", series, number(t, r, series), want)
		}
	}
	p.says(t, callOf("call_tool", `{"name":"echo","arguments":{"message":"x"}}`), `"text":"x"`)
	if got := number(t, r, `weir_tool_calls_total{tool="echo",outcome="ok"}`); got != 1 {
		t.Errorf("%d calls of echo were counted", got)
	}
	if got := number(t, r, `weir_search_index_bytes`); got == 0 || got > 100_000 {
		t.Errorf("the index has %d bytes", got)
	}
}

// Whoever calls what is not there is told what was meant.
func TestSearchMisses(t *testing.T) {
	r := newFixture(t, searched)
	p := &peer{r: r}
	p.initialize(t, "2025-11-25")
	wrong := `"isError":true`
	p.says(t, callOf("call_tool", `{"name":"wether"}`), wrong, `there is no tool \"wether\"; near are weather.`)
	p.says(t, callOf("call_tool", `{"name":"get_weather"}`), wrong, "near are weather")
	p.says(t, callOf("call_tool", `{"name":"zzz"}`), wrong, `there is no tool \"zzz\". find_tools`)
	p.says(t, callOf("call_tool", `{"name":"find_tools","arguments":{"query":"x"}}`), wrong, "by its own name")
	p.says(t, callOf("call_tool", `{"name":"call_tool","arguments":{"name":"echo"}}`), wrong)
	p.says(t, callOf("call_tool", `{"name":"echo","params":{"message":"x"}}`), wrong, "params")
	p.says(t, callOf("call_tool", `{"name":7}`), wrong, "name")
	p.says(t, callOf("call_tool", `{}`), wrong, "name")
	p.says(t, callOf("call_tool", `[]`), "params.arguments must be an object")
	p.says(t, callOf("call_tool", `{"name":"echo","arguments":"{}"}`), "params.arguments must be an object")
	p.says(t, callOf("call_tool", `{"name":"echo","arguments":{"message":7}}`), wrong, "message")
	p.says(t, callOf("call_tool", `{"name":"ech\u006f","arguments":{"message":"x"}}`), `"text":"x"`)
	p.says(t, callOf("echo", `{"message":"x"}`), `"text":"x"`) // it is not listed
	// Where they stand for nothing they are not there.
	p = &peer{r: newFixture(t)}
	p.initialize(t, "2025-11-25")
	p.says(t, callOf("call_tool", `{"name":"echo"}`), "Unknown tool: call_tool")
	p.says(t, callOf("find_tools", `{"query":"echo"}`), "Unknown tool: find_tools")
}

// A tool that happens to be called as one of the two is reached through the other.
func TestSearchNames(t *testing.T) {
	r := newFixture(t, searched)
	for _, name := range []string{"call_tool", "find_tools"} {
		r.AddTool(&mcp.Tool{Name: name, InputSchema: json.RawMessage(`{"type":"object"}`)}, func(context.Context,
			*mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			return textResult("another's " + name), nil
		})
	}
	p := &peer{r: r}
	p.initialize(t, "2025-11-25")
	a := p.send(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, Header{})
	if got := namesIn(t, a.body); !slices.Equal(got, []string{"call_tool", "find_tools"}) {
		t.Errorf("%v", got)
	}
	for _, name := range []string{"call_tool", "find_tools"} {
		p.says(t, callOf("call_tool", `{"name":"`+name+`"}`), "another's "+name)
	}
	if names, _ := p.findIn(t, `{"query":"return a message","limit":1}`); !slices.Equal(names, []string{"echo"}) {
		t.Error(names)
	}
}

// A call by call_tool is routed without a word to the garbage collector.
func TestSearchAllocations(t *testing.T) {
	r := newFixture(t, searched)
	p := &peer{r: r}
	p.initialize(t, "2025-11-25")
	x := exchangeOf(t, callOf("call_tool", `{"name":"echo","arguments":{"message":"x"}}`))
	env := x.Env
	if n := testing.AllocsPerRun(100, func() {
		x.Env = env
		r.Route(x)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// Headers that repeat arguments (x-mcp-header) are demanded of who was told of them, and compared if they are there.
func TestSearchHeaders(t *testing.T) {
	f := func(always, name, arguments string, params []http1.Param, want string) {
		t.Helper()
		r := newFixture(t, searched, func(o *registry.Options) { o.Search.Always = []string{always} })
		p := &peer{r: r, transport: HTTP}
		a := p.send(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"`+name+`","arguments":`+arguments+`,`+
			modernMeta+`}}`, Header{ProtocolVersion: []byte("2026-07-28"), Method: []byte("tools/call"), Name: []byte(name),
			Params: params})
		if !strings.Contains(a.body, want) {
			t.Errorf("%s, always %s: %s, want %s", name, always, a.body, want)
		}
	}
	own, inner := `{"region":"x"}`, `{"name":"query","arguments":{"region":"x"}}`
	right, wrong := []http1.Param{httpParam("Region", []byte("x"))}, []http1.Param{httpParam("Region", []byte("y"))}
	f("", "query", own, nil, `"text":"x"`)
	f("", "call_tool", inner, nil, `"text":"x"`)
	f("", "query", own, right, `"text":"x"`)
	f("", "call_tool", inner, right, `"text":"x"`)
	f("", "query", own, wrong, "does not match")
	f("", "call_tool", inner, wrong, "does not match")
	f("query", "query", own, nil, "is missing")
	f("query", "query", own, right, `"text":"x"`)
	f("query", "call_tool", inner, nil, `"text":"x"`)
}
