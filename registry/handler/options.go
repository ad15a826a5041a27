package handler

import (
	"time"

	"weir/registry/call"
)

// Option changes how a handler is run.
type Option func(*call.Handler)

// Defaults is what the handlers of one server have in common.
type Defaults struct {
	// MaxBytes is how long a definition may be, in the form of each revision.
	MaxBytes int
	// Timeout is how long a handler may run that has no timeout of its own; 0 is without end. Epoch is what times are
	// counted from.
	Timeout time.Duration
	Epoch   time.Time
	// Sessions are what handlers find as the Session of their requests.
	Sessions *call.Sessions
	// NullIsAbsent takes null for an optional argument of a typed tool as if it were left out.
	NullIsAbsent bool
}

// handler is the handler of this name with its options; without any it may wait, which is safe for one about which
// nothing is known.
func (d *Defaults) handler(name string, opts []Option) call.Handler {
	h := call.Handler{Name: name, Timeout: d.Timeout, Epoch: d.Epoch, Sessions: d.Sessions}
	for _, option := range opts {
		option(&h)
	}
	return h
}

// What only a tool can have is told in two ways, which name the same options.

// plain is handler for what is no tool. The error names the option that only a tool can have.
func (d *Defaults) plain(name string, opts []Option) (call.Handler, error) {
	h := d.handler(name, opts)
	switch {
	case h.Tasks != call.TaskForbidden:
		return h, errTasksOption
	case h.AsksFirst:
		return h, errAskFirstOption
	case h.Concurrency != 0:
		return h, errMaxConcurrentOption
	}
	return h, nil
}

// NoTool leaves out what plain refuses: for what is adopted, where the author's options may be meant for a tool.
func NoTool(h *call.Handler) {
	h.Tasks, h.AsksFirst, h.Concurrency = call.TaskForbidden, false, 0
}
