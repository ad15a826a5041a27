package nats

import (
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"

	"weir/reactor/cluster"
)

// token is what the server asks for.
var token = strings.Repeat("0f", 32)

// startServer is a NATS server that exists, which asks for a token.
func startServer(t *testing.T, port int) *server.Server {
	t.Helper()
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: port, Authorization: token, NoLog: true,
		NoSigs: true})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	if !s.ReadyForConnections(startTimeout) {
		t.Fatal("NATS is not ready")
	}
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	return s
}

// TestURL: the same engine on a NATS server that exists, over its end and its return.
func TestURL(t *testing.T) {
	s := startServer(t, server.RANDOM_PORT)
	port := s.Addr().String()
	by := func(o *Options) {
		o.Engine, o.Listen = "nats://"+port, "127.0.0.1:0"
		o.SecretFile = secretFile(t, token+"\n")
	}
	a, b := join(t, "a", by), join(t, "b", by)
	meet(t, a, b)
	long := make([]byte, 3<<20)
	a.Send("b", kind, 1, long)
	b.want("a 16 1 3145728 bytes of '\\x00'")
	a.Send("c", kind, 2, nil)
	a.want("nobody c 16 2")

	s.Shutdown()
	s.WaitForShutdown()
	waitFor(t, "the connection is lost", func() bool { return !a.Health().Connected })
	a.Send("b", kind, 3, nil)
	a.want("nobody b 16 3")
	startServer(t, portOf(t, port))
	a.met, b.met = map[string]bool{}, map[string]bool{}
	meet(t, a, b)
}

func portOf(t *testing.T, address string) int {
	_, port, err := splitAddress(address)
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// TestURLWrong: who is not let in says why, and goes on trying.
func TestURLWrong(t *testing.T) {
	s := startServer(t, server.RANDOM_PORT)
	a := join(t, "a", func(o *Options) {
		o.Engine, o.SecretFile = "nats://"+s.Addr().String(), secretFile(t, "user:"+strings.Repeat("another", 8))
	})
	waitFor(t, "it says why", func() bool { return strings.Contains(a.Health().LastError, "Authorization") })
	if err := a.Send("b", kind, 1, nil); err != nil {
		t.Error(err)
	}
	a.want("nobody b 16 1")
}

// TestKilled: a node whose server dies without a word is nobody within a moment, and its name is free for another.
func TestKilled(t *testing.T) {
	a := join(t, "a", nil)
	b := join(t, "b", nil, a)
	meet(t, a, b)
	b.Close(t.Context())
	if err := b.Send("a", kind, 1, nil); err != cluster.ErrClosed {
		t.Error(err)
	}
	waitFor(t, "nobody", func() bool {
		a.Send("b", kind, 1, nil)
		return a.heardNobody()
	})
	again := join(t, "b", nil, a)
	meet(t, a, again)
}

func (p *peer) heardNobody() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.lines) > 0 && strings.HasPrefix(p.lines[0], "nobody")
}
