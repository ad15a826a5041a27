package loop

// Reason says why a connection ended. The same word is the log field, the metric label and the test's name.
type Reason uint8

const (
	StillOpen Reason = iota
	// The peer's doing.
	ClosePeer           // the peer closed and everything it asked was answered
	ClosePeerReset      // the peer reset the connection or vanished (ECONNRESET, EPIPE, ETIMEDOUT)
	ClosePeerTruncated  // the peer closed in the middle of a message
	CloseTLS            // the peer speaks TLS, we do not
	CloseRequested      // the peer asked for it: Connection: close, a WebSocket close frame
	CloseBadRequest     // HTTP that is not acceptable (RFC 9112 asks for 4xx and close)
	CloseBadFrame       // WebSocket protocol error
	CloseMessageTooBig  // a message above its limit, on a framing that cannot skip it
	CloseFirstByte      // nothing arrived within first_byte_timeout
	CloseMessageTimeout // a message did not complete in message_timeout, or came slower than min_receive_rate
	CloseIdle           // idle_timeout, line_idle_timeout
	ClosePingTimeout    // a WebSocket peer did not answer our ping
	CloseWriteStalled   // no progress in writing for write_timeout
	CloseUnauthorized   // a line that did not say who its peer is, or HTTP with a body on its way that did not
	CloseAuthTimeout    // it did not say so within auth.timeout
	CloseTokenEnded     // its token has expired, or is not among the tokens any more
	// Our own limits and life.
	CloseOutboxBudget // the outboxes of all connections hold max_outbox_total_bytes
	CloseInputBudget  // the unfinished messages of all connections hold max_input_total_bytes
	ClosePressure     // the process is short of memory, and this connection holds most of it for longest
	CloseKicked       // an operator ended it
	CloseNodeLost     // the node of the cluster that served what it carries has ended, in the middle of an answer
	CloseHandedOver   // another process of the server has it from here on
	CloseDrain        // the server stops
	CloseError        // a system call failed in a way that only ends this connection
	Reasons
)

var closeNames = [Reasons]string{
	StillOpen:           "open",
	ClosePeer:           "peer_closed",
	ClosePeerReset:      "peer_reset",
	ClosePeerTruncated:  "peer_truncated",
	CloseTLS:            "tls_on_plain_port",
	CloseRequested:      "requested",
	CloseBadRequest:     "bad_request",
	CloseBadFrame:       "bad_frame",
	CloseMessageTooBig:  "message_too_large",
	CloseFirstByte:      "first_byte_timeout",
	CloseMessageTimeout: "message_timeout",
	CloseIdle:           "idle_timeout",
	ClosePingTimeout:    "ping_timeout",
	CloseWriteStalled:   "write_timeout",
	CloseUnauthorized:   "unauthorized",
	CloseAuthTimeout:    "auth_timeout",
	CloseTokenEnded:     "token_ended",
	CloseOutboxBudget:   "outbox_total_bytes",
	CloseInputBudget:    "input_total_bytes",
	ClosePressure:       "process_pressure",
	CloseKicked:         "kicked",
	CloseNodeLost:       "node_lost",
	CloseHandedOver:     "handed_over",
	CloseDrain:          "draining",
	CloseError:          "error",
}

func (r Reason) String() string { return closeNames[r] }

// silent reports whether it is a deadline that the peer missed because nothing came from it.
func (r Reason) silent() bool {
	switch r {
	case CloseFirstByte, CloseMessageTimeout, CloseIdle, ClosePingTimeout, CloseAuthTimeout:
		return true
	}
	return false
}

// abrupt reports whether the peer gets a reset instead of an orderly end: it owes us reads or has gone, and a socket
// that lingers with unread output would pin kernel memory. One that was kicked is not to take it for an end in order.
func (r Reason) abrupt() bool {
	switch r {
	case ClosePeerReset, CloseWriteStalled, CloseOutboxBudget, CloseInputBudget, ClosePressure, CloseKicked, CloseNodeLost:
		return true
	}
	return false
}
