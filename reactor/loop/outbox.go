package loop

import (
	"sync"

	"golang.org/x/sys/unix"

	"weir/backpressure"
	"weir/reactor/loop/budget"
	"weir/reactor/loop/buffer"
	"weir/reactor/loop/socket"
)

// The write side. Whoever holds a connection's lock writes, and never blocks: what the kernel does not take waits in
// the outbox, and EPOLLOUT is armed only while something does. An outbox above max_outbox_bytes stops the reading of
// the connection, and its Handler is told, so that a peer which does not read ends up with blocked writes of its own.

// outbox is what a connection owes its peer. It exists only while something waits. Its books count what is really
// held, which is room and not text.
type outbox struct {
	buf            []byte // what the kernel did not take yet
	done           int    // how much of buf it took since
	held           int    // text of answers that wait for their turn at the Handler's
	kept           int    // room of what the Handler keeps for the peer, with what it needs to keep it
	promised       int    // to answers that are about to be sent (PromiseLocked)
	booked         int    // what the budget knows of buf, kept and promised
	budget.Holding        // on the budget

	untaken int   // how much the kernel held for the peer when the loop last asked; -1: not since a write
	askedAt int64 // loop time of that
}

var outboxes = sync.Pool{New: func() any { return new(outbox) }}

// writeMost is what one system call may write: it is not preempted, and an answer of 20 MB would hold up its loop,
// or the garbage collector, for milliseconds.
const writeMost = 256 << 10

// UnsentLocked is how many bytes wait in the outbox.
func (c *Conn) UnsentLocked() int {
	if c.outbox == nil {
		return 0
	}
	return len(c.outbox.buf) - c.outbox.done
}

// HeldLocked is how many bytes of answers wait for their turn at the Handler's (HoldLocked).
func (c *Conn) HeldLocked() int {
	if c.outbox == nil {
		return 0
	}
	return c.outbox.held
}

// Send writes p, or keeps what the kernel does not take. p is the caller's again afterwards. Any goroutine.
func (c *Conn) Send(p []byte) {
	if len(p) == 0 {
		return
	}
	c.Lock()
	c.SendLocked(p)
	c.Unlock()
}

// SendLocked is Send for who has the lock.
func (c *Conn) SendLocked(p []byte) {
	if c.reason != StillOpen || c.muted {
		return // nobody would read it
	}
	size := len(p)
	if c.UnsentLocked() == 0 {
		for more := true; more; {
			n, err := c.write(p[:min(len(p), writeMost)])
			if err != nil && err != unix.EAGAIN {
				c.CloseLocked(ClosePeerReset)
				return
			}
			if p = p[n:]; len(p) == 0 {
				c.WithdrawLocked(size)
				return
			}
			more = n == writeMost
		}
		c.stalledSince.Store(backpressure.Now())
	}
	o := c.outboxLocked()
	o.promised -= min(o.promised, size)
	o.untaken = -1
	o.buf = buffer.Append(o.buf, p)
	c.bookLocked()
	c.wantLocked(c.interest | unix.EPOLLOUT)
	c.throttleLocked()
}

// bookLocked brings the books up to what the outbox holds; the connection may have to give way for it.
func (c *Conn) bookLocked() {
	o, b := c.outbox, c.loop.loops.outBudget
	was := o.booked
	o.booked = cap(o.buf) + o.kept + o.promised
	switch {
	case o.booked < was:
		b.Give(&o.Holding, int64(was-o.booked))
	case o.booked > was && !b.Take(&o.Holding, int64(o.booked-was), false):
		c.CloseLocked(CloseOutboxBudget)
	}
}

// PromiseLocked keeps room for an answer of n bytes that is about to be sent or held: not one of its bytes has left,
// so it can still be refused. It reports false when there is no room. What sends the answer, or holds it, takes the
// promise up; WithdrawLocked takes it back. An answer that is given way to all the same (max_outbox_total_bytes) is
// cut.
func (c *Conn) PromiseLocked(n int) bool {
	if c.reason != StillOpen || c.muted {
		return true // nobody would read it
	}
	o := c.outboxLocked()
	if !c.loop.loops.outBudget.Promise(&o.Holding, int64(n)) {
		c.tidyLocked()
		return false
	}
	o.promised += n
	o.booked += n
	return true
}

