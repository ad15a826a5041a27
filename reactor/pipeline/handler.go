package pipeline

import (
	"weir/backpressure"
	"weir/reactor/loop"
)

// A connection as the loop.Handler of what it reads.

// Decode implements loop.Handler: it sends what was answered at once, and makes the rest runnable.
func (c *Conn) Decode(b []byte) (used int) {
	used = c.transport.Decode(c.intake, c, b)
	c.Handled()
	return used
}

// EOF implements loop.Handler.
func (c *Conn) EOF(rest []byte) {
	c.transport.EOF(c.intake, c, rest)
	c.Handled()
}

// Handled comes after messages were taken in: what was answered leaves, and workers may have the rest. Loop only.
func (c *Conn) Handled() {
	c.intake.Flush(c)
	c.intake.p.Queue.Schedule(&c.lane)
}

// Ready implements loop.Handler.
func (c *Conn) Ready() {
	c.intake.unblock(c)
	c.ReadOn()
	c.intake.Feed(c)
}

// Tick implements loop.Handler.
func (c *Conn) Tick(w loop.Waiting, silent int64) (missed loop.Reason, more bool) {
	in := c.intake
	switch {
	case c.Credential != nil && c.Credential.Ended(in.p.Second()):
		return loop.CloseTokenEnded, false
	case c.AuthBy != 0 && w != loop.WaitingForUs && in.Now() > c.AuthBy:
		return loop.CloseAuthTimeout, false
	}
	if missed = c.transport.Tick(c, w, silent); missed != loop.StillOpen {
		return missed, false
	}
	return loop.StillOpen, in.refuseAged(c)
}

// Throttle implements loop.Handler: who does not read starts no more calls.
func (c *Conn) Throttle(unread bool) {
	if unread {
		c.stopLaneLocked(stopUnread)
	} else {
		c.startLaneLocked(stopUnread)
	}
}

// GoAway implements loop.Handler.
func (c *Conn) GoAway(why loop.Reason) (told bool) {
	if why == loop.CloseDrain {
		c.intake.Feed(c) // the answers that a resumed stream is still to carry
	}
	return c.transport.GoAway(c, why)
}

// Closed implements loop.Handler: what the connection's calls share ends with it.
func (c *Conn) Closed(why loop.Reason) {
	p := c.intake.p
	cancelled := c.transport.Closed(c)
	p.Queue.Close(&c.lane, c.drop)
	if k := c.blocked; k != nil {
		c.blocked = nil
		c.drop(&k.ticket)
	}
	p.kinds[c.kind].Add(-1)
	p.Limits.Close(c.Addr())
	if c.Credential != nil {
		p.Limits.Leave(c.Credential.Principal)
	}
	if e := p.Log.Debug(); e.Enabled() {
		if c.Credential != nil {
			e.Str("principal", c.Credential.Principal)
		}
		e.Stringer("reason", why).Str("transport", c.Listener().Name).Stringer("peer", c.Addr()).
			Int("cancelled", cancelled).Msg("connection closed")
	}
}

// drop gets a call that was still waiting when its connection ended. Loop only.
func (c *Conn) drop(t *backpressure.Ticket) {
	if k, ok := t.Job.(*Call); ok && c.intake.survives(k) {
		k.Resume()
		return
	}
	c.abandon(t)
}
