package rate

import (
	"testing"
	"time"
)

// The rate is the count of the last full second, neither of the one that is passing nor of an older one.
func TestLast(t *testing.T) {
	var m Meter
	f := func(at time.Duration, accepted, want int) {
		t.Helper()
		for range accepted {
			if !m.Take(int64(at)) {
				t.Error("refused without a limit")
			}
		}
		if got := m.Last(int64(at)); got != want {
			t.Errorf("at %v: %d in the last full second, want %d", at, got, want)
		}
	}
	f(5000*time.Millisecond, 100, 0)
	f(5999*time.Millisecond, 200, 0)
	f(6000*time.Millisecond, 0, 300)
	f(6500*time.Millisecond, 7, 300)
	f(7999*time.Millisecond, 0, 7)
	f(8000*time.Millisecond, 0, 0)
	f(9000*time.Millisecond, 5, 0)
	f(20*time.Second, 0, 0)
}
