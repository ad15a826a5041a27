package registry

import (
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/codec"
	"weir/registry/call"
	"weir/registry/feature"
	"weir/registry/handler"
	"weir/registry/protocol"
	"weir/registry/result"
)

// AddResource offers a resource. The error is that there is no room, or that its URI is taken (Handler.Replaces).
func (r *Registry) addResource(s *handler.Resource) error {
	s.Handler.Series = r.m.reads
	return offer(r.resources, s, &s.Handler)
}

// AddResourceTemplate offers a template. The error is that there is no room, or that its text is taken (Handler.Replaces).
func (r *Registry) addResourceTemplate(t *handler.Template) error {
	t.Handler.Series = r.m.reads
	return offer(r.templates, t, &t.Handler)
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
		return classOf(&found.Handler), nil
	}
	class := Inline
	for _, t := range r.templates.All() {
		if t.Pattern.Begins(uri) {
			class = max(class, classOf(&t.Handler))
		}
	}
	if class == Inline {
		return Inline, x.Rev().ResourceNotFoundError(string(uri))
	}
	return class, nil
}

// reading is a URI and the resource that stands for it.
type reading struct {
	uri    string
	source *handler.Resource
}

func (f reading) invoke(c *call.Call) (*mcp.ReadResourceResult, error) {
	return f.source.Invoke(c, f.uri)
}

// find finishes what Route began.
func (r *Registry) find(x *Exchange) reading {
	if x.resource != nil {
		return reading{uri: x.resource.Name, source: x.resource}
	}
	uri, _ := codec.StringOf(x.Env.URI.Of(x.Raw))
	found := reading{uri: string(uri)}
	if t := r.match(uri); t != nil {
		found.source = &t.Resource
	}
	return found
}

// match returns the template that could expand to uri, or nil; of several, the one that says most about it.
func (r *Registry) match(uri []byte) *handler.Template {
	var best *handler.Template
	for _, t := range r.templates.All() {
		if (best == nil || t.Pattern.Says() > best.Pattern.Says()) && t.Pattern.Matches(uri) {
			best = t
		}
	}
	return best
}

// serveResourcesRead is resources/read.
func serveResourcesRead(r *Registry, x *Exchange, dst []byte) []byte {
	return r.serveHandled(x, r.m.reads, dst, answerResourcesRead)
}

func answerResourcesRead(r *Registry, x *Exchange, dst []byte) ([]byte, call.Ending) {
	found := r.find(x)
	if found.source == nil {
		return r.appendFailure(dst, x, x.Rev().ResourceNotFoundError(found.uri))
	}
	res, err := guarded(r, x, found.source.Handler.Name, found, reading.invoke)
	if saysNotFound(err) {
		uri, _ := codec.StringOf(x.Env.URI.Of(x.Raw))
		err = x.Rev().ResourceNotFoundError(string(uri))
	}
	if err == nil && res != nil && result.Asks(res.InputRequests, res.RequestState) {
		return r.requireInput(x, dst, res.InputRequests, res.RequestState)
	}
	of := result.Resource{URI: found.uri, MIMEType: found.source.MIMEType}
	return conclude(r, x, dst, res, err, func(e *result.Encoder, dst []byte, to result.Request, res *mcp.ReadResourceResult) (
		[]byte, *codec.Error) {
		return e.AppendContents(dst, to, of, res)
	})
}

// saysNotFound: with the error that the SDK has for it, whose code is of one era, or with the code of the other.
func saysNotFound(err error) bool {
	e := protocolError(err)
	return e != nil && (e.Code == codec.CodeResourceNotFound ||
		e.Code == codec.CodeInvalidParams && e.Message == protocol.MessageResourceNotFound)
}
