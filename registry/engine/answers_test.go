package engine_test

//lint:file-ignore SA1019 sampling and roots are deprecated and still served to those who have them

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/registry"
	. "weir/registry/engine"
)

// wantedTool asks its client for what its argument says, through its Session or by returning InputRequests, and answers
// with what it was given.
func wantedTool(ctx context.Context, req *mcp.CallToolRequest, in jobIn) (*mcp.CallToolResult, any, error) {
	kind, returned := strings.CutPrefix(in.Do, "return ")
	number := json.RawMessage(`{"type":"object","properties":{"n":{"type":"number"},"i":{"type":"integer"}}}`)
	request := map[string]mcp.InputRequest{"elicit": &mcp.ElicitParams{Message: "m", RequestedSchema: number},
		"free": &mcp.ElicitParams{Message: "m"}, "roots": &mcp.ListRootsParams{},
		"sample": &mcp.CreateMessageWithToolsParams{MaxTokens: 1, Tools: []*mcp.Tool{{Name: "t"}}}}[kind]
	var given any
	var err error
	switch {
	case returned && req.Params.InputResponses == nil:
		return &mcp.CallToolResult{InputRequests: mcp.InputRequestMap{"who": request}}, nil, nil
	case returned:
		given = req.Params.InputResponses["who"]
	case kind == "sample":
		given, err = req.Session.CreateMessageWithTools(ctx, request.(*mcp.CreateMessageWithToolsParams))
	case kind == "roots":
		given, err = req.Session.ListRoots(ctx, nil)
	default:
		given, err = req.Session.Elicit(ctx, request.(*mcp.ElicitParams))
	}
	if err != nil {
		return nil, nil, err
	}
	text, err := json.Marshal(given)
	return textResult("given " + string(text)), nil, err
}

const ableToAll = `"elicitation":{},"sampling":{"tools":{}},"roots":{}`

