package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	. "weir/registry/engine"
)

// TestDefinitionsBesideSchemas is N11's kind beyond schemas: what clients would refuse a whole list for, and what is no
// definition at all, is refused where it is registered, by name.
func TestDefinitionsBesideSchemas(t *testing.T) {
	r := emptyRegistry(t)
	refused := func(add func(), want string) {
		t.Helper()
		defer func() {
			t.Helper()
			if got := fmt.Sprint(recover()); !strings.Contains(got, want) {
				t.Errorf("panic %.300s, want %s", got, want)
			}
		}()
		add()
	}
	tool := func(d *mcp.Tool, want string) {
		t.Helper()
		if d != nil && d.InputSchema == nil {
			d.InputSchema = openSchema
		}
		refused(func() { r.AddTool(d, noop) }, want)
	}
	schema := func(s, want string) {
		t.Helper()
		tool(&mcp.Tool{Name: "t", InputSchema: json.RawMessage(s)}, want)
	}
	tool(nil, "AddTool: the definition is nil")
	refused(func() { AddTool(r, nil, echo) }, "AddTool: the definition is nil")
	tool(&mcp.Tool{}, `AddTool "": the name is 0 bytes long`)
	tool(&mcp.Tool{Name: "a\xe9"}, `AddTool "a\xe9": the name must be UTF-8`)
	tool(&mcp.Tool{Name: "t", Meta: mcp.Meta{"a": math.NaN()}}, "unsupported value: NaN")
	tool(&mcp.Tool{Name: "t", Meta: mcp.Meta{"a": tooDeep}}, "nested deeper than 1000 levels")
	tool(&mcp.Tool{Name: "t", Icons: []mcp.Icon{{}}}, "icons[0]: src is missing")
	tool(&mcp.Tool{Name: "t", Icons: []mcp.Icon{{Source: "data:,", Theme: "grey"}}}, "icons[0]: the theme must be")
	schema(`{"type":"object","x":`+string(tooDeep)+`}`, "input schema: the value is nested deeper")
	schema(`{"type":"object","required":"a"}`, "input schema: ")
	schema(`{"type":"array"}`, `must be an object with type "object"`)
	schema(`{"type":["object"]}`, `must be an object with type "object"`)
	schema(`{"type":"object","properties":{"a":{"$ref":"#/$defs/none"}}}`, `/properties/a refers to "#/$defs/none"`)
	schema(`{"type":"object","properties":{"a":{"items":{"type":"Int"}}}}`, `/properties/a/items has the type "Int"`)
	tool(&mcp.Tool{Name: "t", OutputSchema: json.RawMessage(`{"$ref":"#/$defs/none"}`)},
		"output schema: the schema refers")

	prompt := func(d *mcp.Prompt, want string) {
		t.Helper()
		refused(func() { r.AddPrompt(d, greet) }, want)
	}
	prompt(nil, "AddPrompt: the definition is nil")
	prompt(&mcp.Prompt{}, `AddPrompt "": the name is 0 bytes long`)
	prompt(&mcp.Prompt{Name: "p", Arguments: []*mcp.PromptArgument{{Name: "a"}, {Name: "a"}}}, `"a" is there twice`)
	prompt(&mcp.Prompt{Name: "p", Arguments: []*mcp.PromptArgument{nil}}, "argument 0 has no name")
	prompt(&mcp.Prompt{Name: "p", Arguments: []*mcp.PromptArgument{{}}}, "argument 0 has no name")
	prompt(&mcp.Prompt{Name: "p", Icons: []mcp.Icon{{}}}, "icons[0]: src is missing")

	read := func(context.Context, *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) { return nil, nil }
	resource := func(d *mcp.Resource, want string) {
		t.Helper()
		refused(func() { r.AddResource(d, read) }, want)
	}
	resource(nil, "AddResource: the definition is nil")
	for uri, want := range map[string]string{"": "not absolute", "plain": "not absolute",
		"\xe9:x": "the URI must be UTF-8", ":": "missing protocol scheme", "http://[::1": "missing ']'"} {
		resource(&mcp.Resource{URI: uri, Name: "n"}, want)
	}
	resource(&mcp.Resource{URI: "a:b"}, "the name is missing")
	for _, priority := range []float64{7, -1, math.NaN()} {
		annotations := &mcp.Annotations{Priority: priority}
		resource(&mcp.Resource{URI: "a:b", Name: "n", Annotations: annotations}, "priority must be from 0 to 1")
		refused(func() {
			r.AddResourceTemplate(&mcp.ResourceTemplate{URITemplate: "a:{b}", Name: "n", Annotations: annotations}, read)
		}, "priority must be from 0 to 1")
	}
	resource(&mcp.Resource{URI: "a:b", Name: "n", Annotations: &mcp.Annotations{Audience: []mcp.Role{"all"}}},
		"annotations.audience: the role must be user or assistant")
	resource(&mcp.Resource{URI: "a:b", Name: "n", Icons: []mcp.Icon{{}}}, "icons[0]: src is missing")
	refused(func() { r.AddResourceTemplate(nil, read) }, "AddResourceTemplate: the definition is nil")
	for text, want := range map[string]string{"": "scheme", "plain": "scheme", "{": "incomplete", "x:{a": "incomplete",
		"x:{a:0}": "max-length", "\xe9:{a}": "invalid UTF-8"} {
		refused(func() { r.AddResourceTemplate(&mcp.ResourceTemplate{URITemplate: text, Name: "n"}, read) }, want)
	}
	for _, list := range []string{"tools/list", "prompts/list", "resources/list", "resources/templates/list"} {
		if a := (&peer{r: r}).send(asking(list, `"x":0`, ""), Header{}); !strings.Contains(a.body, `":[]`) {
			t.Errorf("%s: %s", list, a.body)
		}
	}
}

// TestSchemasAreShownWithProperties is F7 for schemas of every form: several vendors refuse a whole list for one object
// without properties.
func TestSchemasAreShownWithProperties(t *testing.T) {
	const shown = `"properties":{}`
	for given, want := range map[string]string{
		`{"type":"object"}`: `{"type":"object",` + shown + `}`,
		`{"type":"object","additionalProperties":false}`:            `"additionalProperties":false,` + shown + `}`,
		`{"type":"object","description":"caf\u00e9","required":[]}`: shown,
		`{"type":"object","properties":{"a":{"type":"object"}}}`:    `{"type":"object","properties":{"a":{"type":"object"}}}`,
	} {
		var decoded map[string]any
		if err := json.Unmarshal([]byte(given), &decoded); err != nil {
			t.Fatal(err)
		}
		for form, definition := range map[string]any{"raw": json.RawMessage(given), "map": decoded} {
			r := emptyRegistry(t)
			r.AddTool(&mcp.Tool{Name: "t", InputSchema: definition}, noop)
			body := (&peer{r: r}).send(asking("tools/list", `"x":0`, ""), Header{}).body
			if form == "raw" && !strings.Contains(body, want) || strings.Count(body, `"properties"`) != 1 {
				t.Errorf("%s as %s is shown in %s", given, form, body)
			}
		}
	}
}
