package queuetest

import (
	"testing"

	"go.uber.org/goleak"

	"weir/reactor/cluster/queue"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestBroker holds the broker of tests to what real ones must hold.
func TestBroker(t *testing.T) {
	brokers := map[string]*Broker{}
	Conformance(t, func(_ *testing.T, c queue.Config) (queue.Queue, func(bool)) {
		if brokers[c.Prefix] == nil {
			brokers[c.Prefix] = NewBroker()
		}
		l := brokers[c.Prefix].Join(c)
		return l, l.Cut
	})
}
