package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/codec"
	"weir/registry"
	. "weir/registry/engine"
)

//lint:file-ignore SA1019 log messages, sampling and roots are deprecated and still served to those who have them

// The neighbours of FIELD's rows F1 to F9: what a handler may return and a client may send by mistake, in both eras.

// tooDeep is raw JSON deeper than anything that may leave.
var tooDeep = json.RawMessage(strings.Repeat("[", 5000) + strings.Repeat("]", 5000))

// eras sends one request to a registry as a client of each era does, which can be asked for everything.
type eras struct {
	t *testing.T
	r *Registry
}

func newEras(t *testing.T) eras {
	e := eras{t, emptyRegistry(t)}
	newBench(e.r)
	return e
}

// send returns the answers, of the latest era first, with what was sent ahead of them.
func (e eras) send(method, params string) [2]string {
	e.t.Helper()
	now := &peer{r: e.r, back: &backstage{r: e.r}}
	old := &peer{r: e.r, back: &backstage{r: e.r}}
	old.send(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25",`+
		`"capabilities":{`+everything+`}}}`, Header{})
	answers := [2]string{now.send(asking(method, params, everything), Header{}).body,
		old.send(legacyRequest(1, method, params), Header{}).body}
	for i, p := range []*peer{now, old} {
		if answers[i] != "" {
			checkFit(e.t, params, answers[i])
		}
		for _, message := range p.back.early(&p.conv) {
			checkFit(e.t, params, message)
			answers[i] += message
		}
	}
	return answers
}

const everything = `"elicitation":{"form":{},"url":{}},"roots":{},"sampling":{}`

// expect fails the test unless the answers of both eras contain want; "|" between two: the latest era's, then the
// older one's.
func (e eras) expect(method, params, want string) {
	e.t.Helper()
	latest, old, two := strings.Cut(want, "|")
	if !two {
		old = latest
	}
	got := e.send(method, params)
	for i, want := range []string{latest, old} {
		if !strings.Contains(got[i], want) {
			e.t.Errorf("%s %s of era %d\n got %.500s\nwant %s", method, params, i, got[i], want)
		}
	}
}

// tool registers a handler under a name of its own and calls it.
func (e eras) tool(want string, h mcp.ToolHandler) {
	e.t.Helper()
	e.r.AddTool(&mcp.Tool{Name: "t", InputSchema: openSchema}, h, registry.Replace())
	e.expect("tools/call", `"name":"t","arguments":{}`, want)
}

func (e eras) returns(want string, result *mcp.CallToolResult) {
	e.t.Helper()
	e.tool(want, func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) { return result, nil })
}

const (
	unfit   = `"code":-32603,"message":"the handler's result cannot be encoded: `
	tooFar  = `"code":-32603,"message":"the result is nested deeper than 1000 levels`
	wrong   = `"code":-32602,"message":"`
	nothing = `"content":[],"structuredContent":null|"content":[]}`
)

