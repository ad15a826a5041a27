package registry

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"
)

// Every series of this package. Labels are bounded: methods by the table, tools by Options.MaxTools, outcomes, reasons
// and sizes by the lists below. docs/METRICS.md says what each is.

// ending is how the call of a handler ended.
type ending uint8

const (
	endedOK        ending = iota
	endedToolError        // a result with isError: the model may correct itself
	endedError            // a JSON-RPC error
	endedCancelled        // nobody waits for the answer any more
	endedPanic            // the handler panicked
	endedTimeout          // the handler did not return in time
	endings
	// No endings: the call waits for its client; it was ended, and counted, before its handler returned; its handler is to
	// be called again at once.
	endedSuspended = endings
	endedBefore    = endings + 1
	endedAgain     = endings + 2
)

var endingNames = [endings]string{"ok", "tool_error", "error", "cancelled", "panic", "handler_timeout"}

// seriesSet holds the registry's own series; tools hold theirs.
type seriesSet struct {
	set              *metrics.Set
	requests         []*metrics.Counter // by method.index
	refused, ignored *metrics.Counter
	// of the methods that run handlers, but for tools/call
	reads, prompts, completions *callSeries

	inputRequired *metrics.Counter
}

func newSeries(r *Registry) seriesSet {
	set := r.opt.Metrics
	m := seriesSet{set: set, requests: make([]*metrics.Counter, len(methods))}
	for i := range methods {
		m.requests[i] = set.NewCounter(fmt.Sprintf(`weir_messages_dispatched_total{method=%q}`, methods[i].name))
	}
	m.refused = set.NewCounter(`weir_messages_dispatched_total{method="unserved"}`)
	m.ignored = set.NewCounter(`weir_messages_dispatched_total{method="ignored"}`)
	m.reads = newMethodSeries(set, "resources/read")
	m.prompts = newMethodSeries(set, "prompts/get")
	m.completions = newMethodSeries(set, "completion/complete")
	m.inputRequired = set.NewCounter(`weir_input_required_total`)
	set.NewGauge(`weir_handlers_timed_out`, func() float64 { return float64(r.timedOut.Load()) })
	return m
}

// sampleEvery keeps timing cheap. Two clock readings and a histogram update cost about 150 ns, too much for a tool of
// 500 ns, so one call in sampleEvery is timed (under 10 ns per call on average), and each of a tool's first
// sampleAlways calls, so that rare tools have a histogram too. Rates come from weir_tool_calls_total, which counts
// every call; the histogram's own count is the number of samples.
const (
	sampleEvery  = 16 // a power of two
	sampleAlways = 64
)

// durationBounds are the ends of the buckets, in seconds: from what a computing tool takes to what a client waits for.
var durationBounds = []float64{
	0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
}

// callSeries is what the calls of one tool, or of one method, report.
type callSeries struct {
	calls   [endings]*metrics.Counter
	seconds *metrics.PrometheusHistogram
	started atomic.Uint64 // calls, for sampling
}

func newToolSeries(set *metrics.Set, tool string) *callSeries {
	return newCallSeries(set, func(o ending) string { return toolCallsName(tool, o) }, toolSecondsName(tool))
}

func newMethodSeries(set *metrics.Set, method string) *callSeries {
	return newCallSeries(set, func(o ending) string {
		return fmt.Sprintf(`weir_handler_calls_total{method=%q,outcome=%q}`, method, endingNames[o])
	}, fmt.Sprintf(`weir_handler_duration_seconds{method=%q}`, method))
}

func newCallSeries(set *metrics.Set, calls func(o ending) string, seconds string) *callSeries {
	s := new(callSeries)
	for i := range endingNames {
		s.calls[i] = set.GetOrCreateCounter(calls(ending(i)))
	}
	s.seconds = set.GetOrCreatePrometheusHistogramExt(seconds, durationBounds)
	return s
}

// dropToolSeries forgets the series of a tool that is no longer offered, which keeps their number bounded.
func dropToolSeries(set *metrics.Set, tool string) {
	for i := range endingNames {
		set.UnregisterMetric(toolCallsName(tool, ending(i)))
	}
	set.UnregisterMetric(toolSecondsName(tool))
}

func toolCallsName(tool string, o ending) string {
	return fmt.Sprintf(`weir_tool_calls_total{tool=%q,outcome=%q}`, tool, endingNames[o])
}

func toolSecondsName(tool string) string {
	return fmt.Sprintf(`weir_tool_duration_seconds{tool=%q}`, tool)
}

// startTimer begins a sample, or returns the zero time when this call is not timed.
func (s *callSeries) startTimer() time.Time {
	if n := s.started.Add(1); n > sampleAlways && n&(sampleEvery-1) != 0 {
		return time.Time{}
	}
	return time.Now()
}

// finished counts a call and ends its sample, if one was begun.
func (s *callSeries) finished(start time.Time, o ending) {
	s.calls[o].Inc()
	if !start.IsZero() {
		s.seconds.Update(time.Since(start).Seconds())
	}
}
