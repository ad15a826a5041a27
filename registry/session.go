package registry

import (
	"crypto/rand"
	"sync/atomic"
	"time"

	"weir/codec"
	"weir/registry/protocol"
)

// session is a legacy conversation over HTTP, where no connection holds it (MCP 2025-11-25, basic/transports, session
// management). It keeps what later requests need and nothing of what the client said about itself: most clients never
// end their sessions, so what a session weighs is multiplied by Options.MaxSessions.
type session struct {
	conv      Conversation
	created   time.Duration // since Registry.epoch
	used      atomic.Int64  // the same, of the latest request
	principal string        // whose it is
}

// attach finds the conversation of a legacy HTTP message: by its session id, or none for an initialize that begins one.
func (r *Registry) attach(x *Exchange, row *method) (o Outcome, e *codec.Error) {
	x.Conv = nil
	h := x.Header
	if h.ProtocolVersion != nil && protocol.FindRevision(h.ProtocolVersion) < 0 {
		// MCP 2025-06-18 and later, basic/transports: invalid or unsupported MUST be 400. A supported version that is
		// not the negotiated one is let pass: the session's revision decides.
		return Invalid, protocol.UnsupportedVersion(h.ProtocolVersion)
	}
	if len(h.SessionID) == 0 {
		if row != nil && row.phase == beforeInitialize {
			return Answered, nil
		}
		return Invalid, errSessionMissing
	}
	s, ok := r.session(h.SessionID, x.Principal)
	if !ok {
		return UnknownSession, errSessionUnknown
	}
	s.touch(r)
	x.Conv = &s.conv
	return Answered, nil
}

// session finds a session of principal. Somebody else's is as unknown as one that never was: who has learned an id has
// learned nothing, not even that it is one (MCP 2025-11-25, basic/security_best_practices, session hijacking).
func (r *Registry) session(id []byte, principal string) (*session, bool) {
	s, ok := r.sessions.Get(id)
	if !ok || s.principal != principal {
		return nil, false
	}
	return s, true
}

// touch notes that the session is in use.
func (s *session) touch(r *Registry) { s.used.Store(int64(time.Since(r.epoch))) }

// openSession begins a session of principal in a negotiated revision and returns its id; false at Options.MaxSessions.
// The id is 26 characters of base32 from the system's random source, at least 128 bits: who guesses one owns the
// session.
func (r *Registry) openSession(principal string, revision int, declared protocol.Capabilities) (string, bool) {
	s := &session{created: time.Since(r.epoch), principal: principal}
	s.used.Store(int64(s.created))
	s.conv.negotiate(revision, declared)
	r.events.CatchUp(&s.conv.told)
	id := rand.Text()
	if !r.sessions.Put(id, s, r.opt.MaxSessions) {
		r.m.sessionsRefused.Inc()
		return "", false
	}
	return id, true
}

// EndSession ends a session at its client's wish (HTTP DELETE) and says what became of it: Ended, UnknownSession when
// there is no such session of principal (any more), Invalid when no id was sent. Calls still in flight are cancelled:
// nobody may ask for their results now.
func (r *Registry) EndSession(id []byte, principal string) Outcome {
	if len(id) == 0 {
		return Invalid
	}
	if _, ok := r.session(id, principal); !ok {
		return UnknownSession
	}
	s, ok := r.sessions.Remove(id)
	if !ok {
		return UnknownSession // it ended in between; an id is never given twice
	}
	r.m.sessionsEnded[endedByClient].Inc()
	s.conv.CancelAll()
	s.conv.Close()
	return Ended
}

// ExpireSessions forgets the sessions that were idle for Options.SessionIdleTimeout or lived for Options.MaxSessionAge, and
// returns how many. It also ends the waiting of calls for clients that did not answer within Options.ClientRequestTimeout, ends
// the tasks whose time is up, and drops the events that were kept for Options.EventStoreTTL. A session with calls in flight
// or its stream open is not idle. Call it about once a second; 100,000 sessions take a few milliseconds, one partition
// locked at a time.
func (r *Registry) ExpireSessions(now time.Time) int {
	at := now.Sub(r.epoch)
	r.clientRequests.Expire(at)
	r.expireTasks(at)
	return r.sessions.Sweep(func(s *session) bool {
		if r.opt.MaxSessionAge > 0 && at-s.created >= r.opt.MaxSessionAge {
			r.m.sessionsEnded[endedByAge].Inc()
			s.conv.CancelAll()
			s.conv.Close()
			return true
		}
		s.conv.expireEvents(at - r.opt.EventStoreTTL)
		if at-time.Duration(s.used.Load()) >= r.opt.SessionIdleTimeout && !s.conv.busy() && !s.conv.listening() {
			r.m.sessionsEnded[endedIdle].Inc()
			s.conv.Close()
			return true
		}
		return false
	})
}

// expireEvents drops what was kept for resuming before a time, so that clients which never come back do not hold the
// room of those that do.
func (c *Conversation) expireEvents(before time.Duration) {
	if s := c.subscriber.Load(); s != nil {
		s.Expire(before)
	}
}

// Sessions is how many legacy HTTP sessions exist now.
func (r *Registry) Sessions() int { return r.sessions.Len() }
