package task

import (
	"fmt"

	"weir/codec"
)

// refusal is the error for why: nothing was executed for the request that gets it. bytes is what would have had to be
// kept.
func (tt *Table) refusal(why refusal, bytes int) *codec.Error {
	o, text := tt.opt, ""
	switch why {
	case refusedClient:
		text = fmt.Sprintf("this client has %d tasks, and may have no more (max_tasks_per_client)", o.MaxTasksPerClient)
	case refusedTotal:
		text = fmt.Sprintf("there are %d tasks, and may be no more (max_tasks)", o.MaxTasks)
	case refusedBytes:
		text = "the task cannot be kept: " + tt.tooMany(bytes)
	case refusedWait:
		text = fmt.Sprintf("too many requests wait for the results of tasks: allowed are %d for one task"+
			" (max_task_waits_per_task) and %d in all (max_task_waits)", o.MaxTaskWaitsPerTask, o.MaxTaskWaits)
	}
	return &codec.Error{Code: codec.CodeInternal, Message: text,
		Data: []byte(`{"reason":"` + refusalNames[why] + `","retryAfterMs":1000,"executed":false}`)}
}

// tooMany says which bound so many bytes have met.
func (tt *Table) tooMany(bytes int) string {
	if bytes > tt.opt.MaxTaskBytes {
		return fmt.Sprintf("it has %d bytes, and a task may have %d (max_task_bytes)", bytes, tt.opt.MaxTaskBytes)
	}
	return fmt.Sprintf("it has %d bytes, for which there is no room: all tasks together may have %d "+
		"(max_task_total_bytes)",
		bytes, tt.opt.MaxTaskTotalBytes)
}

// overBytes is what a task ends with that had to keep more than it may.
func (tt *Table) overBytes(bytes int) *codec.Error {
	return &codec.Error{Code: codec.CodeInternal, Message: "what the task had to keep is too large: " + tt.tooMany(bytes),
		Data: []byte(`{"reason":"task_bytes"}`)}
}

// What tasks end with that have no answer of their handlers.
var (
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
