package loop

// Deadlines cost no timer per connection: each loop looks at its own connections once per sweepInterval, 14 ns each.
// A deadline is therefore late by at most one interval.

import "time"

const sweepInterval = int64(250 * time.Millisecond)

// Thousands of connections may miss a deadline together, and each takes some 50 us to end, most of it the kernel's.
// So a sweep ends a few, lets the others be served, and goes on: 2,000 a second per loop, at a tenth of its time. The
// same is true of what a Handler does in its Tick.
const (
	closesPerTurn = 4
	sweepPause    = int64(2 * time.Millisecond)
)

// sweep closes the connections of the loop whose time is up, going on a little later when they are many.
func (l *Loop) sweep() {
	l.loops.host.Tick(l)
	for closed := 0; l.swept < len(l.slots); {
		if closed == closesPerTurn {
			_ = l.setTimer(sweepPause) // if that fails, the rest waits for the next tick
			return
		}
		c := l.slots[l.swept].conn
		l.swept++
		if c == nil {
			continue
		}
		missed, more := c.tick(l.now)
		if missed != StillOpen {
			c.Close(missed)
			l.finish(c)
			closed++
		} else if more {
			l.swept--
			_ = l.setTimer(sweepPause)
			return
		}
	}
	l.swept = 0
}

// Advance moves the loop's clock forward and sweeps, for tests of deadlines on a loop that nobody but the test turns.
func (l *Loop) Advance(d time.Duration) {
	l.now += int64(d)
	l.sweep()
}

// tick names the deadline that c has missed at now, or StillOpen.
func (c *Conn) tick(now int64) (missed Reason, more bool) {
	o := &c.loop.loops.opts
	if c.listener.Patient && !c.lingering {
		_, more = c.handler.Tick(WaitingForUs, 0)
		return StillOpen, more
	}
	if since := c.stalledSince.Load(); since != 0 && now-since > int64(o.WriteTimeout) {
		return CloseWriteStalled, false
	}
	quiet := now - c.lastRead
	switch {
	case c.lingering:
		if quiet > int64(o.LingerTimeout) {
			return c.goodbye, false
		}
		return StillOpen, false
	case c.Halted() || c.ended:
		c.excuse(now) // it is we who do not read
		return c.handler.Tick(WaitingForUs, 0)
	case c.partSince != 0:
		return c.handler.Tick(WaitingForRest, now-c.partSince)
	case c.pending.Load() != 0:
		c.excuse(now) // it waits for us
		return c.handler.Tick(WaitingForUs, 0)
	case !c.spoke:
		missed, more = c.handler.Tick(WaitingForFirst, quiet)
		if missed == StillOpen && o.FirstByteTimeout > 0 && quiet > int64(o.FirstByteTimeout) {
			missed = CloseFirstByte
		}
		return missed, more
	}
	return c.handler.Tick(WaitingForNothing, quiet)
}

// excuse counts the peer's time from now: what passed was ours.
func (c *Conn) excuse(now int64) {
	c.lastRead = now
	if c.partSince != 0 {
		c.partSince = now
	}
}

// MessageLate judges a message of which received bytes came in took nanoseconds, and not the rest (OVERLOAD:
// slowloris).
func (c *Conn) MessageLate(took int64, received int) Reason {
	o := &c.loop.loops.opts
	if took <= int64(o.MessageTimeout) || int64(received)*int64(time.Second) >= took*int64(o.MinReceiveRate) {
		return StillOpen
	}
	return CloseMessageTimeout
}
