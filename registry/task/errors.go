package task

import "weir/codec"

// Refusals: nothing was executed for the request that gets one.
var (
	errClientTasks = &codec.Error{Code: codec.CodeInternal,
		Message: "too many tasks of this client",
		Data:    []byte(`{"reason":"task_limit_per_client","retryAfterMs":1000,"executed":false}`)}
	errTotalTasks = &codec.Error{Code: codec.CodeInternal,
		Message: "too many tasks", Data: []byte(`{"reason":"task_limit","retryAfterMs":1000,"executed":false}`)}
	errBytesLimit = &codec.Error{Code: codec.CodeInternal,
		Message: "the task is too large to be kept",
		Data:    []byte(`{"reason":"task_bytes","retryAfterMs":1000,"executed":false}`)}
	errWaits = &codec.Error{Code: codec.CodeInternal,
		Message: "too many requests wait for the results of tasks",
		Data:    []byte(`{"reason":"task_wait_limit","retryAfterMs":1000,"executed":false}`)}
)

// What tasks end with that have no answer of their handlers.
var (
	errBytes = &codec.Error{Code: codec.CodeInternal,
		Message: "what the task had to keep is too large", Data: []byte(`{"reason":"task_bytes"}`)}
	errExpired = &codec.Error{Code: codec.CodeInternal,
		Message: "the task did not end in its time", Data: []byte(`{"reason":"task_expired"}`)}
	errStopped = &codec.Error{Code: codec.CodeInternal,
		Message: "the server stops", Data: []byte(`{"reason":"draining"}`)}
	errCancelled = &codec.Error{Code: codec.CodeInternal,
		Message: "the task was cancelled", Data: []byte(`{"reason":"task_cancelled"}`)}
)

// errStuck is a refusal of the queue for a task that has run before.
func errStuck(refusal *codec.Error) *codec.Error {
	e := &codec.Error{Code: codec.CodeInternal, Message: "the server cannot go on with the task"}
	if refusal.Data == nil {
		return e
	}
	if reason := codec.Member(refusal.Data, "reason"); reason != nil {
		e.Data = append(append([]byte(`{"reason":`), reason...), `,"executed":true}`...)
	}
	return e
}

// What the methods of tasks have to say; encoded and never changed.
var (
	// ErrRequired: the tool has no calls that are no tasks.
	ErrRequired = &codec.Error{Code: codec.CodeMethodNotFound,
		Message: "this tool runs as a task only: send params.task"}
	// ErrForbidden: the tool has no calls that are tasks.
	ErrForbidden = &codec.Error{Code: codec.CodeMethodNotFound,
		Message: "this tool does not run as a task: send no params.task"}
	// ErrParam: params.task is none.
	ErrParam = &codec.Error{Code: codec.CodeInvalidParams,
		Message: "params.task must be an object, and its ttl a number of milliseconds"}
	// ErrID: params.taskId is none.
	ErrID = &codec.Error{Code: codec.CodeInvalidParams,
		Message: "params.taskId must be a string"}
	// ErrUnknown: there is no such task of this client.
	ErrUnknown = &codec.Error{Code: codec.CodeInvalidParams,
		Message: "Task not found: it expired or never was"}
)

// OverError is a tasks/cancel that comes too late (MCP 2025-11-25, basic/utilities/tasks, task cancellation).
func OverError(s Status) *codec.Error {
	return &codec.Error{Code: codec.CodeInvalidParams, Message: "Cannot cancel task: already in terminal status '" +
		s.String() + "'"}
}
