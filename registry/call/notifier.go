package call

import (
	"context"
	"sync"
	"time"
)

// notifier is what a handler has sent of a call so far; its first message makes it.
type notifier struct {
	// mu puts the messages in the order of their numbers and keeps the call from ending while one is handed over.
	// Responder never blocks, so neither does this.
	mu       sync.Mutex
	call     *Call // nil once the handler is off
	buf      []byte
	progress float64 // the latest that was sent
	began    bool
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

// whileOpen runs f with the call, unless the call is cancelled or its handler is off. f must not block.
func (n *notifier) whileOpen(f func(c *Call) bool) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.call != nil && !n.call.Cancelled() && f(n.call)
}

// send appends a message and sends it. append may say that there is nothing to send.
func (n *notifier) send(append func(c *Call, dst []byte) []byte) bool {
	return n.whileOpen(func(c *Call) bool {
		n.buf = append(c, n.buf[:0])
		return len(n.buf) > 0 && c.Responder.Send(n.buf)
	})
}

// note gives a task its status message; nothing for other calls.
func (n *notifier) note(message string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.call == nil || message == "" {
		return
	}
	if t := n.call.task(); t != nil {
		t.Note(message)
	}
}

// close ends the notifier: what the handler left running may not speak for the call any more.
func (n *notifier) close() {
	n.mu.Lock()
	n.call = nil
	n.mu.Unlock()
}

// CloseStream closes the event stream of the call to which ctx belongs, so that a long call holds no connection: the
// client comes back after retry (0: the transport's) and is sent what was kept meanwhile, the answer in the end. It
// reports whether the stream was closed.
func CloseStream(ctx context.Context, retry time.Duration) bool {
	n := notifierOf(ctx)
	return n != nil && n.whileOpen(func(c *Call) bool {
		closer, ok := c.Responder.(StreamCloser)
		return ok && closer.CloseStream(retry)
	})
}
