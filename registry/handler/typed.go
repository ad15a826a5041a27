package handler

import (
	"context"
	"fmt"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/codec"
	"weir/registry/call"
	"weir/registry/protocol"
	"weir/registry/result"
	"weir/registry/schema"
)

// What one call of a typed tool allocates, besides what its handler does; TestCallAllocations holds the number:
//
//  1. typedCall: context, request, params and decoded arguments in one piece, because the handler may keep any of them;
//  2. the private copy of the arguments, which the strings in In point into.

type typedCall[In any] struct {
	toolCall
	in In
}

// NewTypedTool makes a tool with typed arguments and output. Schemas that d does not have are inferred from In and
// Out; arguments are checked against the input schema and decoded strictly (exact case, every digit), the output is
// checked against the output schema. The error says why d cannot be served.
func NewTypedTool[In, Out any](d *mcp.Tool, h mcp.ToolHandlerFor[In, Out], defaults Defaults, opts []Option) (*Tool,
	error) {
	if h == nil {
		return nil, errNoHandler
	}
	inferred := *d
	input, err := schema.Input[In](&inferred.InputSchema, schema.InputOptions{NullIsAbsent: defaults.NullIsAbsent})
	if err != nil {
		return nil, err
	}
	output, err := schema.Output[Out](&inferred.OutputSchema)
	if err != nil {
		return nil, err
	}
	return define(&inferred, &Tool{ErrorsAreResults: true, invoke: typed(input, output, h)}, defaults, opts)
}

// typed runs a handler with typed arguments and output.
func typed[In, Out any](input, output *schema.Schema,
	h func(context.Context, *mcp.CallToolRequest, In) (*mcp.CallToolResult, Out, error),
) func(*call.Call, *Tool) (result.Reply, error) {
	return func(of *call.Call, t *Tool) (result.Reply, error) {
		args, err := arguments(of)
		if err != nil {
			return result.Reply{}, err
		}
		c := new(typedCall[In])
		if err := input.Decode(&c.dec, args, &c.in); err != nil {
			return result.Reply{}, &ArgumentError{fmt.Errorf("validating \"arguments\": %w", err)}
		}
		if err := c.begin(of, t, args); err != nil {
			return result.Reply{}, err
		}
		res, out, err := h(&c.ctx, &c.req, c.in)
		if err != nil {
			return result.Reply{}, err
		}
		if res != nil && result.Asks(res.InputRequests, res.RequestState, result.HasContents(res)) {
			return result.Reply{Result: res}, nil // there is no output yet
		}
		structured, err := schema.Encode(output, out)
		if err != nil {
			e := &codec.Error{Code: codec.CodeInternal, Message: protocol.Clip(err.Error())}
			return result.Reply{}, &OutputError{e}
		}
		return result.Reply{Result: res, Structured: structured}, nil
	}
}
