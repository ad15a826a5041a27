package registry

import (
	"context"
	"time"

	"weir/registry/event"
)

// OpenPostStream makes the stream that answers x resumable, from its first event on; nil when it is not: without a
// session, in a revision without streams, in a batch, with replay switched off, and for a request that only waits and
// is as well sent again. x is in flight and its Responder set.
func (r *Registry) OpenPostStream(x *Exchange) *event.PostStream {
	if x.Conv == nil || x.EndsWithPeer() || x.Transport != HTTP || x.InBatch || !x.rev().Streams || !r.events.Keeps() {
		return nil
	}
	return x.Conv.SubscriberOf(r.events).OpenPost(x.rev().Primes, x.Responder.Peer())
}

// StreamCloser is a Responder that can close a call's event stream while the call runs on. Rules as for Responder;
// retry is how long the client is asked to stay away, 0 what the transport has for it.
type StreamCloser interface {
	CloseStream(retry time.Duration) bool
}

// CloseStream closes the event stream of the call to which ctx belongs, so that a long call holds no connection: the
// client comes back after retry (0: the server's sse_retry) and is sent what was kept meanwhile, the answer in the end
// (MCP 2025-11-25, basic/transports; SEP-1699). It may be called again. It reports whether the stream was closed: it is
// not in another revision, without a session, without Accept of text/event-stream, on another transport than HTTP, when
// nobody has it open, and when the call is over.
func CloseStream(ctx context.Context, retry time.Duration) bool {
	w := notifierOf(ctx)
	if w == nil {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.x == nil || w.x.Cancelled() {
		return false
	}
	c, ok := w.x.Responder.(StreamCloser)
	return ok && c.CloseStream(retry)
}
