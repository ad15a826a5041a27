package trace

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"weir/codec"
	"weir/codec/traceparent"
	"weir/registry/call"
)

// Identity is what the spans say of who made them (resource attributes service.name and so on).
type Identity struct{ Name, Version, Host string }

// Tracer decides which requests are traced, and hands their spans to a goroutine that sends them. A nil one is off.
// Begin and Ended may be called on any goroutine.
type Tracer struct {
	bound   uint64 // of the lower half of a trace id: below it the trace is sampled
	stopped atomic.Bool
	sender  sender
}

// New makes a Tracer and, if it is on, starts what sends its spans; Stop ends it. o is valid. failed hears, once in ten
// seconds, why spans do not get to the collector, on the sender's goroutine.
func New(o Options, headers http.Header, who Identity, set *metrics.Set, failed func(error)) *Tracer {
	t := &Tracer{bound: uint64(o.Sample * (1 << 63)), sender: sender{o: o}}
	t.sender.metrics.register(t.sender.waits, o.MaxQueue+o.MaxBatch, set)
	if o.Endpoint != "" {
		t.sender.start(headers, who, failed)
	}
	return t
}

// On says whether any request may be traced.
func (t *Tracer) On() bool { return t != nil && t.sender.queue != nil }

// Begin puts a span that begins at its place in a trace. meta is the request's params._meta, fields are the field lines
// of its HTTP head; both may be nil. The message's own word comes first, and the head's is then linked
// (OpenTelemetry's conventions for MCP, context propagation; SEP-414).
func (t *Tracer) Begin(s *call.Span, meta, fields []byte) {
	if !t.On() {
		return
	}
	around, aroundState, isAround := ofHead(fields)
	parent, state, ok := ofMeta(meta)
	switch {
	case ok && isAround:
		s.Link = around
	case !ok && isAround:
		parent, state, ok = around, aroundState, true
	}
	binary.NativeEndian.PutUint64(s.SpanID[:], newID())
	if ok {
		s.TraceID, s.Parent, s.Sampled, s.State = parent.TraceID, parent.SpanID, parent.Sampled, state
		return
	}
	low := newID()
	binary.BigEndian.PutUint64(s.TraceID[:8], newID())
	binary.BigEndian.PutUint64(s.TraceID[8:], low)
	// As the SDKs judge by the ratio, so that all decide alike about one trace.
	s.Sampled = low>>1 < t.bound || t.sender.o.Sample >= 1
}

// newID is random and not 0.
func newID() uint64 { return 1 + rand.Uint64N(math.MaxUint64) }

// ofMeta is the parent that a message names.
func ofMeta(meta []byte) (parent traceparent.Context, state string, ok bool) {
	if len(meta) == 0 {
		return parent, "", false
	}
	text, _ := codec.StringOf(codec.Member(meta, "traceparent"))
	if parent, ok = traceparent.Parse(text); ok {
		text, _ = codec.StringOf(codec.Member(meta, "tracestate"))
		state = stateOf(text)
	}
	return parent, state, ok
}

// ofHead is the one that the head of an HTTP request names.
func ofHead(fields []byte) (parent traceparent.Context, state string, ok bool) {
	parents, states := 0, []byte(nil)
	for len(fields) > 0 {
		line, rest, _ := bytes.Cut(fields, []byte("\r\n"))
		fields = rest
		name, value, found := bytes.Cut(line, []byte{':'})
		if !found || len(name) < len("tracestate") || name[0]|0x20 != 't' {
			continue
		}
		value = bytes.Trim(value, " \t")
		switch {
		case bytes.EqualFold(name, []byte("traceparent")):
			parents++
			parent, ok = traceparent.Parse(value)
		case bytes.EqualFold(name, []byte("tracestate")):
			if states != nil {
				states = append(states, ',')
			}
			states = append(states, value...)
		}
	}
	if !ok || parents != 1 { // two say nothing (Trace Context 3.2)
		return traceparent.Context{}, "", false
	}
	return parent, stateOf(states), true
}

func stateOf(text []byte) string {
	if !traceparent.CheckState(text) {
		return ""
	}
	return string(text)
}

// Ended takes over a span that has ended.
func (t *Tracer) Ended(s *call.Span) {
	if !t.On() || !s.Sampled {
		return
	}
	out := &t.sender
	if t.stopped.Load() {
		out.metrics.dropped[dropStopped].Inc()
		return
	}
	select {
	case out.queue <- s:
	default:
		out.drop(dropFull, 1)
	}
}

// Replace has what is sent from now on carry these fields.
func (t *Tracer) Replace(headers http.Header) {
	if t.On() {
		t.sender.headers.Store(&headers)
	}
}

// Stop sends what waits, for so long or the timeout at most, and returns when nothing goes on any more. Spans that end
// later are dropped.
func (t *Tracer) Stop(most time.Duration) {
	if t.On() && !t.stopped.Swap(true) {
		t.sender.stop(min(most, t.sender.o.Timeout))
	}
}
