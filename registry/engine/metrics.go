package engine

import (
	"fmt"

	"github.com/VictoriaMetrics/metrics"

	"weir/registry/call"
)

// Every series of this package; the calls of handlers have theirs (package call). Labels are bounded: methods by the
// table. docs/METRICS.md says what each is.

// seriesSet holds the engine's own series; tools hold theirs.
type seriesSet struct {
	set               *metrics.Set
	requests          []*metrics.Counter // by method.index
	unserved, ignored *metrics.Counter
	// of the methods that run handlers, but for tools/call
	reads, prompts, completions *call.Series

	inputRequired *metrics.Counter
}

func newSeries(eng *Engine) seriesSet {
	set := eng.opt.Metrics
	m := seriesSet{set: set, requests: make([]*metrics.Counter, len(methods))}
	for i := range methods {
		m.requests[i] = set.NewCounter(fmt.Sprintf(`weir_messages_dispatched_total{method=%q}`, methods[i].name))
	}
	m.unserved = set.NewCounter(`weir_messages_dispatched_total{method="unserved"}`)
	m.ignored = set.NewCounter(`weir_messages_dispatched_total{method="ignored"}`)
	m.reads = call.NewMethodSeries(set, "resources/read")
	m.prompts = call.NewMethodSeries(set, "prompts/get")
	m.completions = call.NewMethodSeries(set, "completion/complete")
	m.inputRequired = set.NewCounter(`weir_input_required_total`)
	set.NewGauge(`weir_handlers_timed_out`, func() float64 { return float64(eng.timedOut.Load()) })
	return m
}
