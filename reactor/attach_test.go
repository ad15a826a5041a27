package reactor

import (
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"weir/backpressure"
	"weir/reactor/loop"
	"weir/registry"
)

// attached gives the server one end of a socket pair; reason has one value when the server has closed it.
func (s *server) attached() (p *peer, reason chan string, err error) {
	s.t.Helper()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	must(s.t, err)
	reason = make(chan string, 1)
	if err := s.attach("test", pair[0], func(why string) { reason <- why }); err != nil {
		unix.Close(pair[0])
		unix.Close(pair[1])
		return nil, nil, err
	}
	file := os.NewFile(uintptr(pair[1]), "test")
	defer file.Close()
	c, err := net.FileConn(file)
	must(s.t, err)
	s.t.Cleanup(func() { c.Close() })
	return s.peerOf(c), reason, nil
}

// withoutListeners and deadlines that a silent peer would miss.
func withoutListeners(o *Options, b *backpressure.Options, _ *registry.Options) {
	o.HTTP, o.TCP = "", ""
	o.FirstByteTimeout, o.MessageTimeout, o.WriteTimeout = 100*time.Millisecond, 100*time.Millisecond, 100*time.Millisecond
	o.LingerTimeout, o.LineIdleTimeout = 100*time.Millisecond, 100*time.Millisecond
	b.MaxConnections, b.SoftConnections = 1, 1
}

func (s *server) hears(reason chan string, want loop.Reason) {
	s.t.Helper()
	select {
	case got := <-reason:
		if got != want.String() {
			s.t.Errorf("it ended for %s, want %v", got, want)
		}
	case <-time.After(patience):
		s.t.Errorf("it never ended, want %v", want)
	}
}

// TestAttachedHasNoDeadlines: silence, half a message and unread answers are all borne, each over several sweeps.
func TestAttachedHasNoDeadlines(t *testing.T) {
	s := start(t, withoutListeners, func(o *Options, _ *backpressure.Options, _ *registry.Options) { o.Loops = 1 })
	p, reason, err := s.attached()
	must(t, err)
	sweeps := func() {
		t.Helper()
		from := s.turns() // a loop with nothing to do turns for its sweeps only
		s.eventually("three sweeps passed", func() bool { return s.turns() >= from+3 })
	}
	sweeps()
	p.greet()
	p.send(`{"jsonrpc":"2.0",`)
	sweeps()
	p.send(`"id":1,"method":"ping"}` + "\n")
	contains(t, p.line(), `"id":1,"result":{}`)
	go func() { // several messages are above what the buffers take, so this waits for the reading below
		big := toolCall("2", "echo", `{"message":"`+strings.Repeat("x", 100_000)+`"}`)
		for range 10 {
			if _, err := p.Write([]byte(big)); err != nil {
				return
			}
		}
		p.Conn.(*net.UnixConn).CloseWrite()
	}()
	s.eventually("answers wait", func() bool { return s.loops.OutboxBytes() > 0 })
	sweeps()
	if n := strings.Count(p.rest(), "\n"); n != 10 {
		t.Errorf("%d answers to 10 calls", n)
	}
	s.hears(reason, loop.ClosePeer)
}

// TestAttachedIsLimited: it counts as a connection, and lingers no longer than the others.
func TestAttachedIsLimited(t *testing.T) {
	s := start(t, withoutListeners)
	p, reason, err := s.attached()
	must(t, err)
	if _, _, err := s.attached(); err == nil || !strings.Contains(err.Error(), "attach test: refused: connection_limit") {
		t.Errorf("the second of one connection: %v", err)
	}
	p.send("GET / HTTP/1.1\n") // a line that is too long would be skipped
	contains(t, p.line(), "HTTP is spoken on")
	s.hears(reason, loop.CloseBadRequest) // although the peer has not closed
	s.eventually("its place is free", func() bool { return s.limits.Connections() == 0 })
}

func TestAttachedDrains(t *testing.T) {
	s := start(t, withoutListeners)
	p, reason, err := s.attached()
	must(t, err)
	p.greet().send(toolCall("1", "stuck", `{}`))
	s.awaitStuck()
	report := make(chan DrainReport)
	go func() { report <- s.stop(patience) }()
	s.eventually("it drains", func() bool { return s.queue.Draining() })
	s.free()
	contains(t, p.rest(), `"id":1,"result"`)
	s.hears(reason, loop.CloseDrain)
	if got := <-report; got.Messages != 0 {
		t.Errorf("%+v", got)
	}
	if _, _, err := s.attached(); err == nil || !strings.Contains(err.Error(), "draining") {
		t.Errorf("after the stop: %v", err)
	}
}

func TestAttachWantsASocket(t *testing.T) {
	s := start(t, withoutListeners)
	file, err := os.Open(os.DevNull)
	must(t, err)
	defer file.Close()
	if err := s.attach("null", int(file.Fd()), func(string) {}); err == nil {
		t.Error("a file was attached")
	}
	if n := s.limits.Connections(); n != 0 {
		t.Errorf("%d connections are counted", n)
	}
}
