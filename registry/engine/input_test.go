package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/registry"
	. "weir/registry/engine"
)

//lint:file-ignore SA1019 sampling and roots are deprecated and still served to those who have them

// addAsk offers a tool, a prompt and a resource that ask for a name, remember a number, and then greet.
func addAsk(r *Registry) {
	requests := mcp.InputRequestMap{"who": &mcp.ElicitParams{Message: "your name?",
		RequestedSchema: map[string]any{"type": "object"}}}
	name := func(in mcp.InputResponseMap, state string) string {
		if e, ok := in["who"].(*mcp.ElicitResult); ok {
			return fmt.Sprint(state, " ", e.Content["name"])
		}
		return ""
	}
	type none struct{}
	type out struct {
		Greeting string `json:"greeting" jsonschema:"who"`
	}
	AddTool(r, &mcp.Tool{Name: "ask"}, func(_ context.Context, req *mcp.CallToolRequest,
		in map[string]any) (*mcp.CallToolResult, out, error) {
		if got := name(req.Params.InputResponses, req.Params.RequestState); got != "" {
			return textResult(got), out{got}, nil
		}
		return &mcp.CallToolResult{InputRequests: requests, RequestState: "seven"}, out{}, nil
	})
	AddTool(r, &mcp.Tool{Name: "sample"}, func(context.Context, *mcp.CallToolRequest, none) (*mcp.CallToolResult, any,
		error) {
		return &mcp.CallToolResult{InputRequests: mcp.InputRequestMap{
			"s": &mcp.CreateMessageParams{MaxTokens: 1}, "u": &mcp.ElicitParams{URL: "https://x",
				Message: "m"}, "r": &mcp.ListRootsParams{}}}, nil, nil
	})
	r.AddPrompt(&mcp.Prompt{Name: "ask"}, func(_ context.Context, req *mcp.GetPromptRequest) (*mcp.GetPromptResult,
		error) {
		if got := name(req.Params.InputResponses, req.Params.RequestState); got != "" {
			return &mcp.GetPromptResult{Description: got}, nil
		}
		return &mcp.GetPromptResult{InputRequests: requests, RequestState: "eight"}, nil
	})
	r.AddResource(&mcp.Resource{URI: "ask:it", Name: "ask"}, func(_ context.Context,
		req *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
		if got := name(req.Params.InputResponses, req.Params.RequestState); got != "" {
			return &mcp.ReadResourceResult{Contents: []*mcp.ResourceContents{{Text: got}}}, nil
		}
		return &mcp.ReadResourceResult{InputRequests: requests, RequestState: "nine"}, nil
	})
}

// asking is a request of the modern era by a client with these capabilities.
func asking(method, params, capabilities string) string {
	return `{"jsonrpc":"2.0","id":1,"method":"` + method + `","params":{` + params +
		`,"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{` +
		capabilities + `}}}}`
}

const (
	elicits  = `"elicitation":{}`
	answered = `,"inputResponses":{"who":{"action":"accept","content":{"name":"Ada"}},"other":7}`
)

// required is what an input_required result says.
func required(t *testing.T, a answer) (keys []string, state string) {
	t.Helper()
	var message struct {
		Result struct {
			ResultType, RequestState string
			InputRequests            map[string]json.RawMessage
		}
	}
	if err := json.Unmarshal([]byte(a.body), &message); err != nil || message.Result.ResultType != "input_required" {
		t.Fatalf("%v: %s", err, a.body)
	}
	return slices.Sorted(maps.Keys(message.Result.InputRequests)), message.Result.RequestState
}

func TestInputIsAskedForAndTaken(t *testing.T) {
	r := newFixture(t)
	addAsk(r)
	p := &peer{r: r}
	f := func(method, params, again, want string) {
		t.Helper()
		keys, state := required(t, p.send(asking(method, params, elicits), Header{}))
		if !slices.Equal(keys, []string{"who"}) || state == "" || strings.Contains(state, want[:5]) {
			t.Errorf("asked for %v with %q", keys, state)
		}
		a := p.send(asking(method, again+answered+`,"requestState":"`+state+`"`, elicits), Header{})
		if !strings.Contains(a.body, want) || !strings.Contains(a.body, `"resultType":"complete"`) {
			t.Errorf("%s: %s, want %s", method, a.body, want)
		}
		// Without the answer it is asked again.
		keys, _ = required(t, p.send(asking(method, again+`,"inputResponses":{},"requestState":"`+state+`"`, elicits),
			Header{}))
		if !slices.Equal(keys, []string{"who"}) {
			t.Errorf("asked again for %v", keys)
		}
	}
	// A client may write the same arguments differently.
	f("tools/call", `"name":"ask","arguments":{"a":1.50,"b":["\u0041"]}`,
		`"arguments":{ "b":["A"], "a":1.50 },"name":"\u0061sk"`, "seven Ada")
	f("prompts/get", `"name":"ask"`, `"name":"ask"`, "eight Ada")
	f("resources/read", `"uri":"ask:it"`, `"uri":"ask:it"`, "nine Ada")
}

