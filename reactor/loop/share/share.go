package share

import (
	"runtime"
	"time"

	"weir/backpressure"
)

const (
	// leastShare is some 16 events: less, and to let others go on costs as much as what is done between. mostShare is
	// what a call may wait for the loop on its core, beyond the event that is served.
	leastShare = int64(160 * time.Microsecond)
	mostShare  = int64(2 * time.Millisecond)

	// sleptAfter is the time between two turns from which on the loop is taken to have slept, or waited for a core.
	sleptAfter = int64(10 * time.Microsecond)
)

// Share is what a loop has had of its core. All times are those of backpressure.Now.
type Share struct {
	since int64 // when it got it
	until int64 // when its last turn ended
	most  int64 // for how long it may have it
}

// Begin begins a turn.
func (s *Share) Begin(now int64) {
	if now-s.until > sleptAfter {
		s.since, s.most = now, max(s.most, leastShare)
	}
}

// spent says whether others are to go on now.
func (s *Share) spent(now int64) bool { return now-s.since >= s.most }

// back begins another share, at now, for a loop that has let others go on at left.
func (s *Share) back(left, now int64) {
	s.since, s.most = now, min(max(now-left, leastShare), mostShare)
}

// End ends a turn.
func (s *Share) End(now int64) { s.until = now }

// LetOthersGoOn has them run when the loop has had its share, and says for how long; 0 when it has not. It looks at the
// clock for each event, which may be a hundredth or the hundredfold of another: 64 KiB of small messages are 600.
func (s *Share) LetOthersGoOn() int64 {
	left := backpressure.Now()
	if !s.spent(left) {
		return 0
	}
	runtime.Gosched()
	now := backpressure.Now()
	s.back(left, now)
	return max(1, now-left)
}
