package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/registry"
)

// What the suite's scenarios call: the names and the texts are theirs.

type none struct{}

// onePixelPNG is a transparent image of one pixel, silentWAV a sound of no samples: the smallest files of their kinds.
var (
	onePixelPNG = decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAA" +
		"AABJRU5ErkJggg==")
	silentWAV = decode("UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA=")
)

func decode(text string) []byte {
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		panic(err) // a constant above is mistyped
	}
	return data
}

func addTools(r *registry.Registry) {
	image := &mcp.ImageContent{Data: onePixelPNG, MIMEType: "image/png"}
	add(r, "test_simple_text", "Answers with one text",
		&mcp.TextContent{Text: "This is a simple text response for testing."})
	add(r, "test_image_content", "Answers with an image", image)
	add(r, "test_audio_content", "Answers with a sound", &mcp.AudioContent{Data: silentWAV, MIMEType: "audio/wav"})
	add(r, "test_embedded_resource", "Answers with a resource inside",
		&mcp.EmbeddedResource{Resource: &mcp.ResourceContents{
			URI: "test://embedded-resource", MIMEType: "text/plain", Text: "This is an embedded resource content."}})
	add(r, "test_multiple_content_types", "Answers with a text, an image and a resource",
		&mcp.TextContent{Text: "Multiple content types test:"}, image,
		&mcp.EmbeddedResource{Resource: &mcp.ResourceContents{
			URI: "test://mixed-content-resource", MIMEType: "application/json", Text: `{"test":"data","value":123}`}})

	registry.AddTool(r, &mcp.Tool{Name: "test_error_handling", Description: "Always fails"},
		func(context.Context, *mcp.CallToolRequest, none) (*mcp.CallToolResult, any, error) {
			//lint:ignore ST1005 the suite's words
			return nil, nil, errors.New("This tool intentionally returns an error for testing")
		}, registry.Cheap())

	type region struct {
		Region string `json:"region"`
	}
	registry.AddTool(r, &mcp.Tool{Name: "test_x_mcp_header",
		Description: "Has an argument that clients repeat in a header",
		InputSchema: &jsonschema.Schema{
			Type: "object", Required: []string{"region"},
			Properties: map[string]*jsonschema.Schema{"region": {Type: "string",
				Extra: map[string]any{"x-mcp-header": "Region"}}},
		}},
		func(_ context.Context, _ *mcp.CallToolRequest, in region) (*mcp.CallToolResult, any, error) {
			return answer(&mcp.TextContent{Text: in.Region}), nil, nil
		}, registry.Cheap())

	r.AddTool(&mcp.Tool{Name: "json_schema_2020_12_tool", Description: "Tool with JSON Schema 2020-12 features",
		InputSchema: json.RawMessage(schema2020)},
		func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			return answer(&mcp.TextContent{Text: "ok"}), nil
		}, registry.Cheap())
}

// schema2020 uses the keywords of JSON Schema 2020-12 that a server must hand on as they are.
const schema2020 = `{
	"$schema": "https://json-schema.org/draft/2020-12/schema",
	"type": "object",
	"$defs": {"address": {"$anchor": "addressDef", "type": "object", "properties": {
		"street": {"type": "string"}, "city": {"type": "string"}}}},
	"properties": {
		"name": {"type": "string"},
		"address": {"$ref": "#/$defs/address"},
		"contactMethod": {"type": "string", "enum": ["phone", "email"]},
		"phone": {"type": "string"},
		"email": {"type": "string"}
	},
	"allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
	"if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
	"then": {"required": ["phone"]},
	"else": {"required": ["email"]},
	"additionalProperties": false
}`

// add offers a tool without arguments that always answers the same.
func add(r *registry.Registry, name, description string, content ...mcp.Content) {
	result := answer(content...)
	registry.AddTool(r, &mcp.Tool{Name: name, Description: description},
		func(context.Context, *mcp.CallToolRequest, none) (*mcp.CallToolResult, any, error) {
			return result, nil, nil
		},
		registry.Cheap())
}

func answer(content ...mcp.Content) *mcp.CallToolResult { return &mcp.CallToolResult{Content: content} }
