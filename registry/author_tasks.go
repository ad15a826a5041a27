package registry

import "weir/registry/call"

// TaskSupport says whether the calls of a tool may run as tasks.
type TaskSupport = call.TaskSupport

const (
	// TaskForbidden is the default: calls are answered with their result.
	TaskForbidden = call.TaskForbidden
	// TaskOptional runs calls as tasks for clients that can have some: in 2025-11-25 those that ask for it, in 2026-07-28
	// all that declare the extension.
	TaskOptional = call.TaskOptional
	// TaskRequired refuses the others in these two revisions, with -32601 and -32021. Earlier clients cannot know of tasks
	// and are answered with the result.
	TaskRequired = call.TaskRequired
)

// Tasks lets the calls of a tool run as tasks; it means nothing for other handlers. The handler is the same for both:
// it may ask for input, its result, error or panic becomes the task's, its context ends when the task is cancelled,
// when its time (Options.TaskTTL) is up, and when the server stops. What it tells with Progress the task shows as its
// status message.
func Tasks(s TaskSupport) HandlerOption { return func(h *call.Handler) { h.Tasks = s } }

// AskFirst has a tool with Tasks ask while its client still waits, in 2026-07-28 only: a call that brings no answers
// runs its handler for an input_required result, the one that comes back with them becomes the task. A handler that
// has nothing to ask then answers the first call. Without AskFirst everything is asked for within the task.
func AskFirst() HandlerOption { return func(h *call.Handler) { h.AsksFirst = true } }
