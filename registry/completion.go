package registry

import (
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/codec"
	"weir/registry/call"
	"weir/registry/handler"
	"weir/registry/protocol"
	"weir/registry/result"
)

// SetCompletion offers a completion in place of the one before; nil is none.
func (r *Registry) setCompletion(c *handler.Completion) {
	if c != nil {
		c.Handler.Series = r.m.completions
	}
	r.completion.Store(c)
	if c != nil {
		r.declare(func(offered *result.Offered) { offered.Completions = true })
	}
}

// routeComplete finds what the completion costs.
func routeComplete(r *Registry, x *Exchange) (Class, *codec.Error) {
	c := r.completion.Load()
	if c == nil {
		return Inline, protocol.MethodNotFound(x.Env.Method.Of(x.Raw))
	}
	return classOf(&c.Handler), nil
}

// serveComplete is completion/complete.
func serveComplete(r *Registry, x *Exchange, dst []byte) []byte {
	return r.serveHandled(x, r.m.completions, dst, answerComplete)
}

func answerComplete(r *Registry, x *Exchange, dst []byte) ([]byte, call.Ending) {
	c := r.completion.Load()
	if c == nil { // gone since Route
		return r.appendFailure(dst, x, protocol.MethodNotFound(x.Env.Method.Of(x.Raw)))
	}
	res, err := guarded(r, x, c.Handler.Name, c, func(c *handler.Completion, of *call.Call) (*mcp.CompleteResult, error) {
		return c.Invoke(of, r.checkReference)
	})
	return conclude(r, x, dst, res, err, (*result.Encoder).AppendCompletion)
}

// checkReference finds what the argument is an argument of. A resource may be named by its template, or by a URI (MCP
// 2026-07-28, server/utilities/completion, data types).
func (r *Registry) checkReference(ref *mcp.CompleteReference, argument string) *codec.Error {
	if ref.Type == handler.RefPrompt {
		p, ok := r.prompts.Get([]byte(ref.Name))
		if !ok {
			return errUnknown("prompt", ref.Name)
		}
		if !p.Takes(argument) {
			return errUnknown("argument", argument)
		}
		return nil
	}
	uri := []byte(ref.URI)
	t, ok := r.templates.Get(uri)
	if !ok {
		if _, ok := r.resources.Get(uri); ok {
			return nil
		}
		if t = r.match(uri); t == nil {
			return errUnknown("resource template", ref.URI)
		}
	}
	if !t.Pattern.Names(argument) {
		return errUnknown("argument", argument)
	}
	return nil
}
