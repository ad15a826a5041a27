package registry

import (
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/codec"
	"weir/registry/protocol"
)

// What the author of a tool says of tasks, and which calls become one. The files: tasks.go this, tasks_call.go how a
// call begins and runs as a task, tasks_methods.go the methods of tasks, tasks_watch.go who hears of them; package
// task what a task is.

// TaskSupport says whether the calls of a tool may run as tasks.
type TaskSupport uint8

const (
	// TaskForbidden is the default: calls are answered with their result.
	TaskForbidden TaskSupport = iota
	// TaskOptional runs calls as tasks for clients that can have some: in 2025-11-25 those that ask for it, in 2026-07-28
	// all that declare the extension.
	TaskOptional
	// TaskRequired refuses the others in these two revisions, with -32601 and -32021. Earlier clients cannot know of tasks
	// and are answered with the result.
	TaskRequired
)

// String is the word for it in tools/list.
func (s TaskSupport) String() string { return [...]string{"forbidden", "optional", "required"}[s] }

// Tasks lets the calls of a tool run as tasks; it means nothing for other handlers. The handler is the same for both:
// it may ask for input, its result, error or panic becomes the task's, its context ends when the task is cancelled,
// when its time (Options.TaskTTL) is up, and when the server stops. What it tells with Progress the task shows as its
// status message.
func Tasks(s TaskSupport) HandlerOption { return func(h *handler) { h.tasks = s } }

// AskFirst has a tool with Tasks ask while its client still waits, in 2026-07-28 only: a call that brings no answers
// runs its handler for an input_required result, the one that comes back with them becomes the task. A handler that
// has nothing to ask then answers the first call. Without AskFirst everything is asked for within the task.
func AskFirst() HandlerOption { return func(h *handler) { h.asksFirst = true } }

// taskTool is a tool as tools/list of 2025-11-25 shows it.
type taskTool struct {
	*mcp.Tool
	Execution execution `json:"execution"`
}

type execution struct {
	TaskSupport string `json:"taskSupport"`
}

// offerTasks: from the first tool with tasks on the server says that it has some.
func (r *Registry) offerTasks() {
	r.declare(capabilityTasks)
	r.tasksOffered.Store(true)
}

// declaresTasks says whether the request's client can have tasks (2026-07-28).
func (x *Exchange) declaresTasks() bool {
	value := codec.Member(codec.Member(x.Env.ClientCapabilities.Of(x.Raw), "extensions"), protocol.KeyTasks)
	return value != nil && value[0] == '{'
}

// routeCall decides whether a tools/call becomes a task.
func (x *Exchange) routeCall(t *tool) (Class, *codec.Error) {
	switch x.rev().Tasks {
	case protocol.TasksExtension:
		answers := x.Env.InputResponses.Of(x.Raw) != nil || x.Env.RequestState.Of(x.Raw) != nil
		switch {
		case t.tasks == TaskForbidden:
		case !x.declaresTasks():
			if t.tasks == TaskRequired {
				return Inline, protocol.ErrNeedsTasks
			}
		case answers:
			x.asTask = true
			return Compute, nil // they are to be decoded
		case !t.asksFirst:
			x.asTask = true
			return Inline, nil
		}
	case protocol.TasksAugmented:
		wanted := codec.Member(x.Env.Params.Of(x.Raw), "task")
		if wanted != nil && wanted[0] == 'n' {
			wanted = nil
		}
		switch {
		case wanted == nil && t.tasks == TaskRequired:
			return Inline, errTaskRequired
		case wanted == nil:
		case t.tasks == TaskForbidden:
			return Inline, errTaskForbidden
		case wanted[0] != '{':
			return Inline, errTaskParam
		default:
			x.asTask = true
			return Inline, nil
		}
	}
	return t.class, nil
}
