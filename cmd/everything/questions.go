package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/registry"
)

//lint:file-ignore SA1019 sampling and roots are deprecated and still served to those who have them

// What the suite's scenarios are asked while a call waits for the answer: the names and the texts are theirs.

// asks is a tool that asks for something and, once all of it is there, says what it got.
type asks struct {
	name  string
	wants mcp.InputRequestMap
	state string
	says  func(got mcp.InputResponseMap, state string) string
}

func addQuestions(r *registry.Registry) {
	name := elicit("What is your name?", "name", "string")
	confirm := elicit("Please confirm", "ok", "boolean")
	capital, greeting := sample("What is the capital of France?", 100), sample("Generate a greeting", 50)
	for _, a := range []asks{
		{"elicitation", mcp.InputRequestMap{"user_name": name}, "", func(got mcp.InputResponseMap, _ string) string {
			return fmt.Sprintf("Hello, %v!", field(got["user_name"], "name"))
		}},
		{"sampling", mcp.InputRequestMap{"capital_question": capital}, "", func(got mcp.InputResponseMap, _ string) string {
			return fmt.Sprintf("The model said: %s", sampled(got["capital_question"]))
		}},
		{"list_roots", mcp.InputRequestMap{"client_roots": &mcp.ListRootsParams{}}, "",
			func(got mcp.InputResponseMap, _ string) string {
				return "Roots:" + roots(got["client_roots"])
			}},
		{"request_state", mcp.InputRequestMap{"confirm": confirm}, "state",
			func(_ mcp.InputResponseMap, state string) string { return state + "-ok" }},
		{"tampered_state", mcp.InputRequestMap{"confirm": confirm}, "state",
			func(_ mcp.InputResponseMap, state string) string { return state + "-ok" }},
		{"multiple_inputs", mcp.InputRequestMap{"user_name": name, "greeting": greeting,
			"client_roots": &mcp.ListRootsParams{}}, "state",
			func(got mcp.InputResponseMap, _ string) string {
				return fmt.Sprintf("%s, %v, at%s", sampled(got["greeting"]), field(got["user_name"], "name"),
					roots(got["client_roots"]))
			}},
	} {
		addAsks(r, "test_input_required_result_"+a.name, a)
	}
	addAsks(r, "test_missing_capability", asks{wants: mcp.InputRequestMap{"sample": capital},
		says: func(got mcp.InputResponseMap, _ string) string { return sampled(got["sample"]) }})
	addAsks(r, "test_streaming_elicitation", asks{wants: mcp.InputRequestMap{"user_name": name},
		says: func(got mcp.InputResponseMap, _ string) string { return fmt.Sprint(field(got["user_name"], "name")) }})
	addRounds(r)
	addLegacyQuestions(r)
	addChoosy(r, capital, name)
	r.AddPrompt(&mcp.Prompt{Name: "test_input_required_result_prompt", Description: "Asks for its context"},
		func(_ context.Context, req *mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
			given := field(req.Params.InputResponses["user_context"], "context")
			if given == nil {
				return &mcp.GetPromptResult{InputRequests: mcp.InputRequestMap{
					"user_context": elicit("What context should the prompt use?", "context", "string")}}, nil
			}
			return &mcp.GetPromptResult{Messages: []*mcp.PromptMessage{{Role: "user",
				Content: &mcp.TextContent{Text: fmt.Sprint("Context: ", given)}}}}, nil
		})
}

func addAsks(r *registry.Registry, name string, a asks, opts ...registry.HandlerOption) {
	registry.AddTool(r, &mcp.Tool{Name: name, Description: "Asks the client"},
		func(_ context.Context, req *mcp.CallToolRequest, _ none) (*mcp.CallToolResult, any, error) {
			for key := range a.wants {
				if req.Params.InputResponses[key] == nil {
					return &mcp.CallToolResult{InputRequests: a.wants, RequestState: a.state}, nil, nil
				}
			}
			return answer(&mcp.TextContent{Text: a.says(req.Params.InputResponses, req.Params.RequestState)}), nil, nil
		}, opts...)
}

// addRounds offers a tool that asks twice and remembers the first answer in its state.
func addRounds(r *registry.Registry) {
	registry.AddTool(r, &mcp.Tool{Name: "test_input_required_result_multi_round", Description: "Asks twice"},
		func(_ context.Context, req *mcp.CallToolRequest, _ none) (*mcp.CallToolResult, any, error) {
			got := req.Params.InputResponses
			if color := field(got["step2"], "color"); color != nil && req.Params.RequestState != "" {
				return answer(&mcp.TextContent{Text: fmt.Sprintf("%s likes %v", req.Params.RequestState, color)}), nil, nil
			}
			if name := field(got["step1"], "name"); name != nil {
				return &mcp.CallToolResult{RequestState: fmt.Sprint(name), InputRequests: mcp.InputRequestMap{
					"step2": elicit("Step 2: What is your favorite color?", "color", "string")}}, nil, nil
			}
			return &mcp.CallToolResult{RequestState: "nobody", InputRequests: mcp.InputRequestMap{
				"step1": elicit("Step 1: What is your name?", "name", "string")}}, nil, nil
		})
}

