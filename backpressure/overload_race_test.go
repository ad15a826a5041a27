package backpressure

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/VictoriaMetrics/metrics"
)

// Who looks just as a worker falls asleep must not leave a mark: it would count as busy all the time until the next
// look.
func TestIdleWorkerIsNotMarkedBusy(t *testing.T) {
	o := DefaultOptions()
	o.Workers = 1
	q, err := NewQueue(o.Resolve(20_000), metrics.NewSet())
	if err != nil {
		t.Fatal(err)
	}
	p := q.pools[Compute]
	p.alive.Store(p.limit) // nobody really works here
	var turn, looked atomic.Int64
	var looker sync.WaitGroup
	const rounds = 200_000
	looker.Go(func() {
		for n := int64(1); n <= rounds; n++ {
			for turn.Load() < n {
				runtime.Gosched()
			}
			p.busyFor(1)
			looked.Store(n)
		}
	})
	for n := int64(1); n <= rounds; n++ {
		p.sleepers.Store(0)
		p.busySince.Store(0)
		turn.Store(n)
		for range n % 64 { // to meet it at every step
			looked.Load()
		}
		p.sleepers.Add(1) // as pool.sleep does
		p.idle()
		for looked.Load() < n {
			runtime.Gosched()
		}
		if p.busySince.Load() != 0 {
			t.Errorf("round %d: a worker sleeps, and all have been busy since %d", n, p.busySince.Load())
			break
		}
	}
	turn.Store(rounds)
	looker.Wait()
}
