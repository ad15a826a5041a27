package engine_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/codec"
	"weir/registry"
	. "weir/registry/engine"
)

//lint:file-ignore SA1019 log messages and sampling are deprecated and still served to those who have them

// broken is JSON that encoding/json takes as it is: a byte that is no UTF-8, and half a surrogate pair.
var broken = json.RawMessage("{\"k\xe9\":[\"caf\xe9\",\"\\ud83d\"]}")

// checkFit fails the test unless what left is one line of JSON in UTF-8 without half surrogate pairs.
func checkFit(t *testing.T, what, message string) {
	t.Helper()
	raw := []byte(message)
	if !json.Valid(raw) || !utf8.Valid(raw) || !bytes.Equal(codec.Repair(raw), raw) || strings.ContainsAny(message,
		"\r\n") {
		t.Errorf("%s: %q", what, message)
	}
}

// addBroken registers a handler for every place where a handler's raw bytes leave.
func addBroken(t testing.TB, r *Registry) (tools []string) {
	meta := mcp.Meta{"m": broken}
	tool := func(name string, h mcp.ToolHandler) {
		r.AddTool(&mcp.Tool{Name: name, InputSchema: openSchema}, h, registry.Tasks(registry.TaskOptional))
		tools = append(tools, name)
	}
	returns := func(name string, result *mcp.CallToolResult) {
		tool(name, func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) { return result, nil })
	}
	returns("structured", &mcp.CallToolResult{StructuredContent: broken})
	returns("within", &mcp.CallToolResult{StructuredContent: map[string]any{"a": []any{broken}}})
	returns("meta", &mcp.CallToolResult{Meta: meta})
	returns("text", &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: "caf\xe9"}}})
	returns("content", &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: "caf\xe9", Meta: meta},
		&mcp.ResourceLink{URI: "a:b", Name: "n\xe9",
			Meta: meta}, &mcp.EmbeddedResource{Resource: &mcp.ResourceContents{URI: "a:b", Text: "\xe9", Meta: meta}}}})
	tool("error", func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return nil, &jsonrpc.Error{Code: -31000, Message: "caf\xe9", Data: append(json.RawMessage("\n"), broken...)}
	})
	tool("own-error", func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return nil, &codec.Error{Code: -31000, Message: "caf\xe9", Data: broken}
	})
	tool("no-json", func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return nil, &codec.Error{Code: -31000, Message: "m", Data: []byte("{")}
	})
	tool("plain-error", func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return nil, fmt.Errorf("caf\xe9")
	})
	tool("log", func(ctx context.Context, _ *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		registry.Log(ctx, "error", "caf\xe9", broken)
		registry.Log(ctx, "error", "", map[string]any{"k": broken})
		registry.Progress(ctx, 1, 2, "caf\xe9")
		return nil, nil
	})
	tool("asks", func(_ context.Context, req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		if req.Params.InputResponses != nil {
			return nil, nil
		}
		return &mcp.CallToolResult{RequestState: "\xe9",
			InputRequests: mcp.InputRequestMap{"who": &mcp.ElicitParams{Message: "caf\xe9",
				RequestedSchema: json.RawMessage("{\"type\":\"object\",\"properties\":{},\"title\":\"\xe9\\ud83d\"}")}}}, nil
	})
	AddTool(r, &mcp.Tool{Name: "typed"}, func(context.Context, *mcp.CallToolRequest, none) (*mcp.CallToolResult,
		held[json.RawMessage], error) {
		return &mcp.CallToolResult{Meta: meta}, held[json.RawMessage]{V: broken}, nil
	})
	r.AddTool(&mcp.Tool{Name: "defined", Description: "caf\xe9", Meta: meta,
		InputSchema:  json.RawMessage("{\"type\":\"object\",\"description\":\"caf\xe9 \\ud83d\"}"),
		OutputSchema: json.RawMessage("{\"type\":\"object\",\"title\":\"\xe9\"}")}, noop)
	r.AddPrompt(&mcp.Prompt{Name: "p", Description: "\xe9", Meta: meta}, func(context.Context,
		*mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
		return &mcp.GetPromptResult{Description: "\xe9", Meta: meta, Messages: []*mcp.PromptMessage{{Role: "user",
			Content: &mcp.TextContent{Text: "\xe9", Meta: meta}}}}, nil
	})
	r.AddResource(&mcp.Resource{URI: "a:b", Name: "n", Meta: meta}, func(context.Context,
		*mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
		return &mcp.ReadResourceResult{Meta: meta, Contents: []*mcp.ResourceContents{{Text: "\xe9", MIMEType: "\xe9/x",
			Meta: meta}}}, nil
	})
	s := mcp.NewServer(&mcp.Implementation{Name: "theirs", Version: "1"}, nil)
	s.AddTool(&mcp.Tool{Name: "sdk", Meta: meta, InputSchema: json.RawMessage("{\"type\":\"object\",\"title\":\"\xe9\"}")},
		func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			return &mcp.CallToolResult{Meta: meta, StructuredContent: broken}, nil
		})
	adopt(t, r, s, registry.Adoption{})
	return append(tools, "typed", "sdk")
}

