package registry

import (
	"context"
	"strconv"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/codec"
	"weir/registry/protocol"
)

// maxCompletions is how many values one answer holds (MCP, server/utilities/completion: at most 100).
const maxCompletions = 100

// completion is the handler that completes arguments.
type completion struct {
	handler
	complete func(context.Context, *mcp.CompleteRequest) (*mcp.CompleteResult, error)
}

// SetCompletion registers the one handler that completes arguments of prompts and variables of resource templates, in
// place of the one before; nil is none, and completion/complete is then a method that this server does not have. The
// handler is only asked for prompts, templates and resources that are registered, and for arguments that they have. It
// returns values by relevance: of more than 100, the first 100 are sent. An error is a protocol error (-32603, or what
// a *jsonrpc.Error says). The request's Session is nil; its Extra is as for AddTool.
func (r *Registry) SetCompletion(
	h func(context.Context, *mcp.CompleteRequest) (*mcp.CompleteResult, error), opts ...HandlerOption,
) {
	if h == nil {
		r.completion.Store(nil)
		return
	}
	r.completion.Store(&completion{handler: r.handle(opts, r.m.completions), complete: h})
	r.declare(capabilityCompletions)
}

// routeComplete finds what the completion costs.
func routeComplete(r *Registry, x *Exchange) (Class, *codec.Error) {
	c := r.completion.Load()
	if c == nil {
		return Inline, protocol.MethodNotFound(x.Env.Method.Of(x.Raw))
	}
	return c.class, nil
}

// serveComplete is completion/complete.
func serveComplete(r *Registry, x *Exchange, dst []byte) []byte {
	return r.serveHandled(x, r.m.completions, dst, answerComplete)
}

func answerComplete(r *Registry, x *Exchange, dst []byte) ([]byte, ending) {
	c := r.completion.Load()
	if c == nil { // gone since Route
		return r.appendFailure(dst, x, protocol.MethodNotFound(x.Env.Method.Of(x.Raw)))
	}
	result, err := guarded(r, x, x.row.name, c, r.invokeCompletion)
	return conclude(r, x, dst, result, err, appendCompletion)
}

// completeCall is what the completion handler is given.
type completeCall struct {
	handling
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
	Context struct {
		Arguments map[string]string `json:"arguments"`
	} `json:"context"`
}

// invokeCompletion checks the request and runs the handler.
func (r *Registry) invokeCompletion(x *Exchange, h *completion) (*mcp.CompleteResult, error) {
	c := new(completeCall)
	sent := &c.sent
	err := c.dec.Decode(string(x.Env.Params.Of(x.Raw)), sent)
	if err != nil || sent.Argument.Name == nil || sent.Argument.Value == nil {
		return nil, errCompletion
	}
	if e := r.checkReference(sent, *sent.Argument.Name); e != nil {
		return nil, e
	}
	c.ref.Type = sent.Ref.Type
	if sent.Ref.Type == refPrompt {
		c.ref.Name = *sent.Ref.Name
	} else {
		c.ref.URI = *sent.Ref.URI
	}
	c.params.Ref = &c.ref
	c.params.Argument = mcp.CompleteParamsArgument{Name: *sent.Argument.Name, Value: *sent.Argument.Value}
	if sent.Context.Arguments != nil {
		c.given.Arguments = sent.Context.Arguments
		c.params.Context = &c.given
	}
	c.req.Params, c.req.Extra = &c.params, x.extra()
	if err := c.begin(x, &c.params.Meta, &h.handler); err != nil {
		return nil, err
	}
	return h.complete(context.Context(&c.ctx), &c.req)
}

const (
	refPrompt   = "ref/prompt"
	refResource = "ref/resource"
)

// checkReference finds what the argument is an argument of. A resource may be named by its template, or by a URI (MCP
// 2026-07-28, server/utilities/completion, data types).
func (r *Registry) checkReference(sent *sentCompletion, argument string) *codec.Error {
	ref := &sent.Ref
	switch {
	case ref.Type == refPrompt && ref.Name != nil:
		p, ok := r.prompts.Get([]byte(*ref.Name))
		if !ok {
			return errUnknown("prompt", *ref.Name)
		}
		if !p.Takes(argument) {
			return errUnknown("argument", argument)
		}
	case ref.Type == refResource && ref.URI != nil && len(*ref.URI) <= protocol.MaxURIBytes:
		uri := []byte(*ref.URI)
		t, ok := r.templates.Get(uri)
		if !ok {
			if _, ok := r.resources.Get(uri); ok {
				return nil
			}
			if t = r.match(uri); t == nil {
				return errUnknown("resource template", *ref.URI)
			}
		}
		if !t.pattern.Names(argument) {
			return errUnknown("argument", argument)
		}
	default:
		return errCompletion
	}
	return nil
}

// appendCompletion appends the response to a completion/complete. Nothing in result is written to.
func appendCompletion(r *Registry, dst []byte, x *Exchange, result *mcp.CompleteResult) ([]byte, *codec.Error) {
	if result == nil {
		result = new(mcp.CompleteResult)
	}
	c := result.Completion // a copy
	if len(c.Values) > maxCompletions {
		c.Total, c.HasMore = max(c.Total, len(c.Values)), true
		c.Values = c.Values[:maxCompletions]
	}
	size := 0
	for _, value := range c.Values {
		size += len(value)
	}
	if size > r.opt.MaxResultBytes {
		return nil, protocol.ErrResultTooLarge // before the buffer grows
	}
	dst = append(appendHead(dst, x.ID()), `{"completion":{"values":[`...)
	for i, value := range c.Values {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = codec.AppendQuoted(dst, value)
	}
	dst = append(dst, ']')
	if c.Total > 0 {
		dst = strconv.AppendInt(append(dst, `,"total":`...), int64(c.Total), 10)
	}
	dst = strconv.AppendBool(append(dst, `,"hasMore":`...), c.HasMore)
	return r.appendTail(append(dst, '}'), x, result.Meta)
}
