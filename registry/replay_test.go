package registry

import (
	"strings"
	"testing"
)

// What is kept for resuming is bounded per session by number and bytes, and in all; the oldest goes first, and over a gap
// nothing is replayed.
func TestReplayBounds(t *testing.T) {
	r := newFixture(t, func(o *Options) { o.ReplayEvents, o.ReplayBytes, o.ReplayTotalBytes = 3, 100, 150 })
	p, q := &replay{r: r}, &replay{r: r}
	f := func(p *replay, from uint32, want ...string) {
		t.Helper()
		p.own.sent = from
		var got []string
		for e := p.pending(&p.own); e != nil; e = p.pending(&p.own) {
			got = append(got, string(e.message[:1]))
		}
		if strings.Join(got, "") != strings.Join(want, "") {
			t.Errorf("after %d: got %v, want %v", from, got, want)
		}
		if p.own.sent != p.own.latest {
			t.Errorf("after %d the stream is at %d of %d", from, p.own.sent, p.own.latest)
		}
	}
	record := func(p *replay, name string, size int) {
		if n := p.record([]byte(strings.Repeat(name, size))); n != eventID(0, p.own.latest) {
			t.Errorf("event %s is %d of %d", name, n, p.own.latest)
		}
	}
	f(p, 0)
	for _, name := range []string{"a", "b", "c", "d"} {
		record(p, name, 10)
	}
	f(p, 0, "b", "c", "d")
	f(p, 3, "d")
	f(p, 4)
	record(p, "e", 75)
	f(p, 0, "c", "d", "e")
	record(p, "f", 101)
	f(p, 0)
	record(p, "g", 100)
	f(p, 0, "g")
	record(q, "a", 50)
	record(q, "b", 1) // the others hold the rest
	f(q, 0)
	if got := r.replayBytes.Load(); got != 100 {
		t.Errorf("%d bytes are counted, want 100", got)
	}
	p.forget()
	q.forget()
	if got := r.replayBytes.Load(); got != 0 {
		t.Errorf("%d bytes are left", got)
	}
}

func TestEventIDs(t *testing.T) {
	for _, number := range []uint32{0, 7, 1<<32 - 1} {
		for _, stream := range []uint32{0, 12, 1<<32 - 1} {
			if s, n, ok := parseEventID(AppendEventID(nil, eventID(stream, number))); !ok || s != stream || n != number {
				t.Errorf("%d-%d became %d-%d %v", stream, number, s, n, ok)
			}
		}
	}
	for _, bad := range []string{"", "0", "-", "0-", "-1", "0--1", "0-4294967296", "4294967296-0", "0-1x", "0- 1", "01-1", "+1-1", "1-1-1"} {
		if s, n, ok := parseEventID([]byte(bad)); ok {
			t.Errorf("%q is %d-%d", bad, s, n)
		}
	}
}
