package tally

import "testing"

func TestTally(t *testing.T) {
	var c Tally[string]
	take := func(k string, want bool) {
		t.Helper()
		if got := c.Take(k, 2); got != want {
			t.Errorf("take %s: %v", k, got)
		}
	}
	give := func(k string, want int) {
		t.Helper()
		if got := c.Give(k); got != want {
			t.Errorf("give %s: %d left, want %d", k, got, want)
		}
	}
	take("a", true)
	take("a", true)
	take("a", false)
	take("b", true)
	give("a", 1)
	take("a", true)
	give("b", 0)
	give("b", -1)
	if c.Len() != 1 {
		t.Errorf("%d keys, and only a has something", c.Len())
	}
}
