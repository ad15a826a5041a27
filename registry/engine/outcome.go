package engine

import (
	"bytes"

	"weir/codec"
)

// Outcome is what becomes of a message, for transports that tell it apart from the answer itself: HTTP gives each a
// status. On a line and over WebSocket it means nothing.
type Outcome uint8

const (
	// Answered: there is a response, a result or an error of the method.
	Answered Outcome = iota
	// Accepted: there is nothing to answer, as for notifications and responses.
	Accepted
	// Cancelled: the request was taken back, so nobody waits for its answer.
	Cancelled
	// Ended: the session is over, as its client wished.
	Ended
	// Invalid: the message breaks a rule of the protocol; there is an error response.
	Invalid
	// UnknownMethod: the modern era tells it apart (MCP 2026-07-28, basic/transports); in the legacy one it is
	// Answered.
	UnknownMethod
	// UnknownSession: it has ended or never was, or is another principal's.
	UnknownSession
	// NoStream: there is nothing to listen to.
	NoStream
	// NeedsStream: the answer is a stream, which the request does not accept.
	NeedsStream
	// LimitReached: a limit of the engine leaves no room, of sessions or of subscriptions for example; nothing was
	// executed and the request may be sent again.
	LimitReached
	// Overloaded: the transport had no room to queue the message; otherwise as LimitReached.
	Overloaded
	// OutcomeCount is the length of arrays indexed by Outcome.
	OutcomeCount
)

// notExecuted is what a refusal says in its data: there is no room now, nothing was executed, come again.
var notExecuted = []byte(`"executed":false`)

// outcomeOf is what an error makes of a request that was routed to its method. The error says so itself: a code that
// only the protocol's rules have, or the data of a refusal.
func (x *Exchange) outcomeOf(e *codec.Error) Outcome {
	switch e.Code {
	case codec.CodeHeaderMismatch, codec.CodeMissingCapability:
		return Invalid
	case codec.CodeMethodNotFound:
		if x.Modern() {
			return UnknownMethod
		}
	case codec.CodeInternal:
		if bytes.Contains(e.Data, notExecuted) {
			return LimitReached
		}
	}
	return Answered
}

// appendError appends e as x's answer.
func (x *Exchange) appendError(dst []byte, e *codec.Error) []byte {
	x.Outcome = x.outcomeOf(e)
	return codec.AppendError(dst, x.ID(), e)
}
