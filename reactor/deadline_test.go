package reactor

import (
	"io"
	"testing"
	"time"

	"weir/backpressure"
	"weir/reactor/loop"
	"weir/registry"
)

// hasty waits little for the rest of a message, and for nothing else: a test may take long between two steps.
func hasty(o *Options, _ *backpressure.Options, _ *registry.Options) {
	o.MessageTimeout = 300 * time.Millisecond
}

// drip sends text and then one byte every 20 ms until the server has had enough.
func (p *peer) drip(text, more string) {
	p.t.Helper()
	p.send(text)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = io.Copy(io.Discard, p.r)
	}()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	for {
		select {
		case <-ended:
			return
		case <-tick.C:
			if _, err := io.WriteString(p.Conn, more); err != nil {
				<-ended
				return
			}
		case <-limit.C:
			p.t.Fatal("it may drip for ever")
		}
	}
}

// Slowloris in its kinds.
func TestDrip(t *testing.T) {
	f := func(name, listener, text string) {
		t.Run(name, func(t *testing.T) {
			s := start(t, hasty)
			good := s.dial("tcp")
			good.answers()
			p := s.dial(listener)
			p.drip(text, "x")
			p.Close() // or it is waited for
			s.closedFor(loop.CloseMessageTimeout, "1")
			good.answers()
		})
	}
	head := "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
	f("line", "tcp", `{"jsonrpc"`)
	f("HTTP head", "http", head)
	f("HTTP body", "http", head+"Content-Length: 100000\r\n\r\n")
	f("HTTP chunks", "http", head+"Transfer-Encoding: chunked\r\n\r\n10000\r\n")
	f("WebSocket frame", "http", upgradeRequest+"\x81\xfe\x40\x00\x00\x00\x00\x00")
}

func TestIdle(t *testing.T) {
	const soon = 300 * time.Millisecond
	f := func(name string, reason loop.Reason, tuned func(*Options), begin func(*server) *peer) {
		t.Run(name, func(t *testing.T) {
			s := start(t, func(o *Options, _ *backpressure.Options, _ *registry.Options) { tuned(o) })
			begin(s).gone()
			s.closedFor(reason, "1")
		})
	}
	firstByte := func(o *Options) { o.FirstByteTimeout = soon }
	f("http without a byte", loop.CloseFirstByte, firstByte, func(s *server) *peer { return s.dial("http") })
	f("tcp without a byte", loop.CloseFirstByte, firstByte, func(s *server) *peer { return s.dial("tcp") })
	f("http between requests", loop.CloseIdle, func(o *Options) { o.IdleTimeout = soon }, func(s *server) *peer {
		p := s.dial("http")
		p.send(postDiscover())
		p.response()
		return p
	})
}

// A peer that never closes its side is not waited for longer than linger_timeout.
func TestLinger(t *testing.T) {
	f := func(name string, timeout time.Duration) {
		t.Run(name, func(t *testing.T) {
			s := start(t, func(o *Options, _ *backpressure.Options, _ *registry.Options) { o.LingerTimeout = timeout })
			p := s.dial("http")
			p.send(postDiscover("Connection: close"))
			p.response()
			if _, err := io.ReadAll(p.r); err != nil { // and not rest, which closes
				t.Fatal(err)
			}
			s.closedFor(loop.CloseRequested, "1")
			s.eventually("nothing is open", func() bool { return s.Connections() == 0 && s.limits.Connections() == 0 })
		})
	}
	f("some", 100*time.Millisecond)
	f("none", 0)
}
