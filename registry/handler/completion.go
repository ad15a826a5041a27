package handler

import (
	"context"
	"encoding/json"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/codec"
	"weir/registry/call"
	"weir/registry/protocol"
)

// Complete completes arguments of prompts and variables of resource templates.
type Complete = func(context.Context, *mcp.CompleteRequest) (*mcp.CompleteResult, error)

// Completion is the handler that completes arguments. Immutable once it is registered.
type Completion struct {
	Handler  call.Handler
	complete Complete

	nullIsAbsent bool // Defaults.NullIsAbsent
}

// NewCompletion makes a completion. The error names an option that it cannot have.
func NewCompletion(h Complete, defaults Defaults, opts []Option) (*Completion, error) {
	own, err := defaults.plain("completion/complete", opts)
	return &Completion{Handler: own, complete: h, nullIsAbsent: defaults.NullIsAbsent}, err
}

// completeCall is what the completion handler is given.
type completeCall struct {
	frame
	req    mcp.CompleteRequest
	params mcp.CompleteParams
	ref    mcp.CompleteReference
	given  mcp.CompleteContext
	sent   sentCompletion
}

// sentCompletion is params as they may be sent; the SDK's own types cannot tell a missing member from an empty one.
type sentCompletion struct {
	Ref struct {
		Type string  `json:"type"`
		Name *string `json:"name"`
		URI  *string `json:"uri"`
	} `json:"ref"`
	Argument struct {
		Name  *string `json:"name"`
		Value *string `json:"value"`
	} `json:"argument"`
	Context json.RawMessage `json:"context"`
}

// What a reference may be to.
const (
	RefPrompt   = "ref/prompt"
	RefResource = "ref/resource"
)

// Invoke checks the request and runs the handler. known says what is wrong with a reference, which has a type above and
// what it needs, or with the name of the argument, nil if nothing is.
func (h *Completion) Invoke(of *call.Call, known func(ref *mcp.CompleteReference, argument string) *codec.Error) (
	*mcp.CompleteResult, error) {
	c := new(completeCall)
	sent := &c.sent
	err := c.dec.Decode(string(of.Env.Params.Of(of.Raw)), sent)
	if err != nil || sent.Argument.Name == nil || sent.Argument.Value == nil || !sent.reference(&c.ref) {
		return nil, errCompletion
	}
	if e := known(&c.ref, *sent.Argument.Name); e != nil {
		return nil, e
	}
	c.params.Ref = &c.ref
	c.params.Argument = mcp.CompleteParamsArgument{Name: *sent.Argument.Name, Value: *sent.Argument.Value}
	if err := h.context(c); err != nil {
		return nil, err
	}
	c.req.Params = &c.params
	c.req.Session, c.req.Extra = c.from(of, &h.Handler)
	if err := c.begin(of, &c.params.Meta, &h.Handler); err != nil {
		return nil, err
	}
	return h.complete(context.Context(&c.ctx), &c.req)
}

// context fills in what the client knows of the other arguments.
func (h *Completion) context(c *completeCall) (err error) {
	given := c.sent.Context
	if given == nil || given[0] == 'n' {
		return nil
	}
	arguments := codec.Member(given, "arguments")
	if given[0] != '{' || arguments != nil && arguments[0] != '{' && arguments[0] != 'n' {
		return errContext
	}
	if arguments == nil || arguments[0] == 'n' {
		return nil
	}
	c.given.Arguments, err = c.texts(string(arguments), "params.context.arguments", h.nullIsAbsent)
	c.params.Context = &c.given
	return err
}

// reference fills in what the argument is an argument of; false when nothing is named.
func (s *sentCompletion) reference(ref *mcp.CompleteReference) bool {
	ref.Type = s.Ref.Type
	switch {
	case ref.Type == RefPrompt && s.Ref.Name != nil:
		ref.Name = *s.Ref.Name
	case ref.Type == RefResource && s.Ref.URI != nil && len(*s.Ref.URI) <= protocol.MaxURIBytes:
		ref.URI = *s.Ref.URI
	default:
		return false
	}
	return true
}