// TestWhatLeavesIsWellFormed is F2: wherever a handler supplies raw bytes, its client gets UTF-8 and JSON.
func TestWhatLeavesIsWellFormed(t *testing.T) {
	r := emptyRegistry(t)
	bench := newBench(r)
	tools := addBroken(t, r)
	for _, version := range []string{"2024-11-05", "2025-06-18", "2025-11-25", "2026-07-28"} {
		p := &peer{r: r, back: &backstage{r: r}}
		send := func(method, params string) {
			t.Helper()
			message := legacyRequest(1, method, params+`"_meta":{"progressToken":1}`)
			if version == "2026-07-28" {
				message = asking(method, strings.TrimSuffix(params, ","), elicits)
			}
			body := p.send(message, Header{}).body
			if strings.Contains(body, "byte ") { // the message itself is broken
				t.Error(body)
			}
			if body != "" {
				checkFit(t, version+" "+method+" "+params, body)
			} else if !strings.Contains(params, "asks") {
				t.Error("no answer to", params)
			}
			for _, message := range p.back.early(&p.conv) {
				checkFit(t, version+" before the answer to "+params, message)
			}
		}
		if version != "2026-07-28" {
			p.initialize(t, version)
			p.send(legacyRequest(5, "logging/setLevel", `"level":"debug"`), Header{})
		}
		for _, tool := range tools {
			send("tools/call", `"name":"`+tool+`",`)
		}
		send("prompts/get", `"name":"p",`)
		send("resources/read", `"uri":"a:b",`)
		for _, list := range []string{"tools/list", "prompts/list", "resources/list"} {
			send(list, `"x":0,`)
		}
		if version != "2025-11-25" {
			continue
		}
		for _, tool := range tools {
			if tool == "typed" || tool == "sdk" || tool == "asks" {
				continue
			}
			id := p.begin(t, legacyRequest(7, "tools/call", `"name":"`+tool+`","task":{}`))
			bench.run()
			checkFit(t, tool+" as a task", p.send(legacyRequest(8, "tasks/result", `"taskId":"`+id+`"`), Header{}).body)
			checkFit(t, tool+" as a task", p.send(legacyRequest(8, "tasks/get", `"taskId":"`+id+`"`), Header{}).body)
		}
	}
	a := (&peer{r: r}).send(asking("tools/call", `"name":"error"`, ""), Header{})
	if !strings.Contains(a.body, `"data":{"k`+"\uFFFD"+`":["caf`+"\uFFFD"+`","\ufffd"]}`) {
		t.Error("data that could be repaired is", a.body)
	}
}

// TestNoResultIsTooDeep is A3 for what is not typed: a process that lives, and an error by name.
func TestNoResultIsTooDeep(t *testing.T) {
	r := emptyRegistry(t)
	newBench(r)
	var deep any
	for range 1_000_000 {
		deep = []any{deep}
	}
	loop := map[string]any{}
	loop["a"] = loop
	for name, value := range map[string]any{"deep": deep, "loop": loop, "raw": json.RawMessage(strings.Repeat("[",
		5000) + strings.Repeat("]", 5000))} {
		meta := mcp.Meta{"a": value}
		for kind, result := range map[string]*mcp.CallToolResult{
			"structured": {StructuredContent: value}, "meta": {Meta: meta},
			"content": {Content: []mcp.Content{&mcp.TextContent{Text: "x", Meta: meta}}},
			"resource": {Content: []mcp.Content{&mcp.EmbeddedResource{Resource: &mcp.ResourceContents{URI: "a:b", Text: "x",
				Meta: meta}}}},
			"asks": {InputRequests: mcp.InputRequestMap{"who": &mcp.ElicitParams{Message: "m",
				RequestedSchema: map[string]any{"type": "object", "x": value}}}},
		} {
			tool := name + "-" + kind
			r.AddTool(&mcp.Tool{Name: tool, InputSchema: openSchema}, func(ctx context.Context,
				_ *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
				if registry.Log(ctx, "error", "", value) {
					t.Error("a log message of", name)
				}
				return result, nil
			})
			a := (&peer{r: r}).send(asking("tools/call", `"name":"`+tool+`"`, elicits), Header{})
			if !strings.Contains(a.body, `"code":-32603,"message":"the result is nested deeper than 1000 levels`) {
				t.Errorf("%s: %.300s", tool, a.body)
			}
		}
	}
}

