package number

import "testing"

// What was given back is used again, and nothing is there twice.
func TestNumbers(t *testing.T) {
	n := Numbers{First: 4}
	f := func(want int) {
		t.Helper()
		if got := n.Take(); got != want {
			t.Errorf("got %d, want %d", got, want)
		}
	}
	f(4)
	f(5)
	n.Give(4)
	f(4)
	f(6)
}
