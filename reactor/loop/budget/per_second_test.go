package budget

import (
	"testing"
	"time"
)

// In one second there are only so many, and in the next as many again.
func TestPerSecond(t *testing.T) {
	var b PerSecond
	f := func(now time.Duration, told, spent bool) {
		t.Helper()
		if got := b.Take(int64(now), 2); got != told {
			t.Errorf("at %v: told %t", now, got)
		}
		if got := b.Spent(int64(now), 2); got != spent {
			t.Errorf("at %v: spent %t", now, got)
		}
	}
	f(0, true, false)
	f(999*time.Millisecond, true, true)
	f(999*time.Millisecond, false, true)
	f(time.Second, true, false)
	f(time.Second, true, true)
	f(9*time.Second, true, false)
	if b.Spent(int64(10*time.Second), 2) {
		t.Error("the next second begins spent")
	}
}
