package registry

import (
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/registry/handler"
)

// AddResource registers a resource. As with the SDK's Server.AddResource, the
// handler reads it; what its contents leave out of URI and MIME type is filled in, and an error is a protocol error
// (-32603, or what a *jsonrpc.Error says). mcp.ResourceNotFoundError is sent with the code that the client's revision
// has for it. It panics on a URI that is not absolute, on a definition that cannot be served, on a URI that is
// registered (see Replace), on a nil handler and beyond Options.MaxResources. d must not be changed afterwards.
//
// The request's Session and Extra are as for AddTool. Nothing that a handler returns is written to, so one
// result may be returned to many reads: a static resource is a handler that does only that. Clients of 2026-07-28 may
// keep contents for the TTLMs in the result, and share them if its CacheScope says "public"; one that says nothing is
// "private".
func (r *Registry) AddResource(d *mcp.Resource, h mcp.ResourceHandler, opts ...HandlerOption) {
	mustBeGiven("AddResource", d)
	mustAdd("AddResource", d.URI, add(r.engine.AddResource)(handler.NewResource(d, h, r.engine.HandlerDefaults(), opts)))
}

// AddResourceTemplate registers a template (RFC 6570). Its handler reads every
// URI that the template could expand to and that is not a resource of its own; of several templates that match, the one
// with the most literal text is taken. The handler is given the whole URI and must trust no part of it: a variable may
// hold "..", escaped or not. Otherwise as AddResource.
func (r *Registry) AddResourceTemplate(d *mcp.ResourceTemplate, h mcp.ResourceHandler, opts ...HandlerOption) {
	mustBeGiven("AddResourceTemplate", d)
	mustAdd("AddResourceTemplate", d.URITemplate,
		add(r.engine.AddResourceTemplate)(handler.NewTemplate(d, h, r.engine.HandlerDefaults(), opts)))
}

// RemoveResource takes resources out of the offer; reads that run finish. It returns how many there were.
func (r *Registry) RemoveResource(uris ...string) int { return r.engine.RemoveResource(uris...) }

// RemoveResourceTemplate takes templates out of the offer; reads that run finish. It returns how many there were.
func (r *Registry) RemoveResourceTemplate(texts ...string) int {
	return r.engine.RemoveResourceTemplate(texts...)
}

// ResourceUpdated tells the clients that subscribed to uri that reading it again would show something new. The uri need
// not be registered: a template may serve it, or it may be what a client subscribed to. Any goroutine; it never waits.
func (r *Registry) ResourceUpdated(uri string) { r.engine.ResourceUpdated(uri) }
