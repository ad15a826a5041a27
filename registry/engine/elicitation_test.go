package engine_test

//lint:file-ignore SA1019 sampling and roots are deprecated and still served to those who have them

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/codec"
	"weir/registry"
	. "weir/registry/engine"
)

// formTool asks for an age, fills in a town, and says what it was given.
func formTool(_ context.Context, req *mcp.CallToolRequest, _ map[string]any) (*mcp.CallToolResult, any, error) {
	if e, ok := req.Params.InputResponses["who"].(*mcp.ElicitResult); ok {
		content, err := json.Marshal(e.Content)
		return textResult("given " + e.Action + " " + string(content)), nil, err
	}
	return &mcp.CallToolResult{InputRequests: mcp.InputRequestMap{"who": &mcp.ElicitParams{Message: "who are you?",
		RequestedSchema: map[string]any{"type": "object", "required": []string{"age"}, "properties": map[string]any{
			"age":  map[string]any{"type": "integer", "minimum": 1},
			"town": map[string]any{"type": "string", "default": "Oslo"},
		}}}}}, nil, nil
}

// Whoever asks, however, and in whatever era: a handler is given an answer that was checked, or none.
func TestElicitationAnswersAreChecked(t *testing.T) {
	adopted := sdkServer()
	mcp.AddTool(adopted, &mcp.Tool{Name: "adopted"}, formTool)
	const declared = `"extensions":{"io.modelcontextprotocol/tasks":{}},"elicitation":{}`
	newPeer := func(t *testing.T) (*bench, *peer) {
		r, jobs, p := newJobs(t)
		AddTool(r, &mcp.Tool{Name: "native"}, formTool)
		AddTool(r, &mcp.Tool{Name: "task"}, formTool, registry.Tasks(registry.TaskOptional))
		AddTool(r, &mcp.Tool{Name: "first"}, formTool, registry.Tasks(registry.TaskOptional), registry.AskFirst())
		adopt(t, r, adopted, registry.Adoption{Returns: func(string) bool { return true }})
		return jobs, p
	}
	modern := func(tool string) func(*testing.T, string) string {
		return func(t *testing.T, answer string) string {
			_, p := newPeer(t)
			call := `"name":"` + tool + `","arguments":{}`
			_, state := required(t, p.send(asking("tools/call", call, elicits), Header{}))
			return p.send(asking("tools/call", call+`,"inputResponses":{"who":`+answer+`},"requestState":"`+state+`"`,
				elicits), Header{}).body
		}
	}
	early := func(t *testing.T, answer string) string { // before anything was asked for
		_, p := newPeer(t)
		return p.send(asking("tools/call", `"name":"native","arguments":{},"inputResponses":{"other":7,"who":`+answer+`}`,
			elicits), Header{}).body
	}
	modernTask := func(t *testing.T, answer string) string {
		jobs, p := newPeer(t)
		id := p.begin(t, asking("tools/call", `"name":"task","arguments":{}`, declared))
		jobs.run()
		update := p.send(asking("tasks/update", `"taskId":"`+id+`","inputResponses":{"who":`+answer+`}`, declared), Header{})
		jobs.run()
		if task := p.send(asking("tasks/get", `"taskId":"`+id+`"`, declared), Header{}).body; strings.Contains(update.body,
			`"result"`) ||
			!strings.Contains(task, `"status":"input_required"`) { // else it waits on for one that fits
			return task
		}
		return update.body
	}
	modernFirst := func(t *testing.T, answer string) string {
		jobs, p := newPeer(t)
		call := `"name":"first","arguments":{}`
		_, state := required(t, p.send(asking("tools/call", call, declared), Header{}))
		a := p.send(asking("tools/call", call+`,"inputResponses":{"who":`+answer+`},"requestState":"`+state+`"`, declared),
			Header{})
		found := taskIDMember.FindStringSubmatch(a.body)
		if found == nil {
			return a.body
		}
		jobs.run()
		return p.send(asking("tasks/get", `"taskId":"`+found[1]+`"`, declared), Header{}).body
	}
	reply := func(t *testing.T, p *peer, answer string) {
		var asked struct {
			ID     json.RawMessage
			Method string
		}
		for _, message := range p.back.early(&p.conv) {
			if strings.Contains(message, "elicitation/create") && json.Unmarshal([]byte(message), &asked) != nil {
				t.Fatal(message)
			}
		}
		p.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":%s}`, asked.ID, answer), Header{})
	}
	greet := func(p *peer) {
		p.send(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{"elicitation":{}}}}`, Header{})
	}
	legacy := func(tool string) func(*testing.T, string) string {
		return func(t *testing.T, answer string) string {
			_, p := newPeer(t)
			greet(p)
			p.send(legacyRequest(1, "tools/call", `"name":"`+tool+`","arguments":{}`), Header{})
			reply(t, p, answer)
			return fmt.Sprint(p.back.again())
		}
	}
	legacyTask := func(t *testing.T, answer string) string {
		jobs, p := newPeer(t)
		greet(p)
		id := p.begin(t, legacyRequest(1, "tools/call", `"name":"task","arguments":{},"task":{}`))
		jobs.run()
		p.send(legacyRequest(2, "tasks/result", `"taskId":"`+id+`"`), Header{})
		reply(t, p, answer)
		again := p.back.again()
		jobs.run()
		return fmt.Sprint(append(again, p.back.again()...))
	}
	doors := map[string]func(*testing.T, string) string{"modern native": modern("native"),
		"modern adopted": modern("adopted"),
		"modern early":   early, "modern task": modernTask, "modern asked first": modernFirst,
		"legacy native":  legacy("native"),
		"legacy adopted": legacy("adopted"), "legacy task": legacyTask}
	f := func(answer, want string) {
		t.Helper()
		for door, through := range doors {
			got := through(t, answer)
			code := codec.CodeInternal
			if strings.HasPrefix(door, "modern") {
				code = codec.CodeInvalidParams
			}
			quoted, _ := json.Marshal(want)
			switch {
			case want == "" && strings.Contains(got, fmt.Sprintf(`"code":%d`, code)) && !strings.Contains(got, "given"):
			case want != "" && strings.Contains(got, strings.Trim(string(quoted), `"`)):
			default:
				t.Errorf("%s: %s: %s, want %q", door, answer, got, want)
			}
		}
	}
	f(`{"action":"accept","content":{"age":7}}`, `given accept {"age":7,"town":"Oslo"}`)
	f(`{"action":"accept","content":{"age":9007199254740993,"town":"Rome"}}`,
		`given accept {"age":9007199254740993,"town":"Rome"}`)
	f(`{"action":"accept","content":null}`, `given accept null`) // as the SDK has it
	f(`{"action":"decline","content":{"age":"x"}}`, `given decline null`)
	f(`{"action":"cancel","content":7}`, `given cancel null`)
	for _, answer := range []string{`{"action":"ACCEPT","content":{"age":7}}`, `{"action":"","content":{"age":7}}`,
		`{"action":null,"content":{"age":7}}`, `{"action":["accept"]}`, `{"Action":"accept","content":{"age":7}}`,
		`{"content":{"age":7}}`, `{}`, `7`, `{"action":"accept","content":{"age":"7"}}`,
		`{"action":"accept","content":{"age":7.5}}`, `{"action":"accept","content":{"age":0}}`,
		`{"action":"accept","content":{"age":7,"town":7}}`, `{"action":"accept","content":{"town":"Rome"}}`,
		`{"action":"accept","content":{"age":null}}`, `{"action":"accept","content":[7]}`,
		`{"action":"accept","content":{"age":7},"_meta":7}`, `{"roots":[]}`,
		`{"role":"assistant","model":"m","content":{"type":"text","text":"x"}}`} {
		f(answer, "")
	}
}

// Whoever is asked for something else does not answer with an elicitation.
func TestElicitationAnswersToOthers(t *testing.T) {
	r := newFixture(t)
	AddTool(r, &mcp.Tool{Name: "roots"}, func(_ context.Context, req *mcp.CallToolRequest, _ none) (*mcp.CallToolResult,
		any, error) {
		if _, ok := req.Params.InputResponses["r"].(*mcp.ListRootsResult); ok {
			return textResult("given roots"), nil, nil
		}
		if len(req.Params.InputResponses) > 0 {
			return textResult("given something else"), nil, nil
		}
		return &mcp.CallToolResult{InputRequests: mcp.InputRequestMap{"r": &mcp.ListRootsParams{}}}, nil, nil
	})
	p := &peer{r: r}
	call := func(sent string) answer {
		return p.send(asking("tools/call", `"name":"roots","inputResponses":{"r":`+sent+`}`, `"roots":{}`), Header{})
	}
	if keys, _ := required(t, call(`{"action":"accept","content":{"a":1}}`)); !slices.Equal(keys, []string{"r"}) {
		t.Error("asked again for", keys)
	}
	if a := call(`{"roots":[]}`); !strings.Contains(a.body, "given roots") {
		t.Error(a.body)
	}
}
