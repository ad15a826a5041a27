package reactor

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/rs/zerolog"

	"weir/registry"
	"weir/registry/engine"
)

// TestOneServerOfARegistry at a time: the second is refused and takes nothing, and the next may begin when the first
// has ended.
func TestOneServerOfARegistry(t *testing.T) {
	reg, err := registry.New(namedOptions())
	must(t, err)
	o := DefaultOptions()
	o.HTTP, o.TCP = "", "127.0.0.1:0"
	first, err := New(reg, Config{Options: &o, Log: silent})
	must(t, err)
	must(t, first.Listen())
	must(t, first.Start())
	if _, err := New(reg, Config{Options: &o, Log: silent}); err == nil ||
		!strings.Contains(err.Error(), "another server serves this registry") {
		t.Errorf("a second server: %v", err)
	}
	registry.AddTool(reg, &mcp.Tool{Name: "late"}, func(context.Context, *mcp.CallToolRequest,
		struct{}) (*mcp.CallToolResult, any, error) {
		return nil, nil, nil
	}) // the first is told
	first.Shutdown(context.Background())
	next, err := New(reg, Config{Options: &o, Log: silent})
	must(t, err)
	next.Shutdown(context.Background())
	if err := next.Serve(context.Background()); err == nil || !strings.Contains(err.Error(), "shut down before it began") {
		t.Errorf("a server that was stopped serves: %v", err)
	}
	o.TCP = "256.0.0.1:0"
	next, err = New(reg, Config{Options: &o, Log: silent})
	must(t, err)
	if err := next.Serve(context.Background()); err == nil {
		t.Error("it listens where no host is")
	}
	_, err = New(reg, Config{Options: &o, Log: silent})
	must(t, err)
}

// TestFailuresAreLogged in every server that was given a log, with the tool's name.
func TestFailuresAreLogged(t *testing.T) {
	reg, err := registry.New(namedOptions())
	must(t, err)
	add := func(name string, h mcp.ToolHandlerFor[struct{}, any], opts ...registry.HandlerOption) {
		registry.AddTool(reg, &mcp.Tool{Name: name}, h, opts...)
	}
	add("breaks", func(context.Context, *mcp.CallToolRequest, struct{}) (*mcp.CallToolResult, any,
		error) {
		panic("ouch")
	})
	add("long", func(context.Context, *mcp.CallToolRequest, struct{}) (*mcp.CallToolResult, any, error) {
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: strings.Repeat("x", 2<<20)}}}, nil, nil
	})
	leave := make(chan struct{})
	add("deaf", func(context.Context, *mcp.CallToolRequest, struct{}) (*mcp.CallToolResult, any, error) {
		<-leave
		return nil, nil, nil
	}, registry.Timeout(time.Millisecond))
	type described struct {
		N any `json:"n"`
	}
	registry.AddTool(reg, &mcp.Tool{Name: "wrong", OutputSchema: map[string]any{"type": "object",
		"properties": map[string]any{"n": map[string]any{"type": "integer"}}}},
		func(context.Context, *mcp.CallToolRequest, struct{}) (*mcp.CallToolResult, described, error) {
			return nil, described{N: "one"}, nil
		})
	o := DefaultOptions()
	o.HTTP, o.TCP = "", "127.0.0.1:0"
	var text logText
	log := zerolog.New(&text)
	served, err := New(reg, Config{Options: &o, Log: &log})
	must(t, err)
	must(t, served.Listen())
	must(t, served.Start())
	s := &server{Server: served, t: t}
	p := s.dial("tcp").greet()
	for _, tool := range []string{"breaks", "long", "deaf", "wrong"} {
		p.send(toolCall("1", tool, `{}`))
		contains(t, p.line(), `"error"`)
	}
	close(leave)
	served.Shutdown(context.Background())
	contains(t, text.String(), `"name":"breaks"`, `"panic":"ouch"`, "TestFailuresAreLogged",
		`"message":"a handler panicked"`,
		`"name":"long"`, "mcp.max_result_bytes is 1048576", `"name":"deaf"`, "it did not return within 1ms", `"name":"wrong"`,
		"validating tool output")
}

// A tool that fails at every call writes ten lines in ten seconds, whatever other kinds do, and the next counts the
// others.
func TestFailuresAreLoggedWithinBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var text logText
		s := &Server{log: zerolog.New(&text)}
		for range 25 {
			(*attachment)(s).HandlerFailed(engine.Failure{Kind: engine.FailurePanic, Name: "a"})
		}
		(*attachment)(s).HandlerFailed(engine.Failure{Kind: engine.FailureTooLarge, Name: "b"})
		if n := strings.Count(text.String(), "\n"); n != failuresLogged+1 {
			t.Errorf("%d lines", n)
		}
		time.Sleep(11 * time.Second)
		(*attachment)(s).HandlerFailed(engine.Failure{Kind: engine.FailurePanic, Name: "a"})
		contains(t, text.String(), `"suppressed":15`)
	})
}
