package registry

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"weir/codec"
)

// A handler has a deadline and no timer: four times a second the transport asks which are overdue. Nor does a call read a
// clock: its time counts from the first look that finds it running, or from when its handler asks for its deadline. So a
// call that is over before anybody looks pays for two short locks and nothing else.

// running are the calls whose handlers run and have a deadline, in parts, so that workers seldom meet at a lock.
type running struct {
	parts   [runningParts]runningPart
	overdue atomic.Int64 // handlers that run on although their calls were ended
}

const runningParts = 16

// runningPart is a list. Its lock comes before those of the contexts in it.
type runningPart struct {
	mu    sync.Mutex
	first *callContext
	epoch time.Time // what run.since counts from
	_     [24]byte  // a cache line each
}

func (r *running) init(epoch time.Time) {
	for i := range r.parts {
		r.parts[i].epoch = epoch
	}
}

// run is a context's part of it.
type run struct {
	part  *runningPart // nil when it has no deadline; fixed before the handler gets it, like limit
	limit time.Duration
	since time.Duration // when its time began; 0 before. Guarded by the context's lock

	next, prev *callContext // guarded by part.mu
}

// add puts c among the running, on whatever part.
func (r *running) add(c *callContext, limit time.Duration) {
	p := &r.parts[rand.Uint32()%runningParts]
	c.part, c.limit = p, limit
	p.mu.Lock()
	defer p.mu.Unlock()
	c.next = p.first
	if c.next != nil {
		c.next.prev = c
	}
	p.first = c
}

// leave takes c out again, if nobody was faster. By the goroutine that added it.
func (c *callContext) leave() {
	if p := c.part; p != nil {
		p.mu.Lock()
		p.removeLocked(c)
		p.mu.Unlock()
	}
}

func (p *runningPart) removeLocked(c *callContext) {
	switch {
	case c.prev != nil:
		c.prev.next = c.next
	case p.first == c:
		p.first = c.next
	default:
		return // it was overdue
	}
	if c.next != nil {
		c.next.prev = c.prev
	}
	c.next, c.prev = nil, nil
}

// deadlineLocked is when c's handler is due. Whoever asks first starts the clock.
func (c *callContext) deadlineLocked() (deadline time.Time, ok bool) {
	if c.part == nil {
		return time.Time{}, false
	}
	if c.since == 0 {
		c.since = time.Since(c.part.epoch)
	}
	return c.part.epoch.Add(c.since + c.limit), true
}

// Overdue ends the calls whose handlers have run too long at now, and returns them: their contexts are done, nothing is
// sent ahead of their answers any more, and no answer will come from Dispatch. The caller answers each (AppendOverdue)
// and Ends it; the exchange stays in use until its Dispatch, which may never return, has returned (Exchange.Overdue). One
// caller at a time.
func (r *Registry) Overdue(now time.Time) (late []*Exchange) {
	at := now.Sub(r.epoch)
	var contexts []*callContext
	for i := range r.running.parts {
		p := &r.running.parts[i]
		p.mu.Lock()
		for c := p.first; c != nil; {
			next := c.next
			if c.overdueAt(at) {
				p.removeLocked(c)
				contexts = append(contexts, c)
			}
			c = next
		}
		p.mu.Unlock()
	}
	for _, c := range contexts {
		r.running.overdue.Add(1) // before the handler can take it off again
		x, back := c.takeOff(context.DeadlineExceeded)
		if x == nil { // it has just returned
			r.running.overdue.Add(-1)
			continue
		}
		if back != nil {
			back.close()
		}
		late = append(late, x)
	}
	return late
}

// overdueAt says whether c's time is up, and starts its clock if nobody has.
func (c *callContext) overdueAt(at time.Duration) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.since == 0 {
		c.since = at
	}
	return at-c.since >= c.limit
}

// AppendOverdue appends the answer of a call that Overdue returned: none, if it was cancelled.
func (r *Registry) AppendOverdue(dst []byte, x *Exchange) []byte {
	if x.Cancelled() {
		x.Status = statusAccepted
		x.series.calls[outcomeCancelled].Inc()
		return dst
	}
	x.series.calls[outcomeTimeout].Inc()
	return codec.AppendError(dst, x.id(), errHandlerTimeout)
}

// Overdue says, after Dispatch, that the call was ended before (Registry.Overdue): the transport must neither answer it
// nor End it.
func (x *Exchange) Overdue() bool { return x.overdue }
