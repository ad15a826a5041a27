package engine_test

import (
	"context"
	"time"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// What several fixtures' tools are made of.

type echoIn struct {
	Message string `json:"message" jsonschema:"the text to return"`
}

type sleepIn struct {
	Millis int `json:"ms" jsonschema:"milliseconds to wait, 0 to 600000"`
}

const maxSleepMillis = 600_000

// limited gives a definition the schema inferred from In, with 0 to most as the range of one member.
func limited[In any](t *mcp.Tool, member string, most float64) *mcp.Tool {
	s, err := jsonschema.For[In](nil)
	if err != nil {
		panic(err) // the types are in this file
	}
	least := 0.0
	s.Properties[member].Minimum, s.Properties[member].Maximum = &least, &most
	t.InputSchema = s
	return t
}

func echo(_ context.Context, _ *mcp.CallToolRequest, in echoIn) (*mcp.CallToolResult, any, error) {
	return textResult(in.Message), nil, nil
}

func sleep(ctx context.Context, _ *mcp.CallToolRequest, in sleepIn) (*mcp.CallToolResult, any, error) {
	timer := time.NewTimer(time.Duration(in.Millis) * time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
		return textResult("slept"), nil, nil
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	}
}

func textResult(s string) *mcp.CallToolResult {
	// In one piece of memory instead of three: what is counted is what a call allocates.
	t := new(struct {
		result  mcp.CallToolResult
		content [1]mcp.Content
		text    mcp.TextContent
	})
	t.text.Text = s
	t.content[0] = &t.text
	t.result.Content = t.content[:]
	return &t.result
}
