package tally

import "testing"

func TestMark(t *testing.T) {
	var m Mark
	f := func(n int, crossed, exceeded bool) {
		t.Helper()
		if c, e := m.Judge(n, 100); c != crossed || e != exceeded || m.Exceeded() != exceeded {
			t.Errorf("%d: crossed %v, exceeded %v", n, c, e)
		}
	}
	f(99, false, false)
	f(100, true, true)
	f(95, false, true)
	f(94, true, false)
	f(99, false, false)
}

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
	off := Tally[string]{Off: true}
	if !off.Take("a", 0) || off.Give("a") != 0 || off.Len() != 0 {
		t.Error("it counts, and is off")
	}
	if c.Len() != 1 {
		t.Errorf("%d keys, and only a has something", c.Len())
	}
}