// TestNumbersInAnswers is F1's rule for what clients answer with: the digits come to the handler, or the answer is
// refused and the place named, whoever asked, however, and in whatever era.
func TestNumbersInAnswers(t *testing.T) {
	theirs := mcp.NewServer(&mcp.Implementation{Name: "theirs", Version: "1"}, nil)
	mcp.AddTool(theirs, &mcp.Tool{Name: "adopted"}, wantedTool)
	mcp.AddTool(theirs, &mcp.Tool{Name: "returns"}, wantedTool)
	legacy := func(tool, do, answer string) string {
		r, _, p := newJobs(t)
		AddTool(r, &mcp.Tool{Name: "native"}, wantedTool)
		adopt(t, r, theirs, registry.Adoption{Returns: func(name string) bool { return name == "returns" }})
		p.send(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{`+
			ableToAll+`}}}`, Header{})
		x := exchangeOf(t, legacyRequest(1, "tools/call", `"name":"`+tool+`","arguments":{"do":"`+do+`"}`))
		x.Conv, x.Responder = &p.conv, &place{p.back, x}
		r.Route(x)
		if e := r.Begin(x); e != nil {
			t.Fatal(e)
		}
		out := make(chan string, 1)
		go func() { out <- p.back.dispatch(x).body }()
		var asked struct{ ID json.RawMessage }
		wait(t, "a request", func() bool {
			sent := p.back.early(&p.conv)
			return len(sent) == 1 && json.Unmarshal([]byte(sent[0]), &asked) == nil
		})
		suspended := strings.HasPrefix(do, "return") && tool != "adopted"
		if suspended {
			<-out
		}
		p.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":%s}`, asked.ID, answer), Header{})
		if suspended {
			return fmt.Sprint(p.back.again())
		}
		return <-out
	}
	latest := func(tool, do, answer string) string {
		r, _, p := newJobs(t)
		AddTool(r, &mcp.Tool{Name: "native"}, wantedTool)
		adopt(t, r, theirs, registry.Adoption{})
		call := `"name":"` + tool + `","arguments":{"do":"` + do + `"}`
		asked := p.send(asking("tools/call", call, ableToAll), Header{}).body
		if found := stateMember.FindStringSubmatch(asked); found != nil {
			call += `,"requestState":"` + found[1] + `"`
		}
		return p.send(asking("tools/call", call+`,"inputResponses":{"who":`+answer+`}`, ableToAll), Header{}).body
	}
	// What the handler was given, or why not: returned is of handlers that return InputRequests, session and sdk of those
	// that ask through a Session of ours and of the SDK's, through which a server up to 2025-11-25 asks in both cases.
	f := func(kind, answer, returned, session, sdk string) {
		t.Helper()
		say := func(door, got, want string) {
			t.Helper()
			quoted, _ := json.Marshal(want)
			if !strings.Contains(got, want) && !strings.Contains(got, strings.Trim(string(quoted), `"`)) {
				t.Errorf("%s, %s: %s: %s, want %s", kind, door, answer, got, want)
			}
		}
		say("session", legacy("native", kind, answer), session)
		say("adopted session", legacy("adopted", kind, answer), sdk)
		say("adopted, SDK returns", legacy("adopted", "return "+kind, answer), sdk)
		for _, tool := range []string{"native", "returns"} {
			say("legacy "+tool, legacy(tool, "return "+kind, answer), returned)
		}
		for _, tool := range []string{"native", "adopted"} {
			say("latest "+tool, latest(tool, "return "+kind, answer), returned)
		}
	}
	const changes = " would change its digits"
	form := func(content, session, sdk string) {
		t.Helper()
		if session == "" {
			session = content
		}
		if sdk == "" {
			sdk = content
		}
		for _, kind := range []string{"elicit", "free"} {
			of := session
			if kind == "free" {
				of = content // nothing judges it again
			}
			f(kind, `{"action":"accept","content":`+content+`}`, `"content":`+content, of, sdk)
		}
	}
	const own = " is a number that the session would change"
	form(`{"i":7,"n":0.1}`, "", "")
	form(`{"i":9007199254740993}`, "", `content.i: 9007199254740993`+changes)
	form(`{"i":18446744073709551615}`, "", `content.i: 18446744073709551615`+changes)
	form(`{"i":9007199254740993.0}`, `"i":9007199254740993`, `content.i: 9007199254740993`)
	form(`{"i":123456789012345678901234567890}`, "content.i"+own, "content.i")
	form(`{"n":0.1234567890123456789}`, "content.n"+own, "content.n")
	f("elicit", `{"action":"accept","content":{"i":1},"_meta":{"k":9007199254740993}}`, `"k":9007199254740993`,
		`"k":9007199254740993`, `_meta.k: 9007199254740993`+changes)
	refused := func(kind, answer, place string) {
		t.Helper()
		f(kind, answer, place+changes, place+changes, place+changes)
	}
	const use = `{"type":"tool_use","id":"1","name":"t","input":{"id":%s}}`
	const said = `{"role":"assistant","model":"m","content":%s}`
	refused("sample", fmt.Sprintf(said, fmt.Sprintf(use, "9007199254740993")), "content.input.id: 9007199254740993")
	refused("sample", fmt.Sprintf(said, "["+fmt.Sprintf(use, "9007199254740993")+"]"),
		"content[0].input.id: 9007199254740993")
	refused("roots", `{"roots":[{"uri":"file:///a","_meta":{"id":9007199254740993}}]}`,
		"roots[0]._meta.id: 9007199254740993")
	kept := fmt.Sprintf(said, fmt.Sprintf(use, "9007199254740992"))
	f("sample", kept, `"id":9007199254740992`, `"id":9007199254740992`, `"id":9007199254740992`)
}

var stateMember = regexp.MustCompile(`"requestState":"([^"]+)"`)

