package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/registry"
)

// What the suite's scenarios run as tasks: the names and the texts are theirs. The handlers do not know whether they
// do.

func addJobs(r *registry.Registry) {
	type nameIn struct {
		Name string `json:"name"`
	}
	registry.AddTool(r, &mcp.Tool{Name: "greet", Description: "Greets at once, and never as a task"},
		func(_ context.Context, _ *mcp.CallToolRequest, in nameIn) (*mcp.CallToolResult, any, error) {
			return answer(&mcp.TextContent{Text: "Hello, " + in.Name + "!"}), nil, nil
		}, registry.Cheap())
	type computeIn struct {
		Seconds float64 `json:"seconds"`
		Label   string  `json:"label,omitempty"`
	}
	registry.AddTool(r, &mcp.Tool{Name: "slow_compute", Description: "Takes as many seconds as it is told to"},
		func(ctx context.Context, _ *mcp.CallToolRequest, in computeIn) (*mcp.CallToolResult, any, error) {
			registry.Progress(ctx, 0, in.Seconds, "computing "+in.Label)
			if err := rest(ctx, time.Duration(in.Seconds*float64(time.Second))); err != nil {
				return nil, nil, err
			}
			return answer(&mcp.TextContent{Text: fmt.Sprintf("Computed %s in %v seconds", in.Label, in.Seconds)}), nil, nil
		}, registry.Tasks(registry.TaskOptional))
	registry.AddTool(r, &mcp.Tool{Name: "failing_job", Description: "Fails after a second"},
		func(ctx context.Context, _ *mcp.CallToolRequest, _ none) (*mcp.CallToolResult, any, error) {
			if err := rest(ctx, time.Second); err != nil {
				return nil, nil, err
			}
			return nil, nil, errors.New("the job failed, as it always does")
		}, registry.Tasks(registry.TaskRequired))
	registry.AddTool(r, &mcp.Tool{Name: "protocol_error_job", Description: "Ends in a JSON-RPC error"},
		func(context.Context, *mcp.CallToolRequest, none) (*mcp.CallToolResult, any, error) {
			return nil, nil, &jsonrpc.Error{Code: jsonrpc.CodeInternalError,
				Message: "the job broke the protocol, as it always does"}
		}, registry.Tasks(registry.TaskOptional))
	addAskingJobs(r)
}

// addAskingJobs offers tools that ask their client for something, within the task and before it.
func addAskingJobs(r *registry.Registry) {
	type fileIn struct {
		Filename string `json:"filename,omitempty"`
	}
	registry.AddTool(r, &mcp.Tool{Name: "confirm_delete", Description: "Asks before it would delete a file"},
		func(_ context.Context, req *mcp.CallToolRequest, in fileIn) (*mcp.CallToolResult, any, error) {
			got := req.Params.InputResponses["confirm"]
			if got == nil {
				return &mcp.CallToolResult{InputRequests: mcp.InputRequestMap{
					"confirm": elicit("Delete "+in.Filename+"?", "confirm", "boolean")}}, nil, nil
			}
			if field(got, "confirm") != true {
				return answer(&mcp.TextContent{Text: "Kept " + in.Filename}), nil, nil
			}
			return answer(&mcp.TextContent{Text: "Deleted " + in.Filename}), nil, nil
		}, registry.Tasks(registry.TaskOptional))
	addAsks(r, "multi_input", asks{
		wants: mcp.InputRequestMap{"name": elicit("What is your name?", "name", "string"),
			"confirm": elicit("Are you sure?", "confirm", "boolean")},
		says: func(got mcp.InputResponseMap, _ string) string {
			return fmt.Sprintf("%v, %v", field(got["name"], "name"), field(got["confirm"], "confirm"))
		}}, registry.Tasks(registry.TaskOptional))
	addAsks(r, "test_tool_with_task", asks{
		wants: mcp.InputRequestMap{"user_name": elicit("What is your name?", "name", "string")},
		says: func(got mcp.InputResponseMap, _ string) string {
			return fmt.Sprintf("Hello, %v!", field(got["user_name"], "name"))
		}}, registry.Tasks(registry.TaskRequired), registry.AskFirst())
}

// rest sleeps, unless nobody wants the result any more.
func rest(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
