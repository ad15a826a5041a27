package reactor

// Deadlines cost no timer per connection: each loop looks at its own connections once per sweepInterval, 14 ns each.
// A deadline is therefore late by at most one interval.

import "time"

const sweepInterval = int64(250 * time.Millisecond)

// Thousands of connections may miss a deadline together, and each takes some 50 us to end, most of it the kernel's. So a
// sweep ends a few, lets the others be served, and goes on: 2,000 a second per loop, at a tenth of its time.
//
// The same is true of messages that have waited too long while no worker came for them, at some 2 us each.
const (
	closesPerTurn   = 4
	refusalsPerTurn = 128
	sweepPause      = int64(2 * time.Millisecond)
)

// sweep closes the connections of the loop whose time is up, and refuses the messages whose time is, going on a little
// later when they are many. Loop only.
func (l *loop) sweep() {
	if l == l.srv.loops[0] {
		l.srv.detachedCalls.refuseAged(l, refusalsPerTurn)
	}
	for closed, refused := 0, 0; l.swept < len(l.slots); {
		if closed == closesPerTurn || refused == refusalsPerTurn {
			_ = l.setTimer(sweepPause) // if that fails, the rest waits for the next tick
			return
		}
		c := l.slots[l.swept].conn
		l.swept++
		if c == nil {
			continue
		}
		if why := c.late(l.now); why != stillOpen {
			c.close(why)
			l.finish(c)
			closed++
			continue
		}
		if refused += l.refuseAged(c, refusalsPerTurn-refused); refused == refusalsPerTurn {
			l.swept-- // there may be more
		}
	}
	l.swept = 0
}

// refuseAged answers the messages of c that are too old and that no worker came for, at most most of them, and says how
// many there were. Loop only.
func (l *loop) refuseAged(c *conn, most int) (refused int) {
	if c.pending.Load() == 0 {
		return 0
	}
	t, n := l.srv.queue.Expire(&c.lane, l.now, most)
	for t != nil {
		next := t.Next()
		l.out, _ = c.execute(t, l.out, &l.self, nil)
		if t = next; len(l.out) > flushAbove {
			l.flush(c)
		}
	}
	if n > 0 {
		l.flush(c)
		c.pending.Add(int32(-n))
		l.settle(c)
	}
	return n
}

// late names the deadline that c has missed at now, or stillOpen. Loop only.
func (c *conn) late(now int64) closeReason {
	o := &c.loop.srv.opts
	if c.listener.ended != nil && !c.lingering { // attached (Attach)
		_ = c.transport.tick(c, waitingForUs, 0)
		return stillOpen
	}
	if since := c.stalledSince.Load(); since != 0 && now-since > int64(o.WriteTimeout) {
		return closeWriteStalled
	}
	quiet := now - c.lastRead
	switch {
	case c.credential != nil && c.credential.Ended(c.loop.srv.wall.Load()):
		return closeTokenEnded
	case c.lingering:
		if quiet > int64(o.LingerTimeout) {
			return c.goodbye
		}
		return stillOpen
	case c.pause.Load() != 0 || c.ended:
		c.excuse(now) // it is we who do not read
		return c.transport.tick(c, waitingForUs, 0)
	case c.authBy != 0 && now > c.authBy:
		return closeAuthTimeout
	case c.partSince != 0:
		return c.transport.tick(c, waitingForRest, now-c.partSince)
	case c.pending.Load() != 0:
		c.excuse(now) // it waits for us
		return c.transport.tick(c, waitingForUs, 0)
	case !c.spoke:
		if o.FirstByteTimeout > 0 && quiet > int64(o.FirstByteTimeout) {
			return closeFirstByte
		}
		return stillOpen
	}
	return c.transport.tick(c, waitingForNothing, quiet)
}

// excuse counts the peer's time from now: what passed was ours.
func (c *conn) excuse(now int64) {
	c.lastRead = now
	if c.partSince != 0 {
		c.partSince = now
	}
}

// messageLate judges a message of which received bytes came in took nanoseconds, and not the rest (OVERLOAD: slowloris).
func (c *conn) messageLate(took int64, received int) closeReason {
	o := &c.loop.srv.opts
	if took <= int64(o.MessageTimeout) || int64(received)*int64(time.Second) >= took*int64(o.MinReceiveRate) {
		return stillOpen
	}
	return closeMessageTimeout
}
