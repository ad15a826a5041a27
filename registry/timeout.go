package registry

import (
	"fmt"
	"sync/atomic"
	"time"

	"weir/codec"
)

// A handler has a deadline and no timer: four times a second the transport asks which have run too long. Nor does a
// call read a clock: its time counts from the first look that finds it running, or from when its handler asks for its
// deadline. So a call that is over before anybody looks pays for two stores and nothing else. (A list of what runs,
// under sixteen locks, cost 100 ns per call.)

// WorkerSlot is the place of a goroutine that dispatches: it shows the handler that runs there. The zero value is
// ready. It fills a cache line, because each is written twice per call.
type WorkerSlot struct {
	running atomic.Pointer[callContext]
	_       [56]byte
}

// deadlineLocked is when c's handler is due. Whoever asks first starts its time.
func (c *callContext) deadlineLocked() (deadline time.Time, ok bool) {
	if c.h == nil {
		return time.Time{}, false
	}
	epoch := c.h.owner.epoch
	if c.since == 0 {
		c.since = time.Since(epoch)
	}
	return epoch.Add(c.since + c.h.timeout), true
}

// timedOutAt says whether c's time is up, and begins it if nobody has.
func (c *callContext) timedOutAt(at time.Duration) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.since == 0 {
		c.since = at
	}
	return at-c.since >= c.h.timeout
}

// EndTimedOut ends the calls whose handlers have run too long at now in these slots, and hands each to end: its context
// is done, nothing is sent ahead of its answer any more, no answer will come from Dispatch, and it is in flight no more
// (End). end answers it with AppendTimedOut; the exchange stays in use until its Dispatch has returned, if it ever does
// (Exchange.TimedOut). Concurrent.
func (r *Registry) EndTimedOut(slots []WorkerSlot, now time.Time, end func(slot int, x *Exchange)) {
	at := now.Sub(r.epoch)
	for i := range slots {
		c := slots[i].running.Load()
		if c == nil || !c.timedOutAt(at) {
			continue
		}
		r.timedOut.Add(1) // before the handler can take it off again
		x, back := c.takeOff(callTimeout)
		if x == nil { // it has returned, or was found before
			r.timedOut.Add(-1)
			continue
		}
		x.marks.Or(markTimedOut) // its Dispatch says so too, whichever is first
		if back != nil {
			back.close()
		}
		r.End(x)
		o := endedTimeout
		if x.Cancelled() {
			o = endedCancelled
		}
		c.h.series.calls[o].Inc()
		r.report(Failure{Kind: FailureTimeout, Name: x.handlerName(),
			Err: fmt.Errorf("it did not return within %v", c.h.timeout)})
		end(i, x)
	}
}

// AppendTimedOut appends the answer of a call that Registry.EndTimedOut handed out: none, if it was cancelled.
func (r *Registry) AppendTimedOut(dst []byte, x *Exchange) []byte {
	if x.Cancelled() {
		x.Outcome = Cancelled
		return dst
	}
	return codec.AppendError(dst, x.ID(), errHandlerTimeout)
}

// LastHolder is called by both who hold an exchange that EndTimedOut has handed out, its Dispatch's caller and who
// answered it, when they are done with it, and says to the second that nobody else has it.
func (x *Exchange) LastHolder() bool { return x.marks.Or(markLeft)&markLeft != 0 }

// TimedOut says, to both who hold the exchange then (LastHolder), that the call was ended by Registry.EndTimedOut: the
// caller of its Dispatch must neither answer it nor End it.
func (x *Exchange) TimedOut() bool { return x.marks.Load()&markTimedOut != 0 }
