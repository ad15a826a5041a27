package backpressure

import (
	"fmt"
	"math"
	"sync/atomic"
)

const cacheLineBytes = 64

// budget is a process-wide amount (messages, bytes) of which tickets take a part and give it back.
//
// Taking is a compare-and-swap, not an add that is undone when it was too much: used never passes max, not
// even for the moment in which a refusal is decided, so the gauge proves the cap.
//
// The budget also carries the gate for new connections: shut above high, open again below low. It is
// updated where the amount changes, so a peak between two connection attempts shuts it too.
type budget struct {
	name string // for the panic of a broken invariant

	max, high, low int64

	_    [cacheLineBytes]byte // used changes with every message, what is above never does
	used atomic.Int64
	peak atomic.Int64
	shut atomic.Bool
	_    [cacheLineBytes]byte
}

// init sets the cap and the gate's fractions of it.
func (b *budget) init(name string, limit int, refuseAbove, reopenBelow float64) {
	// The tiny term keeps 0.80 x 500,000 at 400,000 whatever way the product rounds.
	const rounding = 1e-6
	b.name = name
	b.max = int64(limit)
	b.high = int64(math.Floor(refuseAbove*float64(limit) + rounding))
	b.low = int64(math.Ceil(reopenBelow*float64(limit) - rounding))
}

// take reserves n; false, with nothing reserved, when it does not fit.
func (b *budget) take(n int64) bool {
	for {
		used := b.used.Load()
		if used+n > b.max {
			return false
		}
		if b.used.CompareAndSwap(used, used+n) {
			b.rose(used + n)
			return true
		}
	}
}

func (b *budget) rose(used int64) {
	if used > b.high && !b.shut.Load() {
		b.shut.Store(true)
	}
	for peak := b.peak.Load(); used > peak; peak = b.peak.Load() {
		if b.peak.CompareAndSwap(peak, used) {
			return
		}
	}
}

// give returns n that take reserved.
func (b *budget) give(n int64) {
	used := b.used.Add(-n)
	if used < 0 {
		panic(fmt.Sprintf("backpressure: %s gave back more than was taken: %d left after %d", b.name, used, n))
	}
	if used < b.low && b.shut.Load() {
		b.shut.Store(false)
	}
}

// pressed reports whether the gate is shut. It judges the amount afresh: a take and a give that cross can
// each write the gate for the amount they saw, the later write for the older amount.
func (b *budget) pressed() bool {
	switch used := b.used.Load(); {
	case used > b.high:
		b.shut.Store(true)
	case used < b.low:
		b.shut.Store(false)
	}
	return b.shut.Load()
}

// fill is the used part of the budget, 0 to 1.
func (b *budget) fill() float64 { return float64(b.used.Load()) / float64(b.max) }
