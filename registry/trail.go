package registry

import (
	"context"
	"time"

	"weir/codec"
)

// A session's POST that is answered with an event stream leaves a trail: the stream has a number in the session, its events
// have ids and are kept with the session's others (replay.go). The connection may break, or be closed on purpose so that
// the client polls (SEP-1699): the call runs on, what it says is kept, and the client resumes the stream with a GET that
// names the last event it saw. A message is sent on one stream: on the POST's while that carries the trail, from then on
// on the GET's, and on nobody's while nobody asks. What is not kept cannot be sent again: a resume from before it is
// refused (replay_gap), and for an answer that does not fit an error of that reason is kept (replay_limit).

// Trail is the event stream of one POST. Its methods are for any goroutine, and under the lock of the POST's connection:
// that is what puts the events that the connection carries in order.
type Trail struct {
	feed   *Feed
	number uint32 // of the stream in its session
	primes bool   // it begins with an event without data, and may be closed before its end

	// Guarded by the feed's mutex.
	latest  uint32  // the number of its last event
	sent    uint32  // of the last one that the stream which resumed it has carried
	gap     uint32  // events up to this one are not sent again
	kept    int     // how many are kept
	ended   bool    // nothing follows
	post    Peer    // the connection of the POST while that carries it
	resumed *Stream // the GET that carries it; nil while none does
}

// OpenTrail makes the stream that answers x resumable, from its first event on; nil when it is not: without a session, in
// a revision without streams, in a batch, with replay switched off, and for a request that only waits and is as well sent
// again. x is in flight and its Back set.
func (r *Registry) OpenTrail(x *Exchange) *Trail {
	if x.Conv == nil || x.EndsWithPeer() || x.Transport != HTTP || x.InBatch || !x.rev().Streams || r.opt.ReplayEvents == 0 || r.opt.ReplayBytes == 0 {
		return nil
	}
	f := r.feedOf(x.Conv)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.end != streamOpen {
		return nil
	}
	p := f.recording()
	p.opened++
	t := &Trail{feed: f, number: p.opened, primes: x.rev().Primes, post: x.Back.Peer()}
	if p.posts == nil {
		p.posts = make(map[uint32]*Trail, 1)
	}
	p.posts[t.number] = t
	return t
}

// recording is what the feed keeps of its session's streams, made at its first need. Needs f.mu.
func (f *Feed) recording() *replay {
	if f.events == nil {
		f.events = &replay{r: f.r}
		f.events.own.feed = f
	}
	return f.events
}

// Primes says whether the stream begins with an event without data (First), and may be closed before its end.
func (t *Trail) Primes() bool { return t.primes }

// First is the id of the event that primes the stream.
func (t *Trail) First() EventID { return eventID(t.number, 0) }

// Latest is the id of the last event there was.
func (t *Trail) Latest() EventID {
	t.feed.mu.Lock()
	defer t.feed.mu.Unlock()
	return eventID(t.number, t.latest)
}

// Posted says whether the POST's response still carries the trail; else it is to end.
func (t *Trail) Posted() bool {
	t.feed.mu.Lock()
	defer t.feed.mu.Unlock()
	return t.post != nil
}

// Record adds a message to the trail. posted: the caller sends it, as the event id, on the POST's response. Otherwise it is
// sent when somebody resumes, if it was kept; if not, nobody will ever know of it.
func (t *Trail) Record(message []byte) (id EventID, posted, kept bool) {
	f := t.feed
	f.mu.Lock()
	if posted = t.post != nil; f.end != streamOpen || t.ended {
		f.mu.Unlock()
		return 0, posted, false
	}
	t.latest++
	kept = f.events.keep(t, message)
	switch {
	case kept:
	case posted:
		f.events.lose(t)
	default:
		t.latest--
	}
	id = eventID(t.number, t.latest)
	t.tellLocked()
	return id, posted, kept
}

