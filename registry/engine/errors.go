package engine

import (
	"weir/codec"
	"weir/registry/protocol"
)

// Errors that say the same every time; they are encoded and never changed. A refusal (no room now, nothing was
// executed) is one of them whose data has a reason and a time to come again.
var (
	errInitializeFirst = &codec.Error{Code: codec.CodeInvalidRequest,
		Message: `initialize first: send {"method":"initialize"} with params.protocolVersion, ` +
			`or name the revision in params._meta (2026-07-28)`}
	errInitializedTwice = &codec.Error{Code: codec.CodeInvalidRequest,
		Message: "this conversation is initialized already"}
	errInitializeInBatch = &codec.Error{Code: codec.CodeInvalidRequest,
		Message: "initialize must not be part of a batch"}
	errModernInBatch = &codec.Error{Code: codec.CodeInvalidRequest,
		Message: "batches are not part of this revision"}
	errSessionMissing = &codec.Error{Code: codec.CodeInvalidRequest,
		Message: "Mcp-Session-Id is missing: initialize first and send the id of the session"}
	errSessionUnknown = &codec.Error{Code: codec.CodeInvalidRequest,
		Message: "no such session: it ended or never was; initialize again"}
	errTooManySessions = &codec.Error{Code: codec.CodeInternal,
		Message: "too many sessions (max_sessions)",
		Data:    []byte(`{"reason":"session_limit","retryAfterMs":1000,"executed":false}`)}
	errNoStream = &codec.Error{Code: codec.CodeInvalidRequest,
		Message: "there is no stream to GET here: it belongs to a session, named in Mcp-Session-Id, " +
			"of a revision that has them (2025-03-26 to 2025-11-25)"}
	errFilter = &codec.Error{Code: codec.CodeInvalidParams,
		Message: "params.notifications must be an object: toolsListChanged, promptsListChanged and " +
			"resourcesListChanged are booleans, resourceSubscriptions is an array of URIs, taskIds one of task ids"}
	errDuplicateID = &codec.Error{Code: codec.CodeInvalidRequest,
		Message: "duplicate id: a request with this id is still in flight"}
	errVersionMissing = &codec.Error{Code: codec.CodeInvalidParams,
		Message: "params._meta[\"io.modelcontextprotocol/protocolVersion\"] must be a string"}
	errCapabilitiesMissing = &codec.Error{Code: codec.CodeInvalidParams,
		Message: "params._meta[\"io.modelcontextprotocol/clientCapabilities\"] must be an object"}
	errLogLevel = &codec.Error{Code: codec.CodeInvalidParams,
		Message: "the log level must be one of debug, info, notice, warning, error, critical, alert, emergency"}
	errInitializeVersion = &codec.Error{Code: codec.CodeInvalidParams,
		Message: "params.protocolVersion must be a string"}
	errName = &codec.Error{Code: codec.CodeInvalidParams,
		Message: "params.name must be a string"}
	errResourceURI = &codec.Error{Code: codec.CodeInvalidParams,
		Message: "params.uri must be a string of at most 2048 bytes"}
	errTimedOut      = &codec.Error{Message: "the call was ended before"} // never sent
	errNoTaskWorkers = &codec.Error{Code: codec.CodeInternal,
		Message: "this server has no workers for tasks", Data: []byte(`{"reason":"task_workers","executed":false}`)}
	errArguments = &codec.Error{Code: codec.CodeInvalidParams,
		Message: "params.arguments must be an object"}
	errForward = &codec.Error{Code: codec.CodeInternal,
		Message: "another server answers this, and this transport cannot wait for it"}
	errQuestion = &codec.Error{Code: codec.CodeInternal,
		Message: "what the server behind this tool asks for is no request that can be passed on",
		Data:    []byte(`{"reason":"mount_asks","executed":true}`)}
	errTaskWait = &codec.Error{Code: codec.CodeInternal,
		Message: "the result is not there yet and this transport cannot wait for it"}
	errTaskEnded = &codec.Error{Code: codec.CodeInternal,
		Message: "the task ended before its client answered"} // never sent: what the task ended with is
	// Not a refusal: the handler was executed.
	errHandlerTimeout = &codec.Error{Code: codec.CodeInternal, Message: "the handler did not return in time",
		Data: []byte(`{"reason":"handler_timeout","executed":true}`)}
	errPanicked = &codec.Error{Code: codec.CodeInternal,
		Message: "the handler panicked"}
)

// errUnknown names what was asked for, of which there is no such kind here.
func errUnknown(kind, name string) *codec.Error {
	return &codec.Error{Code: codec.CodeInvalidParams, Message: "Unknown " + kind + ": " + protocol.Clip(name)}
}
