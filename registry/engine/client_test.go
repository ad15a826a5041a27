package engine_test

import (
	"bufio"
	"context"
	"errors"
	"net"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/registry"
	. "weir/registry/engine"
	"weir/registry/protocol"
)

// serveLines answers the lines that come over a pipe, one after the other, until the other side closes.
func serveLines(r *Registry, conn net.Conn) {
	defer conn.Close()
	p := &peer{r: r}
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		if a := p.send(lines.Text(), Header{}); a.body != "" {
			if _, err := conn.Write([]byte(a.body + "\n")); err != nil {
				return
			}
		}
	}
}

// The SDK's own client judges each revision: it negotiates, validates what it is sent, and finds every kind of ending.
func TestSDKClient(t *testing.T) {
	for i := range protocol.RevisionCount {
		rev := protocol.RevisionAt(i)
		t.Run(rev.Version, func(t *testing.T) {
			ctx := context.Background()
			r := newFixture(t, func(o *registry.Options) { o.PageSize = 3 })
			here, there := net.Pipe()
			done := make(chan struct{})
			go func() { serveLines(r, there); close(done) }()
			defer func() { here.Close(); <-done }()
			client := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, nil)
			session, err := client.Connect(ctx, &mcp.IOTransport{Reader: here, Writer: here},
				&mcp.ClientSessionOptions{ProtocolVersion: rev.Version})
			if err != nil {
				t.Fatal(err)
			}
			defer session.Close()
			if got := session.InitializeResult(); got.ProtocolVersion != rev.Version || got.ServerInfo.Name != "fixture" ||
				got.Instructions == "" {
				t.Errorf("initialized: %+v", got)
			}
			tools := 0
			for tool, err := range session.Tools(ctx, nil) {
				if err != nil {
					t.Fatal(err)
				}
				if tools++; tool.Name == "weather" && (tool.OutputSchema != nil) != rev.Structured.Allows(true) {
					t.Error("output schema:", tool.OutputSchema)
				}
			}
			if tools != 8 {
				t.Error("tools:", tools)
			}
			judgeCalls(t, ctx, session, rev)
		})
	}
}

func judgeCalls(t *testing.T, ctx context.Context, session *mcp.ClientSession, rev *protocol.Revision) {
	call := func(name string, arguments any) (*mcp.CallToolResult, error) {
		return session.CallTool(ctx, &mcp.CallToolParams{Name: name, Arguments: arguments})
	}
	code := func(err error) int64 {
		if wire, ok := errors.AsType[*jsonrpc.Error](err); ok {
			return wire.Code
		}
		return 0
	}
	res, err := call("echo", map[string]any{"message": "hé\n"})
	if err != nil || res.IsError || res.Content[0].(*mcp.TextContent).Text != "hé\n" {
		t.Errorf("echo: %+v %v", res, err)
	}
	res, err = call("weather", map[string]any{"city": "Oslo"})
	if err != nil || res.IsError || (res.StructuredContent != nil) != rev.Structured.Allows(true) {
		t.Errorf("weather: %+v %v", res, err)
	}
	if res, err = call("weather", map[string]any{"city": ""}); err != nil || !res.IsError {
		t.Errorf("tool error: %+v %v", res, err)
	}
	res, err = call("echo", map[string]any{"message": 7})
	if rev.ArgumentsAreResults && (err != nil || !res.IsError) || !rev.ArgumentsAreResults && code(err) != -32602 {
		t.Errorf("bad arguments: %+v %v", res, err)
	}
	if _, err = call("refuse", nil); code(err) != -31999 {
		t.Errorf("protocol error: %v", err)
	}
	if _, err = call("panic", nil); code(err) != -32603 {
		t.Errorf("panic: %v", err)
	}
	if _, err = call("nobody", nil); code(err) != -32602 {
		t.Errorf("unknown tool: %v", err)
	}
	if res, err = call("raw", map[string]any{"a": 1}); err != nil || len(res.Content) != 2 {
		t.Errorf("rich: %+v %v", res, err)
	}
}
