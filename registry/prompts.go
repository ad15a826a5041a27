package registry

import (
	"context"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/codec"
	"weir/registry/feature"
	"weir/registry/protocol"
)

// prompt is one registered prompt. Immutable.
type prompt struct {
	feature.Prompt
	handler
	get mcp.PromptHandler
}

// AddPrompt registers a prompt. As with the SDK's Server.AddPrompt, the handler
// makes its messages, and an error is a protocol error (-32603, or what a *jsonrpc.Error says). Arguments that the
// definition calls required are there when the handler is called; they may be empty, and there may be others that the
// definition does not name. It panics on a definition that cannot be served, on a name that is registered (see
// Replace), on a nil handler and beyond Options.MaxPrompts. d must not be changed afterwards.
//
// The request's Session is nil; its Extra is as for AddTool. Nothing that a handler returns is written to, so one
// result may be returned by many calls.
func (r *Registry) AddPrompt(d *mcp.Prompt, h mcp.PromptHandler, opts ...HandlerOption) {
	mustAdd("AddPrompt", d.Name, r.addPrompt(d, h, opts))
}

func (r *Registry) addPrompt(d *mcp.Prompt, h mcp.PromptHandler, opts []HandlerOption) error {
	if h == nil {
		return errNoHandler
	}
	entry := &prompt{handler: r.handle(opts, r.m.prompts), get: h}
	var err error
	if entry.Prompt, err = feature.DefinePrompt(d, r.opt.MaxResultBytes/2); err != nil {
		return err
	}
	return offer(r.prompts, entry, &entry.handler)
}

// RemovePrompt takes prompts out of the offer; calls that run finish. It returns how many there were.
func (r *Registry) RemovePrompt(names ...string) int { return r.prompts.Remove(names) }

// servePromptsList is prompts/list.
func servePromptsList(r *Registry, x *Exchange, dst []byte) []byte {
	return appendPage(r, x, dst, feature.Prompts, r.prompts)
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
	return x.prompt.class, nil
}

// servePromptsGet is prompts/get.
func servePromptsGet(r *Registry, x *Exchange, dst []byte) []byte {
	return r.serveHandled(x, r.m.prompts, dst, answerPromptsGet)
}

func answerPromptsGet(r *Registry, x *Exchange, dst []byte) ([]byte, ending) {
	result, err := guarded(r, x, x.prompt.Name, x.prompt, invokePrompt)
	return conclude(r, x, dst, result, err, appendPrompt)
}

// promptCall is what a prompt's handler is given.
type promptCall struct {
	handling
	req    mcp.GetPromptRequest
	params mcp.GetPromptParams
}

// invokePrompt checks the arguments and runs the handler.
func invokePrompt(x *Exchange, p *prompt) (*mcp.GetPromptResult, error) {
	args, err := x.arguments()
	if err != nil {
		return nil, err
	}
	c := new(promptCall)
	if c.params.Arguments, err = c.texts(args); err != nil {
		return nil, err
	}
	for _, a := range p.Arguments {
		if _, given := c.params.Arguments[a.Name]; a.Required && !given {
			return nil, &codec.Error{Code: codec.CodeInvalidParams, Message: "missing required argument: " + a.Name}
		}
	}
	c.params.Name = p.Name
	c.req.Params, c.req.Extra = &c.params, x.extra()
	x.giveInputs(&c.params.InputResponses, &c.params.RequestState)
	if err := c.begin(x, &c.params.Meta, &p.handler); err != nil {
		return nil, err
	}
	return p.get(context.Context(&c.ctx), &c.req)
}

// texts decodes an object whose members are all strings, or "" for none. The strings point into object.
func (c *handling) texts(object string) (map[string]string, error) {
	if object == "" {
		return nil, nil
	}
	var texts map[string]string
	if err := c.dec.Decode(object, &texts); err != nil {
		return nil, errArgumentsText
	}
	for key, text := range texts {
		// null decodes as an empty string.
		if text != "" {
			continue
		}
		if token := codec.Member([]byte(object), key); token == nil || token[0] != '"' {
			return nil, errArgumentsText
		}
	}
	return texts, nil
}

// appendPrompt appends the response to a prompts/get. Nothing in result is written to.
func appendPrompt(r *Registry, dst []byte, x *Exchange, result *mcp.GetPromptResult) ([]byte, *codec.Error) {
	if result == nil {
		result = new(mcp.GetPromptResult)
	}
	if asked(result.InputRequests, result.RequestState) {
		return r.appendInputRequired(dst, x, result.InputRequests, result.RequestState)
	}
	dst = append(appendHead(dst, x.ID()), '{')
	if result.Description != "" {
		dst = codec.AppendQuoted(append(dst, `"description":`...), result.Description)
		dst = append(dst, ',')
	}
	dst = append(dst, `"messages":[`...)
	start := len(dst)
	for i, m := range result.Messages {
		if m == nil || m.Content == nil {
			return nil, protocol.ErrResultEncoding
		}
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = codec.AppendQuoted(append(dst, `{"role":`...), string(m.Role))
		dst = append(dst, `,"content":`...)
		if text, plain := plainText(m.Content); plain {
			if len(text) > r.opt.MaxResultBytes {
				return nil, protocol.ErrResultTooLarge
			}
			dst = appendText(dst, text)
		} else {
			content := feature.Visible(x.rev(), m.Content)
			if content == nil {
				return nil, protocol.ErrResultEncoding
			}
			var e *codec.Error
			if dst, e = appendMarshaled(dst, content); e != nil {
				return nil, e
			}
		}
		dst = append(dst, '}')
		if len(dst)-start > r.opt.MaxResultBytes {
			return nil, protocol.ErrResultTooLarge // before the buffer grows further
		}
	}
	return r.appendTail(append(dst, ']'), x, result.Meta)
}
