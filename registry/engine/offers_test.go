package engine_test

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/registry"
)

// addFixtureOffers registers resources, templates, prompts and a completion, one for each way a request can end. They
// have every member that a revision may or may not know.
func addFixtureOffers(r *Registry) {
	text := &mcp.ReadResourceResult{Contents: []*mcp.ResourceContents{{Text: "plain"}}}
	text.TTLMs, text.CacheScope = 5000, "public"
	addResource(r, &mcp.Resource{URI: "test://text", Name: "text", Title: "Text", Description: "A text.",
		MIMEType: "text/plain", Size: 5,
		Annotations: &mcp.Annotations{Audience: []mcp.Role{"user"}, Priority: 0.5, LastModified: "2025-01-12T15:00:58Z"},
		Icons:       []mcp.Icon{{Source: "data:,"}}, Meta: mcp.Meta{"k": "v"}}, text, registry.Cheap(), registry.SkipMeta())
	addResource(r, &mcp.Resource{URI: "test://binary", Name: "binary", MIMEType: "image/png"},
		&mcp.ReadResourceResult{Contents: []*mcp.ResourceContents{{Blob: []byte{1, 2, 3}}}})
	addResource(r, &mcp.Resource{URI: "test://directory", Name: "several, some of them empty"},
		&mcp.ReadResourceResult{Meta: mcp.Meta{"n": 3}, Contents: []*mcp.ResourceContents{
			{URI: "test://directory/a", Text: "a",
				Meta: mcp.Meta{"part": 1}}, {URI: "test://directory/b"}, {URI: "test://directory/c", Blob: []byte{}}}})
	addResource(r, &mcp.Resource{URI: "test://nothing", Name: "no contents"}, &mcp.ReadResourceResult{})
	read := func(uri string, h mcp.ResourceHandler) { r.AddResource(&mcp.Resource{URI: uri, Name: uri}, h) }
	read("test://gone", func(_ context.Context, req *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
		return nil, fmt.Errorf("wrapped: %w", mcp.ResourceNotFoundError(req.Params.URI))
	})
	read("test://gone-by-number", func(context.Context, *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
		return nil, &jsonrpc.Error{Code: -32002, Message: "no"}
	})
	read("test://broken", func(context.Context, *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
		return nil, errors.New("disk on fire")
	})
	read("test://panic", func(context.Context, *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
		panic("secret of the handler")
	})
	echoURI := func(_ context.Context, req *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
		return &mcp.ReadResourceResult{Contents: []*mcp.ResourceContents{{Text: "read " + req.Params.URI}}}, nil
	}
	r.AddResourceTemplate(&mcp.ResourceTemplate{URITemplate: "test://item/{id}/data", Name: "item", Title: "Item",
		MIMEType: "text/plain",
		Annotations: &mcp.Annotations{Priority: 1,
			LastModified: "2025-01-12T15:00:58Z"}, Icons: []mcp.Icon{{Source: "data:,"}}}, echoURI, registry.Cheap())
	r.AddResourceTemplate(&mcp.ResourceTemplate{URITemplate: "test://item/{+path}", Name: "rest"}, echoURI)

	r.AddPrompt(&mcp.Prompt{Name: "greet", Title: "Greet", Description: "Greets.", Icons: []mcp.Icon{{Source: "data:,"}},
		Meta: mcp.Meta{"k": "v"},
		Arguments: []*mcp.PromptArgument{{Name: "who", Title: "Who", Required: true},
			{Name: "how"}}}, greet, registry.Cheap())
	r.AddPrompt(&mcp.Prompt{Name: "nothing"}, func(context.Context, *mcp.GetPromptRequest) (*mcp.GetPromptResult,
		error) {
		return nil, nil
	})
	r.AddPrompt(&mcp.Prompt{Name: "panic"}, func(context.Context, *mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
		panic("secret of the handler")
	})
	r.AddPrompt(&mcp.Prompt{Name: "refuse"}, func(context.Context, *mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
		return nil, &jsonrpc.Error{Code: -31999, Message: "not today"}
	})
	r.AddPrompt(&mcp.Prompt{Name: "rich"}, func(_ context.Context, req *mcp.GetPromptRequest) (*mcp.GetPromptResult,
		error) {
		return &mcp.GetPromptResult{Meta: mcp.Meta{"token": req.Params.Meta["progressToken"]}, Messages: []*mcp.PromptMessage{
			{Role: "user", Content: &mcp.ImageContent{Data: []byte{1, 2, 3}, MIMEType: "image/png"}},
			{Role: "assistant", Content: &mcp.EmbeddedResource{Resource: &mcp.ResourceContents{URI: "test://text",
				Text: "plain"}}}}}, nil
	})
	r.SetCompletion(complete, registry.Cheap())
}

// addResource registers a resource that never changes.
func addResource(r *Registry, d *mcp.Resource, result *mcp.ReadResourceResult, opts ...registry.HandlerOption) {
	r.AddResource(d, func(context.Context, *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
		return result,
			nil
	}, opts...)
}

func greet(_ context.Context, req *mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
	greeting := req.Params.Arguments["how"]
	if greeting == "" {
		greeting = "Hello"
	}
	return &mcp.GetPromptResult{Description: "A greeting", Messages: []*mcp.PromptMessage{
		{Role: "user", Content: &mcp.TextContent{Text: greeting + ", " + req.Params.Arguments["who"]}}}}, nil
}

// complete says what it was asked, and returns 150 values for "many".
func complete(_ context.Context, req *mcp.CompleteRequest) (*mcp.CompleteResult, error) {
	p, result := req.Params, new(mcp.CompleteResult)
	switch p.Argument.Value {
	case "many":
		result.Completion.Values = strings.Split(strings.Repeat("v,", 150), ",")[:150]
	case "none":
	case "panic":
		panic("secret of the handler")
	default:
		result.Completion.Values = []string{p.Ref.Type + p.Ref.Name + p.Ref.URI, p.Argument.Name, p.Argument.Value}
		if p.Context != nil {
			result.Completion.Values = append(result.Completion.Values, p.Context.Arguments["who"])
		}
		result.Completion.Total, result.Completion.HasMore = 7, true
	}
	return result, nil
}
