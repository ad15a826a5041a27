package registry

import (
	"strings"
	"testing"
	"time"

	"weir/registry/protocol"
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

// What was kept for long makes room, of ended streams as of running ones, and the sessions live on.
func TestReplayTTL(t *testing.T) {
	r := newFixture(t, func(o *Options) { o.ReplayTTL = time.Minute })
	p := &peer{r: r, transport: HTTP}
	id := []byte(p.initialize(t, "2025-11-25"))
	s, _ := r.sessions.Get(id)
	trail := func(ended bool) *Trail {
		x := &Exchange{Transport: HTTP, Conv: &s.conv, revision: protocol.LatestLegacy, Back: deaf{}}
		made := r.OpenTrail(x)
		made.Record([]byte("a"))
		if ended {
			made.End(x, []byte("b"))
		}
		return made
	}
	trail(true)
	running := trail(false)
	resume := func(event string, want Outcome) *Stream {
		t.Helper()
		stream, outcome, e := r.OpenStream(&Header{SessionID: id}, "", []byte(event), deaf{})
		if outcome != want {
			t.Errorf("%s: outcome %d %v, want %d", event, outcome, e, want)
		}
		return stream
	}
	r.ExpireSessions(time.Now().Add(30 * time.Second))
	resume("1-1", Answered).Close()
	resume("2-0", Answered).Close()
	if got := r.replayBytes.Load(); got != 3 {
		t.Errorf("%d bytes are kept, want 3", got)
	}
	r.ExpireSessions(time.Now().Add(61 * time.Second))
	resume("1-1", Invalid)
	resume("2-0", Invalid)
	resumed := resume("2-1", Answered)
	running.Record([]byte("c"))
	if got := r.replayBytes.Load(); got != 1 {
		t.Errorf("%d bytes are kept, want 1", got)
	}
	events := s.conv.feed.Load().events
	if got := len(events.posts); got != 1 {
		t.Errorf("%d streams are known, want the running one", got)
	}
	running.End(&Exchange{}, nil)
	resumed.Close()
	events.expire(time.Since(r.epoch) + time.Second)
	if events.kept != nil || events.posts != nil {
		t.Errorf("room for %d events and %v is kept for none", cap(events.kept), events.posts)
	}
}

// deaf is a peer that takes nothing.
type deaf struct{}

func (deaf) Wake()            {}
func (deaf) Send([]byte) bool { return false }
func (deaf) Peer() Peer       { return deaf{} }
func (deaf) Resume()          {}

// The answer that pushes out what its stream has kept is there for who resumes behind that.
func TestReplayOfAnAnswerAlone(t *testing.T) {
	r := newFixture(t, func(o *Options) { o.ReplayEvents = 2 })
	p := &peer{r: r, transport: HTTP}
	id := []byte(p.initialize(t, "2025-11-25"))
	s, _ := r.sessions.Get(id)
	x := &Exchange{Transport: HTTP, Conv: &s.conv, revision: protocol.LatestLegacy, Back: deaf{}}
	one, other := r.OpenTrail(x), r.OpenTrail(x)
	one.Record([]byte("a"))
	other.Record([]byte("b"))
	one.End(x, []byte("answer"))
	stream, _, e := r.OpenStream(&Header{SessionID: id}, "", []byte("1-1"), deaf{})
	if e != nil {
		t.Fatal(e)
	}
	if message, event := stream.Next(nil); string(message) != "answer" || event != eventID(1, 2) {
		t.Errorf("%s is sent again, as %d", message, event)
	}
}

// A message that found its session before that ended leaves nothing behind in it.
func TestSessionEndsUnderAMessage(t *testing.T) {
	r := newFixture(t)
	f := func(leave func(x *Exchange)) {
		t.Helper()
		p := &peer{r: r, transport: HTTP}
		id := []byte(p.initialize(t, "2025-11-25"))
		x := exchangeOf(t, `{"jsonrpc":"2.0","id":1,"method":"resources/subscribe","params":{"uri":"test://text"}}`)
		x.Transport, x.Header, x.Conv, x.Back = HTTP, &Header{SessionID: id}, nil, deaf{}
		if r.Route(x); x.Conv == nil {
			t.Fatal("not routed")
		}
		if outcome := r.EndSession(id, ""); outcome != Ended {
			t.Fatal("outcome", outcome)
		}
		leave(x)
		if kept, watched := r.replayBytes.Load(), r.subscriptions.Load(); kept != 0 || watched != 0 {
			t.Errorf("%d bytes and %d subscriptions are left", kept, watched)
		}
	}
	f(func(x *Exchange) { r.Dispatch(x, nil) })
	f(func(x *Exchange) {
		if trail := r.OpenTrail(x); trail != nil {
			trail.Record([]byte("a"))
		}
	})
}
