package clientreq

import (
	"strconv"

	"weir/codec"
)

// What a call ends with that could not be given what it asked for. The wire says so, and so is Call.Done told.
var (
	// ErrAnswer: the client's answer is of no form that it may have.
	ErrAnswer = &codec.Error{Code: codec.CodeInternal,
		Message: "the client's answer to what the call asked for is none"}
	// ErrTimeout: Options.Timeout.
	ErrTimeout = &codec.Error{Code: codec.CodeInternal,
		Message: "the client did not answer what the call asked for in time",
		Data:    []byte(`{"reason":"client_request_timeout"}`)}
	// ErrCancelled: the call was cancelled.
	ErrCancelled = &codec.Error{Code: codec.CodeInternal,
		Message: "the call was cancelled"}
	// ErrUnanswerable: the client sends nothing more.
	ErrUnanswerable = &codec.Error{Code: codec.CodeInternal,
		Message: "the client stopped sending before it answered what the call asked for"}
	// ErrStopped: the server stops.
	ErrStopped = &codec.Error{Code: codec.CodeInternal,
		Message: "the server stops and does not wait for the client's answer", Data: []byte(`{"reason":"draining"}`)}
	// ErrNoStream: the client was not reached.
	ErrNoStream = &codec.Error{Code: codec.CodeInternal,
		Message: "the client cannot be asked: it takes no messages ahead of the answer " +
			"(Accept: text/event-stream), or reads none",
		Data: []byte(`{"reason":"no_stream"}`)}
	// ErrRounds: MaxRounds.
	ErrRounds = &codec.Error{Code: codec.CodeInternal,
		Message: "the handler asked too often"}
	// ErrClientLimit: Options.MaxPerClient.
	ErrClientLimit = &codec.Error{Code: codec.CodeInternal,
		Message: "too many requests of ours wait for this client (max_client_requests_per_client)",
		Data:    []byte(`{"reason":"client_request_limit_per_client"}`)}
	// ErrTotalLimit: Options.Max.
	ErrTotalLimit = &codec.Error{Code: codec.CodeInternal,
		Message: "too many requests of ours wait for clients (max_client_requests)",
		Data:    []byte(`{"reason":"client_request_limit"}`)}

	// ErrState: params.requestState is none of ours.
	ErrState = &codec.Error{Code: codec.CodeInvalidParams,
		Message: "params.requestState is not one that this server gave for this request"}
	errStateExpired = &codec.Error{Code: codec.CodeInvalidParams,
		Message: "params.requestState has expired: send the request anew without it"}
)

const noRoom = `{"reason":"client_request_bytes"}`

// IsLimit says whether e is a refusal for one of the limits of Options.
func IsLimit(e *codec.Error) bool {
	return e == ErrClientLimit || e == ErrTotalLimit || string(e.Data) == noRoom
}

// errBytes: Options.MaxBytes, for want of room for so many bytes.
func (t *Table) errBytes(bytes int) *codec.Error {
	return &codec.Error{Code: codec.CodeInternal,
		Message: "the call cannot wait for its client: it would have " + strconv.Itoa(bytes) + " bytes kept, for which" +
			" there is no room: all such calls together may have " + strconv.Itoa(t.opt.MaxBytes) +
			" (max_client_request_bytes)",
		Data: []byte(noRoom)}
}
