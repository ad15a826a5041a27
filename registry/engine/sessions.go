package engine

import (
	"time"

	"weir/codec"
	"weir/registry/fault"
	"weir/registry/offer"
	"weir/registry/protocol"
)

// attach finds the conversation of a legacy HTTP message: by its session id, or none for an initialize, which begins
// one.
func (eng *Engine) attach(x *Exchange, row *method) (o Outcome, e *codec.Error) {
	x.Conv = nil
	if row != nil && row.phase == beforeInitialize {
		// It opens a session and negotiates by its body, whatever its client still sends of an earlier one.
		return Answered, nil
	}
	h := x.Header
	if h.ProtocolVersion != nil && protocol.FindRevision(h.ProtocolVersion) < 0 {
		// MCP 2025-06-18 and later, basic/transports: invalid or unsupported MUST be 400. A supported version that is
		// not the negotiated one is let pass: the session's revision decides.
		return Invalid, protocol.UnsupportedVersion(h.ProtocolVersion)
	}
	if len(h.SessionID) == 0 {
		return Invalid, fault.SessionMissing
	}
	s, ok := eng.sessions.Use(h.SessionID, x.Principal, x.View.Hub)
	if !ok {
		return UnknownSession, fault.SessionUnknown
	}
	x.Conv = &s.Conversation
	return Answered, nil
}

// EndSession ends a session at its client's wish (HTTP DELETE) and says what became of it: Ended, UnknownSession when
// there is no such session of principal at that endpoint (any more; nil: the main one), Invalid when no id was sent.
// Calls still in flight are cancelled: nobody may ask for their results now.
func (eng *Engine) EndSession(at *offer.View, id []byte, principal string) Outcome {
	if len(id) == 0 {
		return Invalid
	}
	if !eng.sessions.End(id, principal, eng.offer.For(at, principal).Hub) {
		return UnknownSession
	}
	return Ended
}

// ExpireSessions forgets the sessions that were idle for session_idle_timeout or lived for max_session_age, and returns
// how many. It also ends the waiting of calls for clients that did not answer within client_request_timeout, ends the
// tasks whose time is up, and drops the events that were kept for event_store_ttl. A session with calls in flight or
// its stream open is not idle. Call it about once a second; 100,000 sessions take a few milliseconds, one partition
// locked at a time.
func (eng *Engine) ExpireSessions(now time.Time) int {
	at := now.Sub(eng.epoch)
	eng.clientRequests.Expire(at)
	eng.expireTasks(at)
	return eng.sessions.Expire(at)
}

// Sessions is how many legacy HTTP sessions exist now.
func (eng *Engine) Sessions() int { return eng.sessions.Len() }

// SuspendedBytes is how many bytes of messages the calls of a conversation hold that wait for their client.
func (eng *Engine) SuspendedBytes(c *Conversation) int { return eng.clientRequests.HeldBytes(c) }

// EachSession has look see every session that holds something for its client, with its principal. Nothing is locked
// meanwhile that look could want, but look must be quick: sessions begin and end behind it.
func (eng *Engine) EachSession(look func(principal string, c *Conversation)) { eng.sessions.Each(look) }
