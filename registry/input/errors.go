package input

import "weir/codec"

// What is never sent: how a call goes on.
var (
	// ErrSuspended: the call waits for its client.
	ErrSuspended = &codec.Error{Message: "the call waits for its client"}
	// ErrAgain: the answers are here already; the handler is to be called again, with them.
	ErrAgain = &codec.Error{Message: "the answers are here already"}
)

var errCannotAsk = &codec.Error{Code: codec.CodeInternal,
	Message: "the handler asked for input, which this server cannot ask for"}
