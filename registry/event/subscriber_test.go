package event

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"weir/registry/protocol"
)

// source is something to hear of that says how often it has changed.
type source struct {
	mu      sync.Mutex
	changes int
	subs    map[*Subscription]bool
	over    bool
}

func (s *source) Attach(sub *Subscription) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return false
	}
	if s.subs == nil {
		s.subs = make(map[*Subscription]bool)
	}
	s.subs[sub] = true
	return true
}

func (s *source) Append(dst []byte, to *Subscriber) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return fmt.Appendf(dst, "%d changes", s.changes)
}

func (s *source) Bytes() int { return 0 }

func (s *source) Detach(sub *Subscription) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.subs, sub)
}

// counter is a peer that counts how often it was woken.
type counter struct{ atomic.Int32 }

func (c *counter) Wake() { c.Add(1) }

// listen is a listen and its stream.
func listen(t *testing.T, h *Hub, peer Peer) (*Subscriber, *Stream) {
	t.Helper()
	s, e := h.Listen([]byte("7"), &Filter{Tools: true}, nil, peer)
	if e != nil {
		t.Fatal(e)
	}
	return s, s.Current()
}

// owed is what a stream is owed now.
func owed(s *Stream) (all []string) {
	for message, _ := s.Next(nil); len(message) > 0; message, _ = s.Next(nil) {
		all = append(all, string(message))
	}
	return all
}

func wants(t *testing.T, s *Stream, want ...string) {
	t.Helper()
	if got := owed(s); strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("is told %q, want %q", got, want)
	}
}

// A client is woken once and told once, however often a source changes; each later change is told again.
func TestOwedOnce(t *testing.T) {
	h, peer, src := newHub(), new(counter), new(source)
	s, stream := listen(t, h, peer)
	sub, e := s.Subscribe(src)
	if e != nil || sub == nil {
		t.Fatal(e)
	}
	if again, e := s.Subscribe(src); again != nil || e != nil || h.subscriptions.Load() != 2 {
		t.Errorf("subscribing twice: %v %v, %d subscriptions", again, e, h.subscriptions.Load())
	}
	for src.changes = range 9 {
		sub.Owe()
	}
	if n := peer.Load(); n != 1 {
		t.Errorf("woken %d times", n)
	}
	wants(t, stream, "8 changes")
	wants(t, stream)
	h.ListChanged(protocol.ListTools)
	h.ListChanged(protocol.ListPrompts) // which it did not ask for
	sub.Owe()
	wants(t, stream, `{"jsonrpc":"2.0","method":"notifications/tools/list_changed","params":{"_meta":{"`+
		protocol.KeySubscription+`":7}}}`, "8 changes")
	// What goes ahead is told first, and only the latest of it.
	sub.OweAhead([]byte("one"))
	sub.OweAhead([]byte("two"))
	wants(t, stream, "two")
	sub.OweAhead([]byte("three"))
	sub.Owe()
	wants(t, stream, "three", "8 changes")
	sub.Owe()
	s.Unsubscribe(src)
	s.Unsubscribe(src)
	wants(t, stream)
	if len(src.subs) != 0 || h.subscriptions.Load() != 1 {
		t.Errorf("after the end %d are attached, %d subscriptions", len(src.subs), h.subscriptions.Load())
	}
}

// However a subscription ends, it is given back once, and nothing is told after it.
func TestSubscriptionEnds(t *testing.T) {
	h, src, gone := newHub(), new(source), &source{over: true}
	s, stream := listen(t, h, new(counter))
	if sub, e := s.Subscribe(gone); sub != nil || e != nil {
		t.Error("hears of what is no more:", sub, e)
	}
	sub, _ := s.Subscribe(src)
	sub.Owe()
	sub.Drop()
	sub.Drop()
	wants(t, stream)
	if sub, _ = s.Subscribe(src); sub == nil || h.subscriptions.Load() != 2 {
		t.Fatal("not again:", h.subscriptions.Load())
	}
	sub.Owe()
	stream.Close()
	stream.Close()
	sub.Owe()
	sub.Drop()
	wants(t, stream)
	if later, e := s.Subscribe(new(source)); later != nil || e != nil {
		t.Error("hears of more after the end:", later, e)
	}
	if s.Follow(new(source)) != nil || !stream.Over() || !s.Over() || h.subscriptions.Load() != 0 || len(src.subs) != 0 &&
		src.subs[sub] {
		t.Errorf("left: %d subscriptions, %d attached", h.subscriptions.Load(), len(src.subs))
	}
}

