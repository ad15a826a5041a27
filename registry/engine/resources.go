package engine

import (
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/codec"
	"weir/registry/call"
	"weir/registry/fault"
	"weir/registry/feature"
	"weir/registry/handler"
	"weir/registry/protocol"
	"weir/registry/result"
)

// AddResource offers a resource. The error is that there is no room, or that its URI is taken (Handler.Replaces).
func (eng *Engine) AddResource(s *handler.Resource) error {
	return eng.offer.Main().AddResource(s)
}

// AddResourceTemplate offers a template. The error is that there is no room, or that its text is taken
// (Handler.Replaces).
func (eng *Engine) AddResourceTemplate(t *handler.Template) error {
	return eng.offer.Main().AddTemplate(t)
}

// RemoveResource takes resources out of the offer; reads that run finish. It returns how many there were.
func (eng *Engine) RemoveResource(uris ...string) int { return eng.offer.Main().Resources.Remove(uris) }

// RemoveResourceTemplate takes templates out of the offer; reads that run finish. It returns how many there were.
func (eng *Engine) RemoveResourceTemplate(texts ...string) int {
	return eng.offer.Main().Templates.Remove(texts)
}

// serveResourcesList is resources/list.
func serveResourcesList(eng *Engine, x *Exchange, dst []byte) []byte {
	return result.AppendPage(eng.results, dst, x.request(), x.Env.Cursor.Of(x.Raw), feature.Resources,
		x.View.Resources.All())
}

// serveTemplatesList is resources/templates/list.
func serveTemplatesList(eng *Engine, x *Exchange, dst []byte) []byte {
	return result.AppendPage(eng.results, dst, x.request(), x.Env.Cursor.Of(x.Raw), feature.Templates,
		x.View.Templates.All())
}

// routeResourcesRead finds the resource, or what a template of that beginning would cost: whether one matches is a
// question for a worker.
func routeResourcesRead(eng *Engine, x *Exchange) (Class, *codec.Error) {
	uri, ok := codec.StringOf(x.Env.URI.Of(x.Raw))
	if !ok || len(uri) > protocol.MaxURIBytes {
		return Inline, fault.ResourceURI
	}
	if found, ok := x.View.Resources.Get(uri); ok {
		x.found = found
		return x.serveBy(&found.Handler), nil
	}
	class := Inline
	for _, t := range x.View.Templates.All() {
		if t.Pattern.Begins(uri) {
			class = max(class, x.serveBy(&t.Handler))
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

// find says what Route, or serveResourcesRead, has found.
func (x *Exchange) find() reading {
	if source, ok := x.found.(*handler.Resource); ok {
		return reading{uri: source.Name, source: source}
	}
	uri, _ := codec.StringOf(x.Env.URI.Of(x.Raw))
	found := reading{uri: string(uri)}
	if t, ok := x.found.(*handler.Template); ok {
		found.source = &t.Resource
	}
	return found
}

// serveResourcesRead is resources/read.
func serveResourcesRead(eng *Engine, x *Exchange, dst []byte) []byte {
	if x.found == nil {
		uri, _ := codec.StringOf(x.Env.URI.Of(x.Raw))
		if t := x.View.Match(uri); t != nil {
			x.found = t
		}
	}
	if x.to() != nil {
		return eng.serveForwarded(x, eng.m.Reads, dst)
	}
	return eng.serveHandled(x, eng.m.Reads, dst, answerResourcesRead)
}

func answerResourcesRead(eng *Engine, x *Exchange, dst []byte) ([]byte, call.Ending) {
	found := x.find()
	if found.source == nil {
		return eng.appendFailure(dst, x, x.Rev().ResourceNotFoundError(found.uri))
	}
	res, err := guarded(eng, x, found.source.Handler.Name, found, reading.invoke)
	if saysNotFound(err) {
		uri, _ := codec.StringOf(x.Env.URI.Of(x.Raw))
		err = x.Rev().ResourceNotFoundError(string(uri))
	}
	if err == nil && res != nil && result.Asks(res.InputRequests, res.RequestState, len(res.Contents) > 0) {
		return eng.requireInput(x, dst, res.InputRequests, res.RequestState, len(res.Contents) > 0)
	}
	of := result.Resource{URI: found.uri, MIMEType: found.source.MIMEType}
	encode := func(e *result.Encoder, dst []byte, to result.Request, res *mcp.ReadResourceResult) ([]byte, *codec.Error) {
		return e.AppendContents(dst, to, of, res)
	}
	return conclude(eng, x, dst, res, err, encode)
}

// saysNotFound: with the error that the SDK has for it, whose code is of one era, or with the code of the other.
func saysNotFound(err error) bool {
	e := handler.ProtocolError(err)
	return e != nil && (e.Code == codec.CodeResourceNotFound ||
		e.Code == codec.CodeInvalidParams && e.Message == protocol.MessageResourceNotFound)
}
