package engine_test

import (
	"testing"
	"time"

	"weir/registry"
	. "weir/registry/engine"
	"weir/registry/event"
	"weir/registry/protocol"
)

// What was kept for long makes room, of ended streams as of running ones, and the sessions live on.
func TestReplayTTL(t *testing.T) {
	r := newFixture(t, func(o *registry.Options) { o.EventStoreTTL = time.Minute })
	p := &peer{r: r, transport: HTTP}
	id := []byte(p.initialize(t, "2025-11-25"))
	s, _ := r.SessionTable().Find(id, "", nil)
	open := func(ended bool) *event.PostStream {
		x := &Exchange{Call: Call{Conv: &s.Conversation, Revision: protocol.LatestLegacy, Responder: deaf{}}, Transport: HTTP,
			View: r.Offer().Main().View}
		made := r.OpenPostStream(x)
		made.Append([]byte("a"))
		if ended {
			made.End(x.ID(), []byte("b"))
		}
		return made
	}
	open(true)
	running := open(false)
	resume := func(event string, want Outcome) *event.Stream {
		t.Helper()
		stream, outcome, e := r.OpenStream(nil, &Header{SessionID: id}, "", []byte(event), deaf{})
		if outcome != want {
			t.Errorf("%s: outcome %d %v, want %d", event, outcome, e, want)
		}
		return stream
	}
	r.ExpireSessions(time.Now().Add(30 * time.Second))
	resume("1-1", Answered).Close()
	resume("2-0", Answered).Close()
	if got := number(t, r, "weir_event_store_bytes"); got != 3*257 {
		t.Errorf("%d bytes are kept, want three events of 1 byte and 256 of bookkeeping", got)
	}
	r.ExpireSessions(time.Now().Add(61 * time.Second))
	resume("1-1", Invalid)
	resume("2-0", Invalid)
	resumed := resume("2-1", Answered)
	running.Append([]byte("c"))
	if got := number(t, r, "weir_event_store_bytes"); got != 257 {
		t.Errorf("%d bytes are kept, want one event of 1 byte and 256 of bookkeeping", got)
	}
	running.End(nil, nil)
	resumed.Close()
}

// deaf is a peer that takes nothing.
type deaf struct{}

func (deaf) Wake()            {}
func (deaf) Send([]byte) bool { return false }
func (deaf) Peer() event.Peer { return deaf{} }
func (deaf) Resume()          {}

// The answer that pushes out what its stream has kept is there for who resumes behind that.
func TestReplayOfAnAnswerAlone(t *testing.T) {
	r := newFixture(t, func(o *registry.Options) { o.MaxEventStoreEvents = 2 })
	p := &peer{r: r, transport: HTTP}
	id := []byte(p.initialize(t, "2025-11-25"))
	s, _ := r.SessionTable().Find(id, "", nil)
	x := &Exchange{Call: Call{Conv: &s.Conversation, Revision: protocol.LatestLegacy, Responder: deaf{}}, Transport: HTTP,
		View: r.Offer().Main().View}
	one, other := r.OpenPostStream(x), r.OpenPostStream(x)
	one.Append([]byte("a"))
	other.Append([]byte("b"))
	one.End(x.ID(), []byte("answer"))
	stream, _, e := r.OpenStream(nil, &Header{SessionID: id}, "", []byte("1-1"), deaf{})
	if e != nil {
		t.Fatal(e)
	}
	if message, id := stream.Next(nil); string(message) != "answer" || string(event.AppendID(nil, id)) != "1-2" {
		t.Errorf("%s is sent again, as %d", message, id)
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
		x.Transport, x.Header, x.Conv, x.Responder = HTTP, &Header{SessionID: id}, nil, deaf{}
		if r.Route(x); x.Conv == nil {
			t.Fatal("not routed")
		}
		if outcome := r.EndSession(nil, id, ""); outcome != Ended {
			t.Fatal("outcome", outcome)
		}
		leave(x)
		if kept, watched := number(t, r, "weir_event_store_bytes"), number(t, r, "weir_subscriptions"); kept != 0 ||
			watched != 0 {
			t.Errorf("%d bytes and %d subscriptions are left", kept, watched)
		}
	}
	f(func(x *Exchange) { r.Dispatch(x, nil) })
	f(func(x *Exchange) {
		if stream := r.OpenPostStream(x); stream != nil {
			stream.Append([]byte("a"))
		}
	})
}
