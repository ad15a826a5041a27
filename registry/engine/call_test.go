package engine_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/registry"
	. "weir/registry/engine"
)

// An echo call costs three allocations: the call (with the decoded arguments in it), the private copy of the arguments,
// and the handler's own result. Everything else lives in the exchange, the tables or the transport's buffer.
func TestCallAllocations(t *testing.T) {
	r := newFixture(t)
	f := func(name, message string, want float64) {
		t.Helper()
		x, dst := exchangeOf(t, message), make([]byte, 0, 8<<10)
		got := testing.AllocsPerRun(200, func() {
			r.Route(x)
			if e := r.Begin(x); e != nil {
				t.Fatal(e)
			}
			dst = r.Dispatch(x, dst[:0])
			r.End(x)
		})
		if got != want {
			t.Errorf("%s: %v allocations, want %v", name, got, want)
		}
	}
	f("echo", echoCall(1, "hello"), 3)
	f("echo, modern", modernEcho, 3)
	f("list", `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, 0)
	f("discover", `{"jsonrpc":"2.0","id":1,"method":"server/discover","params":{`+modernMeta+`}}`, 0)
	f("ping", `{"jsonrpc":"2.0","id":1,"method":"ping"}`, 0)
	addFixtureOffers(r)
	f("static resource", readOf("test://text"), 1)
	f("resources/list", `{"jsonrpc":"2.0","id":1,"method":"resources/list"}`, 0)
}

// lineWith is a registry with one tool besides the fixture's, and an initialized connection to it.
func lineWith(t testing.TB, tool *mcp.Tool, h mcp.ToolHandler, opts ...registry.HandlerOption) *peer {
	t.Helper()
	return lineTo(t, newFixture(t), tool, h, opts...)
}

// lineTo is lineWith on a registry that the test made.
func lineTo(t testing.TB, r *Registry, tool *mcp.Tool, h mcp.ToolHandler, opts ...registry.HandlerOption) *peer {
	t.Helper()
	if tool.InputSchema == nil {
		tool.InputSchema = json.RawMessage(`{"type":"object"}`)
	}
	r.AddTool(tool, h, opts...)
	p := &peer{r: r}
	p.initialize(t, "2025-11-25")
	return p
}

func callOf(tool, arguments string) string {
	return `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"` + tool + `","arguments":` + arguments + `}}`
}

// A handler may keep everything it is given: the transport reuses the message's bytes as soon as Dispatch returned.
func TestHandlersMayKeep(t *testing.T) {
	r := newFixture(t)
	var kept []any
	AddTool(r, &mcp.Tool{Name: "keep"}, func(ctx context.Context, req *mcp.CallToolRequest,
		in map[string]any) (*mcp.CallToolResult, any, error) {
		kept = append(kept, ctx, req, in)
		return nil, nil, nil
	})
	p := &peer{r: r}
	p.initialize(t, "2025-11-25")
	for _, word := range []string{"first", "other"} {
		p.send(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"keep","_meta":{"m":"`+word+`"},"arguments":{"`+word+`":"`+word+`"}}}`, Header{})
	}
	req, in := kept[1].(*mcp.CallToolRequest), kept[2].(map[string]any)
	if req.Params.Name != "keep" || string(req.Params.Arguments) != `{"first":"first"}` || in["first"] != "first" ||
		req.Params.Meta["m"] != "first" {
		t.Errorf("the first call changed: %+v %v", req.Params, in)
	}
	if err := kept[0].(context.Context).Err(); err != context.Canceled {
		t.Errorf("the context of a finished call says %v", err)
	}
}

// Case variants and unknown keys are judged by the schema, never matched to a field.
func TestExactKeys(t *testing.T) {
	r := newFixture(t)
	var got *weatherIn
	open := json.RawMessage(`{"type":"object"}`)
	AddTool(r, &mcp.Tool{Name: "open", InputSchema: open}, func(_ context.Context, _ *mcp.CallToolRequest,
		in weatherIn) (*mcp.CallToolResult, any, error) {
		got = &in
		return nil, nil, nil
	})
	p := &peer{r: r}
	p.initialize(t, "2025-11-25")
	p.send(callOf("open", `{"CITY":"a","City":"b","other":[{"city":"c"}],"days":2}`), Header{})
	if got == nil || *got != (weatherIn{Days: 2}) {
		t.Errorf("decoded %+v", got)
	}
}

