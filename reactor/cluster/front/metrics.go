package front

import (
	"fmt"

	"github.com/VictoriaMetrics/metrics"

	"weir/reactor/cluster/queue"
)

// series are those of a front end.
type series struct {
	calls, batches, unsaid *metrics.Counter
	failed                 [failures]*metrics.Counter
	dropped                [droppeds]*metrics.Counter
}

// Status is a front end at one moment.
type Status struct {
	Broker          queue.State
	InFlight, Bytes int
}

// Dropped is a word of a worker that nobody hears.
type Dropped uint8

const (
	dropLate   Dropped = iota // the call is over
	dropBroken                // it is no word
	droppeds
)

var droppedWords = [droppeds]string{"late", "broken"}

func (s *series) register(set *metrics.Set, o *queue.Options, status func() Status) {
	s.calls = set.NewCounter(`weir_cluster_queue_calls_total`)
	s.unsaid = set.NewCounter(`weir_cluster_queue_words_unsaid_total`)
	s.batches = set.NewCounter(`weir_cluster_queue_pushes_total`)
	for i, word := range failureWords {
		s.failed[i] = set.NewCounter(fmt.Sprintf(`weir_cluster_queue_calls_failed_total{reason=%q}`, word))
	}
	for i, word := range droppedWords {
		s.dropped[i] = set.NewCounter(fmt.Sprintf(`weir_cluster_queue_words_dropped_total{reason=%q}`, word))
	}
	gauge := func(name string, value func(Status) int) {
		set.NewGauge(name, func() float64 { return float64(value(status())) })
	}
	gauge(`weir_cluster_queue_up`, func(s Status) int {
		if s.Broker.Up {
			return 1
		}
		return 0
	})
	gauge(`weir_cluster_queue_held_messages`, func(s Status) int { return s.Broker.Messages })
	gauge(`weir_cluster_queue_held_limit_messages`, func(Status) int { return o.MaxMessages })
	gauge(`weir_cluster_queue_held_bytes`, func(s Status) int { return s.Broker.Bytes })
	gauge(`weir_cluster_queue_held_limit_bytes`, func(Status) int { return o.MaxBytes })
	gauge(`weir_cluster_queue_in_flight`, func(s Status) int { return s.InFlight })
	gauge(`weir_cluster_queue_in_flight_limit`, func(Status) int { return o.MaxInFlight })
	gauge(`weir_cluster_queue_in_flight_bytes`, func(s Status) int { return s.Bytes })
	gauge(`weir_cluster_queue_in_flight_limit_bytes`, func(Status) int { return o.MaxInFlightBytes })
}
