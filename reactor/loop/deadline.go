package loop

// Deadlines cost no timer per connection: each loop looks at its own connections once per round.Interval, some per turn
// (package round). A deadline is therefore late by at most one interval.

import (
	"time"

	"weir/reactor/loop/socket"
)

// Thousands of connections may miss a deadline together, and each takes some 50 us to end, most of it the kernel's.
// So a sweep ends a few, lets the others be served, and goes on: 2,000 a second per loop, at a tenth of its time. The
// same is true of what a Handler does in its Tick.
const (
	closesPerTurn = 4
	sweepPause    = int64(2 * time.Millisecond)
)

// lateSweep is how late a sweep must be for the process to have stood still (SIGSTOP, a suspended machine). Then
// what the peers have sent meanwhile is in the kernel, and whoever seems to have missed a deadline is given its
// time again.
const lateSweep = int64(2 * time.Second)

// sweep does the next part of a sweep: it closes the connections in it whose time is up.
func (l *Loop) sweep() {
	l.loops.host.Tick(l)
	if l.sweptAt != 0 && l.now-l.sweptAt > lateSweep {
		l.excusing = len(l.slots)
	}
	l.sweptAt = l.now
	l.round.Begin(l.now, len(l.slots))
	pause, closed, again := sweepPause, 0, false
	for closed < closesPerTurn && !again {
		at, more := l.round.Next()
		if !more {
			pause = l.round.End(l.now)
			break
		}
		ended := false
		if c := l.slots[at].conn; c != nil {
			ended, again = l.judge(c)
		}
		switch {
		case ended:
			closed++
		case again:
			l.round.Again()
			continue
		}
		l.excusing = max(0, l.excusing-1)
	}
	_ = l.setTimer(pause) // if that fails, the next part comes with the timer's own interval
}

// judge ends c if it has missed a deadline. What the peer has sent may be in the kernel still: it is read first.
func (l *Loop) judge(c *Conn) (ended, more bool) {
	missed, more := c.tick(l.now)
	silent := missed.silent() && !c.lingering // else it is the end of a connection that was told its reason
	if silent && l.read(c) {
		if c.Settle(); c.finished {
			return true, false
		}
		missed, more = c.tick(l.now)
	}
	switch {
	case missed == StillOpen:
		return false, more
	case silent && c.handler.GoAway(missed):
		c.EndAfterAnswers(missed)
		c.Settle()
	default:
		c.Close(missed)
		l.finish(c)
	}
	return true, false
}

// Advance moves the loop's clock forward and sweeps, for tests of deadlines on a loop that nobody but the test turns.
func (l *Loop) Advance(d time.Duration) {
	l.now += int64(d)
	l.sweptAt = l.now // time has passed, but nobody stood still
	l.sweep()
}

// tick names the deadline that c has missed at now, or StillOpen.
func (c *Conn) tick(now int64) (missed Reason, more bool) {
	o := &c.loop.loops.opts
	if c.listener.Patient && !c.lingering {
		_, more = c.handler.Tick(WaitingForUs, 0)
		return StillOpen, more
	}
	if c.loop.excusing > 0 {
		c.excuse(now)
		if c.stalledSince.Load() != 0 {
			c.stalledSince.Store(now)
		}
		return c.handler.Tick(WaitingForUs, 0)
	}
	if since := c.stalledSince.Load(); since != 0 && c.stalledTooLong(now) {
		return CloseWriteStalled, false
	}
	quiet := now - c.lastRead
	switch {
	case c.lingering:
		if quiet > int64(o.LingerTimeout) && !c.stillTaking(now) {
			return c.goodbye, false
		}
		return StillOpen, false
	case c.Halted() || c.ended:
		c.excuse(now) // it is we who do not read
		return c.handler.Tick(WaitingForUs, 0)
	case c.unfinished != nil:
		return c.handler.Tick(WaitingForRest, now-c.unfinished.since)
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
	if c.unfinished != nil {
		c.unfinished.begin(now)
	}
}

// maxLingers bounds how often a peer that reads slowly gets linger_timeout anew.
const maxLingers = 30

// stillTaking says whether a peer that has not closed its side yet went on taking our last bytes, and gives it time
// for more.
func (c *Conn) stillTaking(now int64) bool {
	untaken := c.untakenBytes()
	if untaken == 0 || c.lingers > 0 && untaken >= c.untaken || c.lingers == maxLingers {
		return false
	}
	c.untaken, c.lastRead = untaken, now
	c.lingers++
	return true
}

// untakenBytes is how many of the bytes that were written the peer has not taken. Loop only.
func (c *Conn) untakenBytes() int {
	n := socket.Unacknowledged(c.fd)
	if c.lingering && c.listener.Path == "" && n > 0 {
		n-- // the kernel counts our FIN
	}
	return n
}

// MessageLate judges a message of which received bytes came in took nanoseconds, and not the rest (OVERLOAD:
// slowloris). It may take longer than message_timeout while it comes at min_receive_rate: not on the average, which
// a fast beginning would lift for minutes, but within the last message_timeout, or half as much again.
func (c *Conn) MessageLate(took int64, received int) Reason {
	o, u := &c.loop.loops.opts, c.unfinished
	if u == nil {
		return StillOpen
	}
	window, now := int64(o.MessageTimeout), u.since+took
	if u.later.at == 0 || received < u.later.bytes { // the Handler counts from another beginning
		u.earlier = mark{u.since, 0}
		u.later = u.earlier
	}
	since := now - u.earlier.at
	if since >= window && int64(received-u.earlier.bytes)*int64(time.Second) < since*int64(o.MinReceiveRate) {
		return CloseMessageTimeout
	}
	if now-u.later.at >= window/2 {
		u.earlier, u.later = u.later, mark{now, received}
	}
	return StillOpen
}
