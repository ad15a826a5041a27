package backpressure

import (
	"sync"
	"testing"

	"github.com/VictoriaMetrics/metrics"
)

// Who looks just as a worker falls asleep must not leave a mark: it would count as busy all the time until the next look.
func TestIdleWorkerIsNotMarkedBusy(t *testing.T) {
	o := DefaultOptions()
	o.Workers = 1
	q, err := NewQueue(o.Resolve(20_000), metrics.NewSet())
	if err != nil {
		t.Fatal(err)
	}
	p := q.pools[Compute]
	p.alive.Store(p.limit) // nobody really works here
	for round := range 100_000 {
		p.sleepers.Store(0)
		p.busySince.Store(0)
		var start, done sync.WaitGroup
		start.Add(1)
		done.Go(func() {
			start.Wait()
			p.busyFor(1)
		})
		start.Done()
		p.sleepers.Add(1) // as pool.sleep does
		p.idle()
		done.Wait()
		if p.busySince.Load() != 0 {
			t.Fatalf("round %d: a worker sleeps, and all have been busy since %d", round, p.busySince.Load())
		}
	}
}
