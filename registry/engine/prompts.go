package engine

import (
	"weir/codec"
	"weir/registry/call"
	"weir/registry/fault"
	"weir/registry/feature"
	"weir/registry/handler"
	"weir/registry/result"
)

// AddPrompt offers a prompt. The error is that there is no room, or that its name is taken (Handler.Replaces).
func (eng *Engine) AddPrompt(p *handler.Prompt) error {
	return eng.offer.Main().AddPrompt(p)
}

// RemovePrompt takes prompts out of the offer; calls that run finish. It returns how many there were.
func (eng *Engine) RemovePrompt(names ...string) int { return eng.offer.Main().Prompts.Remove(names) }

// servePromptsList is prompts/list.
func servePromptsList(eng *Engine, x *Exchange, dst []byte) []byte {
	return result.AppendPage(eng.results, dst, x.request(), x.Env.Cursor.Of(x.Raw), feature.Prompts,
		x.View.Prompts.All())
}

// routePromptsGet finds the prompt, which says what the call costs.
func routePromptsGet(eng *Engine, x *Exchange) (Class, *codec.Error) {
	name, ok := codec.StringOf(x.Env.Name.Of(x.Raw))
	if !ok {
		return Inline, fault.Name
	}
	p, ok := x.View.Prompts.Get(name)
	if !ok {
		return Inline, fault.Unknown("prompt", string(name))
	}
	x.found = p
	return x.serveBy(&p.Handler), nil
}

// servePromptsGet is prompts/get.
func servePromptsGet(eng *Engine, x *Exchange, dst []byte) []byte {
	if x.to() != nil {
		return eng.serveForwarded(x, eng.m.Prompts, dst)
	}
	return eng.serveHandled(x, eng.m.Prompts, dst, answerPromptsGet)
}

func answerPromptsGet(eng *Engine, x *Exchange, dst []byte) ([]byte, call.Ending) {
	p := x.found.(*handler.Prompt)
	res, err := guarded(eng, x, p.Handler.Name, p, (*handler.Prompt).Invoke)
	if err == nil && res != nil && result.Asks(res.InputRequests, res.RequestState, len(res.Messages) > 0) {
		return eng.requireInput(x, dst, res.InputRequests, res.RequestState, len(res.Messages) > 0)
	}
	return conclude(eng, x, dst, res, err, (*result.Encoder).AppendPrompt)
}
