package engine

import (
	"fmt"
	"io"
	"sync"

	"github.com/VictoriaMetrics/metrics"

	"weir/registry/call"
	"weir/registry/concurrency"
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

	computing, waiting call.Latency // of tools, by where their calls are dispatched

	operations call.Operations

	// gone are the calls of tools that are offered no more.
	gone struct {
		sync.Mutex
		call.Totals
	}
}

func (m *seriesSet) init(eng *Engine) {
	set := eng.opt.Metrics
	m.set, m.requests = set, make([]*metrics.Counter, len(methods))
	for i := range methods {
		m.requests[i] = set.NewCounter(fmt.Sprintf(`weir_messages_dispatched_total{method=%q}`, methods[i].name))
	}
	m.unserved = set.NewCounter(`weir_messages_dispatched_total{method="unserved"}`)
	m.ignored = set.NewCounter(`weir_messages_dispatched_total{method="ignored"}`)
	m.reads = call.NewMethodSeries(set, "resources/read", &m.operations)
	m.prompts = call.NewMethodSeries(set, "prompts/get", &m.operations)
	m.completions = call.NewMethodSeries(set, "completion/complete", &m.operations)
	m.inputRequired = set.NewCounter(`weir_input_required_total`)
	set.NewGauge(`weir_handlers_timed_out`, func() float64 { return float64(eng.timedOut.Load()) })
	set.RegisterMetricsWriter(func(w io.Writer) {
		m.computing.Write(w, "compute")
		m.waiting.Write(w, "blocking")
		for _, tool := range eng.tools.All() {
			tool.Handler.Series.WriteLimit(w, tool.Handler.Name)
		}
		m.operations.Write(w)
	})
}

// toolSeries makes the series of a tool.
func (m *seriesSet) toolSeries(h *call.Handler, o *Options) *call.Series {
	latency := &m.waiting
	if h.Cheap {
		latency = &m.computing
	}
	return call.NewToolSeries(m.set, h.Name, latency, &m.operations, limiterOf(h, o))
}

// limiterOf bounds how many calls of a tool run at once, as its author or else the options say; nil is no bound.
func limiterOf(h *call.Handler, o *Options) *concurrency.Limiter {
	switch {
	case h.Concurrency > 0:
		return concurrency.Fixed(h.Concurrency)
	case h.Concurrency == call.Adaptive || h.Concurrency == 0 && o.AdaptiveConcurrency && !h.Cheap:
		return concurrency.Adaptive(o.Concurrency)
	}
	return nil
}

// dropTool forgets the series of a tool, but not how many calls it had.
func (m *seriesSet) dropTool(h *call.Handler) {
	m.gone.Lock()
	h.Series.Add(&m.gone.Totals)
	m.gone.Unlock()
	call.DropToolSeries(m.set, h.Name)
	m.operations.Drop(h.Name)
}

// Totals sums up the calls of all handlers since the start. What a tool that was removed still runs is not counted. It
// walks all tools. Any goroutine.
func (eng *Engine) Totals() call.Totals {
	m := &eng.m
	m.gone.Lock()
	t := m.gone.Totals
	for _, tool := range eng.tools.All() {
		tool.Handler.Series.Add(&t)
	}
	m.gone.Unlock()
	for _, s := range []*call.Series{m.reads, m.prompts, m.completions} {
		s.Add(&t)
	}
	t.Computing, t.Waiting = m.computing.Counts(), m.waiting.Counts()
	return t
}
