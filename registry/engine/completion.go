package engine

import (
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/codec"
	"weir/registry/call"
	"weir/registry/fault"
	"weir/registry/handler"
	"weir/registry/protocol"
	"weir/registry/result"
)

// SetCompletion offers a completion in place of the one before; nil is none.
func (eng *Engine) SetCompletion(c *handler.Completion) {
	if c != nil {
		c.Handler.Series = eng.m.Completions
	}
	eng.completion.Store(c)
	if c != nil {
		eng.greeter.Declare(func(offered *result.Offered) { offered.Completions = true })
	}
}

// OfferCompletion offers c unless there is a completion.
func (eng *Engine) OfferCompletion(c *handler.Completion) {
	c.Handler.Series = eng.m.Completions
	if eng.completion.CompareAndSwap(nil, c) {
		eng.greeter.Declare(func(offered *result.Offered) { offered.Completions = true })
	}
}

// routeComplete finds what the completion costs.
func routeComplete(eng *Engine, x *Exchange) (Class, *codec.Error) {
	c := eng.completion.Load()
	if c == nil {
		return Inline, protocol.MethodNotFound(x.Env.Method.Of(x.Raw))
	}
	return x.serveBy(&c.Handler), nil
}

// serveComplete is completion/complete.
func serveComplete(eng *Engine, x *Exchange, dst []byte) []byte {
	return eng.serveHandled(x, eng.m.Completions, dst, answerComplete)
}

func answerComplete(eng *Engine, x *Exchange, dst []byte) ([]byte, call.Ending) {
	c := eng.completion.Load()
	if c == nil { // gone since Route
		return eng.appendFailure(dst, x, protocol.MethodNotFound(x.Env.Method.Of(x.Raw)))
	}
	invoke := func(c *handler.Completion, of *call.Call) (*mcp.CompleteResult, error) {
		return c.Invoke(of, eng.checkReference)
	}
	res, err := guarded(eng, x, c.Handler.Name, c, invoke)
	return conclude(eng, x, dst, res, err, (*result.Encoder).AppendCompletion)
}

// checkReference finds what the argument is an argument of. A resource may be named by its template, or by a URI (MCP
// 2026-07-28, server/utilities/completion, data types).
func (eng *Engine) checkReference(ref *mcp.CompleteReference, argument string) *codec.Error {
	if ref.Type == handler.RefPrompt {
		p, ok := eng.prompts.Get([]byte(ref.Name))
		if !ok {
			return fault.Unknown("prompt", ref.Name)
		}
		if !p.Takes(argument) {
			return fault.Unknown("argument", argument)
		}
		return nil
	}
	uri := []byte(ref.URI)
	t, ok := eng.templates.Get(uri)
	if !ok {
		if _, ok := eng.resources.Get(uri); ok {
			return nil
		}
		if t = eng.match(uri); t == nil {
			return fault.Unknown("resource template", ref.URI)
		}
	}
	if !t.Pattern.Names(argument) {
		return fault.Unknown("argument", argument)
	}
	return nil
}
