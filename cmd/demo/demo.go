package demo

import (
	"context"
	"time"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/registry"
)

// Bounds of the demo tools' arguments; larger ones do not fit their schemas.
const (
	maxSleepMillis = 600_000    // ten minutes
	maxBurnMicros  = 10_000_000 // ten seconds of one core
)

// burnSlice is how long burn computes between two looks at its context.
const burnSlice = 50 * time.Microsecond

type echoIn struct {
	Message string `json:"message" jsonschema:"the text to return"`
}

type sleepIn struct {
	Millis int `json:"ms" jsonschema:"milliseconds to wait, 0 to 600000"`
}

type burnIn struct {
	Micros int `json:"us" jsonschema:"microseconds to keep one core busy, 0 to 10000000"`
}

type timeIn struct{}

// AddTools registers echo (cheap), time (cheap), sleep (waits) and burn (computes). Their handlers are written as for
// the SDK.
func AddTools(r *registry.Registry) {
	registry.AddTool(r, &mcp.Tool{Name: "echo", Description: "Returns the message it was sent."}, echo,
		registry.Cheap(), registry.SkipMeta())
	registry.AddTool(r, &mcp.Tool{Name: "time", Description: "Tells the server's time (RFC 3339, UTC)."}, tellTime,
		registry.Cheap(), registry.SkipMeta())
	waits := &mcp.Tool{Name: "sleep", Description: "Waits, then answers."}
	registry.AddTool(r, limited[sleepIn](waits, "ms", maxSleepMillis), sleep, registry.SkipMeta())
	// burn is Cheap although it may hold a core for seconds: that is what it is for, to see how the others fare.
	computes := &mcp.Tool{Name: "burn", Description: "Computes, then answers."}
	registry.AddTool(r, limited[burnIn](computes, "us", maxBurnMicros), burn, registry.Cheap(), registry.SkipMeta())
}

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

func tellTime(context.Context, *mcp.CallToolRequest, timeIn) (*mcp.CallToolResult, any, error) {
	return textResult(time.Now().UTC().Format(time.RFC3339Nano)), nil, nil
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

func burn(ctx context.Context, _ *mcp.CallToolRequest, in burnIn) (*mcp.CallToolResult, any, error) {
	end := time.Now().Add(time.Duration(in.Micros) * time.Microsecond)
	for now := time.Now(); now.Before(end); now = time.Now() {
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		for slice := min(burnSlice, end.Sub(now)); time.Since(now) < slice; {
		}
	}
	return textResult("burnt"), nil, nil
}

// text is a result of one text in one piece of memory instead of three.
type text struct {
	result  mcp.CallToolResult
	content [1]mcp.Content
	text    mcp.TextContent
}

func textResult(s string) *mcp.CallToolResult {
	t := &text{text: mcp.TextContent{Text: s}}
	t.content[0] = &t.text
	t.result.Content = t.content[:]
	return &t.result
}
