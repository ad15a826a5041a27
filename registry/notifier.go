package registry

import (
	"context"
	"sync"

	"weir/registry/event"
)

// Responder reaches the peer that sent a request, while the request is being served. The transport implements it.
// Any goroutine, several at once; nothing blocks, and message is the caller's again afterwards.
type Responder interface {
	// Send sends a message that belongs to the request, ahead of its answer. false: it was dropped, because the peer is
	// gone, did not ask for a stream, or does not read what it was sent.
	Send(message []byte) bool
	// Peer is the connection that the request came on, for what outlives the request.
	Peer() event.Peer
	// Resume queues the request, which was Suspended, to be dispatched again.
	Resume()
}

// notifier is what a handler has sent of a call so far; its first message makes it.
type notifier struct {
	// mu puts the messages in the order of their numbers and keeps the exchange from ending while one is handed over.
	// Responder never blocks, so neither does this.
	mu       sync.Mutex
	x        *Exchange // nil once the handler has returned
	buf      []byte
	progress float64 // the latest that was sent
	began    bool
}

// notifierOf returns the notifier of the call that ctx belongs to, or was derived from; nil when there is none (any
// more).
func notifierOf(ctx context.Context) *notifier {
	c, ok := ctx.Value(callKey{}).(*callContext)
	if !ok {
		return nil
	}
	return c.notifier()
}

func (c *callContext) notifier() *notifier {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended != callOpen || c.x.Responder == nil {
		return nil
	}
	if c.back == nil {
		c.back = &notifier{x: c.x}
	}
	return c.back
}

// send appends a message and sends it. append may say that there is nothing to send.
func (w *notifier) send(append func(x *Exchange, dst []byte) []byte) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.x == nil || w.x.Cancelled() {
		return false
	}
	w.buf = append(w.x, w.buf[:0])
	return len(w.buf) > 0 && w.x.Responder.Send(w.buf)
}

// note gives a task its status message; nothing for other calls.
func (w *notifier) note(message string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.x == nil || message == "" {
		return
	}
	if c := w.x.taskCall(); c != nil {
		c.task.Note(message)
	}
}

// close ends the notifier: what the handler left running may not speak for it any more.
func (w *notifier) close() {
	w.mu.Lock()
	w.x = nil
	w.mu.Unlock()
}
