package registry

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"weir/codec"
)

// Every series of this package. Labels are bounded: methods by the table, tools by Options.MaxTools, outcomes, reasons
// and sizes by the lists below.
//
//	weir_requests_total{method}           messages dispatched, by method; "refused" (no row served it: unknown, out of
//	                                      phase, bad headers) and "ignored" (unknown notifications, stray responses)
//	weir_tool_calls_total{tool,outcome}   finished calls
//	weir_tool_seconds{tool}               histogram of handler time, sampled: see sampleEvery
//	weir_handler_calls_total{method,outcome}  finished calls of handlers that are no tool's, by method
//	weir_handler_seconds{method}          histogram of their time, sampled likewise
//	weir_handlers_overdue                 handlers that run although their calls were ended at the deadline
//	weir_sessions                         legacy HTTP sessions that exist
//	weir_sessions_ended_total{reason}     sessions that ended, by reason
//	weir_subscriptions                    watched resources and open listens
//	weir_subscriptions_limit              Options.MaxSubscriptions
//	weir_subscriptions_refused_total{reason}  subscriptions refused, by the limit that was met
//	weir_session_streams                  sessions whose GET stream is open
//	weir_replay_bytes                     events kept so that sessions can resume their streams
//	weir_input_required_total             results that asked the client for input
//	weir_request_state_refused_total{reason}  requests whose requestState was not taken
//	weir_client_requests, _limit          our requests to clients that were not answered yet, Options.MaxAsks
//	weir_client_request_bytes, _limit_bytes  what the calls hold that made them, Options.MaxAskBytes
//	weir_client_requests_refused_total{reason}  calls that could not ask their client
//	weir_client_requests_ended_total{reason}    how our requests ended
//	weir_replay_limit_bytes               Options.ReplayTotalBytes
//	weir_replay_refused_total{reason}     events that were not kept for resuming, by the bound that they met
//	weir_stream_resumes_total{outcome}    requests to resume a stream (Last-Event-ID), by what came of them
//	weir_sessions_refused_total           initialize requests refused because Options.MaxSessions exist

// outcome is how a tool call ended.
type outcome uint8

const (
	outcomeOK        outcome = iota
	outcomeToolError         // a result with isError: the model may correct itself
	outcomeError             // a JSON-RPC error
	outcomeCancelled         // nobody waits for the answer any more
	outcomePanic             // the handler panicked
	outcomeTimeout           // the handler did not return in time
	outcomeCount
	// No endings: the call waits for its client; it was ended, and counted, before its handler returned.
	outcomeParked  = outcomeCount
	outcomeOverdue = outcomeCount + 1
)

var outcomeNames = [outcomeCount]string{"ok", "tool_error", "error", "cancelled", "panic", "timeout"}

// ending is why a session ended.
type ending uint8

const (
	endedByClient ending = iota // DELETE
	endedIdle                   // Options.SessionIdle
	endedByAge                  // Options.SessionMaxAge
	endingCount
)

var endingNames = [endingCount]string{"deleted", "idle", "age"}

// seriesSet holds the registry's own series; tools hold theirs.
type seriesSet struct {
	set              *metrics.Set
	requests         []*metrics.Counter // by method.index
	refused, ignored *metrics.Counter
	// of the methods that run handlers, but for tools/call
	reads, prompts, completions *callSeries

	sessionsEnded   [endingCount]*metrics.Counter
	sessionsRefused *metrics.Counter

	subscriptionsRefused [subscriptionRefusals]*metrics.Counter

	replayRefused [keepRefusals]*metrics.Counter
	resumes       [resumeOutcomes]*metrics.Counter

	inputRequired *metrics.Counter
	stateRefused  [stateRefusals]*metrics.Counter
	askRefused    [askRefusals]*metrics.Counter
	askEnded      [askEndings]*metrics.Counter
}

// stateRefusal is why a requestState was not taken.
type stateRefusal uint8

const (
	stateTampered stateRefusal = iota // not ours, changed, or made for another request
	stateExpired                      // Options.StateTTL
	stateRefusals
)

var stateRefusalNames = [stateRefusals]string{"tampered", "expired"}

// resumed is what came of a Last-Event-ID.
type resumed uint8

const (
	resumeTaken   resumed = iota
	resumeGap             // what followed the event is not kept any more
	resumeUnknown         // the session never sent such an event
	resumeOutcomes
)

var resumeNames = [resumeOutcomes]string{"resumed", "replay_gap", "unknown_event"}

func resumeOutcome(e *codec.Error) resumed {
	if e == errReplayGap {
		return resumeGap
	}
	return resumeUnknown
}

// subscriptionRefusal is which limit a subscription met.
type subscriptionRefusal uint8

const (
	refusedClient subscriptionRefusal = iota // Options.MaxSubscriptionsPerClient
	refusedTotal                             // Options.MaxSubscriptions
	subscriptionRefusals
)

var subscriptionRefusalNames = [subscriptionRefusals]string{"client_subscription_limit", "subscription_limit"}

