package engine

import (
	"weir/codec"
	"weir/registry/protocol"
)

// What a server does not have may be had by the one that it takes over from (reactor/upgrade).

// Unknown says whether a request over HTTP is about a session or a task that this server does not have, so that another
// one may. body is what it brings; nil while that is not here. Nothing is certain yet: whoever is asked judges the
// request.
func (eng *Engine) Unknown(h *Header, principal string, body []byte) bool {
	x := Exchange{Transport: HTTP}
	x.Raw, x.Header = body, h
	var row *method
	if len(body) > 0 {
		codec.Peek(body, &x.Env)
		if x.Env.Method.Present() {
			row = methodOf(&x.Env, body)
		}
	}
	if x.isModern(row) {
		id, ok := codec.StringOf(x.Env.TaskID.Of(body))
		return ok && row != nil && row.revisions&protocol.ModernRevisions != 0 &&
			eng.tasks.Find(id, principal, true) == nil
	}
	if len(h.SessionID) == 0 || row != nil && row.phase == beforeInitialize {
		return false
	}
	_, known := eng.sessions.Find(h.SessionID, principal, nil)
	return !known
}

// Streams is how many listens and streams of sessions are open, subscriptions of sessions included.
func (eng *Engine) Streams() int64 { return eng.events.Open() }

// Kept is how many sessions and tasks there are that clients may come back to.
func (eng *Engine) Kept() int { return eng.sessions.Len() + eng.tasks.Len() }
