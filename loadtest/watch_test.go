package loadtest

import (
	"os"
	"testing"
)

func TestWatchReadsMetrics(t *testing.T) {
	var before, after Vitals
	before.takeMetrics(`weir_refusals_total{reason="a"} 1
go_gc_pauses_seconds_bucket{le="0.001"} 5
go_gc_pauses_seconds_bucket{le="0.002"} 5
go_gc_pauses_seconds_bucket{le="+Inf"} 5
`)
	after.takeMetrics(`# a comment
weir_refusals_total{reason="a"} 2
weir_refusals_total{reason="b"} 3.5
weir_queue_waiting_peak_messages 7
go_gc_pauses_seconds_bucket{le="0.001"} 6
go_gc_pauses_seconds_bucket{le="0.002"} 105
go_gc_pauses_seconds_bucket{le="+Inf"} 105
nonsense
`)
	if after.Refusals != 5.5 || after.QueuePeak != 7 || pauseQuantile(&before, &after, 0.99) != 2 || pauseQuantile(&before, &after, 0.01) != 1 ||
		pauseQuantile(&after, &after, 1) != 0 || pauseQuantile(&Vitals{}, &after, 1) != 0 {
		t.Errorf("%+v", after)
	}
}

func TestWatchFindsTheListener(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		address := testServer(t, network, echo)
		if pid := listenerPID(&Target{Network: network, Address: address}); pid != os.Getpid() {
			t.Errorf("%s: got process %d, this one is %d", network, pid, os.Getpid())
		}
	}
	if pid := listenerPID(&Target{Network: "tcp", Address: "127.0.0.1:1"}); pid != 0 {
		t.Errorf("somebody listens on port 1: %d", pid)
	}
}
