package reactor

import (
	"bytes"
	"context"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/rs/zerolog"

	"weir/backpressure"
	"weir/registry"
)

// TestServeFails without leaving anything behind: goleak looks at the end of the package's tests.
func TestServeFails(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer taken.Close()
	f := func(want string, change func(*Options, *backpressure.Options)) {
		t.Helper()
		reg, err := registry.New(namedOptions())
		must(t, err)
		o, b := DefaultOptions(), backpressure.DefaultOptions()
		o.HTTP, o.TCP = "127.0.0.1:0", ""
		change(&o, &b)
		s, err := New(reg, Config{Options: &o, Queue: &b, Log: silent})
		if err == nil {
			err = s.Serve(context.Background())
			if report := s.Shutdown(context.Background()); report != (DrainReport{}) {
				t.Errorf("after the failure there was something to stop: %+v", report)
			}
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	f("address already in use", func(o *Options, _ *backpressure.Options) { o.HTTP = taken.Addr().String() })
	f("backlog", func(o *Options, _ *backpressure.Options) { o.Backlog = -1 })
	f("max_waiting", func(_ *Options, b *backpressure.Options) { b.MaxWaiting = 0 })
}

// A start that fails cleans up after itself, the workers included.
func TestFailedStartLeavesNothing(t *testing.T) {
	// netpoll keeps descriptors of its own
	start(t, func(o *Options, _ *backpressure.Options, _ *registry.Options) { o.Loops = 3 }).stop(0)
	before := descriptors(t)
	s := brokenServer(t, func(o *Options, _ *backpressure.Options, _ *registry.Options) { o.Loops = 3 })
	if err := s.Start(); err == nil {
		t.Error("it started with a broken loop")
	}
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors are open, %d were before", after, before)
	}
}

// TestServeStops: the end of the context, and Shutdown, wait for the call that runs, and what the server was given is
// what it goes by.
func TestServeStops(t *testing.T) {
	f := func(name string, stop func(s *Server, cancel context.CancelFunc)) {
		t.Run(name, func(t *testing.T) {
			reg, err := registry.New(namedOptions())
			must(t, err)
			begun, release := make(chan struct{}), make(chan struct{})
			registry.AddTool(reg, &mcp.Tool{Name: "last"}, func(context.Context, *mcp.CallToolRequest,
				struct{}) (*mcp.CallToolResult, any, error) {
				close(begun)
				<-release
				return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: "done"}}}, nil, nil
			})
			o, b := DefaultOptions(), backpressure.DefaultOptions()
			o.HTTP, o.TCP, b.MaxConnections = "", "127.0.0.1:0", 1
			var text logText
			log := zerolog.New(&text)
			served, err := New(reg, Config{Options: &o, Queue: &b, Log: &log, ShutdownTimeout: patience})
			must(t, err)
			must(t, served.Listen())
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			ended := make(chan error, 1)
			go func() { ended <- served.Serve(ctx) }()
			s := &server{Server: served, t: t}
			p := s.dial("tcp").greet()
			contains(t, s.dial("tcp").rest(), "connection_limit")
			p.send(toolCall("1", "last", `{}`))
			<-begun
			go stop(served, cancel)
			s.eventually("it drains", s.queue.Draining)
			select {
			case err := <-ended:
				t.Errorf("it did not wait for the call: %v", err)
			default:
			}
			close(release)
			contains(t, p.rest(), `"done"`)
			must(t, <-ended)
			contains(t, text.String(), `"messages_cut":0`, `"message":"stopped"`)
		})
	}
	f("context", func(_ *Server, cancel context.CancelFunc) { cancel() })
	f("shutdown", func(s *Server, _ context.CancelFunc) {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		s.Shutdown(ctx)
	})
}

// TestStatus names what a server is doing.
func TestStatus(t *testing.T) {
	s := start(t, func(_ *Options, b *backpressure.Options, _ *registry.Options) { b.MaxConnections, b.Workers = 1, 3 })
	if st := s.Status(); st.Refusing != "" || st.Listeners["tcp"] == "" || len(st.LoopConnections) != 2 ||
		st.Workers != 3 {
		t.Errorf("at rest: %+v", st)
	}
	s.dial("tcp").greet().send(toolCall("1", "stuck", `{}`))
	s.awaitStuck()
	if st := s.Status(); st.Refusing != "connection_limit" || st.Connections != 1 || st.MaxConnections != 1 ||
		st.ExecutingBlocking != 1 || st.QueueBytes == 0 {
		t.Errorf("with a call: %+v", st)
	}
	s.stop(50 * time.Millisecond)
	if st := s.Status(); st.Refusing != "draining" {
		t.Errorf("at the end: %+v", st)
	}
}

// logText is a log that a test reads while the server writes.
type logText struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logText) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
