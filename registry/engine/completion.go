package engine

import (
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/codec"
	"weir/registry/call"
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
		eng.offer.Main().Declare(func(offered *result.Offered) { offered.Completions = true })
	}
}

// OfferCompletion offers c unless there is a completion.
func (eng *Engine) OfferCompletion(c *handler.Completion) {
	c.Handler.Series = eng.m.Completions
	if eng.completion.CompareAndSwap(nil, c) {
		eng.offer.Main().Declare(func(offered *result.Offered) { offered.Completions = true })
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
	if to := x.View.Completer(codec.Member(x.Env.Params.Of(x.Raw), "ref")); x.found == nil && to != nil {
		x.found = to
	}
	if x.to() != nil {
		return eng.serveForwarded(x, eng.m.Completions, dst)
	}
	return eng.serveHandled(x, eng.m.Completions, dst, answerComplete)
}

func answerComplete(eng *Engine, x *Exchange, dst []byte) ([]byte, call.Ending) {
	c := eng.completion.Load()
	if c == nil { // gone since Route
		return eng.appendFailure(dst, x, protocol.MethodNotFound(x.Env.Method.Of(x.Raw)))
	}
	invoke := func(c *handler.Completion, of *call.Call) (*mcp.CompleteResult, error) {
		return c.Invoke(of, x.View.CheckReference)
	}
	res, err := guarded(eng, x, c.Handler.Name, c, invoke)
	return conclude(eng, x, dst, res, err, (*result.Encoder).AppendCompletion)
}
