package reactor

import (
	"golang.org/x/sys/unix"
)

// read takes what one read brings and decodes it. One read per event keeps connections fair; epoll reports the rest
// again. Loop only.
func (l *loop) read(c *conn) {
	if c.lingering || c.halted() {
		l.discard(c)
		return
	}
	b, room := l.gather(c)
	if room == nil {
		return // over the input budget, closed
	}
	n, err := readSocket(c.fd, room)
	switch {
	case err == unix.EAGAIN:
		return
	case err != nil:
		c.close(closePeerReset)
		return
	case n == 0:
		l.peerEnded(c)
		return
	}
	c.lastRead, c.spoke = l.now, true
	l.stats.reads.Add(1)
	l.stats.readBytes.Add(uint64(n))
	l.decode(c, b[:len(b)+n])
}

// gather returns what is left from last time and the room behind it for the next read. Small leftovers move to the
// front of the loop's buffer, large ones stay in their own, which grows as the message arrives.
func (l *loop) gather(c *conn) (b, room []byte) {
	if len(c.in) <= len(l.buf)/2 {
		n := copy(l.buf, c.in)
		return l.buf[:n], l.buf[n:]
	}
	if len(c.in) == cap(c.in) {
		grown := getBuffer(2 * cap(c.in))
		if !l.srv.takeInput(cap(grown) - cap(c.in)) {
			putBuffer(grown)
			c.close(closeInputBudget)
			return nil, nil
		}
		grown = append(grown, c.in...)
		putBuffer(c.in)
		c.in = grown
	}
	return c.in, c.in[len(c.in):cap(c.in)]
}

// decode hands b to the transport, keeps the rest, sends what was answered on the loop, and makes the rest runnable.
func (l *loop) decode(c *conn, b []byte) {
	used := c.transport.decode(l, c, b)
	rest := b[used:]
	if c.pause.Load()&pauseEnding != 0 {
		rest = nil
	}
	if used > 0 || c.partSince == 0 {
		c.partSince = l.now
	}
	if len(rest) == 0 {
		c.partSince = 0
	}
	l.keepInput(c, rest)
	l.flush(c)
	l.srv.queue.Schedule(&c.lane)
}

// flush writes the answers that were made on the loop.
func (l *loop) flush(c *conn) {
	if len(l.out) > 0 {
		c.send(l.out)
		l.out = l.out[:0]
	}
}

// keepInput makes rest the connection's unfinished input. rest may lie in the loop's buffer or in c.in itself.
func (l *loop) keepInput(c *conn, rest []byte) {
	if len(rest) == 0 {
		if c.in != nil {
			l.srv.inBytes.Add(-int64(cap(c.in)))
			putBuffer(c.in)
			c.in = nil
		}
		return
	}
	if cap(c.in) < len(rest) {
		fresh := getBuffer(len(rest))
		if !l.srv.takeInput(cap(fresh) - cap(c.in)) {
			putBuffer(fresh)
			c.close(closeInputBudget)
			return
		}
		fresh = append(fresh, rest...)
		putBuffer(c.in)
		c.in = fresh
		return
	}
	n := copy(c.in[:cap(c.in)], rest)
	c.in = c.in[:n]
}

// revisit is what the loop does for a connection that was posted: finish it, or go on reading where it stopped.
func (l *loop) revisit(c *conn) {
	if c.finished {
		return
	}
	l.unblock(c)
	l.decodeKept(c)
	l.feed(c)
	l.settle(c)
}

// decodeKept decodes what was left when the connection had to halt: epoll does not report bytes that were read already.
func (l *loop) decodeKept(c *conn) {
	if c.halted() || len(c.in) == 0 {
		return
	}
	if b, _ := l.gather(c); b != nil {
		l.decode(c, b)
	}
}

// peerEnded handles the end of the peer's stream. A peer that closes only its sending side (`nc -N`) still reads, and
// cannot be told from one that closed both: so what it asked is answered first.
func (l *loop) peerEnded(c *conn) {
	l.decodeKept(c)
	if c.ended || c.halted() {
		return // halted again: the end will be reported once more when reading goes on
	}
	c.ended = true
	rest := c.in
	c.transport.eof(l, c, rest)
	l.flush(c)
	l.srv.queue.Schedule(&c.lane)
	reason := closePeer
	if len(rest) > 0 {
		reason = closePeerTruncated
	}
	l.keepInput(c, nil)
	c.partSince = 0
	c.endAfterAnswers(reason)
}

// discard reads and drops what a peer sends after we stopped listening to it.
func (l *loop) discard(c *conn) {
	if !c.lingering {
		return // paused between epoll's report and now; it will be reported again
	}
	n, err := readSocket(c.fd, l.buf)
	if n == 0 && err != unix.EAGAIN {
		c.ended = true
		c.mu.Lock()
		c.closeLocked(c.goodbye)
		c.mu.Unlock()
	}
}