// addChoosy offers a tool that asks only for what the client says it can answer.
func addChoosy(r *registry.Registry, sampling, elicitation mcp.InputRequest) {
	registry.AddTool(r, &mcp.Tool{Name: "test_input_required_result_capabilities",
		Description: "Asks for what the client can answer"},
		func(_ context.Context, req *mcp.CallToolRequest, _ none) (*mcp.CallToolResult, any, error) {
			declared, _ := req.Params.Meta["io.modelcontextprotocol/clientCapabilities"].(map[string]any)
			wants := mcp.InputRequestMap{}
			if declared["sampling"] != nil {
				wants["sampling"] = sampling
			}
			if declared["elicitation"] != nil {
				wants["elicitation"] = elicitation
			}
			if len(wants) == 0 || len(req.Params.InputResponses) > 0 {
				return answer(&mcp.TextContent{Text: "enough"}), nil, nil
			}
			return &mcp.CallToolResult{InputRequests: wants}, nil, nil
		})
}

// addLegacyQuestions offers the tools of the older scenarios, in which the server sends its questions as requests.
func addLegacyQuestions(r *registry.Registry) {
	type promptIn struct {
		Prompt string `json:"prompt"`
	}
	registry.AddTool(r, &mcp.Tool{Name: "test_sampling", Description: "Asks the client's model"},
		func(_ context.Context, req *mcp.CallToolRequest, in promptIn) (*mcp.CallToolResult, any, error) {
			if got := req.Params.InputResponses["sample"]; got != nil {
				return answer(&mcp.TextContent{Text: "LLM response: " + sampled(got)}), nil, nil
			}
			return &mcp.CallToolResult{InputRequests: mcp.InputRequestMap{"sample": sample(in.Prompt, 100)}}, nil, nil
		})
	type messageIn struct {
		Message string `json:"message"`
	}
	registry.AddTool(r, &mcp.Tool{Name: "test_elicitation", Description: "Asks the user"},
		func(_ context.Context, req *mcp.CallToolRequest, in messageIn) (*mcp.CallToolResult, any, error) {
			return elicited(req, "User response: ", in.Message, `{"type":"object","required":["username","email"],"properties":{
				"username":{"type":"string","description":"User's response"},
				"email":{"type":"string","description":"User's email address"}}}`)
		})
	addForm(r, "test_elicitation_sep1034_defaults", `{"type":"object","required":[],"properties":{
		"name":{"type":"string","default":"John Doe"}, "age":{"type":"integer","default":30},
		"score":{"type":"number","default":95.5},
		"status":{"type":"string","enum":["active","inactive","pending"],"default":"active"},
		"verified":{"type":"boolean","default":true}}}`)
	addForm(r, "test_elicitation_sep1330_enums", `{"type":"object","required":[],"properties":{
		"untitledSingle":{"type":"string","enum":["option1","option2","option3"]},
		"titledSingle":{"type":"string","oneOf":[{"const":"value1","title":"First Option"},
			{"const":"value2","title":"Second Option"},{"const":"value3","title":"Third Option"}]},
		"legacyEnum":{"type":"string","enum":["opt1","opt2","opt3"],"enumNames":["Option One","Option Two","Option Three"]},
		"untitledMulti":{"type":"array","items":{"type":"string","enum":["option1","option2","option3"]}},
		"titledMulti":{"type":"array","items":{"anyOf":[{"const":"value1","title":"First Choice"},
			{"const":"value2","title":"Second Choice"},{"const":"value3","title":"Third Choice"}]}}}}`)
}

// addForm offers a tool that shows the user one form.
func addForm(r *registry.Registry, name, schema string) {
	registry.AddTool(r, &mcp.Tool{Name: name, Description: "Shows the user a form"},
		func(_ context.Context, req *mcp.CallToolRequest, _ none) (*mcp.CallToolResult, any, error) {
			return elicited(req, "Elicitation completed: ", "Please fill in the form", schema)
		})
}

// elicited asks with a form, and tells what came of it once that is known.
func elicited(req *mcp.CallToolRequest, prefix, message, schema string) (*mcp.CallToolResult, any, error) {
	got, ok := req.Params.InputResponses["form"].(*mcp.ElicitResult)
	if !ok {
		return &mcp.CallToolResult{InputRequests: mcp.InputRequestMap{
			"form": &mcp.ElicitParams{Message: message, RequestedSchema: json.RawMessage(schema)}}}, nil, nil
	}
	content, err := json.Marshal(got.Content)
	return answer(&mcp.TextContent{Text: fmt.Sprintf("%saction=%s, content=%s", prefix, got.Action, content)}), nil, err
}

func elicit(message, property, kind string) *mcp.ElicitParams {
	return &mcp.ElicitParams{Message: message, RequestedSchema: map[string]any{
		"type": "object", "properties": map[string]any{property: map[string]any{"type": kind}},
		"required": []string{property}}}
}

func sample(text string, tokens int64) *mcp.CreateMessageParams {
	return &mcp.CreateMessageParams{MaxTokens: tokens, Messages: []*mcp.SamplingMessage{{Role: "user",
		Content: &mcp.TextContent{Text: text}}}}
}

// field is a member of an accepted form; nil when there is none.
func field(got mcp.InputResponse, name string) any {
	if form, ok := got.(*mcp.ElicitResult); ok && form.Action == "accept" {
		return form.Content[name]
	}
	return nil
}

func sampled(got mcp.InputResponse) string {
	text := ""
	if message, ok := got.(*mcp.CreateMessageWithToolsResult); ok {
		for _, c := range message.Content {
			if t, ok := c.(*mcp.TextContent); ok {
				text += t.Text
			}
		}
	}
	return text
}

func roots(got mcp.InputResponse) string {
	list := ""
	if r, ok := got.(*mcp.ListRootsResult); ok {
		for _, root := range r.Roots {
			list += " " + root.URI
		}
	}
	return list
}
