package handler

import (
	"bytes"
	"encoding/json"
	"errors"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"

	"weir/codec"
	"weir/registry/protocol"
	"weir/registry/value"
)

// What a request has wrong; encoded and never changed.
var (
	errMeta = &codec.Error{Code: codec.CodeInvalidParams,
		Message: "params._meta must be an object"}
	errArgumentsType = &codec.Error{Code: codec.CodeInvalidParams,
		Message: "params.arguments must be an object"}
	errContext = &codec.Error{Code: codec.CodeInvalidParams,
		Message: "params.context and its arguments must be objects"}
	errCompletion = &codec.Error{Code: codec.CodeInvalidParams,
		Message: "params.ref must name a prompt (ref/prompt, name) or a resource template (ref/resource, uri), " +
			"and params.argument a name and a value; all are strings"}
)

// Mistakes of whoever registers, not of a peer.
var (
	errNoHandler      = errors.New("the handler is nil")
	errTasksOption    = errors.New("the option Tasks is for tools only")
	errAskFirstOption = errors.New("the option AskFirst is for tools only")

	errMaxConcurrentOption = errors.New("the option MaxConcurrent is for tools only")
	errMaxConcurrent       = errors.New("the option MaxConcurrent wants a number of calls, 0 for no limit, or Adaptive")
	errAdaptiveCheap       = errors.New("the limit Adaptive is for tools that wait, and Cheap says that this one does not")
)

// ArgumentError is arguments that do not fit the tool's schema; the revision decides what kind of answer that is.
type ArgumentError struct{ err error }

func (e *ArgumentError) Error() string { return protocol.Clip(e.err.Error()) }
func (e *ArgumentError) Unwrap() error { return e.err }

// OutputError is an output that is not what its tool's schema says. Protocol is what the client is told.
type OutputError struct{ Protocol *codec.Error }

func (e *OutputError) Error() string { return e.Protocol.Message }
func (e *OutputError) Unwrap() error { return e.Protocol }

// ProtocolError finds the error that a handler wants the peer to see as a JSON-RPC error; nil when err is an ordinary
// one.
func ProtocolError(err error) *codec.Error {
	if ours, ok := errors.AsType[*codec.Error](err); ok {
		data := errorData(ours.Data)
		if bytes.Equal(data, ours.Data) {
			return ours // also because what is the same error always is compared with it
		}
		return &codec.Error{Code: ours.Code, Message: ours.Message, Data: data}
	}
	wire, ok := errors.AsType[*jsonrpc.Error](err)
	if !ok {
		return nil
	}
	return &codec.Error{Code: int(wire.Code), Message: wire.Message, Data: errorData(wire.Data)}
}

// errorData is what a handler supplied as the data of its error, fit to leave; nil when it is no JSON, or too
// deep.
func errorData(data []byte) []byte {
	if len(data) == 0 {
		return nil
	}
	fit, err := value.Marshal(json.RawMessage(data))
	if err != nil {
		return nil
	}
	return fit
}
