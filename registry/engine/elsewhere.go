package engine

import (
	"weir/codec"
	"weir/registry/nodeid"
	"weir/registry/protocol"
)

// What a server does not have may be had by another one: that which it takes over from (reactor/upgrade), or another
// node of its cluster (reactor/cluster/forward).

// IDs makes the ids that clients come back with; nil: this server is no node of a cluster.
func (eng *Engine) IDs() *nodeid.Maker { return eng.opt.IDs }

// About says which session or which task a request over HTTP is about, in parts of h and body; nil: none. body is what
// it brings; nil while that is not here.
func (eng *Engine) About(h *Header, body []byte) (session, task []byte) {
	x := Exchange{Transport: HTTP}
	x.Raw, x.Header = body, h
	var row *method
	if len(body) > 0 {
		codec.Peek(body, &x.Env)
		if x.Env.Method.Present() {
			row = methodOf(&x.Env, body)
		}
	}
	switch {
	case x.isModern(row):
		id, ok := codec.StringOf(x.Env.TaskID.Of(body))
		if ok && row != nil && row.revisions&protocol.ModernRevisions != 0 {
			return nil, id
		}
	case len(h.SessionID) > 0 && (row == nil || row.phase != beforeInitialize):
		return h.SessionID, nil
	}
	return nil, nil
}

// Unknown says whether a request over HTTP is about a session or a task that this server does not have, so that another
// one may. body is what it brings; nil while that is not here. Nothing is certain yet: whoever is asked judges the
// request.
func (eng *Engine) Unknown(h *Header, principal string, body []byte) bool {
	session, task := eng.About(h, body)
	if task != nil {
		return eng.tasks.Find(task, principal, true) == nil
	}
	_, known := eng.sessions.Find(session, principal, nil)
	return session != nil && !known
}

// Streams is how many listens and streams of sessions are open, subscriptions of sessions included.
func (eng *Engine) Streams() int64 { return eng.events.Open() }

// Kept is how many sessions and tasks there are that clients may come back to.
func (eng *Engine) Kept() int { return eng.sessions.Len() + eng.tasks.Len() }
