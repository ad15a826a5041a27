package registry

import (
	"net/http"
	"time"

	"weir/registry/call"
	"weir/registry/handler"
)

// HandlerOption changes how the handler of a tool, prompt, resource or completion is run.
type HandlerOption = handler.Option

// Cheap puts the handler's calls on the compute workers (class Compute) instead of a goroutine that may sleep: for
// handlers that only compute, for less than about a millisecond, and never wait for anything. A handler that waits
// anyway holds up one of a few workers.
func Cheap() HandlerOption { return func(h *call.Handler) { h.Cheap = true } }

// SkipMeta leaves the Meta of the request's Params nil: for handlers that do not read it. In the modern era every
// request has a _meta, and decoding it costs more than a cheap call.
func SkipMeta() HandlerOption { return func(h *call.Handler) { h.SkipsMeta = true } }

// WithHeader gives the handler the header of its HTTP request, as Extra.Header: the fields with these names, or without
// any all but Authorization, Cookie and Proxy-Authorization, which are for whoever names them. What max_header_bytes
// lets in is copied for each call, in the order and number in which it came. Extra.Header stays nil in calls that came
// otherwise than by Streamable HTTP: a WebSocket message has no header, and that of its upgrade is not kept.
func WithHeader(names ...string) HandlerOption {
	own := make([]string, len(names))
	for i, name := range names {
		own[i] = http.CanonicalHeaderKey(name)
	}
	return func(h *call.Handler) { h.ReadsHeader, h.HeaderNames = true, own }
}

// Timeout gives the handler a deadline of its own instead of Options.HandlerTimeout; 0 or less is none. What happens at
// the deadline stands there.
func Timeout(d time.Duration) HandlerOption { return func(h *call.Handler) { h.Timeout = d } }

// Adaptive is for MaxConcurrent: a bound that is found while calls run.
const Adaptive = call.Adaptive

// MaxConcurrent is how many calls of a tool may run at once. One more is refused with tool_limit: it is not executed,
// and told when to come again. A task is refused when it would begin. 0 is no limit, whatever adaptive_concurrency
// says.
// Adaptive finds one, for a tool that waits for something which does only so much at once: there is none until more
// calls at once bring no more answers, and then it is a little more than what does. It suits tools whose calls are
// alike: one whose arguments decide how long it takes may seem to have become slow. For another handler MaxConcurrent
// is a mistake, and a panic, and so is Adaptive with Cheap, whose calls are refused before they wait
// (max_expected_wait).
func MaxConcurrent(calls int) HandlerOption {
	return func(h *call.Handler) {
		if h.Concurrency = calls; calls == 0 {
			h.Concurrency = call.NoLimit
		}
	}
}

// Replace takes the place of what is registered under the same name or URI, at once, if there is something: for what
// changes while it is served. Without it a name that is taken is a mistake.
func Replace() HandlerOption { return func(h *call.Handler) { h.Replaces = true } }

// TaskSupport says whether the calls of a tool may run as tasks.
type TaskSupport = call.TaskSupport

const (
	// TaskForbidden is the default: calls are answered with their result.
	TaskForbidden = call.TaskForbidden
	// TaskOptional runs calls as tasks for clients that can have some: in 2025-11-25 those that ask for it, in
	// 2026-07-28 all that declare the extension.
	TaskOptional = call.TaskOptional
	// TaskRequired refuses the others in these two revisions, with -32601 and -32021. Earlier clients cannot know of
	// tasks and are answered with the result.
	TaskRequired = call.TaskRequired
)

// Tasks lets the calls of a tool run as tasks; for another handler it is a mistake, and a panic. The handler is the
// same for calls and tasks: it may ask for input, its result, error or panic becomes the task's, its context ends when
// the task is cancelled, when its time (Options.TaskTTL) is up, and when the server stops. What it tells with Progress
// the task shows as its status message.
func Tasks(s TaskSupport) HandlerOption { return func(h *call.Handler) { h.Tasks = s } }

// AskFirst has a tool with Tasks ask while its client still waits, in 2026-07-28 only: a call that brings no answers
// runs its handler for an input_required result, the one that comes back with them becomes the task. A handler that
// has nothing to ask then answers the first call. Without AskFirst everything is asked for within the task. For another
// handler it is a mistake, and a panic.
func AskFirst() HandlerOption { return func(h *call.Handler) { h.AsksFirst = true } }