// TestResultsOfTools: what no client could read is refused, and the refusal names the member.
func TestResultsOfTools(t *testing.T) {
	e := newEras(t)
	content := func(c mcp.Content) *mcp.CallToolResult {
		return &mcp.CallToolResult{Content: []mcp.Content{textResult("x").Content[0], c}}
	}
	e.returns(unfit+`structuredContent: unsupported value: NaN`,
		&mcp.CallToolResult{StructuredContent: map[string]any{"a": math.NaN()}})
	e.returns(unfit+`structuredContent: unexpected end`, &mcp.CallToolResult{StructuredContent: json.RawMessage("")})
	e.returns(nothing, &mcp.CallToolResult{StructuredContent: json.RawMessage(nil)})
	e.returns(nothing, &mcp.CallToolResult{StructuredContent: (*weatherOut)(nil)})
	e.returns(`"structuredContent":[1]|"content":[{"type":"text","text":"[1]"}]}`,
		&mcp.CallToolResult{StructuredContent: []int{1}})
	e.returns(unfit+`_meta: unsupported value: +Inf`, &mcp.CallToolResult{Meta: mcp.Meta{"a": math.Inf(1)}})
	e.returns(unfit+`content[1]: the content is nil`, content(nil))
	e.returns(unfit+`content[1]: the content is nil`, content((*mcp.TextContent)(nil)))
	e.returns(unfit+`content[1]: the content is nil`, content((*mcp.ImageContent)(nil)))
	e.returns(unfit+`content[1]: an embedded resource needs`, content(&mcp.EmbeddedResource{}))
	e.returns(unfit+`content[1]: an embedded resource needs`,
		content(&mcp.EmbeddedResource{Resource: &mcp.ResourceContents{Text: "x"}}))
	e.returns(unfit+`content[1]: a resource_link needs a uri and a name`, content(&mcp.ResourceLink{}))
	e.returns(`{"type":"image","mimeType":"","data":""}`, content(&mcp.ImageContent{}))
	e.returns(unfit+`content[1]: unsupported value: NaN`,
		content(&mcp.TextContent{Text: "x", Meta: mcp.Meta{"a": math.NaN()}}))
	for _, priority := range []float64{math.NaN(), -0.1, 7} {
		e.returns(unfit+`content[1]: annotations.priority must be from 0 to 1`,
			content(&mcp.TextContent{Annotations: &mcp.Annotations{Priority: priority}}))
	}
	e.returns(unfit+`content[1]: annotations.audience: the role must be`,
		content(&mcp.ImageContent{Annotations: &mcp.Annotations{Audience: []mcp.Role{"system"}}}))
	e.returns(`"annotations":{"audience":["user","assistant"],"priority":1}`,
		content(&mcp.TextContent{Annotations: &mcp.Annotations{Audience: []mcp.Role{"user", "assistant"}, Priority: 1}}))
	e.tool(`{"code":-31000,"message":"m"}`, func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return nil, &codec.Error{Code: -31000, Message: "m", Data: tooDeep}
	})
	e.tool(`{"code":-31000,"message":"m"}`, func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return nil, &jsonrpc.Error{Code: -31000, Message: "m", Data: tooDeep}
	})
	e.tool(`{"code":0,"message":""}`, func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return nil, &jsonrpc.Error{}
	})
	// Only a log message whose data is nil can be sent, and only to a client that has log messages unasked.
	e.tool("false false false false false false|false false false false false true",
		func(ctx context.Context, _ *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			return textResult(fmt.Sprint(registry.Progress(ctx, math.NaN(), 1, ""), registry.Log(ctx, "loud", "x", 1),
				registry.Log(ctx, "error", "x", math.NaN()), registry.Log(ctx, "error", "x", json.RawMessage("{")),
				registry.Log(ctx, "error", "x", tooDeep), registry.Log(ctx, "error", "x", nil))), nil
		})
	type out struct {
		F float64        `json:"f"`
		M map[string]any `json:"m,omitempty"`
	}
	typed := func(want string, o out) {
		t.Helper()
		AddTool(e.r, &mcp.Tool{Name: "t"}, func(context.Context, *mcp.CallToolRequest, none) (*mcp.CallToolResult, out,
			error) {
			return nil, o, nil
		}, registry.Replace())
		e.expect("tools/call", `"name":"t","arguments":{}`, want)
	}
	typed(`"code":-32603,"message":"marshaling output: json: unsupported value: +Inf"`, out{F: math.Inf(1)})
	typed(`"code":-32603,"message":"marshaling output: json: invalid number literal`,
		out{M: map[string]any{"x": json.Number("abc")}})
	typed(`"m":{"n":1e400,"y":0}`, out{M: map[string]any{"n": json.Number("1e400"), "y": json.Number("")}})
	// An untyped tool answers for its own output, as in the SDK.
	e.r.AddTool(&mcp.Tool{Name: "t", InputSchema: openSchema, OutputSchema: json.RawMessage(
		`{"type":"object","properties":{"a":{"type":"integer"}}}`)}, func(context.Context,
		*mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return &mcp.CallToolResult{StructuredContent: json.RawMessage(`{"a":"x"}`)}, nil
	}, registry.Replace())
	e.expect("tools/call", `"name":"t","arguments":{}`, `"structuredContent":{"a":"x"}`)
}

