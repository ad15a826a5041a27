package reactor

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"weir/backpressure"
	"weir/reactor/cluster/queue"
	"weir/reactor/cluster/queue/queuetest"
	"weir/registry"
)

// callsOptions are the bounds of tests: times are short.
func callsOptions() queue.Options {
	return queue.Options{Prefix: "weir", MaxMessages: 1000, MaxBytes: 1 << 20, Batch: 100, Credit: 64, MaxInFlight: 1000,
		MaxInFlightBytes: 1 << 20, CallTimeout: time.Minute, WorkerTimeout: time.Second, BrokerTimeout: time.Second}
}

// atBroker starts a server that is at the broker, as a worker or a front end.
func atBroker(t testing.TB, open func(queue.Config) (queue.Queue, error), name string, works bool,
	change func(*queue.Options), tunes ...tune) *server {
	t.Helper()
	o := callsOptions()
	if change != nil {
		change(&o)
	}
	return startConfig(t, func(c *Config) {
		c.Calls = &Calls{Name: name, Works: works, Open: open, Options: o}
	}, append(tunes, func(_ *Options, _ *backpressure.Options, r *registry.Options) {
		r.StateKey = strings.Repeat("0f", 32)
	})...)
}

// offerAll adds what the script of features calls.
func (s *server) offerAll() *server {
	s.addTell()
	s.addAsk()
	s.addOffers()
	return s
}

// isUp waits until calls can go through the queue.
func (s *server) isUp() *server {
	s.t.Helper()
	s.eventually("the queue is there", func() bool { return s.metric("weir_cluster_queue_up") == "1" })
	return s
}

// TestFeaturesThroughAQueue plays the script of TestFeatures to a front end, whose tools a worker runs: clients hear
// the same.
func TestFeaturesThroughAQueue(t *testing.T) {
	script, err := os.ReadFile("testdata/features.txt")
	must(t, err)
	broker := queuetest.NewBroker()
	worker := atBroker(t, broker.Open, "worker", true, nil).offerAll()
	s := atBroker(t, broker.Open, "front", false, nil, withSSE,
		func(o *Options, _ *backpressure.Options, _ *registry.Options) {
			o.Unix = filepath.Join(t.TempDir(), "weir.sock")
		}).offerAll().isUp()
	s.stuck, s.release = worker.stuck, worker.release // they run there
	for _, transport := range []string{"tcp", "unix", "websocket", "http", "sse"} {
		t.Run(transport, func(t *testing.T) {
			got := s.perform(t, transport, string(script))
			gotLines, wantLines := strings.Split(got, "\n"), strings.Split(string(script), "\n")
			for i := range min(len(gotLines), len(wantLines)) {
				if gotLines[i] != wantLines[i] {
					t.Fatalf("line %d:\n got %s\nwant %s", i+1, gotLines[i], wantLines[i])
				}
			}
		})
	}
	if n := worker.metric("weir_cluster_queue_taken_total"); n == "0" {
		t.Errorf("the worker has run nothing: %s", n)
	}
}