// Each limit refuses one more than it allows; what a client did not ask for counts for none.
func TestSubscriptionLimit(t *testing.T) {
	h := newHub(func(o *Options) { o.MaxSubscriptions, o.MaxSubscriptionsPerClient = 4, 2 })
	s := h.NewSubscriber(new(Told))
	for range 5 {
		if s.Follow(new(source)) == nil {
			t.Error("following is refused")
		}
	}
	for i := range 3 {
		if _, e := s.Subscribe(new(source)); (e == h.refusals[limitClient]) != (i == 2) {
			t.Error(i, e)
		}
	}
	other, _ := listen(t, h, new(counter))
	for i := range 2 {
		if _, e := other.Subscribe(new(source)); (e == h.refusals[limitTotal]) != (i == 1) {
			t.Error(i, e)
		}
	}
	var siblings atomic.Int32
	siblings.Store(2)
	if _, e := h.Listen([]byte("1"), new(Filter), &siblings, nil); e != h.refusals[limitClient] {
		t.Error("a third listen of one connection:", e)
	}
	s.End()
	other.End()
	if n := h.subscriptions.Load(); n != 0 {
		t.Errorf("%d are left", n)
	}
}

// A filter that is too long, or names too much, is refused before it is read.
func TestFilterLimits(t *testing.T) {
	h := newHub(func(o *Options) { o.MaxSubscriptionsPerClient, o.MaxListenBytes = 3, 200 })
	f := func(raw, reason string) {
		t.Helper()
		e := h.Admits([]byte(raw))
		if (e == nil) != (reason == "") || e != nil && !strings.Contains(string(e.Data), `"`+reason+`"`) {
			t.Errorf("%s: %v", raw, e)
		}
	}
	f(`{}`, "")
	f(`{"toolsListChanged":true,"resourceSubscriptions":[],"taskIds":[ ]}`, "")
	f(`{"resourceSubscriptions":["a,b","c","d]"]}`, "")
	f(`{"resourceSubscriptions":["a","b","c","d"]}`, "subscription_limit_per_client")
	f(`{"resourceSubscriptions":["a","b"],"x":1,"taskIds":["c" , "d"]}`, "subscription_limit_per_client")
	f(`{"resourceSubscriptions":[`+strings.Repeat(`"a",`, 40)+`"a"]}`, "subscription_limit_per_client")
	f(`{"pad":"`+strings.Repeat("x", 190)+`"}`, "")
	f(`{"pad":"`+strings.Repeat("x", 191)+`"}`, "listen_bytes")
	f(`{"resourceSubscriptions":["a"`, "") // no JSON: who reads it says so
}

// A session has one stream; whoever knows an event takes it over and goes on behind that.
func TestSessionStream(t *testing.T) {
	h, first, second := newHub(), new(counter), new(counter)
	s := h.NewSubscriber(new(Told))
	if _, e := s.Open(true, []byte("0-0"), first); e != ErrEventID {
		t.Error("an event before there was any:", e)
	}
	stream, e := s.Open(true, nil, first)
	if e != nil {
		t.Fatal(e)
	}
	if id, primed := stream.Primed(); !primed || id != newID(0, 0) {
		t.Error("primed:", id, primed)
	}
	for range 2 {
		h.ListChanged(protocol.ListTools)
		if message, id := stream.Next(nil); len(message) == 0 || id == 0 {
			t.Error("not told:", id)
		}
	}
	newest, e := s.Open(true, nil, second)
	if e != nil || first.Load() != 1 || !stream.Over() || newest.Over() {
		t.Fatal("a second stream:", e, first.Load(), stream.Over(), newest.Over())
	}
	if message, _ := newest.Next(nil); len(message) > 0 {
		t.Errorf("told twice: %s", message)
	}
	again, e := s.Open(true, []byte("0-1"), first)
	if e != nil || second.Load() != 1 || !newest.Over() || again.Over() {
		t.Fatal("taken over:", e, second.Load(), newest.Over(), again.Over())
	}
	if message, id := again.Next(nil); len(message) == 0 || id != newID(0, 2) {
		t.Errorf("goes on with %s as %d", message, id)
	}
	wants(t, again)
	s.End()
	if _, e := s.Open(true, nil, second); e != ErrEnded || first.Load() != 2 || !again.Over() {
		t.Error("after the end:", e, first.Load())
	}
}

