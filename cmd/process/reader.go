package process

import (
	"bytes"
	"math"
	"os"
	runtimemetrics "runtime/metrics"
	"strconv"
	"time"

	"weir/backpressure/pressure"
)

// countFilesEvery is how often descriptors are counted one by one, where the kernel does not say how many there are
// (before Linux 6.2): of 100,000 that takes 30 ms.
const countFilesEvery = 10 * time.Second

// Reader reads the process. One goroutine at a time.
type Reader struct {
	limit   int64 // what the process may have resident; 0: nobody knows
	samples []runtimemetrics.Sample

	delays     []uint64 // of goroutines that could run, when they were read last
	waits      []uint64 // of messages, likewise
	files      int
	countedFor time.Time // when descriptors were counted
}

// The places in Reader.samples.
const (
	liveHeap = iota
	heapObjects
	heapFree
	heapUnused
	goTotal
	goReleased
	goLimit
	goDelays
)

// NewReader makes a Reader of a process that may have so many bytes resident; 0: nobody knows.
func NewReader(limit int64) *Reader {
	r := &Reader{limit: limit}
	for _, name := range []string{
		liveHeap: "/gc/heap/live:bytes", heapObjects: "/memory/classes/heap/objects:bytes",
		heapFree: "/memory/classes/heap/free:bytes", heapUnused: "/memory/classes/heap/unused:bytes",
		goTotal: "/memory/classes/total:bytes", goReleased: "/memory/classes/heap/released:bytes",
		goLimit: "/gc/gomemlimit:bytes", goDelays: "/sched/latencies:seconds",
	} {
		r.samples = append(r.samples, runtimemetrics.Sample{Name: name})
	}
	return r
}

// Read reads what a pressure is made of, but for connections and the limit on descriptors. waits are how many messages
// waited how long since the start, in buckets with these ends, in nanoseconds.
func (r *Reader) Read(waits []uint64, ends []int64) pressure.Reading {
	runtimemetrics.Read(r.samples)
	of := func(at int) int64 { return int64(r.samples[at].Value.Uint64()) }
	// Garbage is no pressure: the collector fetches it when the limit is near.
	garbage := max(0, of(heapObjects)-of(liveHeap)) + of(heapFree) + of(heapUnused)
	reading := pressure.Reading{
		HeapBytes: of(goTotal) - of(goReleased) - garbage, HeapLimitBytes: of(goLimit),
		ResidentBytes: ResidentBytes() - garbage, ResidentLimitBytes: r.limit,
		Files: r.openFiles(),
	}
	if of(goLimit) == math.MaxInt64 {
		reading.HeapLimitBytes = 0
	}
	delays := r.samples[goDelays].Value.Float64Histogram()
	if at, any := worst(delays.Counts, r.delays, 0.99); any {
		reading.Latency = time.Duration(min(delays.Buckets[at], 60) * float64(time.Second))
	}
	if at, any := worst(waits, r.waits, 0.99); any {
		reading.QueueAge = time.Duration(ends[min(at, len(ends)-1)])
	}
	r.delays = append(r.delays[:0], delays.Counts...)
	r.waits = append(r.waits[:0], waits...)
	return reading
}

// worst is the bucket that a part of what came since before is not above; false: nothing came.
func worst(counts, before []uint64, part float64) (at int, any bool) {
	if len(before) == 0 {
		return 0, false // since the start is not of late
	}
	total := uint64(0)
	for i := range counts {
		total += counts[i] - before[i]
	}
	below := uint64(0)
	for i := range counts {
		below += counts[i] - before[i]
		if total > 0 && float64(below) >= part*float64(total) {
			return i, true
		}
	}
	return 0, false
}

// openFiles is how many descriptors are open.
func (r *Reader) openFiles() int {
	const folder = "/proc/self/fd"
	if info, err := os.Stat(folder); err == nil && info.Size() > 0 {
		return int(info.Size())
	}
	if now := time.Now(); now.Sub(r.countedFor) >= countFilesEvery {
		r.countedFor = now
		if names, err := os.ReadDir(folder); err == nil {
			r.files = len(names)
		}
	}
	return r.files
}

// ResidentBytes is what the process has resident: the second field of /proc/self/statm, in pages; 0 where there is no
// /proc.
func ResidentBytes() int64 {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := bytes.Fields(text)
	if len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseInt(string(fields[1]), 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}
