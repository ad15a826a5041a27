package session

import (
	"crypto/rand"
	"sync/atomic"
	"time"

	"weir/registry/event"
	"weir/registry/protocol"
	"weir/registry/shard"
)

// Conversation is a client and its requests in flight. The zero value is ready; a line or WebSocket connection embeds
// it by value. It weighs 56 bytes. Safe for concurrent use; must not be copied.
type Conversation[R Request] struct {
	Client
	InFlight[R]
}

// Session is a legacy conversation over HTTP, where no connection holds it (MCP 2025-11-25, basic/transports, session
// management). It keeps what later requests need and nothing of what the client said about itself: most clients never
// end their sessions, so what a session weighs is multiplied by Options.Max.
type Session[R Request] struct {
	Conversation Conversation[R]

	created   time.Duration // since Options.Epoch
	used      atomic.Int64  // the same, of the latest request
	principal string        // whose it is
	at        *event.Hub    // where it was begun, and what it hears of
}

// Table holds the sessions there are. Safe for concurrent use.
type Table[R Request] struct {
	opt    Options
	series series
	byID   *shard.Table[*Session[R]]
}

// NewTable makes an empty table. The options are checked by who has them from outside.
func NewTable[R Request](opt Options) *Table[R] {
	t := &Table[R]{opt: opt, byID: shard.New[*Session[R]](opt.Partitions)}
	t.series = newSeries(opt.Metrics, t.Len)
	return t
}

// Len is how many sessions there are.
func (t *Table[R]) Len() int { return t.byID.Len() }

// Find finds a session that principal has begun at a hub; nil: at any. Somebody else's is as unknown as one that never
// was: who has learned an id has learned nothing, not even that it is one (MCP 2025-11-25,
// basic/security_best_practices, session hijacking).
func (t *Table[R]) Find(id []byte, principal string, at *event.Hub) (*Session[R], bool) {
	s, ok := t.byID.Get(id)
	if !ok || s.principal != principal || at != nil && s.at != at {
		return nil, false
	}
	return s, true
}

// Each has look see every session. It must be quick, and not use the table.
func (t *Table[R]) Each(look func(principal string, c *Conversation[R])) {
	t.byID.Sweep(func(s *Session[R]) bool {
		look(s.principal, &s.Conversation)
		return false
	})
}

// Use is Find for a request, which keeps the session from being idle.
func (t *Table[R]) Use(id []byte, principal string, at *event.Hub) (*Session[R], bool) {
	s, ok := t.Find(id, principal, at)
	if ok {
		s.used.Store(int64(time.Since(t.opt.Epoch)))
	}
	return s, ok
}

// Open begins a session of principal at a hub, in a negotiated revision, and returns its id; false at Options.Max. The
// id is 26 characters of base32 from the system's random source, at least 128 bits: who guesses one owns the session.
func (t *Table[R]) Open(principal string, at *event.Hub, revision int, declared protocol.Capabilities,
) (string, bool) {
	s := &Session[R]{created: time.Since(t.opt.Epoch), principal: principal, at: at}
	s.used.Store(int64(s.created))
	s.Conversation.Negotiate(revision, declared, at)
	id := rand.Text()
	if !t.byID.Put(id, s, t.opt.Max) {
		t.series.refused.Inc()
		return "", false
	}
	return id, true
}

// End ends a session of principal, begun at a hub, at its client's wish; false when there is none (any more). Requests
// in flight are cancelled: nobody may ask for their results now.
func (t *Table[R]) End(id []byte, principal string, at *event.Hub) bool {
	if _, ok := t.Find(id, principal, at); !ok {
		return false
	}
	s, ok := t.byID.Remove(id)
	if !ok {
		return false // it ended in between; an id is never given twice
	}
	s.end()
	t.series.count(endedByClient, time.Since(t.opt.Epoch)-s.created)
	return true
}

func (s *Session[R]) end() {
	s.Conversation.CancelAll()
	s.Conversation.Close()
}

// Expire forgets the sessions that were idle for Options.Idle or lived for Options.MaxAge, at a time since
// Options.Epoch, and returns how many. It also drops the events that were kept for Options.EventTTL. A session with
// requests in flight or its stream open is not idle. 100,000 sessions take a few milliseconds, one partition locked at
// a time.
func (t *Table[R]) Expire(at time.Duration) int {
	return t.byID.Sweep(func(s *Session[R]) bool {
		if t.opt.MaxAge > 0 && at-s.created >= t.opt.MaxAge {
			t.series.count(endedByAge, at-s.created)
			s.end()
			return true
		}
		c, listening := &s.Conversation, false
		if subscriber := c.Subscriber(); subscriber != nil {
			subscriber.Expire(at - t.opt.EventTTL)
			listening = subscriber.Current() != nil
		}
		if listening || at-time.Duration(s.used.Load()) < t.opt.Idle || c.Busy() {
			return false
		}
		t.series.count(endedIdle, at-s.created)
		c.Close()
		return true
	})
}
