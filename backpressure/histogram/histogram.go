package histogram

import (
	"fmt"
	"io"
	"sync/atomic"
)

// Bucket is the number of the bucket that takes a value.
func Bucket(bounds []int64, value int64) int {
	for i, end := range bounds {
		if value <= end {
			return i
		}
	}
	return len(bounds)
}

// Histogram is one of a class, as Prometheus reads it: each bucket counts what the ones before it do too.
// Not for concurrent use.
type Histogram struct {
	Name   string
	Class  string
	Bounds []int64
	Unit   float64 // how many of the bounds' unit make one of the series'
	counts []uint64
	sum    int64
}

// Add adds what was counted, by bucket, and the sum of it. Concurrent with who counts.
func (h *Histogram) Add(counts []atomic.Uint64, sum *atomic.Int64) {
	if h.counts == nil {
		h.counts = make([]uint64, len(counts))
	}
	for i := range counts {
		h.counts[i] += counts[i].Load()
	}
	h.sum += sum.Load()
}

// Write writes the series.
func (h *Histogram) Write(w io.Writer) {
	total := uint64(0)
	for i, n := range h.counts {
		total += n
		end := "+Inf"
		if i < len(h.Bounds) {
			end = fmt.Sprint(float64(h.Bounds[i]) / h.Unit)
		}
		fmt.Fprintf(w, "%s_bucket{class=%q,le=%q} %d\n", h.Name, h.Class, end, total)
	}
	fmt.Fprintf(w, "%s_sum{class=%q} %g\n", h.Name, h.Class, float64(h.sum)/h.Unit)
	fmt.Fprintf(w, "%s_count{class=%q} %d\n", h.Name, h.Class, total)
}