// TestRequestsOfTools: a handler that asks for what nobody could answer is told so, and not its client.
func TestRequestsOfTools(t *testing.T) {
	e := newEras(t)
	asks := func(want, key string, request mcp.InputRequest) {
		t.Helper()
		e.returns(want, &mcp.CallToolResult{InputRequests: mcp.InputRequestMap{key: request}})
	}
	form := func(schema any) *mcp.ElicitParams { return &mcp.ElicitParams{Message: "m", RequestedSchema: schema} }
	asks(unfit+`inputRequests.who: the request is nil`, "who", nil)
	asks(unfit+`inputRequests.who: the request is nil`, "who", (*mcp.ElicitParams)(nil))
	asks(unfit+`inputRequests.who: the request is nil`, "who", (*mcp.CreateMessageParams)(nil))
	asks(unfit+`inputRequests.who: the request is nil`, "who", (*mcp.CreateMessageWithToolsParams)(nil))
	asks(unfit+`inputRequests.who: the request is nil`, "who", (*mcp.ListRootsParams)(nil))
	asks(unfit+`inputRequests: the key \"caf\\xe9\" is not UTF-8`, "caf\xe9", form(nil))
	for _, key := range []string{"", "a<b", "\u2028", `"\`, "caf\u00e9"} {
		asks(`"elicitation/create"`, key, form(nil))
	}
	asks(unfit+`inputRequests.who: requestedSchema: `, "who", form("x"))
	asks(unfit+`inputRequests.who: requestedSchema: its type must be object`, "who",
		form(json.RawMessage(`{"type":"array"}`)))
	asks(unfit+`inputRequests.who: requestedSchema: /properties/a has the type \"int\"`, "who",
		form(json.RawMessage(`{"type":"object","properties":{"a":{"type":"int"}}}`)))
	asks(unfit+`inputRequests.who: requestedSchema: `, "who",
		form(json.RawMessage(`{"type":"object","properties":{"a":{"type":"integer","default":"x"}}}`)))
	asks(tooFar, "who", form(tooDeep))
	asks(unfit+`inputRequests.who: the mode must be form or url`, "who", &mcp.ElicitParams{Message: "m", Mode: "voice"})
	asks(unfit+`inputRequests.who: the mode is url, and the url is missing`, "who",
		&mcp.ElicitParams{Message: "m", ElicitationID: "1"})
	asks(`"url":"a:\ufffd"`, "who", &mcp.ElicitParams{Message: "m", URL: "a:\xe9"})
	asks(`"messages":[]`, "who", &mcp.CreateMessageParams{MaxTokens: 1})
	asks(`"messages":[]`, "who", &mcp.CreateMessageWithToolsParams{MaxTokens: 1})
	asks(unfit+`inputRequests.who: messages[0]: a message needs a content`, "who",
		&mcp.CreateMessageParams{Messages: []*mcp.SamplingMessage{nil}})
	asks(unfit+`inputRequests.who: messages[0]: a message needs a content`, "who",
		&mcp.CreateMessageParams{Messages: []*mcp.SamplingMessage{{Role: "user"}}})
	asks(unfit+`inputRequests.who: messages[0]: the role must be`, "who",
		&mcp.CreateMessageParams{Messages: []*mcp.SamplingMessage{{Role: "system", Content: &mcp.TextContent{}}}})
	asks(unfit+`|`+unfit, "who", &mcp.CreateMessageParams{MaxTokens: 1, Temperature: math.NaN()})
	// Contents beside a request would be lost, as in the SDK: a mistake. Beside a state they are the result.
	asked := mcp.InputRequestMap{"who": form(nil)}
	e.returns(unfit+`it has contents, and asks for input too`,
		&mcp.CallToolResult{InputRequests: asked, Content: textResult("x").Content})
	e.returns(`"content":[{"type":"text","text":"x"}]`,
		&mcp.CallToolResult{RequestState: "s", Content: textResult("x").Content})
	e.returns(`"resultType":"input_required","requestState":|`, &mcp.CallToolResult{InputRequests: mcp.InputRequestMap{}})
}

