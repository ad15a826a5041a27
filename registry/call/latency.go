package call

import (
	"fmt"
	"io"
	"math"
	"sync/atomic"
	"time"
)

// Totals are the calls of all handlers since the start. While a tool is removed they may be fewer for a moment.
type Totals struct {
	Calls, Errors uint64
	// Computing is the latency of tools that only compute: how many calls of the sample are in each bucket, and Waiting
	// that of the others. LatencyBounds are the ends of all buckets but the last, in seconds.
	Computing, Waiting [len(latencyBounds) + 1]uint64
}

// latencyBounds has 0.15 among them: that is what tools that compute promise, so whether their p95 is above it is no
// matter of interpolation.
var latencyBounds = [...]float64{
	0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.125, 0.15, 0.2, 0.25, 0.5, 1, 2.5, 5, 10, 60,
}

// LatencyBounds are the ends of the buckets of Totals.Computing, in seconds.
func LatencyBounds() []float64 { return latencyBounds[:] }

// Latency is how long calls take from their admission to the end of their handlers, of all tools of a class together.
// Only the sample of calls that is timed anyway comes here, so its atomics are no matter of speed. Concurrent.
type Latency struct {
	buckets [len(latencyBounds) + 1]atomic.Uint64
	nanos   atomic.Int64
}

func (l *Latency) observe(took time.Duration) {
	at, seconds := 0, took.Seconds()
	for at < len(latencyBounds) && seconds > latencyBounds[at] {
		at++
	}
	l.buckets[at].Add(1)
	l.nanos.Add(int64(took))
}

// Counts are how many calls are in each bucket.
func (l *Latency) Counts() (counts [len(latencyBounds) + 1]uint64) {
	for i := range l.buckets {
		counts[i] = l.buckets[i].Load()
	}
	return counts
}

// Write writes it as weir_call_duration_seconds of a class, as Prometheus reads it.
func (l *Latency) Write(w io.Writer, class string) {
	total := uint64(0)
	for i, n := range l.Counts() {
		total += n
		end := math.Inf(1)
		if i < len(latencyBounds) {
			end = latencyBounds[i]
		}
		fmt.Fprintf(w, "weir_call_duration_seconds_bucket{class=%q,le=\"%v\"} %d\n", class, end, total)
	}
	fmt.Fprintf(w, "weir_call_duration_seconds_sum{class=%q} %g\n", class, time.Duration(l.nanos.Load()).Seconds())
	fmt.Fprintf(w, "weir_call_duration_seconds_count{class=%q} %d\n", class, total)
}
