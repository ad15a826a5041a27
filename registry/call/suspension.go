package call

import (
	"sync/atomic"

	"weir/codec"
)

// A call that waits, for its client or for a task, is suspended: it holds its message and its place among what is in
// flight, no worker and no goroutine. When what it waits for has come, or will not, the transport queues it again
// (Responder.Resume) and it is dispatched again.

// Suspension is what holds a call back. Resume and Cancel are set before it is used.
type Suspension struct {
	// left is two: what is waited for, and the worker that suspended the call. Whoever takes it to zero resumes the call.
	left atomic.Int32
	// Resume has the call go on.
	Resume func()
	// Cancel ends the waiting: the call was cancelled.
	Cancel func()
}

// Settle says that what is waited for has come, or will not. Once.
func (s *Suspension) Settle() {
	if s.left.Add(-1) == 0 {
		s.Resume()
	}
}

// Suspend holds the call back by s. The call may have been cancelled before it could be seen as suspended.
func (c *Call) Suspend(s *Suspension) {
	s.left.Store(2)
	c.suspension.Store(s)
	if c.Cancelled() {
		s.Cancel()
	}
}

// Suspended says, after Dispatch, that the call waits: nothing was appended, and the transport must neither answer it
// nor End it but LetGo. It will be resumed (Responder.Resume) and is then dispatched again.
func (c *Call) Suspended() bool { return c.suspension.Load() != nil }

// LetGo is the worker's last word on a suspended call: from here on it may be resumed.
func (c *Call) LetGo() { c.suspension.Load().Settle() }

// Resumed ends the suspension, if there was one, and returns why what was waited for did not come.
func (c *Call) Resumed() *codec.Error {
	if c.suspension.Load() == nil {
		return nil
	}
	c.suspension.Store(nil)
	if c.Inputs == nil {
		return nil
	}
	return c.Inputs.Failed
}