// TestNumbersInMeta: what a request says beside its arguments keeps its digits for handlers of every kind, whoever
// registered them, and so does what they say in their _meta. A state comes back byte for byte.
func TestNumbersInMeta(t *testing.T) {
	e := newEras(t)
	const number = `9007199254740993`
	tool := func(_ context.Context, req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return &mcp.CallToolResult{Meta: mcp.Meta{"y": req.Params.Meta["x"]}}, nil
	}
	prompt := func(_ context.Context, req *mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
		return &mcp.GetPromptResult{Meta: mcp.Meta{"y": req.Params.Meta["x"]}}, nil
	}
	read := func(_ context.Context, req *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
		return &mcp.ReadResourceResult{Contents: []*mcp.ResourceContents{{URI: req.Params.URI, Text: "t",
			Meta: mcp.Meta{"y": req.Params.Meta["x"]}}}}, nil
	}
	complete := func(_ context.Context, req *mcp.CompleteRequest) (*mcp.CompleteResult, error) {
		return &mcp.CompleteResult{Meta: mcp.Meta{"y": req.Params.Meta["x"]}}, nil
	}
	e.r.AddTool(&mcp.Tool{Name: "own", InputSchema: openSchema}, tool)
	e.r.AddPrompt(&mcp.Prompt{Name: "own", Arguments: []*mcp.PromptArgument{{Name: "a"}}}, prompt)
	e.r.AddResource(&mcp.Resource{URI: "a:own", Name: "own"}, read)
	e.r.AddResourceTemplate(&mcp.ResourceTemplate{URITemplate: "b:{own}", Name: "own"}, read)
	theirs := mcp.NewServer(&mcp.Implementation{Name: "theirs", Version: "1"},
		&mcp.ServerOptions{CompletionHandler: complete})
	theirs.AddTool(&mcp.Tool{Name: "sdk", InputSchema: openSchema}, tool)
	theirs.AddPrompt(&mcp.Prompt{Name: "sdk", Arguments: []*mcp.PromptArgument{{Name: "a"}}}, prompt)
	theirs.AddResource(&mcp.Resource{URI: "a:sdk", Name: "sdk"}, read)
	adopt(t, e.r, theirs, registry.Adoption{})
	old := &peer{r: e.r}
	old.initialize(t, "2025-11-25")
	expect := func(method, params string) {
		t.Helper()
		latest := strings.Replace(asking(method, params, ""), `"_meta":{`, `"_meta":{"x":`+number+`,`, 1)
		for era, message := range map[string]string{"2026-07-28": latest,
			"2025-11-25": legacyRequest(1, method, params+`,"_meta":{"x":`+number+`}`)} {
			if got := old.send(message, Header{}).body; !strings.Contains(got, `"y":`+number) {
				t.Errorf("%s %s of %s: %s", method, params, era, got)
			}
		}
	}
	for _, whose := range []string{"own", "sdk"} {
		expect("tools/call", `"name":"`+whose+`"`)
		expect("prompts/get", `"name":"`+whose+`"`)
		expect("resources/read", `"uri":"a:`+whose+`"`)
	}
	expect("resources/read", `"uri":"b:x"`)
	const about = `"ref":{"type":"ref/prompt","name":"own"},"argument":{"name":"a","value":""}`
	expect("completion/complete", about) // the SDK server's
	e.r.SetCompletion(complete)
	expect("completion/complete", about)

	const state = "caf\xe9\x00\"\u2028\U0001F600 9007199254740993"
	var back string
	e.r.AddTool(&mcp.Tool{Name: "state", InputSchema: openSchema}, func(_ context.Context,
		req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		if back = req.Params.RequestState; back != "" {
			return textResult("done"), nil
		}
		return &mcp.CallToolResult{RequestState: state}, nil
	})
	p := &peer{r: e.r}
	_, sealed := required(t, p.send(asking("tools/call", `"name":"state"`, ""), Header{}))
	p.send(asking("tools/call", `"name":"state","requestState":"`+sealed+`"`, ""), Header{})
	if back != state {
		t.Errorf("the state came back as %q", back)
	}
}