func newSeries(r *Registry) seriesSet {
	set := r.opt.Metrics
	if set == nil {
		set = metrics.NewSet()
	}
	m := seriesSet{set: set, requests: make([]*metrics.Counter, len(methods))}
	for i := range methods {
		m.requests[i] = set.NewCounter(fmt.Sprintf(`weir_requests_total{method=%q}`, methods[i].name))
	}
	m.refused = set.NewCounter(`weir_requests_total{method="refused"}`)
	m.ignored = set.NewCounter(`weir_requests_total{method="ignored"}`)
	m.reads = newMethodSeries(set, "resources/read")
	m.prompts = newMethodSeries(set, "prompts/get")
	m.completions = newMethodSeries(set, "completion/complete")
	for i, reason := range endingNames {
		m.sessionsEnded[i] = set.NewCounter(fmt.Sprintf(`weir_sessions_ended_total{reason=%q}`, reason))
	}
	m.sessionsRefused = set.NewCounter(`weir_sessions_refused_total`)
	for i, reason := range subscriptionRefusalNames {
		m.subscriptionsRefused[i] = set.NewCounter(fmt.Sprintf(`weir_subscriptions_refused_total{reason=%q}`, reason))
	}
	for i, reason := range keepRefusalNames {
		m.replayRefused[i] = set.NewCounter(fmt.Sprintf(`weir_replay_refused_total{reason=%q}`, reason))
	}
	for i, outcome := range resumeNames {
		m.resumes[i] = set.NewCounter(fmt.Sprintf(`weir_stream_resumes_total{outcome=%q}`, outcome))
	}
	m.inputRequired = set.NewCounter(`weir_input_required_total`)
	for i, reason := range stateRefusalNames {
		m.stateRefused[i] = set.NewCounter(fmt.Sprintf(`weir_request_state_refused_total{reason=%q}`, reason))
	}
	for i, reason := range askRefusalNames {
		m.askRefused[i] = set.NewCounter(fmt.Sprintf(`weir_client_requests_refused_total{reason=%q}`, reason))
	}
	for i, reason := range askEndingNames {
		m.askEnded[i] = set.NewCounter(fmt.Sprintf(`weir_client_requests_ended_total{reason=%q}`, reason))
	}
	m.gauges(r)
	return m
}

func (m *seriesSet) gauges(r *Registry) {
	set := m.set
	gauge := func(name string, read func() int64) { set.NewGauge(name, func() float64 { return float64(read()) }) }
	gauge(`weir_subscriptions`, r.subscriptions.Load)
	gauge(`weir_subscriptions_limit`, func() int64 { return int64(r.opt.MaxSubscriptions) })
	gauge(`weir_handlers_overdue`, r.overdue.Load)
	gauge(`weir_client_requests`, r.asks.Load)
	gauge(`weir_client_requests_limit`, func() int64 { return int64(r.opt.MaxAsks) })
	gauge(`weir_client_request_bytes`, r.askBytes.Load)
	gauge(`weir_client_request_limit_bytes`, func() int64 { return int64(r.opt.MaxAskBytes) })
	gauge(`weir_session_streams`, r.sessionStreams.Load)
	gauge(`weir_replay_bytes`, r.replayBytes.Load)
	gauge(`weir_replay_limit_bytes`, func() int64 { return int64(r.opt.ReplayTotalBytes) })
	set.NewGauge(`weir_sessions`, func() float64 { return float64(r.Sessions()) })
}

// sampleEvery keeps timing cheap. Two clock readings and a histogram update cost about 150 ns, too much for a tool of
// 500 ns, so one call in sampleEvery is timed (under 10 ns per call on average), and each of a tool's first
// sampleAlways calls, so that rare tools have a histogram too. Rates come from weir_tool_calls_total, which counts every
// call; the histogram's own count is the number of samples.
const (
	sampleEvery  = 16 // a power of two
	sampleAlways = 64
)

// callSeries is what the calls of one tool, or of one method, report.
type callSeries struct {
	calls   [outcomeCount]*metrics.Counter
	seconds *metrics.Histogram
	started atomic.Uint64 // calls, for sampling
}

func newToolSeries(set *metrics.Set, tool string) *callSeries {
	return newCallSeries(set, func(o outcome) string { return toolCallsName(tool, o) }, toolSecondsName(tool))
}

func newMethodSeries(set *metrics.Set, method string) *callSeries {
	return newCallSeries(set, func(o outcome) string {
		return fmt.Sprintf(`weir_handler_calls_total{method=%q,outcome=%q}`, method, outcomeNames[o])
	}, fmt.Sprintf(`weir_handler_seconds{method=%q}`, method))
}

func newCallSeries(set *metrics.Set, calls func(o outcome) string, seconds string) *callSeries {
	s := new(callSeries)
	for i := range outcomeNames {
		s.calls[i] = set.GetOrCreateCounter(calls(outcome(i)))
	}
	s.seconds = set.GetOrCreateHistogram(seconds)
	return s
}

// dropToolSeries forgets the series of a tool that is no longer offered, which keeps their number bounded.
func dropToolSeries(set *metrics.Set, tool string) {
	for i := range outcomeNames {
		set.UnregisterMetric(toolCallsName(tool, outcome(i)))
	}
	set.UnregisterMetric(toolSecondsName(tool))
}

func toolCallsName(tool string, o outcome) string {
	return fmt.Sprintf(`weir_tool_calls_total{tool=%q,outcome=%q}`, tool, outcomeNames[o])
}

func toolSecondsName(tool string) string { return fmt.Sprintf(`weir_tool_seconds{tool=%q}`, tool) }

// startTimer begins a sample, or returns the zero time when this call is not timed.
func (s *callSeries) startTimer() time.Time {
	if n := s.started.Add(1); n > sampleAlways && n&(sampleEvery-1) != 0 {
		return time.Time{}
	}
	return time.Now()
}

// finished counts a call and ends its sample, if one was begun.
func (s *callSeries) finished(start time.Time, o outcome) {
	s.calls[o].Inc()
	if !start.IsZero() {
		s.seconds.Update(time.Since(start).Seconds())
	}
}
