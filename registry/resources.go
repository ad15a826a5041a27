package registry

import (
	"context"
	"encoding/base64"
	"strconv"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/codec"
	"weir/registry/feature"
	"weir/registry/protocol"
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

// AddResource registers a resource. As with the SDK's Server.AddResource, the
// handler reads it; what its contents leave out of URI and MIME type is filled in, and an error is a protocol error
// (-32603, or what a *jsonrpc.Error says). mcp.ResourceNotFoundError is sent with the code that the client's revision
// has for it. It panics on a URI that is not absolute, on a definition that cannot be served, on a URI that is
// registered (see Replace), on a nil handler and beyond Options.MaxResources. d must not be changed afterwards.
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
	return offer(r.resources, entry, &entry.handler)
}

// AddResourceTemplate registers a template (RFC 6570). Its handler reads every
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
	return offer(r.templates, entry, &entry.handler)
}

// RemoveResource takes resources out of the offer; reads that run finish. It returns how many there were.
func (r *Registry) RemoveResource(uris ...string) int { return r.resources.Remove(uris) }

// RemoveResourceTemplate takes templates out of the offer; reads that run finish. It returns how many there were.
func (r *Registry) RemoveResourceTemplate(texts ...string) int { return r.templates.Remove(texts) }

// serveResourcesList is resources/list.
func serveResourcesList(r *Registry, x *Exchange, dst []byte) []byte {
	return appendPage(r, x, dst, feature.Resources, r.resources)
}

// serveTemplatesList is resources/templates/list.
func serveTemplatesList(r *Registry, x *Exchange, dst []byte) []byte {
	return appendPage(r, x, dst, feature.Templates, r.templates)
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
	result *mcp.ReadResourceResult
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

func answerResourcesRead(r *Registry, x *Exchange, dst []byte) ([]byte, ending) {
	found := r.find(x)
	if found.source == nil {
		return r.appendFailure(dst, x, x.rev().ResourceNotFoundError(found.uri))
	}
	found, err := guarded(r, x, found.source.Name, found, invokeResource)
	if saysNotFound(err) {
		uri, _ := codec.StringOf(x.Env.URI.Of(x.Raw))
		err = x.rev().ResourceNotFoundError(string(uri))
	}
	return conclude(r, x, dst, found, err, appendContents)
}

// readCall is what a resource's handler is given.
type readCall struct {
	handling
	req    mcp.ReadResourceRequest
	params mcp.ReadResourceParams
}

// invokeResource runs the handler.
func invokeResource(x *Exchange, found reading) (reading, error) {
	c := new(readCall)
	c.params.URI = found.uri
	c.req.Params, c.req.Extra = &c.params, x.extra()
	x.giveInputs(&c.params.InputResponses, &c.params.RequestState)
	if err := c.begin(x, &c.params.Meta, &found.source.handler); err != nil {
		return found, err
	}
	var err error
	found.result, err = found.source.read(context.Context(&c.ctx), &c.req)
	return found, err
}

// saysNotFound: with the error that the SDK has for it, whose code is of one era, or with the code of the other.
func saysNotFound(err error) bool {
	e := protocolError(err)
	return e != nil && (e.Code == codec.CodeResourceNotFound ||
		e.Code == codec.CodeInvalidParams && e.Message == protocol.MessageResourceNotFound)
}

// appendContents appends the response to a resources/read. Nothing in found is written to.
func appendContents(r *Registry, dst []byte, x *Exchange, found reading) ([]byte, *codec.Error) {
	result := found.result
	switch {
	case result != nil && asked(result.InputRequests, result.RequestState):
		return r.appendInputRequired(dst, x, result.InputRequests, result.RequestState)
	case result == nil || len(result.Contents) == 0:
		return nil, errNoContents
	}
	size := 0
	for _, c := range result.Contents {
		if c == nil {
			return nil, protocol.ErrResultEncoding
		}
		size += len(c.Text) + base64.StdEncoding.EncodedLen(len(c.Blob))
	}
	if size > r.opt.MaxResultBytes {
		return nil, protocol.ErrResultTooLarge // before the buffer grows
	}
	dst = append(appendHead(dst, x.ID()), `{"contents":[`...)
	for i, c := range result.Contents {
		if i > 0 {
			dst = append(dst, ',')
		}
		var e *codec.Error
		if dst, e = appendContent(dst, x.rev(), found, c); e != nil {
			return nil, e
		}
	}
	dst = append(dst, ']')
	if x.rev().Modern {
		dst = appendCaching(dst, &result.Cacheable)
	}
	return r.appendTail(dst, x, result.Meta)
}

// appendContent appends one TextResourceContents or BlobResourceContents. The SDK's own encoder leaves an empty text
// out, and what has neither is no contents.
func appendContent(dst []byte, rev *protocol.Revision, found reading, c *mcp.ResourceContents) ([]byte, *codec.Error) {
	uri, mimeType := c.URI, c.MIMEType
	if uri == "" {
		uri = found.uri
	}
	if mimeType == "" {
		mimeType = found.source.MIMEType
	}
	dst = codec.AppendQuoted(append(dst, `{"uri":`...), uri)
	if mimeType != "" {
		dst = codec.AppendQuoted(append(dst, `,"mimeType":`...), mimeType)
	}
	if c.Text != "" || c.Blob == nil {
		dst = codec.AppendQuoted(append(dst, `,"text":`...), c.Text)
	}
	if c.Blob != nil {
		dst = base64.StdEncoding.AppendEncode(append(dst, `,"blob":"`...), c.Blob)
		dst = append(dst, '"')
	}
	if c.Meta != nil && rev.Titles {
		var e *codec.Error
		if dst, e = appendMarshaled(append(dst, `,"_meta":`...), c.Meta); e != nil {
			return nil, e
		}
	}
	return append(dst, '}'), nil
}

// appendCaching appends for how long a result may be kept, and by whom, as the handler says (MCP 2026-07-28,
// server/utilities/caching). What nobody called public may depend on who asked.
func appendCaching(dst []byte, c *mcp.Cacheable) []byte {
	dst = append(dst, `,"ttlMs":`...)
	dst = strconv.AppendInt(dst, int64(max(c.TTLMs, 0)), 10)
	if c.CacheScope == "public" {
		return append(dst, `,"cacheScope":"public"`...)
	}
	return append(dst, `,"cacheScope":"private"`...)
}