// TestRegistrationRefuses is N11: mistakes of the program are panics that name the tool, the place and the reason.
func TestRegistrationRefuses(t *testing.T) {
	r := newFixture(t)
	f := func(add func(), want ...string) {
		t.Helper()
		defer func() {
			got := fmt.Sprint(recover())
			for _, part := range want {
				if !strings.Contains(got, part) {
					t.Errorf("panic %s, want %q", got, part)
				}
			}
		}()
		add()
	}
	read := func(context.Context, *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) { return nil, nil }
	twice := func(add func()) func() {
		add()
		return add
	}
	f(func() { r.AddTool(&mcp.Tool{Name: "echo", InputSchema: openSchema}, noop) }, `AddTool "echo"`,
		"registered already", "Replace")
	f(func() { AddTool(r, &mcp.Tool{Name: "echo"}, echo) }, `AddTool "echo"`, "registered already")
	f(twice(func() { r.AddPrompt(&mcp.Prompt{Name: "p"}, greet) }), `AddPrompt "p"`, "registered already")
	f(twice(func() { r.AddResource(&mcp.Resource{URI: "a:b", Name: "n"}, read) }), `AddResource "a:b"`,
		"registered already")
	f(twice(func() { r.AddResourceTemplate(&mcp.ResourceTemplate{URITemplate: "a:{b}", Name: "n"}, read) }),
		`AddResourceTemplate "a:{b}"`, "registered already")
	f(func() { r.AddTool(&mcp.Tool{Name: "a", InputSchema: openSchema}, nil) }, `AddTool "a": the handler is nil`)
	f(func() { AddTool[none, any](r, &mcp.Tool{Name: "a"}, nil) }, `AddTool "a": the handler is nil`)
	f(func() { r.AddPrompt(&mcp.Prompt{Name: "a"}, nil) }, `AddPrompt "a": the handler is nil`)
	f(func() { r.AddResource(&mcp.Resource{URI: "a:c", Name: "n"}, nil) }, `AddResource "a:c": the handler is nil`)
	f(func() { r.AddResourceTemplate(&mcp.ResourceTemplate{URITemplate: "a:{c}", Name: "n"}, nil) }, "the handler is nil")
	complete := func(context.Context, *mcp.CompleteRequest) (*mcp.CompleteResult, error) { return nil, nil }
	for name, option := range map[string]registry.HandlerOption{"Tasks": registry.Tasks(registry.TaskOptional),
		"AskFirst": registry.AskFirst(), "MaxConcurrent": registry.MaxConcurrent(1)} {
		forTools := "the option " + name + " is for tools only"
		f(func() { r.AddPrompt(&mcp.Prompt{Name: "a"}, greet, option) }, `AddPrompt "a": `+forTools)
		f(func() { r.AddResource(&mcp.Resource{URI: "a:c", Name: "n"}, read, option) }, `AddResource "a:c": `+forTools)
		f(func() { r.AddResourceTemplate(&mcp.ResourceTemplate{URITemplate: "a:{c}", Name: "n"}, read, option) },
			`AddResourceTemplate "a:{c}": `+forTools)
		f(func() { r.SetCompletion(complete, option) }, `SetCompletion "completion/complete": `+forTools)
	}
	f(func() { AddTool(r, &mcp.Tool{Name: "a"}, echo, registry.MaxConcurrent(-3)) }, `AddTool "a": the option MaxConcurrent wants`)
	f(func() {
		AddTool(r, &mcp.Tool{Name: "a"}, echo, registry.Cheap(), registry.MaxConcurrent(registry.Adaptive))
	},
		`AddTool "a": the limit Adaptive is for tools that wait`)
	mistyped := json.RawMessage(`{"type":"object","properties":{"n":{"type":"int"}}}`)
	f(func() { r.AddTool(&mcp.Tool{Name: "a", InputSchema: mistyped}, noop) }, `AddTool "a"`, "/properties/n", `"int"`)
	f(func() { r.AddTool(&mcp.Tool{Name: "a", InputSchema: openSchema, OutputSchema: mistyped}, noop) }, `AddTool "a"`,
		"output schema", "/properties/n", `"int"`)
	f(func() { AddTool(r, &mcp.Tool{Name: "a", InputSchema: mistyped}, echo) }, `AddTool "a"`, "/properties/n", `"int"`)
	f(func() {
		AddTool(r, &mcp.Tool{Name: "a"}, func(context.Context, *mcp.CallToolRequest, held[chan int]) (*mcp.CallToolResult,
			any, error) {
			return nil, nil, nil
		})
	}, `AddTool "a"`, ".V: chan int")
}

