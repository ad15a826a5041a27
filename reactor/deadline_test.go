package reactor

import (
	"io"
	"testing"
	"time"

	"weir/backpressure"
	"weir/reactor/loop"
	"weir/registry"
)

func hasty(o *Options, _ *backpressure.Options, _ *registry.Options) {
	o.MessageTimeout, o.IdleTimeout, o.FirstByteTimeout = 300*time.Millisecond, 300*time.Millisecond, 300*time.Millisecond
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
			s.dial(listener).drip(text, "x")
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

// A long message that comes fast enough may take longer than message_timeout; a head may not.
func TestLongMessageInTime(t *testing.T) {
	s := start(t, hasty, func(o *Options, _ *backpressure.Options, _ *registry.Options) { o.MinReceiveRate = 1000 })
	p := s.dial("tcp")
	p.send(`{"jsonrpc":"2.0","id":1,"method":"ping"`)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for range 20 { // one second at 4,000 bytes per second
		<-tick.C
		p.send("                                                                                                                                                                                                        ")
	}
	p.send("}\n")
	contains(t, p.line(), `"id":1,"result":{}`)
}

func TestIdle(t *testing.T) {
	f := func(name string, reason loop.Reason, begin func(*server) *peer) {
		t.Run(name, func(t *testing.T) {
			s := start(t, hasty)
			begin(s).gone()
			s.closedFor(reason, "1")
		})
	}
	f("http without a byte", loop.CloseFirstByte, func(s *server) *peer { return s.dial("http") })
	f("tcp without a byte", loop.CloseFirstByte, func(s *server) *peer { return s.dial("tcp") })
	f("http between requests", loop.CloseIdle, func(s *server) *peer {
		p := s.dial("http")
		p.send(postDiscover())
		p.response()
		return p
	})
	t.Run("a call is not idle", func(t *testing.T) {
		s := start(t, hasty)
		p := s.dial("http")
		p.send(modernCall("1", "sleep", `{"ms":1000}`))
		_, body := p.response()
		contains(t, body, "slept")
		<-time.After(50 * time.Millisecond)
		p.send(postDiscover())
		if r, _ := p.response(); r.StatusCode != 200 {
			t.Error(r.Status)
		}
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
			p.rest()
			s.closedFor(loop.CloseRequested, "1")
			s.eventually("nothing is open", func() bool { return s.Connections() == 0 && s.limits.Connections() == 0 })
		})
	}
	f("some", 100*time.Millisecond)
	f("none", 0)
}