// A result is as long as Options.MaxResultBytes allows, whatever it is made of, and an error no longer.
func TestResultLimit(t *testing.T) {
	var result *mcp.CallToolResult
	var failure error
	r := newFixture(t, func(o *registry.Options) { o.MaxResultBytes = 4096 })
	p := lineTo(t, r, &mcp.Tool{Name: "any"}, func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return result, failure
	})
	long, quotes := strings.Repeat("x", 5000), strings.Repeat(`"`, 2500)
	f := func(name string, r *mcp.CallToolResult, err error) {
		t.Helper()
		result, failure = r, err
		a := p.send(callOf("any", `{}`), Header{})
		if !strings.Contains(a.body, `"error":{"code":-32603,"message":"result too large: it has `) ||
			!strings.HasSuffix(a.body, ` bytes or more, and mcp.max_result_bytes is 4096"}}`) {
			t.Errorf("%s: %d bytes: %.120s", name, len(a.body), a.body)
		}
	}
	f("text", textResult(long), nil)
	f("text that grows when quoted", textResult(quotes), nil)
	f("rich", &mcp.CallToolResult{StructuredContent: map[string]any{"x": long}}, nil)
	f("error", nil, errors.New(long))
	f("protocol error", nil, &jsonrpc.Error{Code: 1, Message: long})
	f("protocol error with data", nil, &jsonrpc.Error{Code: 1, Data: json.RawMessage(`"` + long + `"`)})
	result, failure = textResult(strings.Repeat("x", 3900)), nil
	if a := p.send(callOf("any", `{}`), Header{}); !strings.Contains(a.body, `"result"`) {
		t.Error("a result within the limit:", a.body)
	}
}

// Odd results still become JSON that the protocol allows, and what a handler returned is not written to.
func TestOddResults(t *testing.T) {
	var result *mcp.CallToolResult
	p := lineWith(t, &mcp.Tool{Name: "any"}, func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult,
		error) {
		return result, nil
	})
	f := func(r *mcp.CallToolResult, want string) {
		t.Helper()
		result = r
		before, _ := json.Marshal(r)
		a := p.send(callOf("any", `{}`), Header{})
		got := strings.TrimSuffix(strings.TrimPrefix(a.body, `{"jsonrpc":"2.0","id":1,`), "}")
		if got != want || !json.Valid([]byte(a.body)) {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		if after, _ := json.Marshal(r); !bytes.Equal(before, after) {
			t.Errorf("the handler's result changed: %s, was %s", after, before)
		}
	}
	f(nil, `"result":{"content":[]}`)
	f(&mcp.CallToolResult{}, `"result":{"content":[]}`)
	f(&mcp.CallToolResult{IsError: true}, `"result":{"content":[],"isError":true}`)
	f(textResult("\xff\x00\u2028"), `"result":{"content":[{"type":"text","text":"`+"\ufffd"+`\u0000\u2028"}]}`)
	f(&mcp.CallToolResult{StructuredContent: json.RawMessage("{\n\"a\": 1}")},
		`"result":{"content":[],"structuredContent":{"a":1}}`)
	f(&mcp.CallToolResult{StructuredContent: []int{1}}, `"result":{"content":[{"type":"text","text":"[1]"}]}`)
	f(&mcp.CallToolResult{StructuredContent: json.RawMessage("{broken")}, `"error":{"code":-32603,"message":`+
		`"the handler's result cannot be encoded: structuredContent: `+
		`invalid character 'b' looking for beginning of object key string"}`)
	f(&mcp.CallToolResult{StructuredContent: func() {}}, `"error":{"code":-32603,"message":`+
		`"the handler's result cannot be encoded: structuredContent: unsupported type: func()"}`)
	f(&mcp.CallToolResult{RequestState: "s"},
		`"error":{"code":-32603,"message":"the handler asked for input, which this server cannot ask for"}`)
	f(&mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: "t", Meta: mcp.Meta{"k": 1}}}},
		`"result":{"content":[{"type":"text","text":"t","_meta":{"k":1}}]}`)
}

