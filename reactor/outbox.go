package reactor

import (
	"golang.org/x/sys/unix"

	"weir/backpressure"
)

// The write side. Whoever holds conn.mu writes, and never blocks: what the kernel does not take waits in the outbox,
// and EPOLLOUT is armed only while something does. An outbox above max_outbox_bytes stops the reading of the
// connection and the start of its calls, so that a peer which does not read ends up with blocked writes of its own.

// unsentLocked is how many bytes wait in the outbox.
func (c *conn) unsentLocked() int { return len(c.out) - c.outDone }

// send writes p, or keeps what the kernel does not take. p is the caller's again afterwards. Any goroutine.
func (c *conn) send(p []byte) {
	if len(p) == 0 {
		return
	}
	c.mu.Lock()
	c.sendLocked(p)
	c.mu.Unlock()
}

func (c *conn) sendLocked(p []byte) {
	if c.reason != stillOpen || c.muted {
		return // nobody would read it
	}
	if c.unsentLocked() == 0 {
		n, err := writeSocket(c.fd, p)
		if err != nil && err != unix.EAGAIN {
			c.closeLocked(closePeerReset)
			return
		}
		if p = p[n:]; len(p) == 0 {
			return
		}
		c.stalledSince.Store(backpressure.Now())
	}
	s := c.loop.srv
	if s.outBytes.Add(int64(len(p))) > int64(s.opts.MaxOutboxTotalBytes) {
		s.outBytes.Add(-int64(len(p)))
		c.closeLocked(closeOutboxBudget)
		return
	}
	c.out = appendBuffer(c.out, p)
	c.wantLocked(c.interest | unix.EPOLLOUT)
	c.throttleLocked()
}

// sendEarly sends a message that its peer can do without: a peer that does not read has it dropped. Any goroutine.
func (c *conn) sendEarly(frame []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.roomLocked(len(frame)) {
		return false
	}
	c.sendLocked(frame)
	return true
}

// roomLocked says whether n bytes that may be dropped are still welcome, and counts the drop if not.
func (c *conn) roomLocked(n int) bool {
	if c.reason != stillOpen || c.muted {
		return false
	}
	if c.unsentLocked()+c.held+n > c.loop.srv.opts.MaxOutboxBytes {
		c.loop.srv.metrics.earlyDropped.Inc()
		return false
	}
	return true
}

// throttleLocked stops the reading of a connection for whose peer more waits than may. When that is because the peer
// does not read, it also starts no more of its calls; answers that only wait for their turn must not stop the call whose
// turn it is.
func (c *conn) throttleLocked() {
	most := c.loop.srv.opts.MaxOutboxBytes
	if c.unsentLocked() > most {
		c.stopLaneLocked(stopUnread)
	}
	if c.unsentLocked()+c.held > most && c.pause.Load()&pauseOutbox == 0 {
		c.pauseLocked(pauseOutbox)
		c.loop.srv.metrics.outboxFull.Inc()
	}
}

// relaxLocked lets it go on when half of that has gone.
func (c *conn) relaxLocked() {
	most := c.loop.srv.opts.MaxOutboxBytes
	if c.unsentLocked() <= most/2 {
		c.startLaneLocked(stopUnread)
	}
	if c.pause.Load()&pauseOutbox != 0 && c.unsentLocked()+c.held <= most/2 {
		c.resumeLocked(pauseOutbox)
	}
}

// stopLaneLocked starts no more calls of the connection for one more cause.
func (c *conn) stopLaneLocked(cause uint8) {
	if c.laneStops == 0 {
		c.loop.srv.queue.Pause(&c.lane)
	}
	c.laneStops |= cause
}

// startLaneLocked takes a cause back.
func (c *conn) startLaneLocked(cause uint8) {
	if c.laneStops == cause {
		c.loop.srv.queue.Resume(&c.lane)
	}
	c.laneStops &^= cause
}

// drainOutbox writes what waits, as far as the kernel takes it. Loop only.
func (c *conn) drainOutbox() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reason != stillOpen || c.unsentLocked() == 0 {
		return
	}
	n, err := writeSocket(c.fd, c.out[c.outDone:])
	if err != nil {
		if err != unix.EAGAIN {
			c.closeLocked(closePeerReset)
		}
		return
	}
	c.outDone += n
	c.loop.srv.outBytes.Add(-int64(n))
	if c.unsentLocked() == 0 {
		putBuffer(c.out)
		c.out, c.outDone = nil, 0
		c.stalledSince.Store(0)
		c.wantLocked(c.interest &^ unix.EPOLLOUT)
	} else {
		c.stalledSince.Store(c.loop.now)
		c.compactLocked()
	}
	c.relaxLocked()
}

// compactLocked forgets the written front of a large outbox, so that one that never empties does not grow for ever.
func (c *conn) compactLocked() {
	if c.outDone >= len(c.out)/2 {
		n := copy(c.out, c.out[c.outDone:])
		c.out, c.outDone = c.out[:n], 0
	}
}