// A state that was changed, belongs to another principal, request or server, or is too old, is refused.
func TestRequestStateIsSealed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, func(o *registry.Options) { o.StateTTL = time.Minute; o.StateKey = strings.Repeat("0f", 32) })
		addAsk(r)
		p := &peer{r: r, principal: "alice"}
		_, state := required(t, p.send(asking("tools/call", `"name":"ask","arguments":{"a":1}`, elicits), Header{}))
		f := func(p *peer, method, params, state, want string) {
			t.Helper()
			a := p.send(asking(method, params+answered+`,"requestState":`+state, elicits), Header{})
			if !strings.Contains(a.body, want) {
				t.Errorf("%s: %s, want %s", state, a.body, want)
			}
		}
		call, refused := `"name":"ask","arguments":{"a":1}`, `"code":-32602,"message":"params.requestState is not one`
		f(p, "tools/call", call, `"`+state+`"`, "seven Ada")
		f(p, "tools/call", call, `"`+state+`-TAMPERED"`, refused)
		f(p, "tools/call", call, `"`+state[:len(state)-4]+`"`, refused)
		f(p, "tools/call", call, `""`, refused)
		f(p, "tools/call", call, `7`, refused)
		f(p, "tools/call", `"name":"ask","arguments":{"a":2}`, `"`+state+`"`, refused)
		f(p, "tools/call", `"name":"echo","arguments":{"a":1}`, `"`+state+`"`, refused)
		f(p, "prompts/get", `"name":"ask"`, `"`+state+`"`, refused)
		f(&peer{r: r, principal: "bob"}, "tools/call", call, `"`+state+`"`, refused)
		f(&peer{r: r}, "tools/call", call, `"`+state+`"`, refused)
		other := newFixture(t)
		addAsk(other)
		f(&peer{r: other}, "tools/call", call, `"`+state+`"`, refused)
		brother := newFixture(t, func(o *registry.Options) { o.StateKey = strings.Repeat("0F", 32) })
		addAsk(brother)
		f(&peer{r: brother, principal: "alice"}, "tools/call", call, `"`+state+`"`, "seven Ada")
		elapse(2 * time.Minute)
		f(p, "tools/call", call, `"`+state+`"`, `"code":-32602,"message":"params.requestState has expired`)
		for series, want := range map[string]string{`weir_request_state_refused_total{reason="state_tampered"}`: "8",
			`weir_request_state_refused_total{reason="state_expired"}`: "1", `weir_input_required_total`: "1"} {
			if !strings.Contains(scrape(r), series+" "+want+"\n") {
				t.Errorf("%s is not %s", series, want)
			}
		}
	})
}

// Only what the client declared is asked for.
func TestInputNeedsCapabilities(t *testing.T) {
	r := newFixture(t)
	addAsk(r)
	p := &peer{r: r, transport: HTTP}
	f := func(tool, capabilities, want string) {
		t.Helper()
		a := p.send(asking("tools/call", `"name":"`+tool+`"`, capabilities), Header{
			ProtocolVersion: []byte("2026-07-28"), Method: []byte("tools/call"), Name: []byte(tool)})
		if want == "" {
			required(t, a)
		} else if a.status != 400 || !strings.Contains(a.body, `"code":-32021`) ||
			!strings.Contains(a.body, `"data":{"requiredCapabilities":{`+want+`}}`) {
			t.Errorf("%s: %d %s, want %s", capabilities, a.status, a.body, want)
		}
	}
	f("ask", ``, `"elicitation":{"form":{}}`)
	f("ask", `"elicitation":null`, `"elicitation":{"form":{}}`)
	f("ask", `"elicitation":{"url":{}}`, `"elicitation":{"form":{}}`)
	f("ask", `"elicitation":{}`, ``)
	f("ask", `"elicitation":{"url":{},"form":{}}`, ``)
	f("sample", ``, `"elicitation":{"url":{}},"roots":{},"sampling":{}`)
	f("sample", `"sampling":{},"roots":{},"elicitation":{}`, `"elicitation":{"url":{}}`)
	f("sample", `"sampling":{},"roots":{},"elicitation":{"url":{}}`, ``)
	if a := p.send(asking("tools/call", `"name":"ask","inputResponses":[]`, elicits), Header{
		ProtocolVersion: []byte("2026-07-28"), Method: []byte("tools/call"), Name: []byte("ask")}); !strings.Contains(a.body, `-32602`) {
		t.Error(a.body)
	}
}
