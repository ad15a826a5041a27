package loop

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"
)

// loopMetrics are the series this package owns, beside those it derives from the loops' own counters.
type loopMetrics struct {
	closed           [Reasons]*metrics.Counter
	cut              [Reasons]*metrics.Counter // of closed: with answers that had not left
	cutBytes         *metrics.Counter
	acceptErrors     *metrics.Counter
	outOfDescriptors *metrics.Counter
	outboxFull       *metrics.Counter
	earlyDropped     *metrics.Counter
}

func (s *Loops) registerMetrics(set *metrics.Set) {
	m := &s.metrics
	for reason := StillOpen + 1; reason < Reasons; reason++ {
		m.closed[reason] = set.NewCounter(fmt.Sprintf("weir_connections_closed_total{reason=%q}", reason))
		m.cut[reason] = set.NewCounter(fmt.Sprintf("weir_answers_cut_total{reason=%q}", reason))
	}
	m.cutBytes = set.NewCounter("weir_answers_cut_bytes_total")
	m.acceptErrors = set.NewCounter("weir_accept_errors_total")
	m.outOfDescriptors = set.NewCounter("weir_out_of_descriptors_total")
	m.outboxFull = set.NewCounter("weir_outbox_full_total")
	m.earlyDropped = set.NewCounter(`weir_notifications_dropped_total{reason="outbox_full"}`)
	gauge := func(name string, read func() int64) {
		set.NewGauge(name, func() float64 { return float64(read()) })
	}
	gauge("weir_outbox_bytes", s.OutboxBytes)
	gauge("weir_outbox_limit_bytes", func() int64 { return int64(s.opts.MaxOutboxTotalBytes) })
	gauge("weir_input_bytes", s.InputBytes)
	gauge("weir_input_limit_bytes", func() int64 { return int64(s.opts.MaxInputTotalBytes) })
	gauge("weir_loops", func() int64 { return int64(len(s.all)) })
	s.sum(set, "weir_reads_total", func(l *Loop) *atomic.Uint64 { return &l.stats.reads })
	s.sum(set, "weir_read_bytes_total", func(l *Loop) *atomic.Uint64 { return &l.stats.readBytes })
	s.sum(set, "weir_loop_turns_total", func(l *Loop) *atomic.Uint64 { return &l.stats.turns })
	for _, l := range s.all {
		gauge(fmt.Sprintf("weir_loop_connections{loop=\"%d\"}", l.id), l.stats.connections.Load)
		set.NewGauge(fmt.Sprintf("weir_loop_busy_seconds_total{loop=\"%d\"}", l.id),
			func() float64 { return time.Duration(l.stats.busy.Load()).Seconds() })
	}
}

// sum registers the total of a counter that every loop keeps for itself.
func (s *Loops) sum(set *metrics.Set, name string, of func(*Loop) *atomic.Uint64) {
	set.NewGauge(name, func() float64 {
		total := uint64(0)
		for _, l := range s.all {
			total += of(l).Load()
		}
		return float64(total)
	})
}
