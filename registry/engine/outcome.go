package engine

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
