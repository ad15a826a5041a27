package handler

import (
	"errors"

	"weir/codec"
	"weir/registry/protocol"
)

// What a request has wrong; encoded and never changed.
var (
	errMeta = &codec.Error{Code: codec.CodeInvalidParams,
		Message: "params._meta must be an object"}
	errArgumentsType = &codec.Error{Code: codec.CodeInvalidParams,
		Message: "params.arguments must be an object"}
	errArgumentsText = &codec.Error{Code: codec.CodeInvalidParams,
		Message: "params.arguments must be an object of strings"}
	errCompletion = &codec.Error{Code: codec.CodeInvalidParams,
		Message: "params.ref must name a prompt (ref/prompt, name) or a resource template (ref/resource, uri), and params.argument a name and a value"}
)

// errNoHandler is of whoever registers, not of a peer.
var errNoHandler = errors.New("the handler is nil")

// ArgumentError is arguments that do not fit the tool's schema; the revision decides what kind of answer that is.
type ArgumentError struct{ err error }

func (e *ArgumentError) Error() string { return protocol.Clip(e.err.Error()) }
func (e *ArgumentError) Unwrap() error { return e.err }

// OutputError is an output that is not what its tool's schema says. Protocol is what the client is told.
type OutputError struct{ Protocol *codec.Error }

func (e *OutputError) Error() string { return e.Protocol.Message }
func (e *OutputError) Unwrap() error { return e.Protocol }
