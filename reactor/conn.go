package reactor

import (
	"weir/backpressure"
	"weir/reactor/auth"
	"weir/reactor/loop"
)

// Why no more calls of a connection are started: bits of conn.laneStops.
const (
	stopUnread uint8 = 1 << iota // its peer does not read the answers
	stopOrder                    // too many answers wait behind one that is not there yet (HTTP)
)

// conn is one connection, and the loop.Handler of what it reads.
type conn struct {
	loop.Conn
	intake *intake // of its loop

	// The loop's.
	transport  transport
	authBy     int64            // loop time by which its peer must have said who it is; 0: it has, or need not
	credential *auth.Credential // whose it acts for; nil: anybody's. Set once on lines and WebSockets, per request over HTTP
	blocked    *call            // with on_full pause: the message that found the queue full

	// Anybody's.
	lane backpressure.Lane

	// Guarded by the connection's lock.
	compacted *compacted // of the calls that are kept compact; nil while none are
	laneStops uint8      // why no more of its calls are started
}

// newConn makes a connection that speaks t; Init makes it one of a descriptor.
func newConn(in *intake, t transport) *conn {
	c := &conn{intake: in, transport: t}
	c.lane.Init(c)
	return c
}

// Decode implements loop.Handler: it sends what was answered at once, and makes the rest runnable.
func (c *conn) Decode(b []byte) (used int) {
	used = c.transport.decode(c.intake, c, b)
	c.dispatched()
	return used
}

// EOF implements loop.Handler.
func (c *conn) EOF(rest []byte) {
	c.transport.eof(c.intake, c, rest)
	c.dispatched()
}

// dispatched comes after messages: their answers leave, and workers may have the rest.
func (c *conn) dispatched() {
	c.intake.flush(c)
	c.intake.srv.queue.Schedule(&c.lane)
}

// Ready implements loop.Handler.
func (c *conn) Ready() {
	c.intake.unblock(c)
	c.ReadOn()
	c.intake.feed(c)
}

// Tick implements loop.Handler.
func (c *conn) Tick(w loop.Waiting, silent int64) (missed loop.Reason, more bool) {
	in := c.intake
	switch {
	case c.credential != nil && c.credential.Ended(in.srv.wall.Load()):
		return loop.CloseTokenEnded, false
	case c.authBy != 0 && w != loop.WaitingForUs && in.Now() > c.authBy:
		return loop.CloseAuthTimeout, false
	}
	if missed = c.transport.tick(c, w, silent); missed != loop.StillOpen {
		return missed, false
	}
	return loop.StillOpen, in.refuseAged(c)
}

// Missed implements loop.Handler.
func (c *conn) Missed(deadline loop.Reason) (told bool) {
	return c.transport.missed(c.intake, c, deadline)
}

// Throttle implements loop.Handler: who does not read starts no more calls.
func (c *conn) Throttle(unread bool) {
	if unread {
		c.stopLaneLocked(stopUnread)
	} else {
		c.startLaneLocked(stopUnread)
	}
}

// stopLaneLocked starts no more calls of the connection for one more cause.
func (c *conn) stopLaneLocked(cause uint8) {
	if c.laneStops == 0 {
		c.intake.srv.queue.Pause(&c.lane)
	}
	c.laneStops |= cause
}

// startLaneLocked takes a cause back.
func (c *conn) startLaneLocked(cause uint8) {
	if c.laneStops == cause {
		c.intake.srv.queue.Resume(&c.lane)
	}
	c.laneStops &^= cause
}

// GoAway implements loop.Handler.
func (c *conn) GoAway() {
	c.intake.feed(c) // the answers that a resumed stream is still to carry
	c.transport.goAway(c)
}

// Closed implements loop.Handler: what the connection's calls share ends with it.
func (c *conn) Closed(why loop.Reason) {
	s := c.intake.srv
	cancelled := c.transport.closed(c)
	s.queue.Close(&c.lane, c.drop)
	if k := c.blocked; k != nil {
		c.blocked = nil
		c.drop(&k.ticket)
	}
	s.limits.Close(c.Addr())
	if c.credential != nil {
		s.limits.Leave(c.credential.Principal)
	}
	if e := s.log.Debug(); e.Enabled() {
		if c.credential != nil {
			e.Str("principal", c.credential.Principal)
		}
		e.Stringer("reason", why).Str("transport", c.Listener().Name).Stringer("peer", c.Addr()).
			Int("cancelled", cancelled).Msg("connection closed")
	}
}

// drop gets a call that was still waiting when its connection ended. Loop only.
func (c *conn) drop(t *backpressure.Ticket) {
	if k, ok := t.Job.(*call); ok && c.intake.survives(k) {
		k.Resume()
		return
	}
	c.abandon(t)
}

// abandon ends it: nobody is left to answer.
func (c *conn) abandon(t *backpressure.Ticket) {
	s := c.intake.srv
	s.metrics.dropped[dropDisconnected].Inc()
	c.AddPending(-1)
	k, ok := t.Job.(*call)
	if !ok {
		c.forgetCompact(t.Job.(*compactCall))
		return
	}
	s.registry.End(&k.Exchange)
	if o := c.transport.order(); o != nil {
		o.drop(c, k)
	}
	k.release()
}
