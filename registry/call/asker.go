package call

import (
	"context"

	"weir/registry/protocol"
)

// Asker is a call whose handler wants to ask its client for something and wait for the answer, as those of the SDK do.
// Most handlers return InputRequests instead, and hold nothing while the client takes its time.
type Asker struct {
	Conv     *Conversation
	Declared protocol.Capabilities // what the client can be asked
	Bytes    int                   // that the call holds meanwhile
	notifier *notifier
}

// AskerOf is the call to which ctx belongs, if its handler may ask and wait: it runs, in a revision in which servers
// send requests, on a goroutine that may wait.
func AskerOf(ctx context.Context) (*Asker, error) {
	c := contextOf(ctx)
	if c == nil {
		return nil, errNoCall
	}
	notifier := notifierOf(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.ended != running || c.call == nil:
		return nil, c.errLocked()
	case c.call.Modern():
		return nil, errModern
	case c.call.task() != nil:
		return nil, errTask
	case c.handler.Cheap:
		return nil, errCheap
	case notifier == nil, c.call.Conv == nil:
		return nil, errNoPeer
	}
	return &Asker{Conv: c.call.Conv, Declared: c.call.Declared(), Bytes: c.call.Bytes(), notifier: notifier}, nil
}

// Send implements clientreq.Sender, for as long as the handler runs.
func (a *Asker) Send(message []byte) bool {
	return a.notifier.whileOpen(func(c *Call) bool { return c.Responder.Send(message) })
}
