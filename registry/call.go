package registry

import (
	"context"
	"fmt"
	"unsafe"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/codec"
	"weir/registry/protocol"
	"weir/registry/schema"
)

// What one call of a typed tool allocates, besides what its handler does; TestCallAllocations holds the number:
//
//  1. typedCall: context, request, params and decoded arguments in one piece, because the handler may keep any of them;
//  2. the private copy of the arguments, which the strings in In point into.

// call is what a tool's handler is given.
type call struct {
	handling
	req    mcp.CallToolRequest
	params mcp.CallToolParamsRaw
}

type typedCall[In any] struct {
	call
	in In
}

// reply is what came of a call.
type reply struct {
	result     *mcp.CallToolResult // as the handler returned it, never written to; nil is an empty one
	structured []byte              // the typed output as checked JSON; nil when there is none
}

// serveToolsCall is tools/call.
func serveToolsCall(r *Registry, x *Exchange, dst []byte) []byte {
	if x.asTask {
		return r.createTask(x, dst)
	}
	return r.serveHandled(x, x.tool.series, dst, answerToolsCall)
}

// answerToolsCall runs the tool, appends the response and says how the call ended.
func answerToolsCall(r *Registry, x *Exchange, dst []byte) ([]byte, ending) {
	rep, err := guarded(r, x, x.tool.Name, x.tool, x.tool.invoke)
	var e *codec.Error
	if err != nil {
		if rep, e = x.failed(err); e != nil {
			return r.appendFailure(dst, x, e)
		}
	}
	out, e := r.appendCallResult(dst, x, rep)
	switch {
	case e != nil:
		return r.appendFailure(dst, x, e)
	case rep.result != nil && rep.result.IsError:
		return out, endedToolError
	}
	return out, endedOK
}

// failed turns a handler's error into a protocol error, or into a result that tells the model.
func (x *Exchange) failed(err error) (reply, *codec.Error) {
	if e := protocolError(err); e != nil {
		return reply{}, e
	}
	_, badArguments := err.(*argumentError)
	switch {
	case badArguments && !x.rev().ArgumentsAreResults:
		return reply{}, &codec.Error{Code: codec.CodeInvalidParams, Message: err.Error()}
	case !badArguments && !x.tool.errorsAreResults:
		return reply{}, &codec.Error{Code: codec.CodeInternal, Message: err.Error()}
	}
	content := []mcp.Content{&mcp.TextContent{Text: err.Error()}}
	return reply{result: &mcp.CallToolResult{Content: content, IsError: true}}, nil
}

// arguments copies params.arguments out of the message, whose bytes are reused after Dispatch; "" when absent or null.
func (x *Exchange) arguments() (string, error) {
	raw := x.Env.Arguments.Of(x.Raw)
	switch {
	case raw == nil || string(raw) == "null":
		return "", nil
	case raw[0] != '{':
		return "", errArgumentsType
	}
	return string(raw), nil
}

// begin fills the request.
func (c *call) begin(x *Exchange, t *tool, args string) error {
	c.params.Name = t.Name
	if args != "" {
		c.params.Arguments = unsafe.Slice(unsafe.StringData(args), len(args))
	}
	c.req.Params, c.req.Extra = &c.params, x.extra()
	x.giveInputs(&c.params.InputResponses, &c.params.RequestState)
	return c.handling.begin(x, &c.params.Meta, &t.handler)
}

// rawInvoke runs a handler that checks its own arguments.
func rawInvoke(h mcp.ToolHandler) func(*Exchange, *tool) (reply, error) {
	return func(x *Exchange, t *tool) (reply, error) {
		args, err := x.arguments()
		if err != nil {
			return reply{}, err
		}
		c := new(call)
		if err := c.begin(x, t, args); err != nil {
			return reply{}, err
		}
		result, err := h(&c.ctx, &c.req)
		return reply{result: result}, err
	}
}

// typedTool infers what the definition leaves out and builds the tool around the handler.
func typedTool[In, Out any](
	t *mcp.Tool, h mcp.ToolHandlerFor[In, Out], opt schema.InputOptions,
) (*mcp.Tool, *tool, error) {
	if h == nil {
		return nil, nil, errNoHandler
	}
	d := *t
	input, err := schema.Input[In](&d.InputSchema, opt)
	if err != nil {
		return nil, nil, err
	}
	output, err := schema.Output[Out](&d.OutputSchema)
	if err != nil {
		return nil, nil, err
	}
	return &d, &tool{errorsAreResults: true, invoke: typedInvoke(input, output, h)}, nil
}

// typedInvoke runs a handler with typed arguments and output.
func typedInvoke[In, Out any](input, output *schema.Schema,
	h func(context.Context, *mcp.CallToolRequest, In) (*mcp.CallToolResult, Out, error),
) func(*Exchange, *tool) (reply, error) {
	return func(x *Exchange, t *tool) (reply, error) {
		args, err := x.arguments()
		if err != nil {
			return reply{}, err
		}
		c := new(typedCall[In])
		if err := input.Decode(&c.dec, args, &c.in); err != nil {
			return reply{}, &argumentError{fmt.Errorf("validating \"arguments\": %w", err)}
		}
		if err := c.begin(x, t, args); err != nil {
			return reply{}, err
		}
		result, out, err := h(&c.ctx, &c.req, c.in)
		if err != nil {
			return reply{}, err
		}
		if result != nil && asked(result.InputRequests, result.RequestState) {
			return reply{result: result}, nil // there is no output yet
		}
		structured, err := schema.Encode(output, out)
		if err != nil {
			e := &codec.Error{Code: codec.CodeInternal, Message: protocol.Clip(err.Error())}
			t.owner.report(Failure{Kind: FailureOutput, Name: t.Name, Err: e})
			return reply{}, e
		}
		return reply{result: result, structured: structured}, nil
	}
}
