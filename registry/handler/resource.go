package handler

import (
	"context"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/registry/call"
	"weir/registry/feature"
)

// Resource is one resource. Immutable once it is registered.
type Resource struct {
	feature.Resource
	Handler call.Handler
	Forward call.Forwarder // answers it instead; nil: the handler does
	read    mcp.ResourceHandler
}

// Template is one resource template: a resource for every URI that it matches. Immutable once it is registered.
type Template struct {
	Resource // Name is the template's text
	Pattern  feature.Pattern
}

// NewResource makes a resource. The error says why d cannot be served.
func NewResource(d *mcp.Resource, h mcp.ResourceHandler, defaults Defaults, opts []Option) (*Resource, error) {
	if h == nil {
		return nil, errNoHandler
	}
	own, err := defaults.plain(d.URI, opts)
	if err != nil {
		return nil, err
	}
	r := &Resource{Handler: own, read: h}
	r.Resource, err = feature.DefineResource(d, defaults.MaxBytes)
	return r, err
}

// NewTemplate makes a resource template. The error says why d cannot be served.
func NewTemplate(d *mcp.ResourceTemplate, h mcp.ResourceHandler, defaults Defaults, opts []Option) (*Template, error) {
	if h == nil {
		return nil, errNoHandler
	}
	own, err := defaults.plain(d.URITemplate, opts)
	if err != nil {
		return nil, err
	}
	t := &Template{Resource: Resource{Handler: own, read: h}}
	t.Resource.Resource, t.Pattern, err = feature.DefineTemplate(d, defaults.MaxBytes)
	return t, err
}

// readCall is what a resource's handler is given.
type readCall struct {
	frame
	req    mcp.ReadResourceRequest
	params mcp.ReadResourceParams
}

// Invoke has the handler read uri, which is the resource's or one that its template matches.
func (r *Resource) Invoke(of *call.Call, uri string) (*mcp.ReadResourceResult, error) {
	c := new(readCall)
	c.params.URI = uri
	c.req.Params = &c.params
	c.req.Session, c.req.Extra = c.from(of, &r.Handler)
	of.Inputs.Give(&c.params.InputResponses, &c.params.RequestState)
	if err := c.begin(of, &c.params.Meta, &r.Handler); err != nil {
		return nil, err
	}
	return r.read(context.Context(&c.ctx), &c.req)
}