// TestPromptsBesideTools is F2 and F9 for prompts and completions.
func TestPromptsBesideTools(t *testing.T) {
	e := newEras(t)
	prompt := func(want, params string, result *mcp.GetPromptResult, err error) {
		t.Helper()
		e.r.AddPrompt(&mcp.Prompt{Name: "p", Arguments: []*mcp.PromptArgument{{Name: "a", Required: true}, {Name: "b"}}},
			func(context.Context, *mcp.GetPromptRequest) (*mcp.GetPromptResult, error) { return result, err },
			registry.Replace())
		e.expect("prompts/get", `"name":"p","arguments":`+params, want)
	}
	says := func(m ...*mcp.PromptMessage) *mcp.GetPromptResult { return &mcp.GetPromptResult{Messages: m} }
	text := &mcp.TextContent{Text: "x"}
	const good = `{"a":"x"}`
	prompt(`"messages":[]`, good, nil, nil)
	prompt(unfit+`messages[0]: it is nil`, good, says(nil), nil)
	prompt(unfit+`messages[1]: the content is nil`, good, says(&mcp.PromptMessage{Role: "user", Content: text},
		&mcp.PromptMessage{Role: "user"}), nil)
	prompt(unfit+`messages[0]: the role must be user or assistant`, good, says(&mcp.PromptMessage{Content: text}), nil)
	prompt(unfit+`messages[0]: the role must be user or assistant`, good,
		says(&mcp.PromptMessage{Role: "system", Content: text}), nil)
	prompt(unfit+`messages[0]: a resource_link needs`, good,
		says(&mcp.PromptMessage{Role: "user", Content: &mcp.ResourceLink{URI: "a:b"}}), nil)
	prompt(unfit+`_meta: unsupported value: NaN`, good, &mcp.GetPromptResult{Meta: mcp.Meta{"a": math.NaN()}}, nil)
	prompt(tooFar, good, &mcp.GetPromptResult{Meta: mcp.Meta{"a": tooDeep}}, nil)
	prompt(`"code":-32603,"message":"caf`+"\uFFFD", good, nil, errors.New("caf\xe9"))
	for args, want := range map[string]string{
		`null`: wrong + `missing required argument: a`, `{}`: wrong + `missing required argument: a`,
		`[]`: wrong + `params.arguments must be an object`, `7`: wrong + `params.arguments must be an object`,
		`{"a":null}`:         wrong + `params.arguments.a must be a string`,
		`{"a":1}`:            wrong + `params.arguments.a must be a string`,
		`{"a":"x","b":null}`: wrong + `params.arguments.b must be a string`,
		`{"a":"","b":[]}`:    wrong + `params.arguments.b must be a string`,
		`{"a":""}`:           `"messages":[]`, `{"a":"x","c":"y","A":"z"}`: `"messages":[]`,
	} {
		prompt(want, args, nil, nil)
	}
	completes := func(want, params string, result *mcp.CompleteResult, err error) {
		t.Helper()
		e.r.SetCompletion(func(_ context.Context, req *mcp.CompleteRequest) (*mcp.CompleteResult, error) {
			if result == nil && err == nil {
				return &mcp.CompleteResult{Completion: mcp.CompletionResultDetails{Values: []string{
					fmt.Sprint(req.Params.Argument.Value, req.Params.Context)}}}, nil
			}
			return result, err
		})
		e.expect("completion/complete", `"ref":{"type":"ref/prompt","name":"p"},`+params, want)
	}
	for _, value := range []string{`null`, `7`, `[]`} {
		completes(wrong+`params.ref must name`, `"argument":{"name":"a","value":`+value+`}`, nil, nil)
	}
	completes(wrong+`params.ref must name`, `"argument":{"name":"a","Value":"x"}`, nil, nil)
	completes(wrong+`Unknown argument: A`, `"argument":{"name":"A","value":"x"}`, nil, nil)
	const argument = `"argument":{"name":"a","value":"v"}`
	for given, want := range map[string]string{
		`null`: "v\\u003cnil\\u003e", `{}`: "v\\u003cnil\\u003e", `{"arguments":null}`: "v\\u003cnil\\u003e",
		`{"arguments":{"b":"y"}}`:  `map[b:y]`,
		`{"arguments":{"b":null}}`: wrong + `params.context.arguments.b must be a string`,
		`{"arguments":{"b":7}}`:    wrong + `params.context.arguments.b must be a string`,
		`[]`:                       wrong + `params.context and its arguments must be objects`,
		`{"arguments":[]}`:         wrong + `params.context and its arguments must be objects`,
	} {
		completes(strings.ReplaceAll(strings.ReplaceAll(want, "\\u003c", "<"), "\\u003e", ">"),
			argument+`,"context":`+given, nil, nil)
	}
	details := func(d mcp.CompletionResultDetails) *mcp.CompleteResult { return &mcp.CompleteResult{Completion: d} }
	completes(`"values":[],"hasMore":false`, argument, details(mcp.CompletionResultDetails{}), nil)
	completes(`"total":150,"hasMore":true`, argument, details(mcp.CompletionResultDetails{Values: make([]string, 150)}), nil)
	completes(`"values":["x"],"hasMore":false`, argument,
		details(mcp.CompletionResultDetails{Values: []string{"x"}, Total: -5}), nil)
	completes(`["caf`+"\uFFFD"+`"]`, argument, details(mcp.CompletionResultDetails{Values: []string{"caf\xe9"}}), nil)
	completes(unfit+`_meta: unsupported value: NaN`, argument, &mcp.CompleteResult{Meta: mcp.Meta{"a": math.NaN()}}, nil)
	completes(tooFar, argument, &mcp.CompleteResult{Meta: mcp.Meta{"a": tooDeep}}, nil)
	completes(`"code":-32603,"message":"caf`+"\uFFFD", argument, nil, errors.New("caf\xe9"))
}

