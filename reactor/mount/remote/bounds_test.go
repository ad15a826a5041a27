package remote

import (
	"bufio"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"weir/reactor/mount/reason"
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
	met := 0
	r := &Remote{waiting: make(chan struct{}, maxWaiting)}
	r.c.Met = func(limit reason.Limit) {
		if limit == reason.LimitPassing {
			met++
		}
	}
	taken, instead := make(chan struct{}), 0
	for range maxWaiting + 3 {
		r.inPassing(func() { <-taken }, func() { instead++ })
	}
	close(taken)
	r.running.Wait()
	if instead != 3 || met != 3 || len(r.waiting) != 0 {
		t.Errorf("%d were not said, want 3; %d wait", instead, len(r.waiting))
	}
	r.inPassing(func() {}, func() { t.Error("there is room again") })
	r.running.Wait()
}

// TestAccount: what bodies and events hold is on the account by the capacity of their buffers, and comes off it again,
// whether there was room or not.
func TestAccount(t *testing.T) {
	a := &Account{Most: 64 << 10}
	text := strings.Repeat("x", 20<<10)
	one, longer, err := a.read(iotest.HalfReader(strings.NewReader(text)), 1<<20)
	if string(one) != text || longer || err != nil || a.Bytes() != cap(one) {
		t.Errorf("%d bytes, %t, %v; the account has %d of %d", len(one), longer, err, a.Bytes(), cap(one))
	}
	other, _, err := a.read(strings.NewReader(strings.Repeat(text, 3)), 1<<20)
	if err != errFull || a.Bytes() != cap(one)+cap(other) || a.Bytes() > a.Most {
		t.Errorf("%v; the account has %d", err, a.Bytes())
	}
	a.free(other)
	if _, longer, _ := a.read(strings.NewReader(text), 100); !longer {
		t.Error("a longer body is taken")
	}
	e := &events{in: bufio.NewReader(strings.NewReader("data: " + text + "\n\ndata: a\n\n")), max: 1 << 20, account: a}
	a.free(one)
	for _, want := range []string{text, "a"} {
		if ev, err := e.next(); string(ev.data) != want || err != nil {
			t.Errorf("%d bytes, %v", len(ev.data), err)
		}
	}
	e.free()
	if a.Bytes() != 0 {
		t.Errorf("the account has %d at the end", a.Bytes())
	}
}