// WithdrawLocked takes back what is left of a promise of n bytes, if there is one.
func (c *Conn) WithdrawLocked(n int) {
	o := c.outbox
	if o == nil || o.promised == 0 {
		return
	}
	o.promised -= min(o.promised, n)
	c.bookLocked()
	c.tidyLocked()
}

// outboxLocked makes an outbox if there is none.
func (c *Conn) outboxLocked() *outbox {
	if c.outbox == nil {
		c.outbox = outboxes.Get().(*outbox)
		c.outbox.Owner = (*holder)(c)
	}
	return c.outbox
}

// emptyLocked forgets the outbox and whatever is in it.
func (c *Conn) emptyLocked() {
	o := c.outbox
	if o == nil {
		return
	}
	c.outbox = nil
	c.stalledSince.Store(0)
	c.loop.loops.outBudget.GiveAll(&o.Holding)
	buffer.Put(o.buf)
	*o = outbox{}
	outboxes.Put(o)
}

// SendLast sends p and nothing after it: answers that are ready later are dropped. Any goroutine.
func (c *Conn) SendLast(p []byte) {
	c.Lock()
	c.SendLocked(p) // under the lock in which it is the last
	c.muted = true
	c.Unlock()
}

// HoldLocked notes that the Handler keeps room more bytes for the peer: text of them are answers that wait for their
// turn to be sent, which counts like an outbox towards max_outbox_bytes.
func (c *Conn) HoldLocked(text, room int) {
	if c.reason != StillOpen && c.outbox == nil {
		return // it has ended, and its books are closed
	}
	o := c.outboxLocked()
	o.held += text
	o.kept += room
	o.promised -= min(o.promised, text)
	c.bookLocked()
	c.throttleLocked()
}

// UnholdLocked takes them off again.
func (c *Conn) UnholdLocked(text, room int) {
	o := c.outbox
	if o == nil || room == 0 {
		return // the connection has ended
	}
	o.held -= text
	o.kept -= room
	c.bookLocked()
	c.tidyLocked()
}

// ConvertLocked is UnholdLocked for what is sent next: a promise of n bytes takes its place.
func (c *Conn) ConvertLocked(text, room, n int) {
	o := c.outbox
	if o == nil {
		return // the connection has ended
	}
	o.held -= text
	o.kept -= room
	o.promised += n
	c.bookLocked()
}

// tidyLocked forgets an outbox in which nothing waits.
func (c *Conn) tidyLocked() {
	if o := c.outbox; o != nil && o.kept == 0 && o.promised == 0 && len(o.buf) == o.done {
		c.emptyLocked()
	}
}

// OutboxLimit is how much may wait in a connection. Any goroutine.
func (c *Conn) OutboxLimit() int { return c.loop.loops.opts.MaxOutboxBytes }

// OutboxLimits is how much may wait in all connections. Any goroutine.
func (l *Loop) OutboxLimits() int { return l.loops.opts.MaxOutboxTotalBytes }

// SendEarly sends a message that its peer can do without: a peer that does not read has it dropped. Any goroutine.
func (c *Conn) SendEarly(frame []byte) bool {
	c.Lock()
	defer c.Unlock()
	if !c.RoomLocked(len(frame)) {
		return false
	}
	c.SendLocked(frame)
	return true
}

// RoomLocked says whether n bytes that may be dropped are still welcome, and counts the drop if not.
func (c *Conn) RoomLocked(n int) bool {
	if c.reason != StillOpen || c.muted {
		return false
	}
	if c.UnsentLocked()+c.HeldLocked()+n > c.loop.loops.opts.MaxOutboxBytes {
		c.loop.loops.metrics.earlyDropped.Inc()
		return false
	}
	return true
}