// TestNullIsAbsentBesideTools is F9's key for prompts and completions.
func TestNullIsAbsentBesideTools(t *testing.T) {
	r := newFixture(t, func(o *registry.Options) { o.NullIsAbsent = true })
	r.AddPrompt(&mcp.Prompt{Name: "p", Arguments: []*mcp.PromptArgument{{Name: "a", Required: true}, {Name: "b"}}},
		func(_ context.Context, req *mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
			return &mcp.GetPromptResult{Description: fmt.Sprint(req.Params.Arguments)}, nil
		})
	r.SetCompletion(func(_ context.Context, req *mcp.CompleteRequest) (*mcp.CompleteResult, error) {
		return &mcp.CompleteResult{Completion: mcp.CompletionResultDetails{
			Values: []string{fmt.Sprint(req.Params.Context.Arguments)}}}, nil
	})
	e := eras{t, r}
	e.expect("prompts/get", `"name":"p","arguments":{"a":"x","b":null}`, `"description":"map[a:x]"`)
	e.expect("prompts/get", `"name":"p","arguments":{"a":null}`, wrong+"missing required argument: a")
	e.expect("prompts/get", `"name":"p","arguments":{"a":7}`, wrong+"params.arguments.a must be a string")
	e.expect("completion/complete", `"ref":{"type":"ref/prompt","name":"p"},"argument":{"name":"a","value":""},`+
		`"context":{"arguments":{"b":null,"c":"d"}}`, `["map[c:d]"]`)
}

