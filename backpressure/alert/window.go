package alert

import "time"

// Reading is what a server is at one moment. Counts are since its start.
type Reading struct {
	// Calls are those that ended, and Errors those of them in which the server failed.
	Calls, Errors uint64
	// Latency has, for a sample of the calls of tools that compute, how many are in each bucket. Its length is that of
	// Evaluator's bounds, and one more.
	Latency []uint64
	// MemoryBytes is what the process has resident.
	MemoryBytes int64
	// Connections are open; SoftConnections is how many of them are worth an alert, 0 for none.
	Connections, SoftConnections int
	// LostNodes are those of a cluster that were lost and are not back.
	LostNodes int
	// QueueFill is how full the queue to the workers is, 0 to 1.
	QueueFill float64
}

// sample is a Reading with its time.
type sample struct {
	at time.Time
	Reading
}

// window keeps the readings of a while, at most steps+3 of them.
type window struct {
	length  time.Duration
	samples []sample // oldest first; the first is the window's beginning
}

// add takes the newest reading and lets go of those that are older than the window needs.
func (w *window) add(now time.Time, r Reading) {
	if n := len(w.samples); n > 1 && now.Sub(w.samples[n-2].at) < w.length/steps {
		w.samples[n-1] = sample{now, r} // the one before is young enough
	} else {
		w.samples = append(w.samples, sample{now, r})
	}
	old := 0
	for old+1 < len(w.samples) && now.Sub(w.samples[old+1].at) >= w.length {
		old++
	}
	w.samples = append(w.samples[:0], w.samples[old:]...)
}

// counts are what happened in the window.
func (w *window) counts() (calls, errors uint64, latency []uint64) {
	first, last := &w.samples[0], &w.samples[len(w.samples)-1]
	latency = make([]uint64, len(last.Latency))
	for i := range latency {
		latency[i] = more(last.Latency[i], at(first.Latency, i))
	}
	return more(last.Calls, first.Calls), more(last.Errors, first.Errors), latency
}

// more is by how much a count grew; one that fell says nothing.
func more(now, before uint64) uint64 {
	if now < before {
		return 0
	}
	return now - before
}

func at(counts []uint64, i int) uint64 {
	if i >= len(counts) {
		return 0
	}
	return counts[i]
}

// quantile is what histogram_quantile of Prometheus computes: linear within a bucket, and the end of the last one but
// one for what is beyond. n is of how many.
func quantile(q float64, bounds []float64, counts []uint64) (value float64, n uint64) {
	for _, count := range counts {
		n += count
	}
	if n == 0 {
		return 0, 0
	}
	rank, below := q*float64(n), uint64(0)
	for i, end := range bounds {
		if count := at(counts, i); float64(below+count) >= rank {
			begin := 0.0
			if i > 0 {
				begin = bounds[i-1]
			}
			return begin + (end-begin)*(rank-float64(below))/float64(count), n
		} else {
			below += count
		}
	}
	return bounds[len(bounds)-1], n
}
