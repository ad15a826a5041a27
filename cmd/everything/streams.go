package main

import (
	"context"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/registry"
)

// What the suite's scenarios hear while a call runs, and what they change to hear of it: the names and the texts are
// theirs.

// pause lies between two messages of a tool, so that a client shows them one after the other.
const pause = 50 * time.Millisecond

func addStreams(r *registry.Registry) {
	steps := []string{"Tool execution started", "Tool processing data", "Tool execution completed"}
	talk := func(ctx context.Context, say func(step int, text string)) error {
		for step, text := range steps {
			say(step, text)
			select {
			case <-time.After(pause):
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	}
	log := func(ctx context.Context, _ *mcp.CallToolRequest, _ none) (*mcp.CallToolResult, any, error) {
		err := talk(ctx, func(_ int, text string) { registry.Log(ctx, "info", "", text) })
		return answer(&mcp.TextContent{Text: "Tool with logging executed successfully"}), nil, err
	}
	registry.AddTool(r, &mcp.Tool{Name: "test_tool_with_logging", Description: "Logs three times"}, log)
	registry.AddTool(r, &mcp.Tool{Name: "test_logging_tool", Description: "Logs three times, to who asked for it"}, log)
	registry.AddTool(r, &mcp.Tool{Name: "test_tool_with_progress", Description: "Reports its progress"},
		func(ctx context.Context, _ *mcp.CallToolRequest, _ none) (*mcp.CallToolResult, any, error) {
			err := talk(ctx, func(step int, _ string) { registry.Progress(ctx, float64(50*step), 100, "") })
			return answer(&mcp.TextContent{Text: "Tool with progress executed successfully"}), nil, err
		})
	registry.AddTool(r, &mcp.Tool{Name: "test_reconnection",
		Description: "Closes its stream and answers when the client is back"},
		func(ctx context.Context, _ *mcp.CallToolRequest, _ none) (*mcp.CallToolResult, any, error) {
			registry.CloseStream(ctx, pause)
			select {
			case <-time.After(2 * pause):
			case <-ctx.Done():
			}
			return answer(&mcp.TextContent{Text: "Reconnection test completed successfully"}), nil, nil
		})
	addTrigger(r, "test_trigger_tool_change", func() {
		add(r, "test_comes_and_goes", "Shows that the list changed", &mcp.TextContent{Text: "gone again"})
		r.RemoveTool("test_comes_and_goes")
	})
	addTrigger(r, "test_trigger_prompt_change", func() {
		addPrompt(r, &mcp.Prompt{Name: "test_comes_and_goes", Description: "Shows that the list changed"},
			func(map[string]string) []mcp.Content { return nil })
		r.RemovePrompt("test_comes_and_goes")
	})
}

// addTrigger offers a tool that changes something.
func addTrigger(r *registry.Registry, name string, change func()) {
	registry.AddTool(r, &mcp.Tool{Name: name, Description: "Changes a list"},
		func(context.Context, *mcp.CallToolRequest, none) (*mcp.CallToolResult, any, error) {
			change()
			return answer(&mcp.TextContent{Text: "changed"}), nil, nil
		})
}
