package event

import (
	"time"

	"weir/codec"
)

// PostStream is the event stream that answers one POST of a session: it has a number in the session, its events have
// ids and are kept with the session's others. The connection may break, or be closed on purpose so that the client
// polls (SEP-1699): the call runs on, what it says is kept, and the client resumes the stream with a GET that names the
// last event it saw. A message is sent on one stream: on the POST's while that carries it, from then on on the GET's,
// and on nobody's while nobody asks. What is not kept cannot be sent again: a resume from before it is refused
// (ErrGap), and for an answer that does not fit an error is kept.
//
// Its methods are for any goroutine, and are called under the lock of the POST's connection: that is what puts the
// events that the connection carries in order.
type PostStream struct {
	subscriber *Subscriber
	sequence   sequence
}

// OpenPost makes the response to a POST resumable, from its first event on. primes: it begins with an event without
// data, and may be closed before its end. nil: the session has ended.
func (s *Subscriber) OpenPost(primes bool, post Peer) *PostStream {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.end != open {
		return nil
	}
	p := &PostStream{subscriber: s, sequence: sequence{primes: primes, post: post}}
	s.storeLocked().add(&p.sequence)
	return p
}

// Primes says whether the stream begins with an event without data (First), and may be closed before its end.
func (p *PostStream) Primes() bool { return p.sequence.primes }

// First is the id of the event that primes the stream.
func (p *PostStream) First() ID { return newID(p.sequence.number, 0) }

// Latest is the id of the last event there was.
func (p *PostStream) Latest() ID {
	p.subscriber.mu.Lock()
	defer p.subscriber.mu.Unlock()
	return newID(p.sequence.number, p.sequence.latest)
}

// Posted says whether the POST's response still carries the stream; else it is to end.
func (p *PostStream) Posted() bool {
	p.subscriber.mu.Lock()
	defer p.subscriber.mu.Unlock()
	return p.sequence.post != nil
}

// Append adds a message to the stream. posted: the caller sends it, as the event id, on the POST's response. Otherwise
// it is sent when somebody resumes, if it was kept; if not, nobody will ever know of it.
func (p *PostStream) Append(message []byte) (id ID, posted, kept bool) {
	p.subscriber.change(func() Peer {
		q, events := &p.sequence, p.subscriber.events
		if posted = q.post != nil; p.subscriber.end != open || q.ended {
			return nil
		}
		kept = events.append(q, message)
		switch {
		case kept:
		case posted:
			events.lose(q)
		default:
			q.latest--
		}
		id = newID(q.number, q.latest)
		return q.carrierPeer()
	})
	return id, posted, kept
}

// End adds the answer to the request with this id, nothing for none, and ends the stream. posted: as with Append.
func (p *PostStream) End(request, answer []byte) (id ID, posted bool) {
	p.subscriber.change(func() Peer {
		q, events := &p.sequence, p.subscriber.events
		posted, q.post = q.post != nil, nil
		if p.subscriber.end != open {
			q.ended = true
			return nil
		}
		if len(answer) > 0 && !events.append(q, answer) {
			q.latest--
			if !events.append(q, codec.AppendError(nil, request, events.errNotKept(len(answer)))) {
				events.lose(q)
			}
		}
		q.ended = true // not before: to keep the answer may drop all that q had, which must not end q yet
		events.prune(q)
		id = newID(q.number, q.latest)
		return q.carrierPeer()
	})
	return id, posted
}

// Leave notes that the POST's response does not carry the stream any more.
func (p *PostStream) Leave() {
	p.subscriber.mu.Lock()
	defer p.subscriber.mu.Unlock()
	p.sequence.post = nil
}

// EndEarly closes the stream that has resumed p behind what there is by now, so that its client comes back after retry;
// false when there is none.
func (p *PostStream) EndEarly(retry time.Duration) (ends bool) {
	p.subscriber.change(func() Peer {
		s := p.sequence.carrier
		if ends = s != nil && !s.endsEarly && p.subscriber.end == open; !ends {
			return nil
		}
		s.endsEarly, s.retry, s.until = true, retry, p.sequence.latest
		return s.peer
	})
	return ends
}
