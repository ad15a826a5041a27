package result

import "time"

// Options say who answers, and bound the answers. They are checked by who has them from outside.
type Options struct {
	// Name, Title and Version are how the server introduces itself; Title may be empty.
	Name, Title, Version string
	// Instructions go out with the greetings; "" is none.
	Instructions string
	// ListTTL is for how long clients of revision 2026-07-28 may keep lists and the answer to server/discover. Private
	// keeps caches from sharing them.
	ListTTL time.Duration
	Private bool
	// PageSize is how many entries a page of a list holds.
	PageSize int
	// MaxBytes is the longest answer to one request.
	MaxBytes int
}
