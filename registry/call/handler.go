package call

import (
	"time"

	"weir/registry/concurrency"
)

// Handler is how a function that somebody registered is to be run. Nobody changes it once it is registered.
type Handler struct {
	// Name is what was registered: the tool's or prompt's name, the resource's URI or its template, the method.
	Name string
	// Public is the name by which views, series and the audit log know it, where that is another: what an endpoint of a
	// mount offers is known as the main endpoint has it.
	Public string
	// Cheap: it only computes, and never waits.
	Cheap bool
	// SkipsMeta: it does not read the request's _meta.
	SkipsMeta bool
	// ReadsHeader: it is given the fields of its HTTP request's head; those of HeaderNames only, in net/http's
	// spelling, if there are some.
	ReadsHeader bool
	HeaderNames []string
	// Sessions are what it finds as the Session of its requests.
	Sessions *Sessions
	// Replaces: it takes the place of what is registered under the same name.
	Replaces bool
	// Timeout is how long it may run; 0 or less is without end. Its time is counted from Epoch.
	Timeout time.Duration
	Epoch   time.Time
	// Concurrency is how many of its calls may run at once: a number, NoLimit, Adaptive, or 0: as the server's options
	// say. Of tools only, as the last two.
	Concurrency int
	// Series count its calls.
	Series *Series
	// Tasks says whether its calls may run as tasks, AsksFirst that it asks for input before they do. Of tools only:
	// package handler refuses them of others, or leaves them out (plain, NoTool).
	Tasks     TaskSupport
	AsksFirst bool
}

// Limiter makes what bounds how many calls of a tool run at once, as its author or else the server says; nil: nothing.
func (h *Handler) Limiter(adaptive bool, o concurrency.Options) *concurrency.Limiter {
	switch {
	case h.Concurrency > 0:
		return concurrency.Fixed(h.Concurrency)
	case h.Concurrency == Adaptive || h.Concurrency == 0 && adaptive && !h.Cheap:
		return concurrency.Adaptive(o)
	}
	return nil
}

// What Handler.Concurrency is beside a number.
const (
	NoLimit  = -1
	Adaptive = -2
)

// TaskSupport says whether the calls of a tool may run as tasks.
type TaskSupport uint8

const (
	// TaskForbidden is the default: calls are answered with their result.
	TaskForbidden TaskSupport = iota
	// TaskOptional runs calls as tasks for clients that can have some: in 2025-11-25 those that ask for it, in
	// 2026-07-28 all that declare the extension.
	TaskOptional
	// TaskRequired refuses the others in these two revisions, with -32601 and -32021. Earlier clients cannot know of
	// tasks and are answered with the result.
	TaskRequired
)

// String is the word for it in tools/list.
func (s TaskSupport) String() string { return [...]string{"forbidden", "optional", "required"}[s] }
