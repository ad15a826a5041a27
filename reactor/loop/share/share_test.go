package share

import (
	"testing"
	"time"
)

// A loop has as much of a core as it has waited for one, within bounds, however its turns are cut.
func TestShare(t *testing.T) {
	const us = int64(time.Microsecond)
	f := func(waited, want int64) {
		t.Helper()
		var s Share
		s.Begin(1000 * us)
		if s.spent(1000*us+leastShare-us) || !s.spent(1000*us+leastShare) {
			t.Errorf("a loop that comes has not %d us", leastShare/us)
		}
		left := 2000 * us
		s.back(left, left+waited)
		now := left + waited
		for turn := range want / us { // of a microsecond, with nothing between them
			if s.Begin(now); s.spent(now) {
				t.Fatalf("after a wait of %d us it had %d us, not %d", waited/us, turn, want/us)
			}
			now += us
			s.End(now)
		}
		if s.Begin(now); !s.spent(now) {
			t.Errorf("after a wait of %d us it has more than %d us", waited/us, want/us)
		}
	}
	f(0, leastShare)
	f(100*us, leastShare)
	f(1000*us, 1000*us)
	f(10_000*us, mostShare)
}

// What a loop has had before it slept does not count.
func TestShareAfterSleep(t *testing.T) {
	var s Share
	s.Begin(1)
	s.End(1 + mostShare)
	if now := 1 + mostShare + sleptAfter + 1; s.spent(now) {
		s.Begin(now)
		if s.spent(now) {
			t.Error("a loop that has slept has nothing of its core")
		}
	} else {
		t.Error("a loop may go on for ever")
	}
}
