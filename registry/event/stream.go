package event

import "time"

// Peer is the connection at the other end of a stream.
type Peer interface {
	// Wake has the transport ask for what is owed, soon and on its own loop. Any goroutine; it must not block.
	Wake()
}

// Stream is a subscriber's way out: the open response to a session's GET or to a listen, or a whole connection. Or it
// is the response to a GET that has resumed a POST's. Its transport calls Next; the other methods are for any
// goroutine.
type Stream struct {
	subscriber *Subscriber
	peer       Peer
	sequence   *sequence // whose events it carries; nil where they have no ids

	// Guarded by the subscriber's lock.
	endsEarly bool          // to be closed on purpose, before its sequence ends:
	until     uint32        // behind this event
	retry     time.Duration // for so long
}

// OfPost says whether s has resumed the response to a POST.
func (s *Stream) OfPost() bool { return s.sequence != nil && s.sequence.number != 0 }

// Listen says whether the stream is a subscriptions/listen's; else it is a session's or a connection's.
func (s *Stream) Listen() bool { return s.subscriber.Listens() }

// ListenBytes is what a listen takes, with all that it hears of; 0 for other streams, which are their sessions'.
func (s *Stream) ListenBytes() int {
	if !s.Listen() {
		return 0
	}
	bytes, _ := s.subscriber.Holds()
	return bytes
}

// Over says whether s carries nothing more, for ever: the transport closes it.
func (s *Stream) Over() bool {
	f := s.subscriber
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.end != open || s.overLocked()
}

// overLocked: the subscriber goes out elsewhere by now or, of a POST's response, there is nothing more to carry.
func (s *Stream) overLocked() bool {
	if !s.OfPost() {
		return s.subscriber.stream != s
	}
	q := s.sequence
	return q.carrier != s || q.sent < q.gap || q.ended && q.sent == q.latest || s.endsEarly && q.sent >= s.until
}

// Next appends the next message that is owed to the client, as an event with the given id (0: it has none); nothing
// when none is. The transport calls it while the client reads. One goroutine at a time per stream.
func (s *Stream) Next(dst []byte) (message []byte, id ID) {
	f := s.subscriber
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.end != open || s.overLocked() {
		return dst, 0
	}
	if q := s.sequence; q != nil {
		if e := f.events.next(q); e != nil {
			return append(dst, e.message...), newID(q.number, e.number)
		}
		if s.OfPost() {
			return dst, 0
		}
	}
	from := len(dst)
	if dst = f.appendOwedLocked(dst); len(dst) > from && s.sequence != nil {
		id = f.events.record(dst[from:])
	}
	return dst, id
}

// Primed says whether the stream begins with an event without data, and that event's id: of what came last.
func (s *Stream) Primed() (id ID, primed bool) {
	s.subscriber.mu.Lock()
	defer s.subscriber.mu.Unlock()
	if s.sequence == nil || !s.sequence.primes {
		return 0, false
	}
	return newID(s.sequence.number, s.sequence.sent), true
}

// EndedEarly says whether the stream was closed on purpose before its end, with the event that says so: its id, and
// when the client is to come back.
func (s *Stream) EndedEarly() (id ID, retry time.Duration, early bool) {
	s.subscriber.mu.Lock()
	defer s.subscriber.mu.Unlock()
	q := s.sequence
	if !s.endsEarly || q.carrier != s || q.sent != s.until {
		return 0, 0, false
	}
	return newID(q.number, q.sent), s.retry, true
}

// Close ends the stream from the transport's side: its connection is gone, or it was told Over. A listen ends with its
// stream; a session goes on collecting what it is owed, and a POST what its call says. Idempotent.
func (s *Stream) Close() {
	f := s.subscriber
	if f.Listens() {
		f.End()
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.stream == s:
		f.stream = nil
		f.hub.streams.Add(-1)
	case s.sequence != nil && s.sequence.carrier == s:
		s.sequence.carrier = nil
		f.events.prune(s.sequence)
	}
}