// End adds the answer to x, nothing for none, and ends the trail. posted: as with Record.
func (t *Trail) End(x *Exchange, answer []byte) (id EventID, posted bool) {
	f := t.feed
	f.mu.Lock()
	posted, t.post = t.post != nil, nil
	if f.end != streamOpen {
		t.ended = true
		f.mu.Unlock()
		return 0, posted
	}
	if len(answer) > 0 {
		t.latest++
		if p := f.events; !p.keep(t, answer) && !p.keep(t, codec.AppendError(nil, x.id(), errReplayLimit)) {
			p.lose(t)
		}
	}
	t.ended = true // not before: to keep the answer may drop all that t had, which must not end t yet
	f.events.prune(t)
	id = eventID(t.number, t.latest)
	t.tellLocked()
	return id, posted
}

// tellLocked has the stream that resumed t look at it again, and unlocks.
func (t *Trail) tellLocked() {
	s := t.resumed
	t.feed.mu.Unlock()
	if s != nil {
		s.peer.Wake()
	}
}

// Leave notes that the POST's response does not carry the trail any more.
func (t *Trail) Leave() {
	t.feed.mu.Lock()
	t.post = nil
	t.feed.mu.Unlock()
}

// Part closes the stream that has resumed the trail behind what there is by now, so that its client comes back after retry;
// false when there is none.
func (t *Trail) Part(retry time.Duration) bool {
	t.feed.mu.Lock()
	s := t.resumed
	if s == nil || s.parted || t.feed.end != streamOpen {
		t.feed.mu.Unlock()
		return false
	}
	s.parted, s.retry, s.until = true, retry, t.latest
	t.tellLocked()
	return true
}

// resume makes peer carry on with the trail behind the event with this number. Needs f.mu.
func (f *Feed) resume(stream, number uint32, peer Peer) (*Stream, Peer, *codec.Error) {
	p := f.events
	if p == nil || stream > p.opened {
		return nil, nil, errEventID
	}
	t := p.posts[stream]
	switch {
	case t == nil || number < t.gap:
		return nil, nil, errReplayGap
	case number > t.latest:
		return nil, nil, errEventID
	}
	replaced := t.post
	if t.resumed != nil {
		replaced = t.resumed.peer
	}
	t.post, t.sent = nil, number
	t.resumed = &Stream{feed: f, peer: peer, trail: t}
	return t.resumed, replaced, nil
}

// over says whether s has nothing more to carry of the trail. Needs feed.mu.
func (t *Trail) over(s *Stream) bool {
	return t.resumed != s || t.sent < t.gap || t.ended && t.sent == t.latest || s.parted && t.sent >= s.until
}

// next appends the next event for s. Needs feed.mu.
func (t *Trail) next(s *Stream, dst []byte) ([]byte, EventID) {
	if t.over(s) {
		return dst, 0
	}
	if e := t.feed.events.pending(t); e != nil {
		return append(dst, e.message...), eventID(t.number, e.number)
	}
	return dst, 0
}

// Parted says whether the stream was closed on purpose before its end, with the event that says so: its id, and when the
// client is to come back.
func (s *Stream) Parted() (id EventID, retry time.Duration, parted bool) {
	s.feed.mu.Lock()
	defer s.feed.mu.Unlock()
	if !s.parted || s.trail.resumed != s || s.trail.sent != s.until {
		return 0, 0, false
	}
	return eventID(s.trail.number, s.trail.sent), s.retry, true
}

// StreamCloser is a Back that can close a call's event stream while the call runs on. Rules as for Back; retry is how long
// the client is asked to stay away, 0 what the transport has for it.
type StreamCloser interface {
	CloseStream(retry time.Duration) bool
}

// CloseStream closes the event stream of the call to which ctx belongs, so that a long call holds no connection: the client
// comes back after retry (0: the server's sse_retry) and is sent what was kept meanwhile, the answer in the end (MCP
// 2025-11-25, basic/transports; SEP-1699). It may be called again. It reports whether the stream was closed: it is not in
// another revision, without a session, without Accept of text/event-stream, on another transport than HTTP, when nobody
// has it open, and when the call is over.
func CloseStream(ctx context.Context, retry time.Duration) bool {
	w := wayOf(ctx)
	if w == nil {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.x == nil || w.x.Cancelled() {
		return false
	}
	c, ok := w.x.Back.(StreamCloser)
	return ok && c.CloseStream(retry)
}
