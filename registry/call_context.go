package registry

import (
	"context"
	"hash/maphash"
	"sync"
	"time"

	"weir/registry/protocol"
)

// serveCancelled is notifications/cancelled: it cancels the request with params.requestId. An unknown id is ignored, as
// the answer may have crossed the notification (MCP 2025-11-25, basic/utilities/cancellation). initialize cannot be
// cancelled: it is answered where it is decoded and never in flight. Over HTTP in the modern era there is no
// conversation: closing the response stream is the cancellation (MCP 2026-07-28, basic/patterns/cancellation).
func serveCancelled(r *Registry, x *Exchange, dst []byte) []byte {
	if id := x.Env.RequestID.Of(x.Raw); x.Conv != nil && id != nil {
		x.Conv.CancelID(maphash.Bytes(r.seed, id), id)
	}
	return dst
}

// Recalled returns, after Route, the id of the request that the message takes back; nil for every other message.
// Dispatch finds that request if it is in flight; a transport that holds back others, which it has not begun, must look
// there, first.
func (x *Exchange) Recalled() []byte {
	if x.row == nil || !x.row.recalls {
		return nil
	}
	return x.Env.RequestID.Of(x.Raw)
}

// callContext is the context of one call: context.WithDeadline without its allocations. It has no parent and no values
// but itself, by which Progress and Log find the notifier. It belongs to the handler that got it and may
// outlive the call; it is cancelled when the call is, at the handler's deadline, and when the handler returned, so that
// what the handler left running ends too.
type callContext struct {
	mu    sync.Mutex
	ended callEnd
	done  chan struct{}      // made by the first Done: most handlers never ask
	after map[*func()]func() // what AfterFunc registered; nil until then
	x     *Exchange          // nil once the handler is off: it returned, or its call was ended without it
	back  *notifier          // made by the first message ahead of the answer
	h     *handler           // whose deadline counts; nil when none does
	since time.Duration      // since Registry.epoch, when its time began; 0 before
}

// callEnd is why a call's context ended.
type callEnd uint8

const (
	callOpen     callEnd = iota
	callCanceled         // by its client, or because its handler returned
	callTimeout          // its handler's deadline has passed
)

// begin ties the context to its call, and lets Exchange.Cancel reach it. Before the handler gets it.
func (c *callContext) begin(x *Exchange, h *handler) {
	c.x = x
	x.ctx.Store(c)
	if x.Cancelled() {
		c.cancel(callCanceled)
	}
	if x.Slot != nil && h.timeout > 0 {
		c.h = h
		x.Slot.running.Store(c)
	}
}

// legacyClient is what the call's client said of itself in initialize; false when it said nothing, and when the handler
// is off: the exchange is reused then.
func (c *callContext) legacyClient() (version string, declared protocol.Capabilities, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.x == nil || c.x.modern || c.x.Conv == nil {
		return "", 0, false
	}
	return c.x.rev().Version, c.x.Conv.Capabilities(), true
}

// finish ends what begin began, when the handler has returned. timedOut: its call was ended without it.
func (x *Exchange) finish() (timedOut bool) {
	c := x.ctx.Swap(nil)
	if c == nil {
		return false
	}
	if c.h != nil {
		x.Slot.running.Store(nil)
	}
	mine, back := c.takeOff(callCanceled)
	if back != nil {
		back.close()
	}
	return mine == nil
}

// Deadline implements context.Context. It is the first moment at which the handler may be found to have run too long.
func (c *callContext) Deadline() (deadline time.Time, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.deadlineLocked()
}

// callKey is the key under which a call's context, and every context derived from it, holds the call's own.
type callKey struct{}

// Value implements context.Context.
func (c *callContext) Value(key any) any {
	if _, own := key.(callKey); own {
		return c
	}
	return nil
}

// Done implements context.Context.
func (c *callContext) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done == nil {
		c.done = make(chan struct{})
		if c.ended != callOpen {
			close(c.done)
		}
	}
	return c.done
}

// Err implements context.Context. context.Cause says the same.
func (c *callContext) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch c.ended {
	case callCanceled:
		return context.Canceled
	case callTimeout:
		return context.DeadlineExceeded
	}
	return nil
}

// AfterFunc lets package context derive contexts (WithTimeout, WithCancel) from this one without a goroutine each: it
// is the method that context looks for in foreign parents. f runs on its own goroutine when c ends; stop keeps it from
// that and says whether it was in time.
func (c *callContext) AfterFunc(f func()) (stop func() bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended != callOpen {
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
func (c *callContext) cancel(why callEnd) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cancelLocked(why)
}

func (c *callContext) cancelLocked(why callEnd) {
	if c.ended != callOpen {
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

// takeOff cancels the context because its handler is off, and returns the exchange for the caller to answer, nil if
// somebody was faster, and the notifier, if there is one, for the caller to close.
func (c *callContext) takeOff(why callEnd) (x *Exchange, back *notifier) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cancelLocked(why)
	x, c.x = c.x, nil
	return x, c.back
}
