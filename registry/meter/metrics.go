package meter

import (
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/VictoriaMetrics/metrics"

	"weir/registry/call"
	"weir/registry/concurrency"
	"weir/registry/feature"
	"weir/registry/handler"
)

// Meter holds the engine's own series; tools hold theirs. Init makes them. Safe for concurrent use.
type Meter struct {
	set               *metrics.Set
	Requests          []*metrics.Counter // by the method's place in the table
	Unserved, Ignored *metrics.Counter
	// of the methods that run handlers, but for tools/call
	Reads, Prompts, Completions *call.Series
	elsewhere                   atomic.Pointer[call.Series]

	InputRequired *metrics.Counter
	TimedOut      atomic.Int64 // handlers that run although their calls were ended

	tools *feature.Set[*handler.Tool]

	computing, waiting call.Latency // of tools that only compute, and of all others

	operations call.Operations

	// own are the series of tools that are no part of what is offered, by their names. The lock is gone's.
	own map[string]*call.Series
	// gone are the calls of tools that are offered no more.
	gone struct {
		sync.Mutex
		call.Totals
	}
}

// Init makes every series in set: of these methods, and of the tools there will be.
func (m *Meter) Init(set *metrics.Set, methods []string, tools *feature.Set[*handler.Tool]) {
	m.set, m.tools, m.own = set, tools, map[string]*call.Series{}
	for _, name := range methods {
		m.Requests = append(m.Requests, set.NewCounter(fmt.Sprintf(`weir_messages_dispatched_total{method=%q}`, name)))
	}
	m.Unserved = set.NewCounter(`weir_messages_dispatched_total{method="unserved"}`)
	m.Ignored = set.NewCounter(`weir_messages_dispatched_total{method="ignored"}`)
	m.Reads = call.NewMethodSeries(set, "resources/read", &m.operations)
	m.Prompts = call.NewMethodSeries(set, "prompts/get", &m.operations)
	m.Completions = call.NewMethodSeries(set, "completion/complete", &m.operations)
	m.InputRequired = set.NewCounter(`weir_input_required_total`)
	set.NewGauge(`weir_handlers_timed_out`, func() float64 { return float64(m.TimedOut.Load()) })
	set.RegisterMetricsWriter(func(w io.Writer) {
		m.computing.Write(w, "compute")
		m.waiting.Write(w, "blocking")
		for _, tool := range m.tools.All() {
			tool.Handler.Series.WriteLimit(w, tool.Handler.Name)
		}
		m.operations.Write(w)
	})
}

// Tool makes the series of a tool; l bounds how many of its calls run at once, nil: nothing does. One that another
// server answers (forwarded) waits for it, wherever its calls are dispatched.
func (m *Meter) Tool(h *call.Handler, forwarded bool, l *concurrency.Limiter) *call.Series {
	latency := &m.waiting
	if h.Cheap && !forwarded {
		latency = &m.computing
	}
	return call.NewToolSeries(m.set, h.Name, latency, &m.operations, l)
}

// Own is the series of a tool of this server's own, which only computes and is no part of what is offered: the same for
// all of that name.
func (m *Meter) Own(h *call.Handler) *call.Series {
	m.gone.Lock()
	defer m.gone.Unlock()
	s := m.own[h.Name]
	if s == nil {
		s = m.Tool(h, false, nil)
		m.own[h.Name] = s
	}
	return s
}

// Elsewhere are the calls of tools that only the endpoint of a mount has.
func (m *Meter) Elsewhere() *call.Series {
	if m.elsewhere.Load() == nil {
		m.elsewhere.CompareAndSwap(nil, call.NewMethodSeries(m.set, "tools/call", &m.operations))
	}
	return m.elsewhere.Load()
}

// Drop forgets the series of a tool, but not how many calls it had.
func (m *Meter) Drop(h *call.Handler) {
	m.gone.Lock()
	h.Series.Add(&m.gone.Totals)
	m.gone.Unlock()
	call.DropToolSeries(m.set, h.Name)
	m.operations.Drop(h.Name)
}

// Totals sums up the calls of all handlers since the start. What a tool that was removed still runs is not counted. It
// walks all tools. Any goroutine.
func (m *Meter) Totals() call.Totals {
	m.gone.Lock()
	t := m.gone.Totals
	for _, tool := range m.tools.All() {
		tool.Handler.Series.Add(&t)
	}
	for _, s := range m.own {
		s.Add(&t)
	}
	m.gone.Unlock()
	for _, s := range []*call.Series{m.Reads, m.Prompts, m.Completions} {
		s.Add(&t)
	}
	if s := m.elsewhere.Load(); s != nil {
		s.Add(&t)
	}
	t.Computing, t.Waiting = m.computing.Counts(), m.waiting.Counts()
	return t
}
