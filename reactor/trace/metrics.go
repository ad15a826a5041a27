package trace

import (
	"fmt"

	"github.com/VictoriaMetrics/metrics"
)

// dropReason says why the collector did not get a span.
type dropReason uint8

const (
	dropFull     dropReason = iota // max_queue waited
	dropRejected                   // the collector said that it is wrong
	dropGaveUp                     // give_up_after
	dropStopped                    // the server stopped
	dropReasons
)

var dropNames = [dropReasons]string{"trace_queue_full", "trace_rejected", "trace_gave_up", "trace_stopped"}

type tracerMetrics struct {
	sent, failures *metrics.Counter
	dropped        [dropReasons]*metrics.Counter
}

func (m *tracerMetrics) register(waiting func() int64, most int, set *metrics.Set) {
	m.sent = set.NewCounter("weir_trace_spans_sent_total")
	m.failures = set.NewCounter("weir_trace_failures_total")
	for reason, name := range dropNames {
		m.dropped[reason] = set.NewCounter(fmt.Sprintf("weir_trace_spans_dropped_total{reason=%q}", name))
	}
	set.NewGauge("weir_trace_spans_waiting", func() float64 { return float64(waiting()) })
	set.NewGauge("weir_trace_spans_waiting_limit", func() float64 { return float64(most) })
}
