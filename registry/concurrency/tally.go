package concurrency

import (
	"math"
	"math/bits"
	"sync/atomic"
)

// tally collects calls until somebody takes them: how many there were, how long they took, and how many ran when they
// began. Three additions per call.
type tally struct {
	// taken is the time of the calls in units of tick, above tallyBits, and their number below: one word, so that a
	// mean is of what was counted.
	taken  atomic.Uint64
	places atomic.Uint64
	// squares is the sum of the squares of their times, in units of squareTick.
	squares atomic.Uint64
}

const (
	tick      = 256 // nanoseconds
	tallyBits = 20  // a million calls in 100 ms are more than there can be; 44 bits of ticks are 52 days
	tallyMask = 1<<tallyBits - 1

	squareTick = 1 << 14 // 16 us: the squares of 300,000 times of two minutes fit into 64 bits
	squareMost = 120 * second
)

func (t *tally) add(p Place, took int64) {
	t.taken.Add(uint64(max(took/tick, 1))<<tallyBits | 1)
	t.places.Add(uint64(p.others))
	each := uint64(min(took, squareMost)) / squareTick
	t.squares.Add(each * each)
}

// sums is what a tally held, or several did: sums.
type sums struct{ calls, time, places, squares float64 }

func (t *tally) calls() uint64 { return t.taken.Load() & tallyMask }

func (t *tally) look() sums { return sumsOf(t.taken.Load(), t.places.Load(), t.squares.Load()) }

func (t *tally) take() sums {
	if t.taken.Load() == 0 {
		return sums{}
	}
	return sumsOf(t.taken.Swap(0), t.places.Swap(0), t.squares.Swap(0))
}

func sumsOf(taken, places, squares uint64) sums {
	return sums{float64(taken & tallyMask), float64(taken>>tallyBits) * tick, float64(places),
		float64(squares) * squareTick * squareTick}
}

func (h *sums) add(o sums) {
	h.calls, h.time, h.places, h.squares = h.calls+o.calls, h.time+o.time, h.places+o.places, h.squares+o.squares
}

// fade keeps at most so many calls' worth of h.
func (h *sums) fade(most float64) {
	if h.calls > most {
		part := most / h.calls
		h.calls, h.time, h.places, h.squares = most, h.time*part, h.places*part, h.squares*part
	}
}

// mean is how long a call took.
func (h sums) mean() float64 { return h.time / h.calls }

// deviation is by how much that differs from call to call.
func (h sums) deviation() float64 { return math.Sqrt(max(0, h.squares/h.calls-h.mean()*h.mean())) }

// beside is how many calls ran, when one of these began.
func (h sums) beside() float64 { return h.places / h.calls }

// rate is how many calls end in a nanosecond where so many run at once and take so long (Little's law).
func (h sums) rate() float64 { return h.places / h.time }

// levels are the powers of two up to the most calls there can be.
const levels = 22

// levelOf is where a call counts that began as one of n.
func levelOf(n int64) int { return min(bits.Len64(uint64(n)), levels) - 1 }
