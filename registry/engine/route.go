package engine

import (
	"weir/codec"
	"weir/registry/fault"
	"weir/registry/protocol"
)

// Route decides about a scanned message on the event loop: era, revision, session, method, tool. It sets x.Outcome, for
// HTTP sessions x.Conv, and returns where the message is to be dispatched. What has a fault is class Inline, and
// Dispatch appends the error. It never waits, and allocates only to say no, and for a handler that reads
// the header. A message that the transport kept compact is routed again, on a worker, with an exchange of its own: what
// Route found the first time is gone.
//
// x.Env must come from codec.Scan without error; for HTTP, x.Header is read now and not again.
func (eng *Engine) Route(x *Exchange) Class {
	x.Outcome, x.View = Answered, eng.offer.For(x.View, x.Principal)
	var row *method
	if x.Env.Kind != codec.KindResponse {
		row = methodOf(&x.Env, x.Raw)
	}
	var class Class
	if x.isModern(row) {
		class = eng.routeModern(x, row)
	} else {
		class = eng.routeLegacy(x, row)
	}
	if x.Header != nil {
		x.keepHeader()
	}
	return class
}

// keepHeader copies the header for a handler that reads it, and lets go of it for all others: the bytes are the
// transport's.
func (x *Exchange) keepHeader() {
	if !x.reads {
		x.Header = nil
		return
	}
	x.Header = x.Header.Keep()
}

// routeModern judges a message that carries everything with it (MCP 2026-07-28). Sessions are ignored.
func (eng *Engine) routeModern(x *Exchange, row *method) Class {
	x.Revision = protocol.LatestRevision
	if x.Transport == HTTP {
		x.Conv = nil
	}
	if x.Env.Kind != codec.KindRequest {
		// Header and _meta rules are for requests; nothing a client may notify over HTTP means anything here.
		return eng.accept(x, row)
	}
	if x.InBatch {
		return x.fail(Invalid, fault.ModernInBatch)
	}
	if e := checkModern(x); e != nil {
		return x.fail(Invalid, e)
	}
	if row == nil || row.revisions&x.Rev().Set == 0 {
		return x.fail(UnknownMethod, protocol.MethodNotFound(x.Env.Method.Of(x.Raw)))
	}
	if x.Transport == HTTP {
		if e := x.Header.CheckName(x.Raw, &x.Env, row.mirror); e != nil {
			return x.fail(Invalid, e)
		}
	}
	return eng.routeRow(x, row)
}

// checkModern finds the revision a request names for itself and checks that its declarations are complete.
func checkModern(x *Exchange) *codec.Error {
	version, ok := codec.StringOf(x.Env.ProtocolVersion.Of(x.Raw))
	if !ok {
		return fault.VersionMissing
	}
	if x.Transport == HTTP {
		// Before the version is judged: what disagrees with itself is not a version.
		if e := x.Header.CheckVersion(version); e != nil {
			return e
		}
	}
	i := protocol.FindRevision(version)
	if i < 0 || !protocol.RevisionAt(i).Modern {
		return protocol.UnsupportedVersion(version)
	}
	x.Revision = uint8(i)
	if capabilities := x.Env.ClientCapabilities.Of(x.Raw); capabilities == nil || capabilities[0] != '{' {
		return fault.CapabilitiesMissing
	}
	if e := checkLogLevel(x); e != nil {
		return e
	}
	if x.Transport == HTTP {
		return x.Header.CheckMethod(x.Raw, &x.Env)
	}
	return nil
}

// routeLegacy judges a message of a conversation that began, or begins, with initialize.
func (eng *Engine) routeLegacy(x *Exchange, row *method) Class {
	if x.Transport == HTTP {
		if o, e := eng.attach(x, row); e != nil {
			return x.fail(o, e)
		}
	}
	negotiated := 0 // index + 1
	if x.Conv != nil {
		negotiated = x.Conv.Negotiated()
	}
	x.Revision = protocol.LatestLegacy // for what may be asked before initialize
	if negotiated > 0 {
		x.Revision = uint8(negotiated - 1)
	}
	if x.Env.Kind != codec.KindRequest {
		return eng.accept(x, row)
	}
	switch {
	case row == nil || row.revisions&x.Rev().Set == 0:
		return x.fail(Answered, protocol.MethodNotFound(x.Env.Method.Of(x.Raw)))
	case row.phase == beforeInitialize && negotiated > 0:
		return x.fail(Invalid, fault.InitializedTwice)
	case row.phase == beforeInitialize && x.InBatch:
		return x.fail(Invalid, fault.InitializeInBatch)
	case row.phase == afterInitialize && negotiated == 0:
		return x.fail(Invalid, fault.InitializeFirst)
	}
	return eng.routeRow(x, row)
}

// routeRow ends Route for a request that may be served.
func (eng *Engine) routeRow(x *Exchange, row *method) Class {
	x.row = row
	if row.route == nil {
		return row.class
	}
	class, e := row.route(eng, x)
	if e != nil {
		return x.fail(x.outcomeOf(e), e)
	}
	return class
}

// accept ends Route for what is not answered: notifications, and responses, of which we expect none.
func (eng *Engine) accept(x *Exchange, row *method) Class {
	x.Outcome = Accepted
	if row != nil && row.revisions&x.Rev().Set != 0 {
		x.row = row
	}
	return Inline
}

// fail ends Route with an error.
func (x *Exchange) fail(o Outcome, e *codec.Error) Class {
	x.Outcome, x.fault = o, e
	return Inline
}

// AcceptsBatch says whether the message in x, of which nothing but the first bracket was read, may be a JSON array:
// only in a conversation of a revision that has batches (MCP 2025-03-26). x needs Transport, Conv, Principal, View
// and Header.
func (eng *Engine) AcceptsBatch(x *Exchange) bool {
	conv := x.Conv
	if x.Transport == HTTP {
		s, ok := eng.sessions.Find(x.Header.SessionID, x.Principal, eng.offer.For(x.View, x.Principal).Hub)
		if !ok {
			return false
		}
		conv = &s.Conversation
	}
	n := conv.Negotiated()
	return n > 0 && protocol.RevisionAt(n-1).Batches
}

// Queued says, of a message of which only the beginning was seen (codec.Peek), whether it is work that waits in line
// and may be refused for want of room. Control, and what nobody knows, never is: for the latter Route has an error.
func (eng *Engine) Queued(raw []byte, e *codec.Envelope) bool {
	row := methodOf(e, raw)
	return row != nil && (row.class == Compute || row.class == Blocking)
}
