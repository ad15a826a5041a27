package reactor

import (
	"runtime"
	"testing"

	"weir/backpressure"
	"weir/registry"
)

// Every loop gets a poller of netpoll's pool, which grows to the largest request, and its share of the connections.
func TestEveryLoopIsTurned(t *testing.T) {
	for _, n := range []int{1, 3, 2} {
		s := start(t, func(o *Options, _ *backpressure.Options, _ *registry.Options) { o.Loops = n })
		s.open(4 * n)
		for id, count := range s.Status().LoopConnections {
			if count != 4 {
				t.Errorf("loop %d of %d has %d connections, want 4", id, n, count)
			}
		}
		s.stop(0)
	}
}

func TestNoGoroutinePerConnection(t *testing.T) {
	s := start(t)
	s.open(1)
	before := runtime.NumGoroutine()
	peers := s.open(500)
	if after := runtime.NumGoroutine(); after > before+3 {
		t.Errorf("%d goroutines, %d before 500 connections", after, before)
	}
	for _, p := range peers {
		p.send(`{"jsonrpc":`) // unfinished
	}
	s.eventually("all of it was read", func() bool { return s.loops.InputBytes() == 500*256 })
	if after := runtime.NumGoroutine(); after > before+3 {
		t.Errorf("%d goroutines with unfinished messages, %d before", after, before)
	}
}
