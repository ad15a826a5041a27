package registry

import (
	"context"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/codec"
	"weir/registry/feature"
	"weir/registry/protocol"
	"weir/registry/result"
)

// resource is one registered resource. Immutable.
type resource struct {
	feature.Resource
	handler
	read mcp.ResourceHandler
}

// template is a registered resource template: a resource for every URI that it matches. Immutable.
type template struct {
	resource // Name is the template's text
	pattern  feature.Pattern
}

// AddResource registers a resource, or replaces the one of the same URI. As with the SDK's Server.AddResource, the
// handler reads it; what its contents leave out of URI and MIME type is filled in, and an error is a protocol error
// (-32603, or what a *jsonrpc.Error says). mcp.ResourceNotFoundError is sent with the code that the client's revision
// has for it. It panics on a URI that is not absolute, on a definition that cannot be served, and beyond
// Options.MaxResources. d must not be changed afterwards.
//
// The request's Session is nil; its Extra is as for AddTool. Nothing that a handler returns is written to, so one
// result may be returned to many reads: a static resource is a handler that does only that. Clients of 2026-07-28 may
// keep contents for the TTLMs in the result, and share them if its CacheScope says "public"; one that says nothing is
// "private".
func (r *Registry) AddResource(d *mcp.Resource, h mcp.ResourceHandler, opts ...HandlerOption) {
	mustAdd("AddResource", d.URI, r.addResource(d, h, opts))
}

func (r *Registry) addResource(d *mcp.Resource, h mcp.ResourceHandler, opts []HandlerOption) error {
	if h == nil {
		return errNoHandler
	}
	entry := &resource{handler: r.handle(opts, r.m.reads), read: h}
	var err error
	if entry.Resource, err = feature.DefineResource(d, r.opt.MaxResultBytes/2); err != nil {
		return err
	}
	return r.resources.Add(entry)
}

// AddResourceTemplate registers a template (RFC 6570), or replaces the one of the same text. Its handler reads every
// URI that the template could expand to and that is not a resource of its own; of several templates that match, the one
// with the most literal text is taken. The handler is given the whole URI and must trust no part of it: a variable may
// hold "..", escaped or not. Otherwise as AddResource.
func (r *Registry) AddResourceTemplate(d *mcp.ResourceTemplate, h mcp.ResourceHandler, opts ...HandlerOption) {
	mustAdd("AddResourceTemplate", d.URITemplate, r.addResourceTemplate(d, h, opts))
}

func (r *Registry) addResourceTemplate(d *mcp.ResourceTemplate, h mcp.ResourceHandler, opts []HandlerOption) error {
	if h == nil {
		return errNoHandler
	}
	entry := &template{resource: resource{handler: r.handle(opts, r.m.reads), read: h}}
	var err error
	if entry.Resource, entry.pattern, err = feature.DefineTemplate(d, r.opt.MaxResultBytes/2); err != nil {
		return err
	}
	return r.templates.Add(entry)
}

// RemoveResource takes resources out of the offer; reads that run finish. It returns how many there were.
func (r *Registry) RemoveResource(uris ...string) int { return r.resources.Remove(uris) }

// RemoveResourceTemplate takes templates out of the offer; reads that run finish. It returns how many there were.
func (r *Registry) RemoveResourceTemplate(texts ...string) int { return r.templates.Remove(texts) }

// serveResourcesList is resources/list.
func serveResourcesList(r *Registry, x *Exchange, dst []byte) []byte {
	return result.AppendPage(r.results, dst, x.request(), x.Env.Cursor.Of(x.Raw), feature.Resources, r.resources)
}

// serveTemplatesList is resources/templates/list.
func serveTemplatesList(r *Registry, x *Exchange, dst []byte) []byte {
	return result.AppendPage(r.results, dst, x.request(), x.Env.Cursor.Of(x.Raw), feature.Templates, r.templates)
}

// routeResourcesRead finds the resource, or what a template of that beginning would cost: whether one matches is a
// question for a worker.
func routeResourcesRead(r *Registry, x *Exchange) (Class, *codec.Error) {
	uri, ok := codec.StringOf(x.Env.URI.Of(x.Raw))
	if !ok || len(uri) > protocol.MaxURIBytes {
		return Inline, errResourceURI
	}
	if found, ok := r.resources.Get(uri); ok {
		x.resource = found
		return found.class, nil
	}
	class := Inline
	for _, t := range r.templates.All() {
		if t.pattern.Begins(uri) {
			class = max(class, t.class)
		}
	}
	if class == Inline {
		return Inline, x.rev().ResourceNotFoundError(string(uri))
	}
	return class, nil
}

// reading is a URI and the resource that stands for it.
type reading struct {
	uri    string
	source *resource
}

// find finishes what Route began.
func (r *Registry) find(x *Exchange) reading {
	if x.resource != nil {
		return reading{uri: x.resource.Name, source: x.resource}
	}
	uri, _ := codec.StringOf(x.Env.URI.Of(x.Raw))
	found := reading{uri: string(uri)}
	if t := r.match(uri); t != nil {
		found.source = &t.resource
	}
	return found
}

// match returns the template that could expand to uri, or nil; of several, the one that says most about it.
func (r *Registry) match(uri []byte) *template {
	var best *template
	for _, t := range r.templates.All() {
		if (best == nil || t.pattern.Says() > best.pattern.Says()) && t.pattern.Matches(uri) {
			best = t
		}
	}
	return best
}

// serveResourcesRead is resources/read.
func serveResourcesRead(r *Registry, x *Exchange, dst []byte) []byte {
	return r.serveHandled(x, r.m.reads, dst, answerResourcesRead)
}

func answerResourcesRead(r *Registry, x *Exchange, dst []byte) ([]byte, outcome) {
	found := r.find(x)
	if found.source == nil {
		return r.appendFailure(dst, x, x.rev().ResourceNotFoundError(found.uri))
	}
	res, err := guarded(r, x, found.source.Name, found, invokeResource)
	if saysNotFound(err) {
		uri, _ := codec.StringOf(x.Env.URI.Of(x.Raw))
		err = x.rev().ResourceNotFoundError(string(uri))
	}
	if err == nil && res != nil && asks(res.InputRequests, res.RequestState) {
		return r.requireInput(x, dst, res.InputRequests, res.RequestState)
	}
	of := result.Resource{URI: found.uri, MIMEType: found.source.MIMEType}
	return conclude(r, x, dst, res, err, func(e *result.Encoder, dst []byte, to result.Request, res *mcp.ReadResourceResult) (
		[]byte, *codec.Error) {
		return e.AppendContents(dst, to, of, res)
	})
}

// readCall is what a resource's handler is given.
type readCall struct {
	handling
	req    mcp.ReadResourceRequest
	params mcp.ReadResourceParams
}

// invokeResource runs the handler.
func invokeResource(x *Exchange, found reading) (*mcp.ReadResourceResult, error) {
	c := new(readCall)
	c.params.URI = found.uri
	c.req.Params, c.req.Extra = &c.params, x.extra()
	x.giveInputs(&c.params.InputResponses, &c.params.RequestState)
	if err := c.begin(x, &c.params.Meta, &found.source.handler); err != nil {
		return nil, err
	}
	return found.source.read(context.Context(&c.ctx), &c.req)
}

// saysNotFound: with the error that the SDK has for it, whose code is of one era, or with the code of the other.
func saysNotFound(err error) bool {
	e := protocolError(err)
	return e != nil && (e.Code == codec.CodeResourceNotFound ||
		e.Code == codec.CodeInvalidParams && e.Message == protocol.MessageResourceNotFound)
}