// The stream of a POST goes over to the GET that resumes it, which may be closed on purpose before its end.
func TestPostStream(t *testing.T) {
	h, post, get := newHub(), new(counter), new(counter)
	s := h.NewSubscriber(new(Told))
	p := s.OpenPost(true, post)
	id, posted, kept := p.Append([]byte("one"))
	if id != newID(1, 1) || !posted || !kept || !p.Posted() || p.First() != newID(1, 0) || p.EndEarly(time.Second) {
		t.Error("on the POST:", id, posted, kept)
	}
	stream, e := s.Open(true, AppendID(nil, p.First()), get)
	if e != nil || post.Load() != 1 || p.Posted() || !stream.OfPost() {
		t.Fatal("resumed:", e, post.Load(), p.Posted())
	}
	if _, posted, kept = p.Append([]byte("two")); posted || !kept || get.Load() != 1 {
		t.Error("on the GET:", posted, kept, get.Load())
	}
	wants(t, stream, "one", "two")
	if !p.EndEarly(time.Second) || p.EndEarly(time.Second) {
		t.Error("ends early not once")
	}
	if id, retry, early := stream.EndedEarly(); !early || id != newID(1, 2) || retry != time.Second || !stream.Over() {
		t.Error("ended early:", id, retry, early)
	}
	stream.Close()
	if id, posted := p.End([]byte("5"), []byte("answer")); id != newID(1, 3) || posted {
		t.Error("the answer:", id, posted)
	}
	last, e := s.Open(true, []byte("1-2"), get)
	if e != nil {
		t.Fatal(e)
	}
	wants(t, last, "answer")
	if !last.Over() || h.keptBytes.Load() == 0 {
		t.Error("what is sent stays for who breaks again")
	}
	for event, want := range map[string]error{"1-4": ErrEventID, "2-0": ErrEventID, "x": ErrEventID} {
		if _, e := s.Open(true, []byte(event), get); e != want {
			t.Error(event, e)
		}
	}
	s.End()
	if h.keptBytes.Load() != 0 || s.OpenPost(true, post) != nil {
		t.Error("left after the end")
	}
}

// R8: the bytes of subscriptions are bounded, what they name and their bookkeeping, and given back once.
func TestSubscriptionBytesLimit(t *testing.T) {
	h := newHub(func(o *Options) { o.MaxSubscriptionBytes = 20_000 })
	topics := new(Topics)
	s := h.NewSubscriber(new(Told))
	long := func(i int) Source { return topics.Topic(fmt.Sprint(i) + strings.Repeat("u", 2000)) }
	for i := range 9 {
		if _, e := s.Subscribe(long(i)); (e == h.refusals[limitBytes]) != (i >= 7) {
			t.Error(i, e)
		}
	}
	if _, e := h.Listen([]byte("1"), new(Filter), nil, nil); e != h.refusals[limitBytes] {
		t.Error("a listen:", e)
	}
	s.Unsubscribe(long(0))
	listen, e := h.Listen([]byte("1"), new(Filter), nil, nil)
	if e != nil {
		t.Fatal(e)
	}
	if _, e := listen.Subscribe(long(0)); e != h.refusals[limitBytes] {
		t.Error("one of a listen:", e)
	}
	s.End()
	listen.End()
	if n, bytes := h.subscriptions.Load(), h.subscribed.Load(); n != 0 || bytes != 0 {
		t.Errorf("%d subscriptions of %d bytes are left", n, bytes)
	}
}

// What the limits count is what the heap holds, or a little more, with short names and with long ones.
func TestSubscriptionBytes(t *testing.T) {
	heap := func() int64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	for _, length := range []int{20, 2000} {
		for _, each := range []int{1, 100} {
			h := newHub(func(o *Options) { o.MaxSubscriptions, o.MaxSubscriptionBytes = 1<<20, 1<<30 })
			topics := new(Topics)
			subscribers := make([]*Subscriber, 10_000/each)
			before := heap()
			for i := range subscribers {
				subscribers[i] = h.NewSubscriber(new(Told))
				for n := range each {
					if _, e := subscribers[i].Subscribe(topics.Topic(fmt.Sprint(i, n) + strings.Repeat("u", length))); e != nil {
						t.Fatal(e)
					}
				}
			}
			held, counted := heap()-before, h.subscribed.Load()
			t.Logf("names of %d bytes, %d of each: %d bytes are held, %d counted", length, each, held/10_000, counted/10_000)
			if held > counted+counted/5 || counted > 3*held {
				t.Errorf("names of %d bytes, %d of each: %d bytes are held, %d counted", length, each, held, counted)
			}
			runtime.KeepAlive(subscribers)
			runtime.KeepAlive(topics)
		}
	}
}
