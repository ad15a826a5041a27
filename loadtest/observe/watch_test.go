package observe

import (
	"os"
	"testing"

	"weir/loadtest/internal/fixture"
	"weir/loadtest/wire"
)

func TestWatchReadsMetrics(t *testing.T) {
	var before, after ServerStats
	before.readMetrics(`weir_refusals_total{reason="a"} 1
go_gc_pauses_seconds_bucket{le="0.001"} 5
go_gc_pauses_seconds_bucket{le="0.002"} 5
go_gc_pauses_seconds_bucket{le="+Inf"} 5
`)
	after.readMetrics(`# a comment
weir_refusals_total{reason="a"} 2
weir_refusals_total{reason="b"} 3.5
weir_queue_waiting_peak_messages 7
go_gc_pauses_seconds_bucket{le="0.001"} 6
go_gc_pauses_seconds_bucket{le="0.002"} 105
go_gc_pauses_seconds_bucket{le="+Inf"} 105
nonsense
`)
	if after.Refusals != 5.5 || after.QueuePeak != 7 || PauseQuantile(&before, &after, 0.99) != 2 || PauseQuantile(&before,
		&after, 0.01) != 1 ||
		PauseQuantile(&after, &after, 1) != 0 || PauseQuantile(&ServerStats{}, &after, 1) != 0 {
		t.Errorf("%+v", after)
	}
}

func TestWatchFindsTheListener(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		address := fixture.LineServer(t, network, fixture.Echo)
		if pid := listenerPID(&wire.Target{Network: network, Address: address}); pid != os.Getpid() {
			t.Errorf("%s: got process %d, this one is %d", network, pid, os.Getpid())
		}
	}
	if pid := listenerPID(&wire.Target{Network: "tcp", Address: "127.0.0.1:1"}); pid != 0 {
		t.Errorf("somebody listens on port 1: %d", pid)
	}
}
