package backpressure

import (
	"testing"
	"time"
)

func TestRefusalWords(t *testing.T) {
	seen := map[string]bool{}
	for r := Accepted; r < refusals; r++ {
		word := r.String()
		switch {
		case word == "":
			t.Errorf("refusal %d, the one after %v, has no word: give it a row in refusalTable (backpressure/refusal.go)",
				r, r-1)
		case seen[word]:
			t.Errorf("refusal %d has the word %q, which is another's: change its row in refusalTable "+
				"(backpressure/refusal.go)", r, word)
		}
		seen[word] = true
	}
}

// The time to wait stays within its bounds, is spread, and grows as the queue fills.
func TestRetryAfter(t *testing.T) {
	o := testOptions()
	q, _ := newQueue(t, o)
	f := func(r Refusal, waiting int64, low, high time.Duration) {
		t.Helper()
		q.waiting.used.Store(waiting)
		least, most := time.Hour, time.Duration(0)
		for range 10_000 {
			after := q.RetryAfter(r)
			least, most = min(least, after), max(most, after)
		}
		if least < low || most > high {
			t.Errorf("%v at %d waiting: %v to %v, want %v to %v", r, waiting, least, most, low, high)
		}
		if most < 2*least {
			t.Errorf("%v at %d waiting: %v to %v is hardly a spread", r, waiting, least, most)
		}
	}
	s := time.Second
	f(ConnectionQueueFull, 0, s/2, 3*s/2)
	f(ConnectionQueueFull, 250_000, 2875*time.Millisecond, 8625*time.Millisecond)
	f(QueueFull, 500_000, 10*s, 30*s)
	f(ConnectionLimit, 0, 2875*time.Millisecond, 8625*time.Millisecond)
}
