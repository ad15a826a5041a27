package loop

import (
	"golang.org/x/sys/unix"

	"weir/backpressure"
)

// The write side. Whoever holds a connection's lock writes, and never blocks: what the kernel does not take waits in
// the outbox, and EPOLLOUT is armed only while something does. An outbox above max_outbox_bytes stops the reading of
// the connection, and its Handler is told, so that a peer which does not read ends up with blocked writes of its own.

// UnsentLocked is how many bytes wait in the outbox.
func (c *Conn) UnsentLocked() int { return len(c.out) - c.outDone }

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
	if c.UnsentLocked() == 0 {
		n, err := writeSocket(c.fd, p)
		if err != nil && err != unix.EAGAIN {
			c.CloseLocked(ClosePeerReset)
			return
		}
		if p = p[n:]; len(p) == 0 {
			return
		}
		c.stalledSince.Store(backpressure.Now())
	}
	all := c.loop.loops
	if all.outBytes.Add(int64(len(p))) > int64(all.opts.MaxOutboxTotalBytes) {
		all.outBytes.Add(-int64(len(p)))
		c.CloseLocked(CloseOutboxBudget)
		return
	}
	c.out = AppendBuffer(c.out, p)
	c.wantLocked(c.interest | unix.EPOLLOUT)
	c.throttleLocked()
}

// SendLast sends p and nothing after it: answers that are ready later are dropped. Any goroutine.
func (c *Conn) SendLast(p []byte) {
	c.Lock()
	c.SendLocked(p) // under the lock in which it is the last
	c.muted = true
	c.Unlock()
}

// HoldLocked puts n more bytes on the books that wait at the Handler's for their turn to be sent: they count as outbox.
func (c *Conn) HoldLocked(n int) {
	c.held += n
	all := c.loop.loops
	if all.outBytes.Add(int64(n)) > int64(all.opts.MaxOutboxTotalBytes) {
		c.CloseLocked(CloseOutboxBudget)
		return
	}
	c.throttleLocked()
}

// UnholdLocked takes n of them off again.
func (c *Conn) UnholdLocked(n int) {
	c.held -= n
	c.loop.loops.outBytes.Add(-int64(n))
}

// HeldLocked is how many there are.
func (c *Conn) HeldLocked() int { return c.held }

// OutboxLimit is how much may wait in a connection. Any goroutine.
func (c *Conn) OutboxLimit() int { return c.loop.loops.opts.MaxOutboxBytes }

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
	if c.UnsentLocked()+c.held+n > c.loop.loops.opts.MaxOutboxBytes {
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
	if c.UnsentLocked()+c.held > most && !c.Paused(PauseOutbox) {
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
	if c.Paused(PauseOutbox) && c.UnsentLocked()+c.held <= most/2 {
		c.ResumeLocked(PauseOutbox)
	}
}

// drainOutbox writes what waits, as far as the kernel takes it, and says whether that was everything. Loop only.
func (c *Conn) drainOutbox() (empty bool) {
	c.Lock()
	defer c.Unlock()
	if c.reason != StillOpen || c.UnsentLocked() == 0 {
		return false
	}
	n, err := writeSocket(c.fd, c.out[c.outDone:])
	if err != nil {
		if err != unix.EAGAIN {
			c.CloseLocked(ClosePeerReset)
		}
		return false
	}
	c.outDone += n
	c.loop.loops.outBytes.Add(-int64(n))
	if c.UnsentLocked() == 0 {
		PutBuffer(c.out)
		c.out, c.outDone = nil, 0
		c.stalledSince.Store(0)
		c.wantLocked(c.interest &^ unix.EPOLLOUT)
	} else {
		c.stalledSince.Store(c.loop.now)
		c.compactLocked()
	}
	c.RelaxLocked()
	return c.UnsentLocked() == 0
}

// compactLocked forgets the written front of a large outbox, so that one that never empties does not grow for ever.
func (c *Conn) compactLocked() {
	if c.outDone >= len(c.out)/2 {
		n := copy(c.out, c.out[c.outDone:])
		c.out, c.outDone = c.out[:n], 0
	}
}
