package reactor

import (
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"golang.org/x/sys/unix"

	"weir/backpressure"
	"weir/registry"
)

// Every reason to close is reached, and counted under its name.
func TestEveryCloseReason(t *testing.T) {
	with := func(change func(*Options)) tune {
		return func(o *Options, _ *backpressure.Options, _ *registry.Options) { change(o) }
	}
	unchanged := with(func(*Options) {})
	type cause struct {
		tune tune
		make func(*server)
	}
	causes := map[closeReason]cause{
		closePeer: {unchanged, func(s *server) {
			p := s.dial("tcp")
			p.answers()
			p.closeWrite()
			p.rest()
		}},
		closePeerReset: {unchanged, func(s *server) {
			p := s.dial("tcp")
			p.answers()
			p.reset()
		}},
		closePeerTruncated: {unchanged, func(s *server) {
			p := s.dial("http")
			p.send("POST /mcp HTT")
			p.closeWrite()
			p.rest()
		}},
		closeRequested: {unchanged, func(s *server) {
			p := s.dial("http")
			p.send(postDiscover("Connection: close"))
			p.response()
			p.rest()
			p.Close()
		}},
		closeBadRequest: {unchanged, func(s *server) {
			p := s.dial("http")
			p.send("nonsense\r\n\r\n")
			p.response()
			p.rest()
			p.Close()
		}},
		closeBadFrame: {unchanged, func(s *server) {
			p := s.websocket()
			p.frame(ws.NewBinaryFrame([]byte("x")))
			p.rest()
			p.Close()
		}},
		closeMessageTooBig: {with(func(o *Options) { o.Messages.Line.MaxMessageBytes = 1024 }), func(s *server) {
			p := s.dial("tcp")
			p.send(strings.Repeat("x", 2000))
			p.rest()
			p.Close()
		}},
		closeFirstByte: {with(func(o *Options) { o.FirstByteTimeout = 50 * time.Millisecond }), func(s *server) { s.dial("tcp").gone() }},
		closeMessageTimeout: {with(func(o *Options) { o.MessageTimeout = 100 * time.Millisecond }), func(s *server) {
			p := s.dial("tcp")
			p.send(`{"jsonrpc"`)
			p.gone()
		}},
		closeIdle: {with(func(o *Options) { o.LineIdleTimeout = 50 * time.Millisecond }), func(s *server) {
			p := s.dial("tcp")
			p.answers()
			p.gone()
		}},
		closePingTimeout:  {with(func(o *Options) { o.PingInterval = 50 * time.Millisecond }), func(s *server) { s.websocket().gone() }},
		closeWriteStalled: {with(func(o *Options) { o.WriteTimeout = 100 * time.Millisecond }), func(s *server) { s.dial("tcp").narrow().greet().ask(2000, 10_000) }},
		closeUnauthorized: {guarded, func(s *server) {
			p := s.dial("tcp")
			p.send(hello + "\n")
			p.rest()
			p.Close()
		}},
		closeAuthTimeout: {with(func(o *Options) {
			guarded(o, nil, nil)
			o.Auth.Timeout = 100 * time.Millisecond
		}), func(s *server) { s.dial("tcp").gone() }},
		closeTokenEnded: {guarded, func(s *server) {
			p := s.dial("tcp")
			p.send(bearing("alice") + "\n")
			p.greet()
			s.ReplaceTokens(tokensFor(s.t))
			p.gone()
		}},
		closeOutboxBudget: {with(func(o *Options) { o.MaxOutboxTotalBytes, o.MaxOutboxBytes = 1<<20, 8<<20 }), func(s *server) {
			s.dial("tcp").narrow().greet().ask(40, 200_000)
		}},
		closeInputBudget: {with(func(o *Options) { o.MaxInputTotalBytes = 1 << 20 }), func(s *server) {
			s.dial("tcp").send(strings.Repeat("x", 600<<10))
			s.eventually("the first one's input is kept", func() bool { return s.inBytes.Load() >= 600<<10 })
			p := s.dial("tcp")
			_, _ = p.Write([]byte(strings.Repeat("x", 600<<10))) // may be cut off in the middle
			p.gone()
		}},
		closeDrain: {unchanged, func(s *server) {
			p := s.dial("tcp")
			p.answers()
			s.stop(time.Second)
			p.gone()
		}},
		closeError: {unchanged, nil}, // TestConnectionThatCannotBeWatched
	}
	for reason := stillOpen + 1; reason < closeReasons; reason++ {
		t.Run(reason.String(), func(t *testing.T) {
			c, ok := causes[reason]
			if !ok {
				t.Fatal("no test reaches this reason")
			}
			if c.make == nil {
				return
			}
			s := start(t, patient, c.tune)
			c.make(s)
			s.closedFor(reason, "1")
		})
	}
}

// reset ends the connection as a crash does.
func (p *peer) reset() {
	p.t.Helper()
	must(p.t, p.Conn.(interface{ SetLinger(int) error }).SetLinger(0))
	p.Close()
}

func TestConnectionThatCannotBeWatched(t *testing.T) {
	b := bareServer(t, false)
	file, err := os.CreateTemp(t.TempDir(), "x")
	must(t, err)
	fd, err := unix.Dup(int(file.Fd())) // epoll takes no regular files
	must(t, err)
	must(t, file.Close())
	b.limits.Open(netip.Addr{})
	c := &conn{loop: b.loop, listener: &listener{name: "tcp"}, fd: int32(fd), transport: newLine()}
	c.lane.Init(c)
	b.loop.stats.connections.Add(1)
	b.loop.adopt(c)
	if !c.finished || c.reason != closeError || b.Connections() != 0 || b.limits.Connections() != 0 {
		t.Errorf("finished %v for %v, %d connections", c.finished, c.reason, b.Connections())
	}
	if n := b.metrics.closed[closeError].Get(); n != 1 {
		t.Errorf("counted %d times", n)
	}
}
