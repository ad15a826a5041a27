package loop

import (
	"golang.org/x/sys/unix"
)

// read takes what one read brings and decodes it. One read per event keeps connections fair; epoll reports the rest
// again. Loop only.
func (l *Loop) read(c *Conn) {
	if c.lingering || c.Halted() {
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
		c.Close(ClosePeerReset)
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
func (l *Loop) gather(c *Conn) (b, room []byte) {
	if len(c.in) <= len(l.buf)/2 {
		n := copy(l.buf, c.in)
		return l.buf[:n], l.buf[n:]
	}
	if len(c.in) == cap(c.in) {
		grown := GetBuffer(2 * cap(c.in))
		if !l.TakeInput(cap(grown) - cap(c.in)) {
			PutBuffer(grown)
			c.Close(CloseInputBudget)
			return nil, nil
		}
		grown = append(grown, c.in...)
		PutBuffer(c.in)
		c.in = grown
	}
	return c.in, c.in[len(c.in):cap(c.in)]
}

// decode hands b to the Handler and keeps the rest.
func (l *Loop) decode(c *Conn, b []byte) {
	used := c.handler.Decode(b)
	rest := b[used:]
	if c.Paused(pauseEnding) {
		rest = nil
	}
	if used > 0 || c.partSince == 0 {
		c.partSince = l.now
	}
	if len(rest) == 0 {
		c.partSince = 0
	}
	l.keepInput(c, rest)
}

// keepInput makes rest the connection's unfinished input. rest may lie in the loop's buffer or in c.in itself.
func (l *Loop) keepInput(c *Conn, rest []byte) {
	if len(rest) == 0 {
		if c.in != nil {
			l.GiveInput(cap(c.in))
			PutBuffer(c.in)
			c.in = nil
		}
		return
	}
	if cap(c.in) < len(rest) {
		fresh := GetBuffer(len(rest))
		if !l.TakeInput(cap(fresh) - cap(c.in)) {
			PutBuffer(fresh)
			c.Close(CloseInputBudget)
			return
		}
		fresh = append(fresh, rest...)
		PutBuffer(c.in)
		c.in = fresh
		return
	}
	n := copy(c.in[:cap(c.in)], rest)
	c.in = c.in[:n]
}

// visit is what the loop does for a connection that was posted.
func (l *Loop) visit(c *Conn) {
	if !c.finished {
		c.handler.Ready()
		c.Settle()
	}
}

// ReadOn goes on where the connection had to halt, with what was left then: epoll does not report bytes that were
// read already. Loop only.
func (c *Conn) ReadOn() {
	if c.Halted() || len(c.in) == 0 {
		return
	}
	if b, _ := c.loop.gather(c); b != nil {
		c.loop.decode(c, b)
	}
}

// peerEnded handles the end of the peer's stream. A peer that closes only its sending side (`nc -N`) still reads, and
// cannot be told from one that closed both: so what it asked is answered first.
func (l *Loop) peerEnded(c *Conn) {
	c.ReadOn()
	if c.ended || c.Halted() {
		return // Halted again: the end will be reported once more when reading goes on
	}
	c.ended = true
	rest := c.in
	c.handler.EOF(rest)
	reason := ClosePeer
	if len(rest) > 0 {
		reason = ClosePeerTruncated
	}
	l.keepInput(c, nil)
	c.partSince = 0
	c.EndAfterAnswers(reason)
}

// discard reads and drops what a peer sends after we stopped listening to it.
func (l *Loop) discard(c *Conn) {
	if !c.lingering {
		return // paused between epoll's report and now; it will be reported again
	}
	n, err := readSocket(c.fd, l.buf)
	if n == 0 && err != unix.EAGAIN {
		c.ended = true
		c.Lock()
		c.CloseLocked(c.goodbye)
		c.Unlock()
	}
}
