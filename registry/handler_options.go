package registry

import (
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

// Timeout gives the handler a deadline of its own instead of Options.HandlerTimeout; 0 or less is none. What happens at
// the deadline stands there.
func Timeout(d time.Duration) HandlerOption { return func(h *call.Handler) { h.Timeout = d } }

// Replace takes the place of what is registered under the same name or URI, at once, if there is something: for what
// changes while it is served. Without it a name that is taken is a mistake.
func Replace() HandlerOption { return func(h *call.Handler) { h.Replaces = true } }
