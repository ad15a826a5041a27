package pipeline

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"weir/codec"
	"weir/registry/call"
	"weir/registry/engine"
)

// What traces and the audit log hear of a request begins when it is scanned and ends with its call (Call.Release): so
// whatever becomes of it, it is told once. Nobody looks on by default, and a call then has no span.

// maxNotedBytes bounds what is kept of an error's message.
const maxNotedBytes = 256

// beginSpan begins the span of a request that was scanned, while its head is still in the loop's buffer.
func (k *Call) beginSpan(at time.Time) {
	if k.Env.Kind != codec.KindRequest {
		return
	}
	p := k.Conn.intake.p
	s := &call.Span{Began: at}
	k.Span = s
	var fields []byte
	if k.Header != nil {
		fields = k.Header.Fields
	}
	p.Trace.Begin(s, k.Env.Meta.Of(k.Raw), fields)
	if !s.Sampled && !p.Audit.On() {
		return // only what its handler passes on
	}
	s.Request = string(k.ID())
	if k.Header != nil && len(k.Header.SessionID) > 0 {
		s.Session = sessionMark(k.Header.SessionID)
	}
}

// maxTargetBytes bounds what is kept of a name that peers choose.
const maxTargetBytes = 256

// describe notes what Route has found: the method, what it is about, the revision.
func (k *Call) describe() {
	s := k.Span
	method, name := k.Routed()
	s.Revision, s.Method = k.Rev().Version, cmp.Or(method, call.UnknownMethod)
	asked := k.Env.Name
	switch method {
	case "tools/call":
		s.Kind = call.TargetTool
	case "prompts/get":
		s.Kind = call.TargetPrompt
	case "resources/read", "resources/subscribe", "resources/unsubscribe":
		s.Kind, asked = call.TargetResource, k.Env.URI
	default:
		return
	}
	if s.Target, s.Known = name, name != ""; !s.Known {
		text, _ := codec.StringOf(asked.Of(k.Raw))
		s.Target = string(text[:min(len(text), maxTargetBytes)])
	}
}

// sessionMark tells a session from others. Its id would open it to whoever reads traces or logs.
func sessionMark(id []byte) string {
	sum := sha256.Sum256(id)
	return hex.EncodeToString(sum[:8])
}

// noteAnswer notes what a request is answered with, if anything. What is noted last counts.
func (k *Call) noteAnswer(message []byte) {
	s := k.Span
	if s == nil {
		return
	}
	if k.SessionID != "" {
		s.Session = sessionMark([]byte(k.SessionID))
	}
	s.Outcome, s.Code = s.Ending.String(), 0
	switch e := codec.ErrorOf(message, k.ID()); {
	case e != nil:
		s.Code, s.Message = e.Code, e.Message[:min(len(e.Message), maxNotedBytes)]
		reason, _ := codec.StringOf(codec.Member(e.Data, "reason"))
		s.Reason = string(reason)
		if s.Ending == call.EndedOK {
			s.Outcome = k.failure(e.Code)
		}
	case k.Outcome == engine.Cancelled:
		s.Outcome = call.EndedCancelled.String()
	case k.IsTask():
		s.Outcome = call.OutcomeTask
	}
}

// failure is the outcome of a request that no handler was run for.
func (k *Call) failure(code int) string {
	switch {
	case k.Outcome == engine.Overloaded || k.Outcome == engine.LimitReached:
		return call.EndedRefused.String()
	case code == codec.CodeInternal:
		return call.EndedError.String()
	}
	return call.EndedClientError.String()
}

// moveSpan gives the span of a call whose handler came too late to who answers it. The handler's goroutine does not
// look at it any more (Call.Finish).
func (k *Call) moveSpan(to *Call) {
	s := k.Span
	if s == nil {
		return
	}
	to.Span, k.Span = s, nil
	s.Ending, s.Principal = call.EndedTimeout, k.Principal
	to.Principal = k.Principal
	if k.Cancelled() {
		s.Ending = call.EndedCancelled
	}
}

// endSpan tells who looks on. Whoever holds the call last.
func (k *Call) endSpan() {
	s, c := k.Span, k.Conn
	k.Span = nil
	p := c.intake.p
	if !s.Sampled && !p.Audit.On() {
		return
	}
	if s.Outcome == "" {
		s.Outcome = call.OutcomeDisconnected
	}
	s.Ended = time.Now()
	s.Principal, s.Listener, s.Peer = k.Principal, c.Listener().Name, c.Addr()
	s.WebSocket, s.HTTP10 = k.Transport == engine.WebSocket, k.HTTP10
	p.Trace.Ended(s)
	p.Audit.Ended(s)
}
