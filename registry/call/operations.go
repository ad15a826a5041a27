package call

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// operationBounds are the ends of the buckets, in seconds, that OpenTelemetry's conventions for MCP ask of
// mcp.server.operation.duration.
var operationBounds = [...]float64{0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300}

// Operations are the times of requests that ran a handler, under the name that OpenTelemetry's conventions for MCP have
// for them, as Prometheus spells it. The calls that are timed anyway stand for those that are not, so that its counts
// are those of calls: off by 15 for each tool at most. The zero value is ready. Concurrent.
type Operations struct {
	mu  sync.Mutex
	all map[operationKey]*operation
}

type operationKey struct{ method, tool, errorType string }

func (k operationKey) labels() string {
	labels := fmt.Sprintf(`mcp_method_name=%q`, k.method)
	if k.tool != "" {
		labels += fmt.Sprintf(`,gen_ai_tool_name=%q`, k.tool)
	}
	if k.errorType != "" {
		labels += fmt.Sprintf(`,error_type=%q`, k.errorType)
	}
	return labels
}

// operation is a histogram.
type operation struct {
	buckets [len(operationBounds) + 1]atomic.Uint64
	nanos   atomic.Int64
}

// observe counts times calls, of which one took that long.
func (o *operation) observe(took time.Duration, times uint32) {
	at, seconds := 0, took.Seconds()
	for at < len(operationBounds) && seconds > operationBounds[at] {
		at++
	}
	o.buckets[at].Add(uint64(times))
	o.nanos.Add(int64(took) * int64(times))
}

// of is the histogram of a key, made when it is first asked for: most endings never come about.
func (o *Operations) of(key operationKey) *operation {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.all == nil {
		o.all = map[operationKey]*operation{}
	}
	h := o.all[key]
	if h == nil {
		h = new(operation)
		o.all[key] = h
	}
	return h
}

// Drop forgets a tool that is no longer offered.
func (o *Operations) Drop(tool string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for key := range o.all {
		if key.tool == tool {
			delete(o.all, key)
		}
	}
}

// Write writes them as mcp_server_operation_duration_seconds.
func (o *Operations) Write(w io.Writer) {
	type row struct {
		labels string
		of     *operation
	}
	o.mu.Lock()
	rows := make([]row, 0, len(o.all))
	for key, h := range o.all {
		rows = append(rows, row{key.labels(), h})
	}
	o.mu.Unlock()
	slices.SortFunc(rows, func(a, b row) int { return cmp.Compare(a.labels, b.labels) })
	const name = "mcp_server_operation_duration_seconds"
	for _, r := range rows {
		total := uint64(0)
		for i := range r.of.buckets {
			total += r.of.buckets[i].Load()
			end := math.Inf(1)
			if i < len(operationBounds) {
				end = operationBounds[i]
			}
			fmt.Fprintf(w, "%s_bucket{%s,le=\"%v\"} %d\n", name, r.labels, end, total)
		}
		fmt.Fprintf(w, "%s_sum{%s} %g\n", name, r.labels, time.Duration(r.of.nanos.Load()).Seconds())
		fmt.Fprintf(w, "%s_count{%s} %d\n", name, r.labels, total)
	}
}

// seriesOperations are those of one Series, by how calls ended.
type seriesOperations struct {
	all          *Operations
	method, tool string
	of           [endings]atomic.Pointer[operation]
}

func (s *seriesOperations) observe(how Ending, took time.Duration, times uint32) {
	h := s.of[how].Load()
	if h == nil {
		errorType := ""
		if how != EndedOK {
			errorType = endingNames[how]
		}
		h = s.all.of(operationKey{s.method, s.tool, errorType})
		s.of[how].Store(h)
	}
	h.observe(took, times)
}
