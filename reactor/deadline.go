package reactor

// Deadlines cost no timer per connection: each loop looks at its own connections once per sweepInterval, 14 ns each.
// A deadline is therefore late by at most one interval.

import "time"

const sweepInterval = int64(250 * time.Millisecond)

// sweep closes the connections of the loop whose time is up. Loop only.
func (l *loop) sweep() {
	for i := range l.slots {
		if c := l.slots[i].conn; c != nil {
			if why := c.overdue(l.now); why != stillOpen {
				c.close(why)
				l.finish(c)
				continue
			}
			c.transport.beat(c)
		}
	}
}

// overdue names the deadline that c has missed at now, or stillOpen. Loop only.
func (c *conn) overdue(now int64) closeReason {
	o := &c.loop.srv.opts
	if since := c.stalledSince.Load(); since != 0 && now-since > int64(o.WriteTimeout) {
		return closeWriteStalled
	}
	quiet := now - c.lastRead
	switch {
	case c.lingering:
		if quiet > int64(o.LingerTimeout) {
			return c.goodbye
		}
		return stillOpen
	case c.pause.Load() != 0 || c.ended:
		return stillOpen // it is we who do not read
	case c.partSince != 0:
		return c.messageOverdue(now)
	case c.pending.Load() != 0:
		return stillOpen
	case !c.spoke:
		if o.FirstByteTimeout > 0 && quiet > int64(o.FirstByteTimeout) {
			return closeFirstByte
		}
		return stillOpen
	}
	return c.transport.idle(c, quiet)
}

// messageOverdue judges a message of which some bytes are here and some are not (OVERLOAD: slowloris).
func (c *conn) messageOverdue(now int64) closeReason {
	o := &c.loop.srv.opts
	took := now - c.partSince
	if took <= int64(o.MessageTimeout) {
		return stillOpen
	}
	received, strict := c.transport.unfinished(len(c.in))
	if strict || int64(received)*int64(time.Second) < took*int64(o.MinReceiveRate) {
		return closeMessageTimeout
	}
	return stillOpen
}
