package sdk

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/registry/schema"
)

// GuardNumbers refuses calls in which the SDK would change a number in silence: mcp.AddTool reads arguments, and
// outputs that have a schema, as float64 before the handler's own types see them.
func GuardNumbers(t *mcp.Tool, h mcp.ToolHandler) mcp.ToolHandler {
	input, output := schema.RoundingOf(t.InputSchema), schema.RoundingOf(t.OutputSchema)
	return func(ctx context.Context, req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		if path, token, ok := input.Before(req.Params.Arguments); ok {
			var refusal mcp.CallToolResult
			refusal.SetError(fmt.Errorf("validating \"arguments\": %s: %s would change its digits in the server", path, token))
			return &refusal, nil
		}
		result, err := h(ctx, req)
		if err != nil || result == nil || t.OutputSchema == nil {
			return result, err
		}
		// What is still a Go value has not been through there.
		if raw, ok := result.StructuredContent.(json.RawMessage); ok {
			if path, token, ok := output.After(raw); ok {
				return nil, fmt.Errorf("structuredContent: %s: %s may have changed its digits in the server", path, token)
			}
		}
		return result, nil
	}
}

// survives refuses what a session of the SDK asks or is answered with, if a number in it would change on the way.
func survives(text json.RawMessage) error {
	if path, token, ok := schema.RoundingOf(nil).Before(text); ok {
		return fmt.Errorf("%s: %s would change its digits in the server", path, token)
	}
	return nil
}
