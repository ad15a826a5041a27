package input

import (
	"errors"

	"weir/codec"
)

// What is never sent: how a call goes on.
var (
	// ErrSuspended: the call waits for its client.
	ErrSuspended = &codec.Error{Message: "the call waits for its client"}
	// ErrAgain: the answers are here already; the handler is to be called again, with them.
	ErrAgain = &codec.Error{Message: "the answers are here already"}
)

// errNotDeclared is told the handler: others are not asked what they did not declare.
var errNotDeclared = errors.New("the client did not declare that it can be asked for this")

var errCannotAsk = &codec.Error{Code: codec.CodeInternal,
	Message: "the handler asked for input, which this server cannot ask for"}
