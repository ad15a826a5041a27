package registry

import (
	"bytes"
	"encoding/json"
	"errors"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"

	"weir/codec"
	"weir/registry/protocol"
	"weir/registry/task"
	"weir/registry/value"
)

// Refusals that say the same every time; they are encoded and never changed.
var (
	errInitializeFirst = &codec.Error{Code: codec.CodeInvalidRequest,
		Message: `initialize first: send {"method":"initialize"} with params.protocolVersion, or name the revision in params._meta (2026-07-28)`}
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
		Message: "too many sessions", Data: []byte(`{"reason":"session_limit","retryAfterMs":1000,"executed":false}`)}
	errNoStream = &codec.Error{Code: codec.CodeInvalidRequest,
		Message: "there is no stream to GET here: it belongs to a session, named in Mcp-Session-Id, of a revision that has them (2025-03-26 to 2025-11-25)"}
	errFilter = &codec.Error{Code: codec.CodeInvalidParams,
		Message: "params.notifications must be an object: toolsListChanged, promptsListChanged and resourcesListChanged are booleans, resourceSubscriptions is an array of URIs, taskIds one of task ids"}
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
	errArgumentsType = &codec.Error{Code: codec.CodeInvalidParams,
		Message: "params.arguments must be an object"}
	errArgumentsText = &codec.Error{Code: codec.CodeInvalidParams,
		Message: "params.arguments must be an object of strings"}
	errCompletion = &codec.Error{Code: codec.CodeInvalidParams,
		Message: "params.ref must name a prompt (ref/prompt, name) or a resource template (ref/resource, uri), and params.argument a name and a value"}
	errSuspended    = &codec.Error{Message: "the call waits for its client"} // never sent
	errAgain        = &codec.Error{Message: "the answers are here already"}  // never sent
	errTimedOut     = &codec.Error{Message: "the call was ended before"}     // never sent
	errTaskRequired = &codec.Error{Code: codec.CodeMethodNotFound,
		Message: "this tool runs as a task only: send params.task"}
	errTaskForbidden = &codec.Error{Code: codec.CodeMethodNotFound,
		Message: "this tool does not run as a task: send no params.task"}
	errTaskParam = &codec.Error{Code: codec.CodeInvalidParams,
		Message: "params.task must be an object, and its ttl a number of milliseconds"}
	errTaskID = &codec.Error{Code: codec.CodeInvalidParams,
		Message: "params.taskId must be a string"}
	errUnknownTask = &codec.Error{Code: codec.CodeInvalidParams,
		Message: "Task not found: it expired or never was"}
	errNoTaskWorkers = &codec.Error{Code: codec.CodeInternal,
		Message: "this server has no workers for tasks", Data: []byte(`{"reason":"task_workers","executed":false}`)}
	errTaskWait = &codec.Error{Code: codec.CodeInternal,
		Message: "the result is not there yet and this transport cannot wait for it"}
	errTaskEnded = &codec.Error{Code: codec.CodeInternal,
		Message: "the task ended before its client answered"} // never sent: what the task ended with is
	errNoContents = &codec.Error{Code: codec.CodeInternal,
		Message: "the handler returned no contents"}
	errInputRequests = &codec.Error{Code: codec.CodeInternal,
		Message: "the handler asked for input, which this server cannot ask for"}
	// Not a refusal, which says that nothing was executed.
	errHandlerTimeout = &codec.Error{Code: codec.CodeInternal, Message: "the handler did not return in time",
		Data: []byte(`{"reason":"handler_timeout","executed":true}`)}
	errPanicked = &codec.Error{Code: codec.CodeInternal,
		Message: "the handler panicked"}
)

// errUnknown names what was asked for, of which there is no such kind here.
func errUnknown(kind, name string) *codec.Error {
	return &codec.Error{Code: codec.CodeInvalidParams, Message: "Unknown " + kind + ": " + protocol.Clip(name)}
}

// errTaskOver is a tasks/cancel that comes too late (MCP 2025-11-25, basic/utilities/tasks, task cancellation).
func errTaskOver(s task.Status) *codec.Error {
	return &codec.Error{Code: codec.CodeInvalidParams, Message: "Cannot cancel task: already in terminal status '" +
		s.String() + "'"}
}

// errNoHandler is of whoever registers, not of a peer.
var errNoHandler = errors.New("the handler is nil")

// argumentError is arguments that do not fit the tool's schema; the revision decides what kind of answer that is.
type argumentError struct{ err error }

func (e *argumentError) Error() string { return protocol.Clip(e.err.Error()) }
func (e *argumentError) Unwrap() error { return e.err }

// protocolError finds the error that a handler wants the peer to see as a JSON-RPC error; nil when err is an ordinary
// one.
func protocolError(err error) *codec.Error {
	if ours, ok := errors.AsType[*codec.Error](err); ok {
		if ours.Data == nil || json.Valid(ours.Data) && bytes.Equal(codec.Repair(ours.Data), ours.Data) {
			return ours // also because what is the same error always is compared with it
		}
		return &codec.Error{Code: ours.Code, Message: ours.Message, Data: errorData(ours.Data)}
	}
	wire, ok := errors.AsType[*jsonrpc.Error](err)
	if !ok {
		return nil
	}
	return &codec.Error{Code: int(wire.Code), Message: wire.Message, Data: errorData(wire.Data)}
}

// errorData is what a handler supplied as the data of its error, fit to leave; nil when it is no JSON.
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
