package backpressure

import (
	"testing"
	"testing/synctest"
)

func TestMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, set := newQueue(t, testOptions())
		q.Start()
		synctest.Wait()
		expect(t, "workers", series(t, set, `weir_workers{class="compute"}`), "4")
		expect(t, "busy", series(t, set, `weir_workers_busy{class="compute"}`), "0")
		p := newPeer(q)
		p.gate = make(chan struct{})
		p.admit(Compute, 32, 100)
		p.admit(Compute, 8, 100)
		p.schedule()
		synctest.Wait()
		expect(t, "busy", series(t, set, `weir_workers_busy{class="compute"}`), "1")
		expect(t, "executing", series(t, set, `weir_queue_executing_messages{class="compute"}`), "32")
		expect(t, "waiting", series(t, set, "weir_queue_waiting_messages"), "8")
		expect(t, "waiting bytes", series(t, set, "weir_queue_waiting_bytes"), "800")
		expect(t, "held bytes", series(t, set, "weir_queue_bytes"), "4000")
		close(p.gate)
		p.admit(Blocking, 3, 100)
		p.schedule()
		synctest.Wait()
		expect(t, "batches", series(t, set, `weir_queue_batch_messages_count{class="compute"}`), "2")
		expect(t, "batched", series(t, set, `weir_queue_batch_messages_sum{class="compute"}`), "40")
		expect(t, "small batches", series(t, set, `weir_queue_batch_messages_bucket{class="compute",le="10"}`), "1")
		expect(t, "and greater ones", series(t, set, `weir_queue_batch_messages_bucket{class="compute",le="50"}`), "2")
		expect(t, "all", series(t, set, `weir_queue_batch_messages_bucket{class="compute",le="+Inf"}`), "2")
		expect(t, "at once", series(t, set, `weir_queue_wait_seconds_bucket{class="blocking",le="0.0001"}`), "3")
		expect(t, "waits", series(t, set, `weir_queue_wait_seconds_count{class="blocking"}`), "3")
		for r := Accepted + 1; r < refusals; r++ {
			name := `weir_refusals_total{reason="` + r.String() + `"}`
			expect(t, name, series(t, set, name), "0")
			q.CountRefusal(r)
			expect(t, name, series(t, set, name), "1")
		}
		stopEmpty(t, q)
	})
}
