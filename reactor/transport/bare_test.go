package transport

import (
	"context"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"weir/backpressure"
	"weir/cmd/demo"
	"weir/codec"
	"weir/codec/http1"
	"weir/codec/websocket"
	"weir/reactor/auth"
	"weir/reactor/internal/wire"
	"weir/reactor/loop"
	"weir/reactor/pipeline"
	"weir/registry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait of the tests: long enough for a loaded machine under the race detector.
const patience = 20 * time.Second

// settings are what a test may change before the parts are put together.
type settings struct {
	site  Options
	queue backpressure.Options
	loops loop.Options
}

// bare are the parts of a server whose one loop no poller turns: the test does, and so decides what happens between
// two steps.
type bare struct {
	t        testing.TB
	site     Site
	pipeline pipeline.Pipeline
	loops    *loop.Loops
	in       *pipeline.Intake
	stopped  sync.Once
}

// bareServer makes them. With workers the queue runs, else everything admitted waits.
func bareServer(t testing.TB, workers bool, tunes ...func(*settings)) *bare {
	t.Helper()
	limits := codec.DefaultLimits()
	o := settings{site: Options{
		HTTPPath: "/mcp", JSON: limits.JSON, Line: limits.Line, HTTP: http1.DefaultLimits(),
		WebSocket:      websocket.DefaultLimits(),
		MessageTimeout: 10 * time.Second, IdleTimeout: time.Minute, PingInterval: 30 * time.Second,
		SSEKeepAlive: 15 * time.Second, SSERetry: time.Second,
	}, queue: backpressure.DefaultOptions(), loops: loop.Options{
		Loops: 1, Backlog: 16, AcceptBatch: 16, ReadBufferBytes: 64 << 10, SendBufferBytes: 32 << 10,
		MaxOutboxBytes: 64 << 10, MaxOutboxTotalBytes: 64 << 20, MaxInputTotalBytes: 64 << 20,
		FirstByteTimeout: 30 * time.Second, MinReceiveRate: 1 << 10, WriteTimeout: 10 * time.Second,
		LingerTimeout: 2 * time.Second,
	}}
	o.queue.MaxConnections, o.queue.QueueTimeout = 64, 0
	for _, f := range tunes {
		f(&o)
	}
	set := metrics.NewSet()
	r := registry.DefaultOptions()
	r.Name, r.Version = "weir", "dev"
	r.Metrics = set
	reg, err := registry.New(r)
	must(t, err)
	demo.AddTools(reg)
	bounds := o.queue.Resolve(20_000)
	b := &bare{t: t}
	b.pipeline.Engine, b.pipeline.Log = reg.Engine(), zerolog.Nop()
	b.pipeline.Options = pipeline.Options{MaxJSONRPCBatchMessages: 100, JSON: limits.JSON}
	b.pipeline.Queue, err = backpressure.NewQueue(bounds, set)
	must(t, err)
	b.pipeline.Limits, err = backpressure.NewLimits(bounds, b.pipeline.Queue, nil, set)
	must(t, err)
	b.site.Options, b.site.Pipeline, b.site.Rules = o.site, &b.pipeline, auth.NewRules(nil, nil)
	o.loops.MessageTimeout = o.site.MessageTimeout
	b.loops, err = loop.New(o.loops, &b.site, set, zerolog.Nop())
	must(t, err)
	b.pipeline.Init(b.loops, set)
	b.site.Init(b.loops, set)
	b.in = b.pipeline.Intake(b.loops.Loop(0))
	if workers {
		b.pipeline.Queue.Start()
	}
	t.Cleanup(func() {
		b.stop()
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		b.pipeline.Queue.Stop(ctx)
	})
	return b
}

// stop closes all connections and gives up all descriptors.
func (b *bare) stop() {
	b.stopped.Do(func() {
		must(b.t, b.loops.Stop())
		b.loops.Release()
	})
}

// await lets other goroutines bring a condition about.
func (b *bare) await(what string, condition func() bool) {
	b.t.Helper()
	deadline := time.Now().Add(patience)
	for !condition() {
		if time.Now().After(deadline) {
			b.t.Fatalf("it never came about that %s", what)
		}
		<-time.After(time.Millisecond)
	}
}

// sweepInterval is the loops'.
const sweepInterval = 250 * time.Millisecond

// connect adopts one end of a socket pair and returns the other, which does not block.
func (b *bare) connect(transport pipeline.Transport) (c *pipeline.Conn, peer int) {
	b.t.Helper()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	must(b.t, err)
	b.t.Cleanup(func() { _ = unix.Close(pair[1]) })
	c = b.adopt(transport, pair[0])
	b.in.Turn()
	return c, pair[1]
}

// adopt gives the loop a connection of fd, with its next turn.
func (b *bare) adopt(transport pipeline.Transport, fd int) *pipeline.Conn {
	b.t.Helper()
	if refusal := b.pipeline.Limits.Open(netip.Addr{}); refusal != backpressure.Accepted {
		b.t.Fatalf("refused: %v", refusal)
	}
	c := pipeline.NewConn(b.in, transport)
	c.Init(b.in.Loop, &loop.Listener{Name: "tcp", Loopback: true}, int32(fd), netip.Addr{}, c)
	b.loops.Adopt(&c.Conn)
	return c
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func contains(t testing.TB, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not in\n%s", part, text)
		}
	}
}

// write sends text to the server and lets it read.
func (b *bare) write(peer int, text string) {
	b.t.Helper()
	for len(text) > 0 {
		n, err := unix.Write(peer, []byte(text))
		if err != nil && err != unix.EAGAIN {
			b.t.Fatal(err)
		}
		text = text[max(n, 0):]
		b.in.Turn()
	}
	b.in.Turn()
}

// read returns what the server has sent by now.
func (b *bare) read(peer int) string {
	var all []byte
	room := make([]byte, 64<<10)
	for {
		n, _ := unix.Read(peer, room)
		if n <= 0 {
			return string(all)
		}
		all = append(all, room[:n]...)
	}
}

func newLine() pipeline.Transport { return new(lineTransport) }

func newHTTP() pipeline.Transport { return new(httpTransport) }

const hello = wire.Hello

func toolCall(id, tool, arguments string) string { return wire.ToolCall(id, tool, arguments) }

func modernCall(id, tool, arguments string) string { return wire.ModernCall(id, tool, arguments) }

func clientFrame(text string) string { return wire.ClientFrame(text) }
