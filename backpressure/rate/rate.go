// Package rate counts events, such as accepted connections, and lets no more of them come a second than it is told.
//
// Its one rule: time is an argument. It never knows what the events are.
package rate

import "time"

// Meter counts events in buckets of one second and, if it has a limit, spends a token for each from a bucket that
// refills at the limit's rate. Its owner's lock guards it. Times are in nanoseconds.
type Meter struct {
	Limit int // per second, 0: none

	second  int64 // which one current counts
	current int
	last    int // the count of the second before

	tokens   float64
	refilled int64
	started  bool
}

// Take counts one event; false: the limit is reached and nothing was counted.
func (m *Meter) Take(now int64) bool {
	if m.Limit > 0 {
		limit := float64(m.Limit)
		if !m.started {
			m.started, m.tokens, m.refilled = true, limit, now
		}
		elapsed := float64(now-m.refilled) / float64(time.Second)
		m.tokens, m.refilled = min(limit, m.tokens+elapsed*limit), now
		if m.tokens < 1 {
			return false
		}
		m.tokens--
	}
	m.turn(now)
	m.current++
	return true
}

// Last is the number of events in the last full second.
func (m *Meter) Last(now int64) int {
	m.turn(now)
	return m.last
}

// turn moves to the bucket of now.
func (m *Meter) turn(now int64) {
	second := now / int64(time.Second)
	switch second - m.second {
	case 0:
		return
	case 1:
		m.last = m.current
	default:
		m.last = 0
	}
	m.second, m.current = second, 0
}
