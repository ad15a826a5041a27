package fault

import (
	"strconv"

	"weir/codec"
	"weir/registry/protocol"
)

// Errors that say the same every time; they are encoded and never changed. A refusal (no room now, nothing was
// executed) is one of them whose data has a reason and a time to come again.
var (
	InitializeFirst = &codec.Error{Code: codec.CodeInvalidRequest,
		Message: `initialize first: send {"method":"initialize"} with params.protocolVersion, ` +
			`or name the revision in params._meta (2026-07-28)`}
	InitializedTwice = &codec.Error{Code: codec.CodeInvalidRequest,
		Message: "this conversation is initialized already"}
	InitializeInBatch = &codec.Error{Code: codec.CodeInvalidRequest,
		Message: "initialize must not be part of a batch"}
	ModernInBatch = &codec.Error{Code: codec.CodeInvalidRequest,
		Message: "batches are not part of this revision"}
	SessionMissing = &codec.Error{Code: codec.CodeInvalidRequest,
		Message: "Mcp-Session-Id is missing: initialize first and send the id of the session"}
	SessionUnknown = &codec.Error{Code: codec.CodeInvalidRequest,
		Message: "no such session: it ended or never was; initialize again"}
	TooManySessions = &codec.Error{Code: codec.CodeInternal,
		Message: "too many sessions (max_sessions)",
		Data:    []byte(`{"reason":"session_limit","retryAfterMs":1000,"executed":false}`)}
	NoStream = &codec.Error{Code: codec.CodeInvalidRequest,
		Message: "there is no stream to GET here: it belongs to a session, named in Mcp-Session-Id, " +
			"of a revision that has them (2025-03-26 to 2025-11-25)"}
	Filter = &codec.Error{Code: codec.CodeInvalidParams,
		Message: "params.notifications must be an object: toolsListChanged, promptsListChanged and " +
			"resourcesListChanged are booleans, resourceSubscriptions is an array of URIs, taskIds one of task ids"}
	DuplicateID = &codec.Error{Code: codec.CodeInvalidRequest,
		Message: "duplicate id: a request with this id is still in flight"}
	VersionMissing = &codec.Error{Code: codec.CodeInvalidParams,
		Message: "params._meta[\"io.modelcontextprotocol/protocolVersion\"] must be a string"}
	CapabilitiesMissing = &codec.Error{Code: codec.CodeInvalidParams,
		Message: "params._meta[\"io.modelcontextprotocol/clientCapabilities\"] must be an object"}
	LogLevel = &codec.Error{Code: codec.CodeInvalidParams,
		Message: "the log level must be one of debug, info, notice, warning, error, critical, alert, emergency"}
	InitializeVersion = &codec.Error{Code: codec.CodeInvalidParams,
		Message: "params.protocolVersion must be a string"}
	Name = &codec.Error{Code: codec.CodeInvalidParams,
		Message: "params.name must be a string"}
	ResourceURI = &codec.Error{Code: codec.CodeInvalidParams,
		Message: "params.uri must be a string of at most 2048 bytes"}
	TimedOut      = &codec.Error{Message: "the call was ended before"} // never sent
	NoTaskWorkers = &codec.Error{Code: codec.CodeInternal,
		Message: "this server has no workers for tasks", Data: []byte(`{"reason":"task_workers","executed":false}`)}
	Arguments = &codec.Error{Code: codec.CodeInvalidParams,
		Message: "params.arguments must be an object"}
	Forward = &codec.Error{Code: codec.CodeInternal,
		Message: "another server answers this, and this transport cannot wait for it"}
	Question = &codec.Error{Code: codec.CodeInternal,
		Message: "what the server behind this tool asks for is no request that can be passed on",
		Data:    []byte(`{"reason":"mount_asks","executed":true}`)}
	TaskWait = &codec.Error{Code: codec.CodeInternal,
		Message: "the result is not there yet and this transport cannot wait for it"}
	TaskEnded = &codec.Error{Code: codec.CodeInternal,
		Message: "the task ended before its client answered"} // never sent: what the task ended with is
	// Not a refusal: the handler was executed.
	HandlerTimeout = &codec.Error{Code: codec.CodeInternal, Message: "the handler did not return in time",
		Data: []byte(`{"reason":"handler_timeout","executed":true}`)}
	WatchedURI = &codec.Error{Code: codec.CodeInvalidParams,
		Message: "a resource to subscribe to must be a URI of 1 to " + strconv.Itoa(protocol.MaxURIBytes) + " bytes"}
	Panicked = &codec.Error{Code: codec.CodeInternal,
		Message: "the handler panicked"}
)

// Unknown names what was asked for, of which there is no such kind here.
func Unknown(kind, name string) *codec.Error {
	return &codec.Error{Code: codec.CodeInvalidParams, Message: "Unknown " + kind + ": " + protocol.Clip(name)}
}
