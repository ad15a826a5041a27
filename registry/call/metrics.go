package call

import (
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"weir/registry/concurrency"
)

// Every series of this package. Labels are bounded: tools by the registry's limit, methods by its table, outcomes by
// the list below. docs/METRICS.md says what each is.

// Ending is how a call ended.
type Ending uint8

const (
	EndedOK          Ending = iota
	EndedToolError          // a result with isError: the model may correct itself
	EndedError              // a JSON-RPC error
	EndedCancelled          // nobody waits for the answer any more
	EndedPanic              // the handler panicked
	EndedTimeout            // the handler did not return in time
	EndedClientError        // an error about the request or its client: wrong arguments, no answer
	EndedRefused            // what the handler asked for had no room
	endings

	// No endings: the call waits for its client; it was ended, and counted, before its handler returned; its handler is
	// to be called again at once.
	IsSuspended    = endings
	IsEndedAlready = endings + 1
	IsAgain        = endings + 2
)

var endingNames = [endings]string{"ok", "tool_error", "error", "cancelled", "panic", "handler_timeout",
	"client_error", "refused"}

// failed says for each ending whether the server has failed. A refusal is none, nor what its client did, nor a result
// with isError, which is the tool's answer to the model.
var failed = [endings]bool{EndedError: true, EndedPanic: true, EndedTimeout: true}

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

// Series is what the calls of one tool, or of one method, report.
type Series struct {
	calls   [endings]*metrics.Counter
	seconds *metrics.PrometheusHistogram
	latency *Latency      // of the tools of its class; nil: of no tool
	started atomic.Uint64 // calls, for sampling

	// Limiter bounds how many of a tool's calls run at once; nil: nothing does.
	Limiter *concurrency.Limiter

	operations seriesOperations

	// Attached is what whoever queues the calls knows of them: of the type that it chooses, always the same.
	Attached atomic.Value
}

// NewToolSeries makes the series of a tool; latency is that of its class, operations are those of all handlers, l is
// its limiter, or nil.
func NewToolSeries(set *metrics.Set, tool string, latency *Latency, operations *Operations,
	l *concurrency.Limiter) *Series {
	s := newSeries(set, func(how Ending) string { return toolCallsName(tool, how) }, toolSecondsName(tool))
	s.latency, s.Limiter = latency, l
	s.operations.all, s.operations.method, s.operations.tool = operations, "tools/call", tool
	return s
}

// NewMethodSeries makes the series of a method that runs handlers; operations as for NewToolSeries.
func NewMethodSeries(set *metrics.Set, method string, operations *Operations) *Series {
	s := newSeries(set, func(how Ending) string {
		return fmt.Sprintf(`weir_handler_calls_total{method=%q,outcome=%q}`, method, endingNames[how])
	}, fmt.Sprintf(`weir_handler_duration_seconds{method=%q}`, method))
	s.operations.all, s.operations.method = operations, method
	return s
}

func newSeries(set *metrics.Set, calls func(how Ending) string, seconds string) *Series {
	s := new(Series)
	for i := range endingNames {
		s.calls[i] = set.GetOrCreateCounter(calls(Ending(i)))
	}
	s.seconds = set.GetOrCreatePrometheusHistogramExt(seconds, durationBounds)
	return s
}

// DropToolSeries forgets the series of a tool that is no longer offered, which keeps their number bounded.
func DropToolSeries(set *metrics.Set, tool string) {
	for i := range endingNames {
		set.UnregisterMetric(toolCallsName(tool, Ending(i)))
	}
	set.UnregisterMetric(toolSecondsName(tool))
}

func toolCallsName(tool string, how Ending) string {
	return fmt.Sprintf(`weir_tool_calls_total{tool=%q,outcome=%q}`, tool, endingNames[how])
}

func toolSecondsName(tool string) string {
	return fmt.Sprintf(`weir_tool_duration_seconds{tool=%q}`, tool)
}

// WriteLimit writes what a tool's limiter knows, if it has one.
func (s *Series) WriteLimit(w io.Writer, tool string) {
	if l := s.Limiter; l != nil {
		fmt.Fprintf(w, "weir_tool_concurrency{tool=%q} %d\n", tool, l.InFlight())
		fmt.Fprintf(w, "weir_tool_concurrency_limit{tool=%q} %d\n", tool, l.Limit())
		fmt.Fprintf(w, "weir_tool_refusals_total{tool=%q} %d\n", tool, l.Refused())
	}
}

// Sample is a call that is timed; the zero value is one that is not.
type Sample struct {
	at    time.Time
	times uint32 // how many calls it stands for
}

// Start begins a sample, if this call is timed.
func (s *Series) Start() Sample {
	switch n := s.started.Add(1); {
	case n <= sampleAlways:
		return Sample{time.Now(), 1}
	case n&(sampleEvery-1) == 0:
		return Sample{time.Now(), sampleEvery}
	}
	return Sample{}
}

// Finished counts a call that had waited for so long, and ends its sample, if one was begun.
func (s *Series) Finished(start Sample, waited time.Duration, how Ending) {
	s.calls[how].Inc()
	if start.times == 0 {
		return
	}
	ran := time.Since(start.at)
	s.seconds.Update(ran.Seconds())
	if s.latency != nil {
		s.latency.observe(waited + ran)
	}
	s.operations.observe(how, waited+ran, start.times)
}

// Late counts a call that was ended without its handler, after it had run for so long.
func (s *Series) Late(how Ending, ran time.Duration) {
	s.Count(how)
	s.operations.observe(how, ran, 1)
}

// Add adds the calls of s to t.
func (s *Series) Add(t *Totals) {
	for how := range endings {
		n := s.calls[how].Get()
		t.Calls += n
		if failed[how] {
			t.Errors += n
		}
	}
}

// Count counts a call that is not timed.
func (s *Series) Count(how Ending) { s.calls[how].Inc() }
