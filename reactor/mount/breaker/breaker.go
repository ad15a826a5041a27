package breaker

import "time"

// State is what a breaker does.
type State uint8

const (
	Closed   State = iota // calls pass
	HalfOpen              // one call passes, to see
	Open                  // none passes
)

// String is its word in /status.
func (s State) String() string { return [...]string{"closed", "half_open", "open"}[s] }

// Breaker is open after so many failures in a row, for a pause; then one call a pause passes, until one is answered.
// Its user locks it. Failures 0 never opens.
type Breaker struct {
	Failures int
	Pause    time.Duration

	Opened uint64 // how often it was

	row   int
	state State
	since int64 // when it opened, or let the last call pass
}

// Allow says whether a call may pass at now, in nanoseconds, and else in how long one may.
func (b *Breaker) Allow(now int64) (ok bool, in time.Duration) {
	if b.state == Closed {
		return true, 0
	}
	if left := b.since + int64(b.Pause) - now; left > 0 {
		return false, time.Duration(left)
	}
	b.state, b.since = HalfOpen, now // a call that is lost track of does not keep the next from passing
	return true, 0
}

// Answered closes it.
func (b *Breaker) Answered() { b.state, b.row = Closed, 0 }

// Failed counts a failure at now.
func (b *Breaker) Failed(now int64) {
	b.row++
	switch {
	case b.Failures == 0 || b.state == Open:
		return
	case b.state == HalfOpen, b.row >= b.Failures:
		b.state, b.since = Open, now
		b.Opened++
	}
}

// State is what it does.
func (b *Breaker) State() State { return b.state }
