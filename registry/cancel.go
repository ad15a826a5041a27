package registry

import (
	"context"
	"hash/maphash"
	"sync"
	"time"
)

// serveCancelled is notifications/cancelled: it cancels the request with params.requestId. An unknown id is ignored, as
// the answer may have crossed the notification (MCP 2025-11-25, basic/utilities/cancellation). initialize cannot be
// cancelled: it is answered where it is decoded and never in flight. Over HTTP in the modern era there is no
// conversation: closing the response stream is the cancellation (MCP 2026-07-28, basic/patterns/cancellation).
func serveCancelled(r *Registry, x *Exchange, dst []byte) []byte {
	if id := x.Env.RequestID.Of(x.Raw); x.Conv != nil && id != nil {
		x.Conv.cancelID(maphash.Bytes(r.seed, id), id)
	}
	return dst
}

// callContext is the context of one call: context.WithCancel without its allocations. It has no parent, no deadline
// and no values but itself, by which Progress and Log find the way back to the peer. It belongs to the handler that got
// it and may outlive the call; it is cancelled when the call is, and when the handler returned, so that what the handler
// left running ends too.
type callContext struct {
	mu    sync.Mutex
	ended bool
	done  chan struct{}      // made by the first Done: most handlers never ask
	after map[*func()]func() // what AfterFunc registered; nil until then
	x     *Exchange          // nil once the call was cancelled or the handler returned: the exchange is reused, the context may be kept
	back  *way               // made by the first message ahead of the answer
}

// begin ties the context to its call, and lets Exchange.Cancel reach it. Before the handler gets it.
func (c *callContext) begin(x *Exchange) {
	c.x = x
	x.ctx.Store(c)
	if x.Cancelled() {
		c.cancel()
	}
}

// exchange is the call's, for its handler, until that returns; nil when the call was cancelled.
func (c *callContext) exchange() *Exchange {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.x
}

// finish ends what begin began, when the handler has returned.
func (x *Exchange) finish() {
	c := x.ctx.Swap(nil)
	if c == nil {
		return
	}
	if back := c.cancel(); back != nil {
		back.close()
	}
}

// Deadline implements context.Context: a call may take as long as its client waits.
func (c *callContext) Deadline() (deadline time.Time, ok bool) { return time.Time{}, false }

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
		if c.ended {
			close(c.done)
		}
	}
	return c.done
}

// Err implements context.Context. context.Cause says the same: there is one way to end.
func (c *callContext) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return context.Canceled
	}
	return nil
}

// AfterFunc lets package context derive contexts (WithTimeout, WithCancel) from this one without a goroutine each: it is
// the method that context looks for in foreign parents. f runs on its own goroutine when c ends; stop keeps it from
// that and says whether it was in time.
func (c *callContext) AfterFunc(f func()) (stop func() bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
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

// cancel ends the context and returns the way back, if there is one, for whoever may close it. Idempotent. It starts
// goroutines for AfterFunc instead of calling, because it is called under a conversation's lock.
func (c *callContext) cancel() *way {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return c.back
	}
	c.ended, c.x = true, nil
	if c.done != nil {
		close(c.done)
	}
	for _, f := range c.after {
		go f()
	}
	c.after = nil
	return c.back
}
