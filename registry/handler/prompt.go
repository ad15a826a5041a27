package handler

import (
	"context"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/codec"
	"weir/registry/call"
	"weir/registry/feature"
	"weir/registry/protocol"
)

// Prompt is one prompt. Immutable once it is registered.
type Prompt struct {
	feature.Prompt
	Handler call.Handler
	Forward call.Forwarder // answers it instead; nil: the handler does
	get     mcp.PromptHandler

	nullIsAbsent bool // Defaults.NullIsAbsent
}

// NewPrompt makes a prompt. The error says why d cannot be served.
func NewPrompt(d *mcp.Prompt, h mcp.PromptHandler, defaults Defaults, opts []Option) (*Prompt, error) {
	if h == nil {
		return nil, errNoHandler
	}
	own, err := defaults.plain(d.Name, opts)
	if err != nil {
		return nil, err
	}
	p := &Prompt{Handler: own, get: h, nullIsAbsent: defaults.NullIsAbsent}
	p.Prompt, err = feature.DefinePrompt(d, defaults.MaxBytes)
	return p, err
}

// promptCall is what a prompt's handler is given.
type promptCall struct {
	frame
	req    mcp.GetPromptRequest
	params mcp.GetPromptParams
}

// Invoke checks the arguments and runs the handler.
func (p *Prompt) Invoke(of *call.Call) (*mcp.GetPromptResult, error) {
	args, err := arguments(of)
	if err != nil {
		return nil, err
	}
	c := new(promptCall)
	if c.params.Arguments, err = c.texts(args, "params.arguments", p.nullIsAbsent); err != nil {
		return nil, err
	}
	for _, a := range p.Arguments {
		if _, given := c.params.Arguments[a.Name]; a.Required && !given {
			return nil, &codec.Error{Code: codec.CodeInvalidParams, Message: "missing required argument: " + a.Name}
		}
	}
	c.params.Name = p.Handler.Name
	c.req.Params = &c.params
	c.req.Session, c.req.Extra = c.from(of, &p.Handler)
	of.Inputs.Give(&c.params.InputResponses, &c.params.RequestState)
	if err := c.begin(of, &c.params.Meta, &p.Handler); err != nil {
		return nil, err
	}
	return p.get(context.Context(&c.ctx), &c.req)
}

// texts decodes an object whose members are all strings, or "" for none. The strings point into object, which is in
// path of the message. The error names what is none.
func (f *frame) texts(object, path string, nullIsAbsent bool) (map[string]string, error) {
	if object == "" {
		return nil, nil
	}
	var texts map[string]string
	if err := f.dec.Decode(object, &texts); err != nil {
		return nil, errNoText(object, path)
	}
	for key, text := range texts {
		// null decodes as an empty string.
		if text != "" || codec.Member([]byte(object), key)[0] == '"' {
			continue
		}
		if !nullIsAbsent {
			return nil, errNoText(object, path)
		}
		delete(texts, key)
	}
	return texts, nil
}

// errNoText names the first member of an object that is no string.
func errNoText(object, path string) *codec.Error {
	raw := []byte(object)
	for name, token, next := codec.NextMember(raw, 0); next > 0; name, token, next = codec.NextMember(raw, next) {
		if token[0] != '"' {
			key, _ := codec.StringOf(name)
			path += "." + protocol.Clip(string(key))
			break
		}
	}
	return &codec.Error{Code: codec.CodeInvalidParams, Message: path + " must be a string"}
}
