package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/registry"
)

// What the suite's scenarios read, get and complete: the names and the texts are theirs.

func addResources(r *registry.Registry) {
	addResource(r, &mcp.Resource{URI: "test://static-text", Name: "static-text", Description: "A text",
		MIMEType: "text/plain"},
		&mcp.ResourceContents{Text: "This is the content of the static text resource."})
	addResource(r, &mcp.Resource{URI: "test://static-binary", Name: "static-binary", Description: "An image",
		MIMEType: "image/png"},
		&mcp.ResourceContents{Blob: onePixelPNG})
	addResource(r, &mcp.Resource{URI: "test://watched-resource", Name: "watched-resource", Description: "To subscribe to",
		MIMEType: "text/plain"},
		&mcp.ResourceContents{Text: "Watched resource content"})
	r.AddResourceTemplate(&mcp.ResourceTemplate{URITemplate: "test://template/{id}/data", Name: "template",
		Description: "Data by id",
		MIMEType:    "application/json"}, readTemplate, registry.Cheap())
}

// addResource adds a resource that is the same for everybody and never changes.
func addResource(r *registry.Registry, d *mcp.Resource, contents *mcp.ResourceContents) {
	result := &mcp.ReadResourceResult{Contents: []*mcp.ResourceContents{contents}}
	result.TTLMs, result.CacheScope = 60_000, "public"
	r.AddResource(d, func(context.Context, *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
		return result,
			nil
	}, registry.Cheap())
}

func readTemplate(_ context.Context, req *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
	id := strings.TrimSuffix(strings.TrimPrefix(req.Params.URI, "test://template/"), "/data")
	data, err := json.Marshal(map[string]any{"id": id, "templateTest": true, "data": "Data for ID: " + id})
	if err != nil {
		return nil, err
	}
	return &mcp.ReadResourceResult{Contents: []*mcp.ResourceContents{{Text: string(data)}}}, nil
}

func addPrompts(r *registry.Registry) {
	addPrompt(r, &mcp.Prompt{Name: "test_simple_prompt", Description: "One text"}, func(map[string]string) []mcp.Content {
		return []mcp.Content{&mcp.TextContent{Text: "This is a simple prompt for testing."}}
	})
	addPrompt(r, &mcp.Prompt{Name: "test_prompt_with_arguments", Description: "A text made of two arguments",
		Arguments: []*mcp.PromptArgument{
			{Name: "arg1", Description: "First test argument", Required: true}, {Name: "arg2",
				Description: "Second test argument", Required: true},
		}}, func(args map[string]string) []mcp.Content {
		return []mcp.Content{&mcp.TextContent{Text: fmt.Sprintf("Prompt with arguments: arg1='%s', arg2='%s'", args["arg1"],
			args["arg2"])}}
	})
	addPrompt(r, &mcp.Prompt{Name: "test_prompt_with_embedded_resource", Description: "A resource inside",
		Arguments: []*mcp.PromptArgument{
			{Name: "resourceUri", Description: "URI of the resource to embed", Required: true},
		}}, func(args map[string]string) []mcp.Content {
		return []mcp.Content{
			&mcp.EmbeddedResource{Resource: &mcp.ResourceContents{
				URI: args["resourceUri"], MIMEType: "text/plain", Text: "Embedded resource content for testing."}},
			&mcp.TextContent{Text: "Please process the embedded resource above."},
		}
	})
	addPrompt(r, &mcp.Prompt{Name: "test_prompt_with_image", Description: "An image inside"},
		func(map[string]string) []mcp.Content {
			return []mcp.Content{
				&mcp.ImageContent{Data: onePixelPNG, MIMEType: "image/png"},
				&mcp.TextContent{Text: "Please analyze the image above."},
			}
		})
	r.SetCompletion(complete, registry.Cheap())
}

// addPrompt adds a prompt whose messages, all of the user's, are made of its arguments alone.
func addPrompt(r *registry.Registry, d *mcp.Prompt, contents func(args map[string]string) []mcp.Content) {
	r.AddPrompt(d, func(_ context.Context, req *mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
		result := &mcp.GetPromptResult{Description: d.Description}
		for _, c := range contents(req.Params.Arguments) {
			result.Messages = append(result.Messages, &mcp.PromptMessage{Role: "user", Content: c})
		}
		return result, nil
	}, registry.Cheap())
}

// complete knows three words.
func complete(_ context.Context, req *mcp.CompleteRequest) (*mcp.CompleteResult, error) {
	result := new(mcp.CompleteResult)
	for _, word := range []string{"paris", "park", "party"} {
		if strings.HasPrefix(word, req.Params.Argument.Value) {
			result.Completion.Values = append(result.Completion.Values, word)
		}
	}
	result.Completion.Total = len(result.Completion.Values)
	return result, nil
}
