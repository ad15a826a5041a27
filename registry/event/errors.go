package event

import (
	"fmt"

	"weir/codec"
)

// The errors of this package, as the peer sees them.
var (
	// ErrEnded: the subscriber has ended; its session tells its client in words of its own.
	ErrEnded = &codec.Error{Code: codec.CodeInvalidRequest,
		Message: "the session has ended"}
	// ErrEventID: the session has never sent such an event.
	ErrEventID = &codec.Error{Code: codec.CodeInvalidRequest,
		Message: "Last-Event-ID names no event of this session"}
	// ErrGap: what is missing cannot be sent again.
	ErrGap = &codec.Error{Code: codec.CodeInvalidRequest,
		Message: "what followed the event in Last-Event-ID is not kept any more",
		Data:    []byte(`{"reason":"events_purged"}`)}
	// ErrClientLimit: Options.MaxSubscriptionsPerClient.
	ErrClientLimit = &codec.Error{Code: codec.CodeInternal,
		Message: "too many subscriptions of this client",
		Data:    []byte(`{"reason":"subscription_limit_per_client","retryAfterMs":1000,"executed":false}`)}
	// ErrTotalLimit: Options.MaxSubscriptions.
	ErrTotalLimit = &codec.Error{Code: codec.CodeInternal,
		Message: "too many subscriptions",
		Data:    []byte(`{"reason":"subscription_limit","retryAfterMs":1000,"executed":false}`)}

	// errAnswerTooLong stands for an answer that could not be kept.
	errAnswerTooLong = &codec.Error{Code: codec.CodeInternal,
		Message: "the answer was too long to be kept for a client that resumes",
		Data:    []byte(`{"reason":"event_store_bytes","executed":true}`)}
)

func errListenBytes(n, most int) *codec.Error {
	return &codec.Error{Code: codec.CodeInvalidParams, Message: fmt.Sprintf("params.notifications is %d bytes long, and "+
		"mcp.max_listen_bytes is %d: open several listens", n, most), Data: []byte(`{"reason":"listen_bytes"}`)}
}
