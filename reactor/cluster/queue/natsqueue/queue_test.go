package natsqueue

import (
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"go.uber.org/goleak"

	"weir/reactor/cluster/queue"
	"weir/reactor/cluster/queue/queuetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve runs a NATS server until the test ends.
func serve(t testing.TB) string {
	t.Helper()
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true,
		JetStream: true, StoreDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("the NATS server does not start")
	}
	return s.Addr().String()
}

func TestNATS(t *testing.T) {
	address := serve(t)
	queuetest.Conformance(t, func(t *testing.T, c queue.Config) (queue.Queue, func(bool)) {
		wire := queuetest.NewWire(t, address)
		q, err := Open("nats://"+wire.Address(), c)
		if err != nil {
			t.Fatal(err)
		}
		return q, wire.Cut
	})
	wire := queuetest.NewWire(t, address)
	t.Run("Frozen", func(t *testing.T) {
		queuetest.Frozen(t, wire, func(c queue.Config) (queue.Queue, error) { return Open("nats://"+wire.Address(), c) })
	})
}
