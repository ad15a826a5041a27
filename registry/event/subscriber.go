package event

import (
	"sync"
	"sync/atomic"
	"time"

	"weir/codec"
	"weir/registry/protocol"
)

// Subscriber is what one conversation, or one subscriptions/listen, wants to hear of and has not heard yet. Safe for
// concurrent use.
type Subscriber struct {
	hub     *Hub
	id      []byte                   // of the listen request; nil: a conversation's
	lists   [protocol.ListCount]bool // guarded by mu in a session, fixed for a listen
	listens *atomic.Int32            // those open on the connection of this one; nil for others

	mu            sync.Mutex
	told          Told
	stream        *Stream // what it goes out on; nil while a session has none open
	subscriptions map[Source]*Subscription
	counted       int           // how many of them the limits count
	bytes         int           // what the limits count of these, and of a listen itself
	first, last   *Subscription // those that are owed, oldest first
	events        *store        // of a session: what its streams have carried
	end           end
}

// end says whether a subscriber has ended: nothing more may be sent.
type end bool

const (
	open  end = false
	ended end = true
)

// Ended is the subscriber of conversations that ended without one.
var Ended = &Subscriber{end: ended}

// NewSubscriber makes the subscriber of a conversation whose client was told of lists as told says.
func (h *Hub) NewSubscriber(told *Told) *Subscriber {
	s := &Subscriber{hub: h}
	for list := range protocol.ListCount {
		s.told[list].Store(told[list].Load())
	}
	return s
}

// change is the gate of a subscriber's state: f changes it under the lock and says whom to wake, which is done without.
func (s *Subscriber) change(f func() (wake Peer)) {
	if peer := s.locked(f); peer != nil {
		peer.Wake()
	}
}

func (s *Subscriber) locked(f func() Peer) Peer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return f()
}

// Over says whether the subscriber has ended.
func (s *Subscriber) Over() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.end != open
}

// Listens says whether s is a subscriptions/listen; else it is a conversation's.
func (s *Subscriber) Listens() bool { return s.id != nil }

// Holds is what its subscriptions take, and the events that it has kept, as the limits count them.
func (s *Subscriber) Holds() (subscribed, events int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.events != nil {
		events = s.events.bytes + len(s.events.kept)*eventBytes
	}
	return s.bytes, events
}

// Connect has s go out on peer's connection, unless it has a way out.
func (s *Subscriber) Connect(peer Peer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stream == nil && s.end == open {
		s.stream = &Stream{subscriber: s, peer: peer}
	}
}

// Current is the stream that s goes out on; nil when there is none.
func (s *Subscriber) Current() *Stream {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stream
}

// appendOwedLocked appends one message, if there is any that s is owed.
func (s *Subscriber) appendOwedLocked(dst []byte) []byte {
	for list := range protocol.ListCount {
		if now := s.hub.lists[list].Load(); s.lists[list] && s.told[list].Load() != now {
			s.told[list].Store(now)
			return s.appendListChanged(dst, list)
		}
	}
	for sub := s.first; sub != nil; sub = s.first {
		ahead := sub.ahead
		sub.ahead = nil
		if ahead != nil && sub.changed && !sub.gone { // this one now, the change that came after it next
			return append(dst, ahead...)
		}
		s.popLocked()
		switch {
		case sub.gone:
		case ahead != nil:
			return append(dst, ahead...)
		default:
			sub.changed = false
			return sub.source.Append(dst, s)
		}
	}
	return dst
}

// popLocked takes the oldest off the list of what is owed.
func (s *Subscriber) popLocked() {
	sub := s.first
	if s.first = sub.next; s.first == nil {
		s.last = nil
	}
	sub.next, sub.owed = nil, false
}

func (s *Subscriber) appendListChanged(dst []byte, list protocol.List) []byte {
	notification := listChanged[list]
	if s.id == nil {
		return append(dst, notification...)
	}
	dst = append(append(dst, notification[:len(notification)-1]...), `,"params":{`...)
	return append(s.AppendMeta(dst), "}}"...)
}

// AppendMeta appends the _meta that every message of a listen carries (MCP 2026-07-28, basic/patterns/subscriptions).
func (s *Subscriber) AppendMeta(dst []byte) []byte {
	dst = append(dst, `"_meta":{"`+protocol.KeySubscription+`":`...)
	dst = append(dst, s.id...)
	return append(dst, '}')
}

