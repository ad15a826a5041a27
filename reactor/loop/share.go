package loop

import "time"

// A loop and the workers share the cores, and the runtime stops neither of them before 10 ms. So a loop that has much
// to do lets the others go on from time to time, and they it (backpressure.Worker). What it may do until then is as
// much as it has waited the last time, within bounds: it gets half of a core where it needs so much, whatever the
// tools' calls take. With a fixed number of events it got a tenth beside tools of 1 ms, less than refusals took at ten
// times the load, and they were told after 150 ms (docs/decisions/0052-a-loops-share.md).

const (
	// leastShare is some 16 events: less, and to let others go on costs as much as what is done between. mostShare is
	// what a call may wait for the loop on its core, beyond the event that is served.
	leastShare = int64(160 * time.Microsecond)
	mostShare  = int64(2 * time.Millisecond)

	// sleptAfter is the time between two turns from which on the loop is taken to have slept, or waited for a core.
	sleptAfter = int64(10 * time.Microsecond)
)

// share is what a loop has had of its core. All times are those of backpressure.Now.
type share struct {
	since int64 // when it got it
	until int64 // when its last turn ended
	most  int64 // for how long it may have it
}

// begin begins a turn.
func (s *share) begin(now int64) {
	if now-s.until > sleptAfter {
		s.since, s.most = now, max(s.most, leastShare)
	}
}

// spent says whether others are to go on now.
func (s *share) spent(now int64) bool { return now-s.since >= s.most }

// back begins another share, at now, for a loop that has let others go on at left.
func (s *share) back(left, now int64) {
	s.since, s.most = now, min(max(now-left, leastShare), mostShare)
}

// end ends a turn.
func (s *share) end(now int64) { s.until = now }
