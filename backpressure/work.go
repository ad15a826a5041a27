package backpressure

import (
	"math"
	"sync/atomic"
	"time"

	"weir/backpressure/mean"
)

// costUnit is the grain in which costs are counted: 256 ns, so that 32 bits hold 18 minutes.
const costUnit = 256

// Work is one kind of work, as the calls of one tool: what a message of it costs a worker of class Compute, learnt from
// those that were done, and how many of them wait. When the cost is learnt anew, what waits is worth the new cost at
// once. The nil Work costs nothing. Made by NewWork; safe for concurrent use.
type Work struct {
	load *load

	// state is the cost of a message, in the upper half, and how many of them wait, in the lower. In one word, so that
	// the sum over all kinds of cost times number is exact whoever changes what.
	state atomic.Uint64

	learning atomic.Bool // somebody has mean
	mean     mean.Mean
}

// Cost is what a message is thought to cost.
func (w *Work) Cost() time.Duration { return time.Duration(w.cost()) * costUnit }

func (w *Work) cost() uint32 {
	if w == nil {
		return 0
	}
	return uint32(w.state.Load() >> 32)
}

// join counts a message that begins to wait and returns its cost.
func (w *Work) join() uint32 {
	if w == nil {
		return 0
	}
	cost := w.state.Add(1) >> 32
	w.load.waiting.Add(int64(cost))
	return uint32(cost)
}

// leave counts n messages that wait no more and returns what they cost by now.
func (w *Work) leave(n int) int64 {
	if w == nil || n == 0 {
		return 0
	}
	cost := int64(w.state.Add(-uint64(n))>>32) * int64(n)
	w.load.waiting.Add(-cost)
	return cost
}

// learn takes note of n messages that are done and took so many nanoseconds together.
func (w *Work) learn(n int, took int64) {
	if !w.learning.CompareAndSwap(false, true) {
		return // another worker is about to: nobody waits for an estimate, and one sample less does no harm
	}
	cost := uint64(min(max(1, w.mean.Add(n, took)/costUnit), math.MaxUint32))
	w.learning.Store(false)
	for {
		old := w.state.Load()
		if old>>32 == cost {
			return
		}
		if w.state.CompareAndSwap(old, cost<<32|old&math.MaxUint32) {
			w.load.waiting.Add((int64(cost) - int64(old>>32)) * int64(old&math.MaxUint32))
			return
		}
	}
}

// load is what waits and runs of class Compute, as time, in units of costUnit.
type load struct {
	_         [cacheLineBytes]byte
	waiting   atomic.Int64 // as the messages' costs are known now
	executing atomic.Int64 // as they were known when a worker took them
	_         [cacheLineBytes]byte
	paused    atomic.Int64 // of waiting, in lanes that are paused, as known at their admission
	shutAt    atomic.Int64 // when the door was last seen shut; 0: never

	// rate is how much work is done in a time, in thousandths of it: 2,000 is two cores' worth.
	rate  atomic.Int64
	since atomic.Int64 // when the measuring of it began
	done  atomic.Int64 // nanoseconds of work since then
	idled atomic.Bool  // a worker has paused since then
	_     [cacheLineBytes]byte
}

// ahead is what must be done before a message that is admitted now could start, were there no turns.
func (l *load) ahead() int64 {
	return max(0, l.waiting.Load()-l.paused.Load()) + l.executing.Load()
}
