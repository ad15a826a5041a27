package call

import (
	"context"
	"time"
)

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
