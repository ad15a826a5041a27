package registry

import (
	"weir/codec"
	"weir/registry/call"
	"weir/registry/feature"
	"weir/registry/handler"
	"weir/registry/result"
)

// AddPrompt offers a prompt. The error is that there is no room, or that its name is taken (Handler.Replaces).
func (r *Registry) addPrompt(p *handler.Prompt) error {
	p.Handler.Series = r.m.prompts
	return offer(r.prompts, p, &p.Handler)
}

// RemovePrompt takes prompts out of the offer; calls that run finish. It returns how many there were.
func (r *Registry) RemovePrompt(names ...string) int { return r.prompts.Remove(names) }

// servePromptsList is prompts/list.
func servePromptsList(r *Registry, x *Exchange, dst []byte) []byte {
	return result.AppendPage(r.results, dst, x.request(), x.Env.Cursor.Of(x.Raw), feature.Prompts, r.prompts)
}

// routePromptsGet finds the prompt, which says what the call costs.
func routePromptsGet(r *Registry, x *Exchange) (Class, *codec.Error) {
	name, ok := codec.StringOf(x.Env.Name.Of(x.Raw))
	if !ok {
		return Inline, errName
	}
	if x.prompt, ok = r.prompts.Get(name); !ok {
		return Inline, errUnknown("prompt", string(name))
	}
	return classOf(&x.prompt.Handler), nil
}

// servePromptsGet is prompts/get.
func servePromptsGet(r *Registry, x *Exchange, dst []byte) []byte {
	return r.serveHandled(x, r.m.prompts, dst, answerPromptsGet)
}

func answerPromptsGet(r *Registry, x *Exchange, dst []byte) ([]byte, call.Ending) {
	res, err := guarded(r, x, x.prompt.Handler.Name, x.prompt, (*handler.Prompt).Invoke)
	if err == nil && res != nil && result.Asks(res.InputRequests, res.RequestState) {
		return r.requireInput(x, dst, res.InputRequests, res.RequestState)
	}
	return conclude(r, x, dst, res, err, (*result.Encoder).AppendPrompt)
}
