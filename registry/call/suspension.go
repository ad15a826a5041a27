package call

import "sync/atomic"

// A call that waits, for its client, a task or another server, is suspended: it holds its message and its place among
// what is in flight, no worker and no goroutine. When what it waits for has come, or will not, the transport queues it
// again (Responder.Resume) and it is dispatched again.

// Suspension is what holds a call back.
type Suspension struct {
	// left is two: what is waited for, and the worker that suspended the call (Hold adds to it). Whoever takes it to
	// zero resumes the call.
	left   atomic.Int32
	resume func()
	// Cancel ends the waiting: the call was cancelled. It is set before Suspend.
	Cancel func()
}

// Begin comes before anything that may settle s. resume has the call go on.
func (s *Suspension) Begin(resume func()) {
	s.resume = resume
	s.left.Store(2)
}

// Hold has one more be waited for, which a Settle of its own ends: by one who knows that something is. It keeps the
// call from going on meanwhile.
func (s *Suspension) Hold() { s.left.Add(1) }

// Settle says that what is waited for has come, or will not. Once.
func (s *Suspension) Settle() {
	if s.left.Add(-1) == 0 {
		s.resume()
	}
}
