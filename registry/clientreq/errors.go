package clientreq

import "weir/codec"

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
		Message: "too many requests wait for this client", Data: []byte(`{"reason":"client_request_limit_per_client"}`)}
	// ErrTotalLimit: Options.Max.
	ErrTotalLimit = &codec.Error{Code: codec.CodeInternal,
		Message: "too many requests wait for clients", Data: []byte(`{"reason":"client_request_limit"}`)}
	// ErrBytes: Options.MaxBytes.
	ErrBytes = &codec.Error{Code: codec.CodeInternal,
		Message: "too much is held by requests that wait for clients", Data: []byte(`{"reason":"client_request_bytes"}`)}

	// ErrState: params.requestState is none of ours.
	ErrState = &codec.Error{Code: codec.CodeInvalidParams,
		Message: "params.requestState is not one that this server gave for this request"}
	errStateExpired = &codec.Error{Code: codec.CodeInvalidParams,
		Message: "params.requestState has expired: send the request anew without it"}
)
