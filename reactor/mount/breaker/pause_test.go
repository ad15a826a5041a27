package breaker

import (
	"testing"
	"time"
)

func TestPauses(t *testing.T) {
	for ends, longest := range map[int]time.Duration{0: 200 * time.Millisecond, 1: 400 * time.Millisecond,
		7: 25600 * time.Millisecond, 8: 30 * time.Second, 1000: 30 * time.Second} {
		for range 100 {
			if p := PauseAfter(ends); p < longest/2 || p > longest {
				t.Fatalf("after %d ends: %v, longest %v", ends, p, longest)
			}
		}
	}
}
