package call

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"weir/registry/protocol"
)

// Context is the context of one call: context.WithDeadline without its allocations. It has no parent and no values
// but itself, by which Progress and Log find the notifier. It belongs to the handler that got it and may
// outlive the call; it is cancelled when the call is, at the handler's deadline, and when the handler returned, so that
// what the handler left running ends too.
type Context struct {
	mu       sync.Mutex
	ended    ending
	timed    bool               // handler has a deadline
	done     chan struct{}      // made by the first Done: most handlers never ask
	after    map[*func()]func() // what AfterFunc registered; nil until then
	call     *Call              // nil once the handler is off: it returned, or its call was ended without it
	notifier *notifier          // made by the first message ahead of the answer
	handler  *Handler
	since    time.Duration // since Handler.Epoch, when its time began; 0 before
}

// ending is why a context ended.
type ending uint8

const (
	running  ending = iota
	canceled        // the call by its client, or because its handler returned
	timedOut        // the handler's deadline has passed
)

// Begin ties the context to its call, and lets Call.Cancel and the deadline reach it. Before the handler gets it.
func (c *Context) Begin(call *Call, h *Handler) {
	c.call, c.handler = call, h
	call.ctx.Store(c)
	if call.Cancelled() {
		c.cancel(canceled)
	}
	if call.Slot != nil && h.Timeout > 0 {
		c.timed = true
		call.Slot.running.Store(c)
	}
}

// Finish ends what Context.Begin began, if it did, when the handler has returned. ours: the call was not ended without
// it (EndTimedOut), so its answer is the handler's.
func (c *Call) Finish() (ours bool) {
	ctx := c.ctx.Swap(nil)
	if ctx == nil {
		return true
	}
	if ctx.timed {
		c.Slot.running.Store(nil)
	}
	mine, notifier := ctx.takeOff(canceled)
	if notifier != nil {
		notifier.close()
	}
	if mine == nil {
		c.marks.Or(markTimedOut)
		return false
	}
	return true
}

// LegacyClient is what the client of the call to which ctx belongs said of itself in initialize; false when it said
// nothing, and when the handler is off: the call is reused then.
func LegacyClient(ctx context.Context) (version string, declared protocol.Capabilities, ok bool) {
	c := contextOf(ctx)
	if c == nil {
		return "", 0, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.call == nil || c.call.Modern() || c.call.Conv == nil {
		return "", 0, false
	}
	return c.call.Rev().Version, c.call.Conv.Capabilities(), true
}

// Deadline implements context.Context. It is the first moment at which the handler may be found to have run too long.
func (c *Context) Deadline() (deadline time.Time, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.deadlineLocked()
}

// callKey is the key under which a call's context, and every context derived from it, holds the call's own.
type callKey struct{}

// contextOf is the context of the call to which ctx belongs, or was derived from; nil when there is none.
func contextOf(ctx context.Context) *Context {
	c, _ := ctx.Value(callKey{}).(*Context)
	return c
}

// Value implements context.Context.
func (c *Context) Value(key any) any {
	if _, own := key.(callKey); own {
		return c
	}
	return nil
}

// Done implements context.Context.
func (c *Context) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done == nil {
		c.done = make(chan struct{})
		if c.ended != running {
			close(c.done)
		}
	}
	return c.done
}

// Err implements context.Context. context.Cause says the same.
func (c *Context) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.errLocked()
}

func (c *Context) errLocked() error {
	switch c.ended {
	case canceled:
		return context.Canceled
	case timedOut:
		return context.DeadlineExceeded
	}
	return nil
}

// AfterFunc lets package context derive contexts (WithTimeout, WithCancel) from this one without a goroutine each: it
// is the method that context looks for in foreign parents. f runs on its own goroutine when c ends; stop keeps it from
// that and says whether it was in time.
func (c *Context) AfterFunc(f func()) (stop func() bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended != running {
		go f()
		return func() bool { return false }
	}
	if c.after == nil {
		c.after = make(map[*func()]func())
	}
	key := &f
	c.after[key] = f
	return func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		_, waiting := c.after[key]
		delete(c.after, key)
		return waiting
	}
}

// cancel ends the context for a reason, the first one. Idempotent. It starts goroutines for AfterFunc instead of
// calling, because it is called under a conversation's lock.
func (c *Context) cancel(why ending) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cancelLocked(why)
}

func (c *Context) cancelLocked(why ending) {
	if c.ended != running {
		return
	}
	c.ended = why
	if c.done != nil {
		close(c.done)
	}
	for _, f := range c.after {
		go f()
	}
	c.after = nil
}

// takeOff cancels the context because its handler is off, and returns the call for the caller to answer, nil if
// somebody was faster, and the notifier, if there is one, for the caller to close.
func (c *Context) takeOff(why ending) (call *Call, notifier *notifier) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cancelLocked(why)
	call, c.call = c.call, nil
	return call, c.notifier
}

// deadlineLocked is when the handler is due. Whoever asks first starts its time.
func (c *Context) deadlineLocked() (deadline time.Time, ok bool) {
	if !c.timed {
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

// notifierOf returns the notifier of the call that ctx belongs to, or was derived from; nil when there is none (any
// more).
func notifierOf(ctx context.Context) *notifier {
	c := contextOf(ctx)
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended != running || c.call.Responder == nil {
		return nil
	}
	if c.notifier == nil {
		c.notifier = &notifier{call: c.call}
	}
	return c.notifier
}