// End ends s for good: its subscriptions are given back, its streams are over. Idempotent.
func (s *Subscriber) End() {
	subscriptions, wake, counted, bytes := s.close()
	for _, sub := range subscriptions {
		sub.source.Detach(sub)
	}
	if counted > 0 {
		s.hub.give(counted, bytes)
	}
	for _, peer := range wake {
		peer.Wake()
	}
}

// close is the change of End: it returns what is to be detached, woken and given back.
func (s *Subscriber) close() (subscriptions map[Source]*Subscription, wake []Peer, counted, bytes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.end != open {
		return nil, nil, 0, 0
	}
	s.end = ended
	subscriptions, counted, bytes = s.subscriptions, s.counted, s.bytes
	s.subscriptions, s.counted, s.bytes, s.first, s.last = nil, 0, 0, nil, nil
	if s.events != nil {
		wake = s.events.carriers()
		s.events.clear()
	}
	if s.stream != nil && s.stream.peer != nil {
		wake = append(wake, s.stream.peer)
	}
	if s.listens != nil {
		s.listens.Add(-1)
	}
	if s.id != nil {
		counted++
	}
	return subscriptions, wake, counted, bytes
}

// Expire drops what was kept for resuming before a time (since Options.Epoch), so that clients which never come back do
// not hold the room of those that do.
func (s *Subscriber) Expire(before time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.events != nil {
		s.events.expire(before)
	}
}

// storeLocked is what the subscriber keeps of its session's streams, made at its first need.
func (s *Subscriber) storeLocked() *store {
	if s.events == nil {
		s.events = &store{hub: s.hub}
	}
	return s.events
}

// Open opens a stream of a session, which its client asks for with GET: without lastEventID its own, of which there is
// one, the newest, with it the stream that it belongs to, behind that event. primes: the session's own begins with an
// event without data. The peer is woken when something is owed.
func (s *Subscriber) Open(primes bool, lastEventID []byte, peer Peer) (opened *Stream, e *codec.Error) {
	s.change(func() (wake Peer) {
		switch stream, number, ok := parseID(lastEventID); {
		case s.end != open:
			e = ErrEnded
		case ok && stream != 0:
			opened, wake, e = s.resumePostLocked(stream, number, peer)
		default:
			opened, wake, e = s.openOwnLocked(primes, lastEventID, peer)
		}
		return wake
	})
	return opened, e
}

// openOwnLocked makes a session go out on a new stream, and returns whose it was before.
func (s *Subscriber) openOwnLocked(primes bool, lastEventID []byte, peer Peer) (_ *Stream, replaced Peer,
	_ *codec.Error) {
	if lastEventID != nil {
		_, number, ok := parseID(lastEventID)
		if !ok || s.events == nil || number > s.events.own.latest {
			s.hub.series.resumption[resumeUnknown].Inc()
			return nil, nil, ErrEventID
		}
		s.events.own.sent = number
		s.hub.series.resumption[resumed].Inc()
	}
	own := &s.storeLocked().own
	own.primes = primes
	s.lists = [protocol.ListCount]bool{true, true, true}
	if s.stream != nil {
		replaced = s.stream.peer // it finds itself replaced
	} else {
		s.hub.streams.Add(1)
	}
	s.stream = &Stream{subscriber: s, peer: peer, sequence: own}
	return s.stream, replaced, nil
}

// resumePostLocked makes peer carry on with the response to a POST, and returns who has carried it.
func (s *Subscriber) resumePostLocked(stream, number uint32, peer Peer) (_ *Stream, replaced Peer, _ *codec.Error) {
	q, e := s.events.find(stream, number)
	if e != nil {
		how := resumeUnknown
		if e == ErrGap {
			how = resumeGap
		}
		s.hub.series.resumption[how].Inc()
		return nil, nil, e
	}
	s.hub.series.resumption[resumed].Inc()
	replaced = q.post
	if q.carrier != nil {
		replaced = q.carrier.peer
	}
	q.post, q.sent = nil, number
	q.carrier = &Stream{subscriber: s, peer: peer, sequence: q}
	return q.carrier, replaced, nil
}