// TestListsHaveProperties is F7 and F8: what clients see of an input is an object with properties, of plain types.
func TestListsHaveProperties(t *testing.T) {
	r := emptyRegistry(t)
	AddTool(r, &mcp.Tool{Name: "empty"}, func(context.Context, *mcp.CallToolRequest, struct{}) (*mcp.CallToolResult, any,
		error) {
		return nil, nil, nil
	})
	AddTool(r, &mcp.Tool{Name: "any"}, func(context.Context, *mcp.CallToolRequest, any) (*mcp.CallToolResult, any, error) {
		return nil, nil, nil
	})
	AddTool(r, &mcp.Tool{Name: "nils"}, func(_ context.Context, _ *mcp.CallToolRequest, in struct {
		P *int     `json:"p"`
		L []string `json:"l"`
	}) (*mcp.CallToolResult, any, error) {
		return textResult(fmt.Sprint(in.P, in.L)), nil, nil
	})
	r.AddTool(&mcp.Tool{Name: "given", InputSchema: &jsonschema.Schema{Type: "object"}}, noop)
	s := mcp.NewServer(&mcp.Implementation{Name: "theirs", Version: "1"}, nil)
	mcp.AddTool(s, &mcp.Tool{Name: "adopted"}, func(context.Context, *mcp.CallToolRequest, struct{}) (*mcp.CallToolResult,
		any, error) {
		return nil, nil, nil
	})
	adopt(t, r, s, registry.Adoption{})
	p := &peer{r: r}
	body := p.send(asking("tools/list", `"x":0`, ""), Header{}).body
	if n := strings.Count(body, `"properties":{}`); n != 4 {
		t.Errorf("%d objects without properties in %s", n, body)
	}
	for _, want := range []string{`"p":{"type":"integer"}`, `"l":{"type":"array","items":{"type":"string"}}`} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s in %s", want, body)
		}
	}
	if a := p.send(asking("tools/call", `"name":"nils","arguments":{"p":null,"l":null}`, ""),
		Header{}); !strings.Contains(a.body, "\\u003cnil\\u003e []") && !strings.Contains(a.body, "<nil> []") {
		t.Error("null is not accepted:", a.body)
	}
}

// TestNumbersOutsideArguments: what comes with a call and has no type keeps its digits too.
func TestNumbersOutsideArguments(t *testing.T) {
	r := emptyRegistry(t)
	newBench(r)
	r.AddTool(&mcp.Tool{Name: "ask", InputSchema: openSchema}, func(_ context.Context,
		req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		if answer, ok := req.Params.InputResponses["who"].(*mcp.ElicitResult); ok {
			return &mcp.CallToolResult{StructuredContent: map[string]any{"content": answer.Content,
				"meta": req.Params.Meta["x"]}}, nil
		}
		return &mcp.CallToolResult{InputRequests: mcp.InputRequestMap{"who": &mcp.ElicitParams{Message: "m",
			RequestedSchema: json.RawMessage(`{"type":"object","properties":{"n":{"type":"integer"}}}`)}}}, nil
	})
	p := &peer{r: r}
	_, state := required(t, p.send(asking("tools/call", `"name":"ask"`, elicits), Header{}))
	message := asking("tools/call", `"name":"ask","inputResponses":{"who":{"action":"accept","content":{`+
		`"n":9007199254740993,"m":1.5}}},"requestState":"`+state+`"`, elicits)
	message = strings.Replace(message, `"_meta":{`, `"_meta":{"x":9007199254740993,`, 1)
	a := p.send(message, Header{})
	if !strings.Contains(a.body, `"structuredContent":{"content":{"m":1.5,"n":9007199254740993},`+
		`"meta":9007199254740993}`) {
		t.Error(a.body)
	}
}
