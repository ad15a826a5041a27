package redisqueue

import (
	"net"
	"os/exec"
	"testing"
	"time"

	"go.uber.org/goleak"

	"weir/cmd/needs"
	"weir/reactor/cluster/queue"
	"weir/reactor/cluster/queue/queuetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve runs a Redis server until the test ends.
func serve(t *testing.T) (address string) {
	t.Helper()
	needs.Programs(t, "calls through Redis are not tried", "redis-server")
	address = needs.Port(t)
	_, port, _ := net.SplitHostPort(address)
	server := exec.Command("redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "",
		"--dir", t.TempDir())
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	})
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		c, err := net.Dial("tcp", address)
		if err == nil {
			c.Close()
			return address
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

func TestRedis(t *testing.T) {
	address := serve(t)
	queuetest.Conformance(t, func(t *testing.T, c queue.Config) (queue.Queue, func(bool)) {
		wire := queuetest.NewWire(t, address)
		q, err := Open("redis://"+wire.Address(), c)
		if err != nil {
			t.Fatal(err)
		}
		return q, wire.Cut
	})
	wire := queuetest.NewWire(t, address)
	t.Run("Frozen", func(t *testing.T) {
		queuetest.Frozen(t, wire, func(c queue.Config) (queue.Queue, error) { return Open("redis://"+wire.Address(), c) })
	})
}
