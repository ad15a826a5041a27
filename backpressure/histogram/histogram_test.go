package histogram

import (
	"strings"
	"sync/atomic"
	"testing"
)

func TestBucket(t *testing.T) {
	f := func(value int64, want int) {
		t.Helper()
		if got := Bucket([]int64{10, 20}, value); got != want {
			t.Errorf("%d is in bucket %d, want %d", value, got, want)
		}
	}
	f(-1, 0)
	f(10, 0)
	f(11, 1)
	f(20, 1)
	f(21, 2)
}

// The counts of several are added, and each bucket holds those below it.
func TestWrite(t *testing.T) {
	h := Histogram{Name: "waits", Class: "compute", Bounds: []int64{500, 1000}, Unit: 1000}
	for range 2 {
		var counts [3]atomic.Uint64
		var sum atomic.Int64
		for i := range counts {
			counts[i].Store(uint64(i + 1))
		}
		sum.Store(1500)
		h.Add(counts[:], &sum)
	}
	var b strings.Builder
	h.Write(&b)
	const want = `waits_bucket{class="compute",le="0.5"} 2
waits_bucket{class="compute",le="1"} 6
waits_bucket{class="compute",le="+Inf"} 12
waits_sum{class="compute"} 3
waits_count{class="compute"} 12
`
	if b.String() != want {
		t.Errorf("got:\n%swant:\n%s", b.String(), want)
	}
}