// TestResourcesBesideTools is F2 for what is read.
func TestResourcesBesideTools(t *testing.T) {
	e := newEras(t)
	read := func(want string, result *mcp.ReadResourceResult) {
		t.Helper()
		e.r.AddResource(&mcp.Resource{URI: "a:b", Name: "n"}, func(context.Context,
			*mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
			return result, nil
		}, registry.Replace())
		e.expect("resources/read", `"uri":"a:b"`, want)
	}
	one := func(c *mcp.ResourceContents) *mcp.ReadResourceResult {
		return &mcp.ReadResourceResult{Contents: []*mcp.ResourceContents{c}}
	}
	read(`"code":-32603,"message":"the handler returned no contents"`, nil)
	read(`"code":-32603,"message":"the handler returned no contents"`, &mcp.ReadResourceResult{})
	read(unfit+`contents[0]: it is nil`, one(nil))
	read(`"text":"x","blob":"eQ=="`, one(&mcp.ResourceContents{Text: "x", Blob: []byte("y")}))
	read(`"uri":"`+"\uFFFD", one(&mcp.ResourceContents{URI: "\xe9"}))
	read(unfit+`_meta of contents: unsupported value: NaN`, one(&mcp.ResourceContents{Meta: mcp.Meta{"a": math.NaN()}}))
	read(tooFar, one(&mcp.ResourceContents{Meta: mcp.Meta{"a": tooDeep}}))
	read(unfit+`_meta: unsupported value: NaN`, &mcp.ReadResourceResult{Meta: mcp.Meta{"a": math.NaN()},
		Contents: []*mcp.ResourceContents{{}}})
	for _, uri := range []string{`null`, `7`, `[]`} {
		e.expect("resources/read", `"uri":`+uri, wrong+`params.uri must be a string`)
	}
	for _, uri := range []string{`""`, `"A:b"`, `"a:%62"`} {
		e.expect("resources/read", `"uri":`+uri, `-32602,"message":"Resource not found"|-32002,"message":"Resource not found"`)
	}
}

// TestUnfitThroughOtherDoors: what an adopted server or a task returns is judged as what a call returns.
func TestUnfitThroughOtherDoors(t *testing.T) {
	r, jobs, p := newJobs(t)
	theirs := mcp.NewServer(&mcp.Implementation{Name: "theirs", Version: "1"}, nil)
	f := func(name, want string, result *mcp.CallToolResult) {
		t.Helper()
		h := func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) { return result, nil }
		r.AddTool(&mcp.Tool{Name: name, InputSchema: openSchema}, h, registry.Tasks(registry.TaskOptional))
		theirs.AddTool(&mcp.Tool{Name: "sdk-" + name, InputSchema: openSchema}, h)
		adopted, err := r.Adopt(theirs, registry.Adoption{})
		if err != nil {
			t.Fatal(err)
		}
		say := func(door, got string) {
			t.Helper()
			checkFit(t, door, got)
			if !strings.Contains(got, want) {
				t.Errorf("%s %s\n got %.400s\nwant %s", name, door, got, want)
			}
		}
		say("adopted", p.send(asking("tools/call", `"name":"sdk-`+name+`"`, everything), Header{}).body)
		id := p.begin(t, asking("tools/call", `"name":"`+name+`"`, ownTasks))
		jobs.run()
		say("as a task", p.send(taskRequest("get", id, ""), Header{}).body)
		q := &peer{r: r, back: p.back}
		q.send(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25",`+
			`"capabilities":{`+everything+`}}}`, Header{})
		id = q.begin(t, legacyRequest(1, "tools/call", `"name":"`+name+`","task":{}`))
		jobs.run()
		say("as a task of 2025-11-25", q.send(legacyRequest(2, "tasks/result", `"taskId":"`+id+`"`), Header{}).body)
		if err := adopted.Close(); err != nil {
			t.Error(err)
		}
	}
	f("nan", unfit+`structuredContent: unsupported value: NaN`, &mcp.CallToolResult{StructuredContent: math.NaN()})
	f("link", unfit+`content[0]: a resource_link`, &mcp.CallToolResult{Content: []mcp.Content{&mcp.ResourceLink{}}})
	f("deep", tooFar, &mcp.CallToolResult{StructuredContent: tooDeep})
	f("meta", unfit+`_meta: unsupported value: NaN`, &mcp.CallToolResult{Meta: mcp.Meta{"a": math.NaN()}})
	f("nobody", unfit+`inputRequests.who: the request is nil`,
		&mcp.CallToolResult{InputRequests: mcp.InputRequestMap{"who": (*mcp.ElicitParams)(nil)}})
	f("form", unfit+`inputRequests.who: requestedSchema: its type must be object`,
		&mcp.CallToolResult{InputRequests: mcp.InputRequestMap{"who": &mcp.ElicitParams{Message: "m",
			RequestedSchema: json.RawMessage(`{"type":"string"}`)}}})
	f("broken", "\"structuredContent\":{\"k\uFFFD\":[\"caf\uFFFD\",\"\\ufffd\"]}",
		&mcp.CallToolResult{StructuredContent: broken})
}
