package remote

import (
	"strconv"
	"testing"
)

// TestAskedIsBounded: a server that asks on and on, and is not answered, is told apart from one that asks again.
func TestAskedIsBounded(t *testing.T) {
	r := &Remote{asked: map[string]uint64{}}
	for i := range maxAsked {
		if !r.note(strconv.Itoa(i), 1) {
			t.Fatalf("request %d is too much", i)
		}
	}
	if r.note("more", 1) || !r.note("0", 1) || len(r.asked) != maxAsked {
		t.Errorf("%d are noted, at most %d", len(r.asked), maxAsked)
	}
}

// TestInPassingIsBounded: what a server does not take is not said, instead of waiting without end.
func TestInPassingIsBounded(t *testing.T) {
	r := &Remote{waiting: make(chan struct{}, maxWaiting)}
	taken, instead := make(chan struct{}), 0
	for range maxWaiting + 3 {
		r.inPassing(func() { <-taken }, func() { instead++ })
	}
	close(taken)
	r.running.Wait()
	if instead != 3 || len(r.waiting) != 0 {
		t.Errorf("%d were not said, want 3; %d wait", instead, len(r.waiting))
	}
	r.inPassing(func() {}, func() { t.Error("there is room again") })
	r.running.Wait()
}