// CaughtUp says whether the peer has read, or the kernel has taken, everything there was. Any goroutine.
func (c *Conn) CaughtUp() bool {
	c.Lock()
	defer c.Unlock()
	return c.reason == StillOpen && !c.muted && c.UnsentLocked() == 0
}

// throttleLocked stops the reading of a connection for whose peer more waits than may. The Handler is told when that
// is because the peer does not read; answers that only wait for their turn must not stop the one whose turn it is.
func (c *Conn) throttleLocked() {
	most := c.loop.loops.opts.MaxOutboxBytes
	if c.UnsentLocked() > most && !c.unread {
		c.unread = true
		c.handler.Throttle(true)
	}
	if c.UnsentLocked()+c.HeldLocked() > most && !c.Paused(PauseOutbox) {
		c.PauseLocked(PauseOutbox)
		c.loop.loops.metrics.outboxFull.Inc()
	}
}

// RelaxLocked lets it go on when half of that has gone.
func (c *Conn) RelaxLocked() {
	most := c.loop.loops.opts.MaxOutboxBytes
	if c.UnsentLocked() <= most/2 && c.unread {
		c.unread = false
		c.handler.Throttle(false)
	}
	if c.Paused(PauseOutbox) && c.UnsentLocked()+c.HeldLocked() <= most/2 {
		c.ResumeLocked(PauseOutbox)
	}
}

// drainOutbox writes what waits, as far as the kernel takes it in one write, and says whether that was everything.
// Loop only.
func (c *Conn) drainOutbox() (empty bool) {
	c.Lock()
	defer c.Unlock()
	if c.reason != StillOpen || c.UnsentLocked() == 0 {
		return false
	}
	o := c.outbox
	n, err := c.write(o.buf[o.done:min(len(o.buf), o.done+writeMost)])
	if err != nil {
		if err != unix.EAGAIN {
			c.CloseLocked(ClosePeerReset)
		}
		return false
	}
	o.done += n
	o.untaken = -1
	c.loop.loops.outBudget.Progress(&o.Holding)
	if empty = len(o.buf) == o.done; empty {
		buffer.Put(o.buf)
		o.buf, o.done = nil, 0
		c.stalledSince.Store(0)
		c.wantLocked(c.interest &^ unix.EPOLLOUT)
		c.bookLocked()
		c.tidyLocked()
	} else {
		c.stalledSince.Store(c.loop.now)
		o.compact()
		c.bookLocked()
	}
	c.RelaxLocked()
	return empty
}

// compact forgets the written front of a large outbox, so that one that never empties does not grow for ever, and the
// room of one that was much larger.
func (o *outbox) compact() {
	if rest := o.buf[o.done:]; len(rest) <= cap(o.buf)/4 && cap(o.buf) > budget.Floor {
		less := append(buffer.Get(len(rest)), rest...)
		buffer.Put(o.buf)
		o.buf, o.done = less, 0
		return
	}
	if o.done >= len(o.buf)/2 {
		n := copy(o.buf, o.buf[o.done:])
		o.buf, o.done = o.buf[:n], 0
	}
}

// untakenAsks is how many times within write_timeout the loop asks the kernel what a stalled peer has taken.
const untakenAsks = 10

// stalledTooLong says whether the peer has taken nothing of what waits for it for write_timeout. That the kernel
// has no room for more says nothing: a slow reader may take bytes all the while, and they are what counts. Loop
// only.
func (c *Conn) stalledTooLong(now int64) bool {
	c.Lock()
	defer c.Unlock()
	o, timeout := c.outbox, int64(c.loop.loops.opts.WriteTimeout)
	if o == nil || c.UnsentLocked() == 0 {
		return false
	}
	if now-o.askedAt > timeout/untakenAsks {
		untaken := socket.Unacknowledged(c.fd)
		if untaken < o.untaken {
			c.stalledSince.Store(now)
		}
		o.untaken, o.askedAt = untaken, now
	}
	return now-c.stalledSince.Load() > timeout
}
