package backpressure

import (
	"testing"
	"testing/synctest"
	"time"
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

// Only a worker that slept beside what it could have run, and was woken for it by nobody, is counted.
func TestIdleBesideWork(t *testing.T) {
	f := func(what string, want uint64, change func(*Options), arrange func(q *Queue)) {
		t.Helper()
		o := testOptions()
		o.Workers = 2
		change(&o)
		inBubble(t, o, func(t *testing.T, q *Queue) {
			synctest.Wait() // both sleep
			arrange(q)
			synctest.Wait()
			expect(t, what, q.metrics.idle.Get(), want)
		})
	}
	plain := func(*Options) {}
	f("a wake-up was lost", 1, plain, func(q *Queue) {
		forgotten, next := newPeer(q), newPeer(q)
		forgotten.admit(Compute, 1, 1)
		forgotten.mu.Lock()
		q.enlist(&forgotten.Lane)
		forgotten.mu.Unlock()
		q.pools[Compute].push(&forgotten.Lane, false)
		elapse(20 * time.Millisecond)
		next.admit(Compute, 1, 1)
		next.schedule()
	})
	f("the loop was held up before it said so", 0, plain, func(q *Queue) {
		p := newPeer(q)
		p.admit(Compute, 1, 1)
		elapse(20 * time.Millisecond)
		p.schedule()
	})
	f("its connection has as many with workers as it may", 0, func(o *Options) { o.MaxExecutingPerConnection = 1 },
		func(q *Queue) {
			p, next := newPeer(q), newPeer(q)
			p.gate = make(chan struct{})
			p.admit(Compute, 2, 1)
			p.schedule()
			elapse(20 * time.Millisecond)
			p.gate <- struct{}{}
			synctest.Wait()
			next.admit(Compute, 1, 1)
			next.schedule()
			close(p.gate)
		})
	f("its peer did not read", 0, plain, func(q *Queue) {
		p := newPeer(q)
		q.Pause(&p.Lane)
		p.admit(Compute, 1, 1)
		elapse(20 * time.Millisecond)
		q.Resume(&p.Lane)
	})
}
