package breaker

import (
	"testing"
	"time"
)

// TestBreaker: each row is a call or what became of one, at a second, and what the breaker does after it.
func TestBreaker(t *testing.T) {
	b := Breaker{Failures: 2, Pause: 10 * time.Second}
	for i, row := range []struct {
		second int
		what   string // "f" failed, "a" answered, "y" and "n": a call passes, or not
		want   State
	}{
		{0, "y", Closed}, {0, "f", Closed}, {1, "a", Closed}, {1, "f", Closed}, {2, "f", Open}, {3, "f", Open},
		{11, "n", Open}, {12, "y", HalfOpen}, {12, "n", HalfOpen}, {13, "f", Open}, {22, "n", Open},
		{23, "y", HalfOpen}, {33, "y", HalfOpen}, {34, "a", Closed}, {34, "y", Closed}, {35, "f", Closed},
	} {
		now := int64(row.second) * int64(time.Second)
		switch row.what {
		case "f":
			b.Failed(now)
		case "a":
			b.Answered()
		default:
			if ok, in := b.Allow(now); ok != (row.what == "y") || ok != (in == 0) {
				t.Errorf("row %d: %v, in %v", i, ok, in)
			}
		}
		if b.State() != row.want {
			t.Errorf("row %d: %v, want %v", i, b.State(), row.want)
		}
	}
	if b.Opened != 2 {
		t.Errorf("it opened %d times", b.Opened)
	}
	never := Breaker{Pause: time.Second}
	for range 100 {
		never.Failed(0)
	}
	if ok, _ := never.Allow(0); !ok {
		t.Error("a breaker that is off opened")
	}
}
