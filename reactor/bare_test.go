package reactor

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/gobwas/ws"
	"golang.org/x/sys/unix"

	"weir/backpressure"
	"weir/cmd/demo"
	"weir/reactor/loop"
	"weir/registry"
)

// bare is a server whose loop no poller turns: the test does, and so decides what happens between two steps.
type bare struct {
	*Server
	t   testing.TB
	in  *intake
	set *metrics.Set
}

// bareServer makes one with a single loop. With workers the queue runs, else everything admitted waits.
func bareServer(t testing.TB, workers bool, tunes ...tune) *bare {
	t.Helper()
	o, b, r := DefaultOptions(), backpressure.DefaultOptions(), registry.DefaultOptions()
	o.Loops, b.MaxConnections, b.QueueTimeout = 1, 64, 0
	set := metrics.NewSet()
	r.Metrics = set
	for _, f := range tunes {
		f(&o, &b, &r)
	}
	reg, err := registry.New(r)
	must(t, err)
	demo.AddTools(reg)
	s, err := New(reg, Config{Options: &o, Queue: &b, Metrics: set, Log: silent})
	must(t, err)
	if workers {
		s.queue.Start()
	}
	t.Cleanup(func() {
		over, cancel := context.WithCancel(context.Background())
		cancel()
		s.Shutdown(over)
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		s.queue.Stop(ctx)
	})
	return &bare{Server: s, t: t, in: s.intakes[0], set: set}
}

// await lets other goroutines bring a condition about.
func (b *bare) await(what string, condition func() bool) {
	b.t.Helper()
	(&server{t: b.t}).eventually(what, condition)
}

// sweepInterval is the loops'.
const sweepInterval = 250 * time.Millisecond

// connect adopts one end of a socket pair and returns the other, which does not block.
func (b *bare) connect(transport transport) (c *conn, peer int) {
	b.t.Helper()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	must(b.t, err)
	b.t.Cleanup(func() { _ = unix.Close(pair[1]) })
	if refusal := b.limits.Open(netip.Addr{}); refusal != backpressure.Accepted {
		b.t.Fatalf("refused: %v", refusal)
	}
	c = newConn(b.in, transport)
	c.Init(b.in.Loop, &loop.Listener{Name: "tcp", Loopback: true}, int32(pair[0]), netip.Addr{}, c)
	b.loops.Adopt(&c.Conn)
	b.in.Turn()
	return c, pair[1]
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

func newLine() transport { return new(lineTransport) }

func newHTTP() transport { return new(httpTransport) }

// clientFrame is one masked text frame.
func clientFrame(text string) string {
	return string(ws.MustCompileFrame(ws.MaskFrame(ws.NewTextFrame([]byte(text)))))
}
