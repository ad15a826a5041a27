package call

import "sync"

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
