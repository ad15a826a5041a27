package handler

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/codec"
	"weir/registry/call"
	"weir/registry/feature"
)

// What another server offers, which checks arguments and answers. Its definition is as that server lists it. The error
// says why it cannot be offered.

// cheap: a call of another server's only builds a message, and waits suspended.
func cheap(h *call.Handler) { h.Cheap = true }

// read reads a definition.
func read(definition []byte, into any) error {
	if err := json.Unmarshal(definition, into); err != nil {
		return fmt.Errorf("its definition is none: %w", err)
	}
	return nil
}

// NewForwardedTool makes a tool of another server's, which is called name here. description takes the place of its own,
// unless it is empty.
func NewForwardedTool(name, description string, definition []byte, to call.Forwarder, defaults Defaults,
) (*Tool, error) {
	var d mcp.Tool
	if err := read(definition, &d); err != nil {
		return nil, err
	}
	d.Name, d.Description = name, cmp.Or(description, d.Description)
	if schema := codec.Member(definition, "inputSchema"); schema != nil {
		d.InputSchema = json.RawMessage(schema) // with the digits that its numbers have
	}
	if schema := codec.Member(definition, "outputSchema"); schema != nil {
		d.OutputSchema = json.RawMessage(schema)
	}
	return define(&d, &Tool{Forward: to}, defaults, []Option{cheap})
}

// NewForwardedPrompt makes a prompt of another server's, which is called name here.
func NewForwardedPrompt(name string, definition []byte, to call.Forwarder, defaults Defaults) (*Prompt, error) {
	var d mcp.Prompt
	if err := read(definition, &d); err != nil {
		return nil, err
	}
	d.Name = name
	p := &Prompt{Handler: defaults.handler(name, []Option{cheap}), Forward: to}
	var err error
	p.Prompt, err = feature.DefinePrompt(&d, defaults.MaxBytes)
	return p, err
}

// NewForwardedResource makes a resource of another server's. Its URI is what it is there.
func NewForwardedResource(definition []byte, to call.Forwarder, defaults Defaults) (*Resource, error) {
	var d mcp.Resource
	if err := read(definition, &d); err != nil {
		return nil, err
	}
	r := &Resource{Handler: defaults.handler(d.URI, []Option{cheap}), Forward: to}
	var err error
	r.Resource, err = feature.DefineResource(&d, defaults.MaxBytes)
	return r, err
}

// NewForwardedTemplate makes a resource template of another server's. Its text is what it is there.
func NewForwardedTemplate(definition []byte, to call.Forwarder, defaults Defaults) (*Template, error) {
	var d mcp.ResourceTemplate
	if err := read(definition, &d); err != nil {
		return nil, err
	}
	t := &Template{Resource: Resource{Handler: defaults.handler(d.URITemplate, []Option{cheap}), Forward: to}}
	var err error
	t.Resource.Resource, t.Pattern, err = feature.DefineTemplate(&d, defaults.MaxBytes)
	return t, err
}

// NoCompletion completes nothing: arguments of another server's prompts and templates are completed there.
func NoCompletion(defaults Defaults) *Completion {
	none := func(context.Context, *mcp.CompleteRequest) (*mcp.CompleteResult, error) { return nil, nil }
	return &Completion{Handler: defaults.handler("completion/complete", []Option{cheap}), complete: none,
		nullIsAbsent: defaults.NullIsAbsent}
}
