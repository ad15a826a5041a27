package work

import (
	"fmt"

	"github.com/VictoriaMetrics/metrics"

	"weir/reactor/cluster/parcel"
)

// series are those of a worker.
type series struct {
	taken, batches, again, unheard *metrics.Counter
	failed                         [parcel.Failures]*metrics.Counter
	dropped                        [droppeds]*metrics.Counter
}

// Dropped is what a worker drops without a word.
type Dropped uint8

const (
	dropBroken Dropped = iota // it is no call, or no word
	dropDown                  // the broker takes no words
	droppeds
)

var droppedWords = [droppeds]string{"broken", "down"}

func (w *Worker) register(set *metrics.Set) {
	s := &w.series
	s.taken = set.NewCounter(`weir_cluster_queue_taken_total`)
	s.again = set.NewCounter(`weir_cluster_queue_taken_again_total`)
	s.unheard = set.NewCounter(`weir_cluster_queue_answers_unheard_total`)
	s.batches = set.NewCounter(`weir_cluster_queue_takes_total`)
	for why := parcel.WorkerLost; why < parcel.Failures; why++ {
		s.failed[why] = set.NewCounter(fmt.Sprintf(`weir_cluster_queue_jobs_failed_total{reason=%q}`, why))
	}
	for i, word := range droppedWords {
		s.dropped[i] = set.NewCounter(fmt.Sprintf(`weir_cluster_queue_jobs_dropped_total{reason=%q}`, word))
	}
	set.NewGauge(`weir_cluster_queue_up`, func() float64 {
		if w.up.Load() {
			return 1
		}
		return 0
	})
	set.NewGauge(`weir_cluster_queue_jobs`, func() float64 { return float64(w.InFlight()) })
	set.NewGauge(`weir_cluster_queue_jobs_limit`, func() float64 { return float64(w.config.Options.Credit) })
}
