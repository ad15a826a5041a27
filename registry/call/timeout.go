package call

import (
	"sync/atomic"
	"time"
)

// A handler has a deadline and no timer: four times a second the transport asks which have run too long. Nor does a
// call read a clock: its time counts from the first look that finds it running, or from when its handler asks for its
// deadline. So a call that is over before anybody looks pays for two stores and nothing else. (A list of what runs,
// under sixteen locks, cost 100 ns per call.)

// WorkerSlot is the place of a goroutine that dispatches: it shows the handler that runs there. The zero value is
// ready. It fills a cache line, because each is written twice per call.
type WorkerSlot struct {
	running atomic.Pointer[Context]
	_       [56]byte
}

// EndTimedOut ends the call whose handler has run too long in the slot, at a time since Handler.Epoch, and returns the
// two; nil when there is none. Its context is done, and nothing is sent ahead of its answer any more. late counts the
// handlers that run although their calls were ended; who finds that Call.Finish is false takes this one off again.
func (s *WorkerSlot) EndTimedOut(at time.Duration, late *atomic.Int64) (*Call, *Handler) {
	c := s.running.Load()
	if c == nil || !c.timedOutAt(at) {
		return nil, nil
	}
	late.Add(1) // before the handler can take it off again
	ended, notifier := c.takeOff(timedOut)
	if ended == nil { // it has returned, or was found before
		late.Add(-1)
		return nil, nil
	}
	ended.marks.Or(markTimedOut) // Finish says so too, whichever is first
	if notifier != nil {
		notifier.close()
	}
	return ended, c.handler
}

// deadlineLocked is when the handler is due. Whoever asks first starts its time.
func (c *Context) deadlineLocked() (deadline time.Time, ok bool) {
	if c.handler == nil {
		return time.Time{}, false
	}
	epoch := c.handler.Epoch
	if c.since == 0 {
		c.since = time.Since(epoch)
	}
	return epoch.Add(c.since + c.handler.Timeout), true
}

// timedOutAt says whether the handler's time is up, and begins it if nobody has.
func (c *Context) timedOutAt(at time.Duration) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.since == 0 {
		c.since = at
	}
	return at-c.since >= c.handler.Timeout
}

// LastHolder is called by both who hold a call that EndTimedOut has handed out, its Dispatch's caller and who answered
// it, when they are done with it, and says to the second that nobody else has it.
func (c *Call) LastHolder() bool { return c.marks.Or(markLeft)&markLeft != 0 }

// TimedOut says, to both who hold the call then (LastHolder), that it was ended by EndTimedOut: the caller of its
// Dispatch must neither answer it nor End it.
func (c *Call) TimedOut() bool { return c.marks.Load()&markTimedOut != 0 }
