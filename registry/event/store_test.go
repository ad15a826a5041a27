package event

import (
	"strings"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
)

// newHub is a hub with room for all that tests do, unless they say otherwise.
func newHub(change ...func(*Options)) *Hub {
	o := Options{MaxSubscriptions: 1000, MaxSubscriptionsPerClient: 100, MaxSubscriptionBytes: 1 << 20,
		MaxListenBytes: 1 << 10, MaxEventStoreEvents: 64,
		MaxEventStoreBytes:      1 << 18,
		MaxEventStoreTotalBytes: 1 << 25, Epoch: time.Now(), Metrics: metrics.NewSet()}
	for _, f := range change {
		f(&o)
	}
	return NewHub(o)
}

// deaf is a peer that is not woken.
type deaf struct{}

func (deaf) Wake() {}

// What is kept for resuming is bounded per session by number and bytes, and in all; the oldest goes first, and over a
// gap nothing is replayed.
func TestStoreBounds(t *testing.T) {
	h := newHub(func(o *Options) { o.MaxEventStoreEvents, o.MaxEventStoreBytes, o.MaxEventStoreTotalBytes = 3, 100, 900 })
	p, q := &store{hub: h}, &store{hub: h}
	f := func(p *store, from uint32, want ...string) {
		t.Helper()
		p.own.sent = from
		var got []string
		for e := p.next(&p.own); e != nil; e = p.next(&p.own) {
			got = append(got, string(e.message[:1]))
		}
		if strings.Join(got, "") != strings.Join(want, "") {
			t.Errorf("after %d: got %v, want %v", from, got, want)
		}
		if p.own.sent != p.own.latest {
			t.Errorf("after %d the stream is at %d of %d", from, p.own.sent, p.own.latest)
		}
	}
	record := func(p *store, name string, size int) {
		if n := p.record([]byte(strings.Repeat(name, size))); n != newID(0, p.own.latest) {
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
	if got := h.keptBytes.Load(); got != 100+eventBytes {
		t.Errorf("%d bytes are counted, want 100 and an event's", got)
	}
	p.clear()
	q.clear()
	if got := h.keptBytes.Load(); got != 0 {
		t.Errorf("%d bytes are left", got)
	}
}

func TestIDs(t *testing.T) {
	for _, number := range []uint32{0, 7, 1<<32 - 1} {
		for _, stream := range []uint32{0, 12, 1<<32 - 1} {
			if s, n, ok := parseID(AppendID(nil, newID(stream, number))); !ok || s != stream || n != number {
				t.Errorf("%d-%d became %d-%d %v", stream, number, s, n, ok)
			}
		}
	}
	for _, bad := range []string{"", "0", "-", "0-", "-1", "0--1", "0-4294967296", "4294967296-0", "0-1x", "0- 1", "01-1",
		"+1-1", "1-1-1"} {
		if s, n, ok := parseID([]byte(bad)); ok {
			t.Errorf("%q is %d-%d", bad, s, n)
		}
	}
}

// What was kept for long makes room, of ended streams as of running ones, down to the room that it took.
func TestStoreExpires(t *testing.T) {
	h := newHub()
	s := h.NewSubscriber(new(Told))
	open := func(ended bool) *PostStream {
		p := s.OpenPost(true, deaf{})
		p.Append([]byte("a"))
		if ended {
			p.End([]byte("1"), []byte("b"))
		}
		return p
	}
	open(true)
	running := open(false)
	if n := h.keptBytes.Load(); n != 3+3*eventBytes {
		t.Errorf("%d bytes are kept, want 3 and three events'", n)
	}
	s.Expire(time.Since(h.opt.Epoch))
	resumed, e := s.Open(true, []byte("2-1"), deaf{})
	if e != nil {
		t.Fatal(e)
	}
	if _, e := s.Open(true, []byte("1-1"), deaf{}); e != ErrGap {
		t.Error("behind the ended one:", e)
	}
	running.Append([]byte("c"))
	if n := len(s.events.posts); n != 1 {
		t.Errorf("%d streams are known, want the running one", n)
	}
	running.End(nil, nil)
	resumed.Close()
	s.Expire(time.Since(h.opt.Epoch) + time.Second)
	if s.events.kept != nil || s.events.posts != nil || h.keptBytes.Load() != 0 {
		t.Errorf("room for %d events and %v is kept for none", cap(s.events.kept), s.events.posts)
	}
}
