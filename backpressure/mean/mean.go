// Package mean is the running mean of what something takes, such as the calls of a tool.
//
// Its one rule: each of them counts alike. What waits takes the sum of what its messages take, so a median would not
// do: a tool that takes 10 ms for one call of ten takes them. Weighed by time, the long ones would count twice. It
// never knows what is measured, nor the time of day.
package mean

import "time"

// Mean is that of what the last memory holds, in nanoseconds. A change is seen by a second mean, of few messages: where
// the two are far apart, the cost is not what it was, and the slow one takes the quick one's value. The zero value has
// seen nothing; not safe for concurrent use.
type Mean struct {
	slow, quick float64
	seen        float64 // messages, up to where it does not matter
}

const (
	memory = 200 * time.Millisecond
	// quickWindow and slowMost are of how many messages the two are the mean, about; the slow one at most.
	quickWindow, slowMost = 16, 512
	// jump is how far apart the two are when the cost has changed. Tools of two minds do not get there: where one
	// call of ten takes 50 times as long as the others, the mean is six times what most calls take.
	jump = 8
	// reach bounds what one stretch of messages says, in multiples of the mean: when the machine stood still for
	// a second, a call of a millisecond has not cost that. Of the first messages each says so much that a worker's each,
	// all of which stood still, would have it be believed: so it is less.
	reach, firstReach = 32, 8
)

// Add takes note of n messages that took so many nanoseconds together, and returns the mean.
func (m *Mean) Add(n int, took int64) float64 {
	count, each := float64(n), float64(max(took, 1))/float64(n)
	switch {
	case m.seen >= quickWindow:
		each = min(each, reach*m.quick)
	case m.seen > 0:
		each = min(each, firstReach*m.quick)
	}
	m.seen = min(m.seen+count, slowMost)
	weight := func(window float64) float64 {
		return max(count/m.seen, count/(count+window-1)) // the first ones are their plain mean
	}
	m.quick += (each - m.quick) * min(1, weight(quickWindow))
	m.slow += (each - m.slow) * min(1, weight(min(max(float64(memory)/m.slow, quickWindow), slowMost)))
	if m.quick > jump*m.slow || m.slow > jump*m.quick {
		m.slow, m.seen = m.quick, 1 // and the next ones count more
	}
	return m.slow
}
