package reactor

import (
	"context"
	"net"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/backpressure"
	"weir/registry"
)

// TestLaunchFails without leaving anything behind: goleak looks at the end of the package's tests.
func TestLaunchFails(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer taken.Close()
	f := func(want string, change func(*Options, *backpressure.Options)) {
		t.Helper()
		reg, err := registry.New(registry.DefaultOptions())
		must(t, err)
		o, b := DefaultOptions(), backpressure.DefaultOptions()
		o.HTTP, o.TCP = "127.0.0.1:0", ""
		change(&o, &b)
		if _, err := Launch(Assembly{Registry: reg, Options: &o, Bounds: &b}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	f("address already in use", func(o *Options, _ *backpressure.Options) { o.HTTP = taken.Addr().String() })
	f("backlog", func(o *Options, _ *backpressure.Options) { o.Backlog = -1 })
	f("max_waiting", func(_ *Options, b *backpressure.Options) { b.MaxWaiting = 0 })
}

// TestLaunchStops: Stop waits for the call that runs, and what it was given is what it goes by.
func TestLaunchStops(t *testing.T) {
	reg, err := registry.New(registry.DefaultOptions())
	must(t, err)
	begun, release := make(chan struct{}), make(chan struct{})
	registry.AddTool(reg, &mcp.Tool{Name: "last"}, func(context.Context, *mcp.CallToolRequest, struct{}) (*mcp.CallToolResult, any, error) {
		close(begun)
		<-release
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: "done"}}}, nil, nil
	})
	o, b := DefaultOptions(), backpressure.DefaultOptions()
	o.HTTP, o.TCP, b.MaxConnections = "", "127.0.0.1:0", 1
	launched, err := Launch(Assembly{Registry: reg, Options: &o, Bounds: &b})
	must(t, err)
	s := &server{Server: launched.Server, t: t, queue: launched.queue}
	p := s.dial("tcp").greet()
	contains(t, s.dial("tcp").rest(), "connection_limit")
	p.send(toolCall("1", "last", `{}`))
	<-begun
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	stopped := make(chan DrainReport, 1)
	go func() { stopped <- launched.Stop(ctx) }()
	s.eventually("it drains", s.queue.Draining)
	select {
	case report := <-stopped:
		t.Errorf("it did not wait for the call: %+v", report)
	default:
	}
	close(release)
	if report := <-stopped; report.Messages != 0 || ctx.Err() != nil {
		t.Errorf("%+v, %v", report, ctx.Err())
	}
	contains(t, p.rest(), `"done"`)
}