// Cancel reaches a running handler through its context; the call is then not answered.
func TestCancelRunning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t)
		x := exchangeOf(t, callOf("sleep", `{"ms":600000}`))
		if class := r.Route(x); class != Blocking {
			t.Fatal("class", class)
		}
		if e := r.Begin(x); e != nil {
			t.Fatal(e)
		}
		answer := make(chan []byte)
		begun := time.Now()
		go func() { answer <- r.Dispatch(x, nil) }()
		synctest.Wait()
		// The string "1" is another id than the number 1.
		for _, id := range []string{`"1"`, `2`, `1`} {
			n := exchangeOf(t, `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":`+id+`,"reason":"test"}}`)
			n.Conv = x.Conv
			if r.Route(n) != Inline || len(r.Dispatch(n, nil)) != 0 {
				t.Error("a notification was answered")
			}
			if id != `1` && x.Cancelled() {
				t.Errorf("cancelled by id %s", id)
			}
		}
		if out := <-answer; len(out) != 0 || x.Outcome != Cancelled {
			t.Errorf("answered %s, outcome %d", out, x.Outcome)
		}
		if time.Since(begun) != 0 {
			t.Error("the handler slept for", time.Since(begun))
		}
		r.End(x)
	})
}

// A call that is cancelled while it waits is dropped without running its handler.
func TestCancelWaiting(t *testing.T) {
	var ran atomic.Int32
	p := lineWith(t, &mcp.Tool{Name: "count"}, func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		ran.Add(1)
		return nil, nil
	})
	x := exchangeOf(t, callOf("count", `{}`))
	p.r.Route(x)
	if e := p.r.Begin(x); e != nil {
		t.Fatal(e)
	}
	if n := x.Conv.CancelAll(); n != 1 {
		t.Error("cancelled", n)
	}
	if out := p.r.Dispatch(x, nil); len(out) != 0 || ran.Load() != 0 {
		t.Errorf("answered %q, ran %d", out, ran.Load())
	}
	p.r.End(x)
	if !strings.Contains(scrape(p.r), `weir_tool_calls_total{tool="count",outcome="cancelled"} 1`) {
		t.Error("not counted")
	}
}

func TestOutcomesAreCounted(t *testing.T) {
	r := newFixture(t)
	p := &peer{r: r}
	p.initialize(t, "2025-11-25")
	p.send(callOf("echo", `{"message":"x"}`), Header{})
	p.send(callOf("echo", `{}`), Header{})
	p.send(callOf("refuse", `{}`), Header{})
	p.send(callOf("panic", `{}`), Header{})
	p.send(callOf("nobody", `{}`), Header{})
	p.send(`{"jsonrpc":"2.0","method":"notifications/unknown"}`, Header{})
	text := scrape(r)
	for _, line := range []string{
		`weir_tool_calls_total{tool="echo",outcome="ok"} 1`,
		`weir_tool_calls_total{tool="echo",outcome="tool_error"} 1`,
		`weir_tool_calls_total{tool="refuse",outcome="error"} 1`,
		`weir_tool_calls_total{tool="panic",outcome="panic"} 1`,
		`weir_tool_duration_seconds_count{tool="echo"} 2`,
		`weir_messages_dispatched_total{method="tools/call"} 4`,
		`weir_messages_dispatched_total{method="initialize"} 1`,
		`weir_messages_dispatched_total{method="unserved"} 1`,
		`weir_messages_dispatched_total{method="ignored"} 1`,
		`weir_sessions 0`,
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("missing %s in\n%s", line, text)
		}
	}
}

// TestTotals: of what ends in an error only what the server failed in counts as one. A removed tool stays counted.
func TestTotals(t *testing.T) {
	r := newFixture(t)
	p := &peer{r: r}
	p.initialize(t, "2025-06-18") // arguments that do not fit are -32602 there
	for tool, arguments := range map[string]string{"echo": `{"message":"x"}`, "refuse": `{}`, "panic": `{}`} {
		p.send(callOf(tool, arguments), Header{})
	}
	p.send(callOf("echo", `{}`), Header{})
	p.send(callOf("nobody", `{}`), Header{}) // no call of a handler
	p.send(`{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"none://here"}}`, Header{})
	f := func() {
		t.Helper()
		got := r.Totals()
		timed := uint64(0)
		for _, n := range got.Computing {
			timed += n
		}
		if got.Calls < 4 || got.Errors != 2 || timed != 2 { // echo computes
			t.Errorf("got %d calls, %d errors, %d timed", got.Calls, got.Errors, timed)
		}
	}
	f()
	if n := number(t, r, `weir_tool_calls_total{tool="echo",outcome="client_error"}`); n != 1 {
		t.Errorf("%d calls of echo count as their client's error", n)
	}
	if n := number(t, r, `weir_call_duration_seconds_count{class="compute"}`); n != 2 {
		t.Errorf("the histogram has %d", n)
	}
	r.RemoveTool("echo", "refuse", "panic")
	f()
}

func scrape(r *Registry) string {
	var b bytes.Buffer
	r.Opt().Metrics.WritePrometheus(&b)
	return b.String()
}
