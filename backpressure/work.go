package backpressure

import (
	"math"
	"sync/atomic"
	"time"
)

// costUnit is the grain in which costs are counted: 256 ns, so that 32 bits hold 18 minutes.
const costUnit = 256

// Work is one kind of work, as the calls of one tool: what a message of it costs a worker of class Compute, learnt from
// those that were done, and how many of them wait. When the cost is learnt anew, what waits is worth the new cost at
// once. The nil Work costs nothing. Made by NewWork; safe for concurrent use.
type Work struct {
	queue *Queue

	// state is the cost of a message, in the upper half, and how many of them wait, in the lower. In one word, so that
	// the sum over all kinds of cost times number is exact whoever changes what.
	state atomic.Uint64

	learning atomic.Bool // somebody has mean
	mean     mean
}

// NewWork returns a kind of work of which nothing is known: it costs nothing until the first message is done.
func (q *Queue) NewWork() *Work { return &Work{queue: q} }

// Of says whether w is a kind of work of q.
func (w *Work) Of(q *Queue) bool { return w != nil && w.queue == q }

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
	w.queue.load.waiting.Add(int64(cost))
	return uint32(cost)
}

// leave counts n messages that wait no more and returns what they cost by now.
func (w *Work) leave(n int) int64 {
	if w == nil || n == 0 {
		return 0
	}
	cost := int64(w.state.Add(-uint64(n))>>32) * int64(n)
	w.queue.load.waiting.Add(-cost)
	return cost
}

// learn takes note of n messages that are done and took so many nanoseconds together.
func (w *Work) learn(n int, took int64) {
	if !w.learning.CompareAndSwap(false, true) {
		return // another worker is about to: nobody waits for an estimate, and one sample less does no harm
	}
	cost := uint64(min(max(1, w.mean.add(n, took)/costUnit), math.MaxUint32))
	w.learning.Store(false)
	for {
		old := w.state.Load()
		if old>>32 == cost {
			return
		}
		if w.state.CompareAndSwap(old, cost<<32|old&math.MaxUint32) {
			w.queue.load.waiting.Add((int64(cost) - int64(old>>32)) * int64(old&math.MaxUint32))
			return
		}
	}
}

// mean is the running mean of a cost, in nanoseconds, of the messages of the last meanMemory on one core or so. The mean
// and not a median: what waits takes the sum of what its messages take, and a tool that takes 10 ms for one call of ten
// takes them. Each message counts alike: weighed by time, the long ones would count twice. A change is seen by a second
// mean, of few messages: where the two are far apart, the cost is not what it was, and the slow one takes the quick
// one's value.
type mean struct {
	slow, quick float64
	seen        float64 // messages, up to where it does not matter
}

const (
	meanMemory = 200 * time.Millisecond
	// quickWindow and slowMost are of how many messages the two are the mean, about; the slow one at most.
	quickWindow, slowMost = 16, 512
	// meanJump is how far apart the two are when the cost has changed. Tools of two minds do not get there: where one
	// call of ten takes 50 times as long as the others, the mean is six times what most calls take.
	meanJump = 8
	// meanReach bounds what one stretch of messages says, in multiples of the mean: when the machine stood still for
	// a second, a call of a millisecond has not cost that.
	meanReach = 32
)

// add takes note of n messages that took so long together, and returns the mean.
func (m *mean) add(n int, took int64) float64 {
	count, each := float64(n), float64(max(took, 1))/float64(n)
	if m.seen >= quickWindow {
		each = min(each, meanReach*m.quick)
	}
	m.seen = min(m.seen+count, slowMost)
	weight := func(window float64) float64 {
		return max(count/m.seen, count/(count+window-1)) // the first ones are their plain mean
	}
	m.quick += (each - m.quick) * min(1, weight(quickWindow))
	m.slow += (each - m.slow) * min(1, weight(min(max(float64(meanMemory)/m.slow, quickWindow), slowMost)))
	if m.quick > meanJump*m.slow || m.slow > meanJump*m.quick {
		m.slow, m.seen = m.quick, 1 // and the next ones count more
	}
	return m.slow
}
