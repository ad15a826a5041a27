package loadtest

import "time"

// pacer plans an open load: when each call should leave, decided before the run and by nothing that happens in it. It is pure:
// no clock, no state that answers could move.
//
// Calls go round robin: call k of the connection in place i of n is number k*n+i of its loop.
type pacer struct {
	start    time.Duration // of the first call, on the loop's clock
	interval float64       // nanoseconds between two calls of the loop
	n        int           // connections
}

// planned is when call number slot should leave.
func (p *pacer) planned(slot uint64) time.Duration {
	return p.start + time.Duration(float64(slot)*p.interval)
}

// plannedFor is when call k of the connection in place i should leave.
func (p *pacer) plannedFor(i int, k uint64) time.Duration {
	return p.planned(k*uint64(p.n) + uint64(i))
}
