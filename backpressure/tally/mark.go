package tally

import "sync/atomic"

// Mark is a level that is exceeded at it, and until a twentieth below it: one client that comes and goes there is not
// an event each time. The zero value is ready.
type Mark struct{ exceeded atomic.Bool }

// Judge says whether n has crossed the level, in either direction, and whether it exceeds it. One goroutine at a time.
func (m *Mark) Judge(n, level int) (crossed, exceeded bool) {
	was := m.exceeded.Load()
	exceeded = n >= level || was && n >= level-level/20
	m.exceeded.Store(exceeded)
	return exceeded != was, exceeded
}

// Exceeded says what Judge said last. Any goroutine.
func (m *Mark) Exceeded() bool { return m.exceeded.Load() }
