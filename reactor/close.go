package reactor

// closeReason says why a connection ended. The same word is the log field, the metric label and the test's name.
type closeReason uint8

const (
	stillOpen closeReason = iota
	// The peer's doing.
	closePeer           // the peer closed and everything it asked was answered
	closePeerReset      // the peer reset the connection or vanished (ECONNRESET, EPIPE, ETIMEDOUT)
	closePeerTruncated  // the peer closed in the middle of a message
	closeRequested      // the peer asked for it: Connection: close, a WebSocket close frame
	closeBadRequest     // HTTP that is not acceptable (RFC 9112 asks for 4xx and close)
	closeBadFrame       // WebSocket protocol error
	closeMessageTooBig  // a message above its limit, on a framing that cannot skip it
	closeFirstByte      // nothing arrived within first_byte_timeout
	closeMessageTimeout // a message did not complete in message_timeout, or came slower than min_receive_rate
	closeIdle           // idle_timeout, line_idle_timeout
	closePingTimeout    // a WebSocket peer did not answer our ping
	closeWriteStalled   // no progress in writing for write_timeout
	closeUnauthorized   // a line that did not say who its peer is, or HTTP with a body on its way that did not
	closeAuthTimeout    // it did not say so within auth.timeout
	closeTokenEnded     // its token has expired, or is not among the tokens any more
	// Our own limits and life.
	closeOutboxBudget // the outboxes of all connections hold max_outbox_total_bytes
	closeInputBudget  // the unfinished messages of all connections hold max_input_total_bytes
	closeDrain        // the server stops
	closeError        // a system call failed in a way that only ends this connection
	closeReasons
)

var closeNames = [closeReasons]string{
	stillOpen:           "open",
	closePeer:           "peer_closed",
	closePeerReset:      "peer_reset",
	closePeerTruncated:  "peer_truncated",
	closeRequested:      "requested",
	closeBadRequest:     "bad_request",
	closeBadFrame:       "bad_frame",
	closeMessageTooBig:  "message_too_large",
	closeFirstByte:      "first_byte_timeout",
	closeMessageTimeout: "message_timeout",
	closeIdle:           "idle_timeout",
	closePingTimeout:    "ping_timeout",
	closeWriteStalled:   "write_timeout",
	closeUnauthorized:   "unauthorized",
	closeAuthTimeout:    "auth_timeout",
	closeTokenEnded:     "token_ended",
	closeOutboxBudget:   "outbox_total_bytes",
	closeInputBudget:    "input_total_bytes",
	closeDrain:          "draining",
	closeError:          "error",
}

func (r closeReason) String() string { return closeNames[r] }

// abrupt reports whether the peer gets a reset instead of an orderly end: it owes us reads or has gone, and a socket
// that lingers with unread output would pin kernel memory.
func (r closeReason) abrupt() bool {
	switch r {
	case closePeerReset, closeWriteStalled, closeOutboxBudget, closeInputBudget:
		return true
	}
	return false
}
