package loop

import (
	"sync"

	"golang.org/x/sys/unix"

	"weir/reactor/loop/budget"
	"weir/reactor/loop/buffer"
	"weir/reactor/loop/socket"
)

// read takes what one read brings and decodes it. One read per event keeps connections fair; epoll reports the rest
// again. It reports whether there was anything, be it the end. Loop only.
func (l *Loop) read(c *Conn) bool {
	if c.lingering || c.Halted() {
		l.discard(c)
		return false
	}
	b, room := l.gather(c)
	if room == nil {
		return true // over the input budget, closed
	}
	n, err := socket.Read(c.fd, room)
	switch {
	case err == unix.EAGAIN:
		return false
	case err != nil:
		c.Close(ClosePeerReset)
		return true
	case n == 0:
		l.peerEnded(c)
		return true
	}
	c.lastRead, c.spoke = l.now, true
	l.stats.reads.Add(1)
	l.stats.readBytes.Add(uint64(n))
	l.decode(c, b[:len(b)+n])
	return true
}

// unfinished is what has come of a message that is not complete. It exists only while there is one. The loop's.
type unfinished struct {
	buf            []byte
	since          int64 // loop time at which the message began
	budget.Holding       // of buf's capacity, on the budget

	// How much had come of it at two earlier times, for its rate since then.
	earlier, later mark
}

// mark is how many bytes had come by a time.
type mark struct {
	at    int64
	bytes int
}

var unfinisheds = sync.Pool{New: func() any { return new(unfinished) }}

// gather returns what is left from last time and the room behind it for the next read. Small leftovers move to the
// front of the loop's buffer, large ones stay in their own, which grows as the message arrives.
func (l *Loop) gather(c *Conn) (b, room []byte) {
	u := c.unfinished
	if u == nil {
		return l.buf[:0], l.buf
	}
	if len(u.buf) <= len(l.buf)/2 {
		n := copy(l.buf, u.buf)
		return l.buf[:n], l.buf[n:]
	}
	if len(u.buf) == cap(u.buf) && !c.roomFor(2*cap(u.buf)) {
		return nil, nil
	}
	return u.buf, u.buf[len(u.buf):cap(u.buf)]
}

// roomFor moves the unfinished message to a buffer of n bytes at least, and keeps what there is. It reports false
// when the budget has none, and c was closed.
func (c *Conn) roomFor(n int) bool {
	u := c.unfinished
	grown := buffer.Get(n)
	if !c.loop.loops.inBudget.Take(&u.Holding, int64(cap(grown)-cap(u.buf)), true) {
		buffer.Put(grown)
		c.Close(CloseInputBudget)
		return false
	}
	grown = append(grown, u.buf...)
	buffer.Put(u.buf)
	u.buf = grown
	return true
}

// decode hands b to the Handler and keeps the rest.
func (l *Loop) decode(c *Conn, b []byte) {
	used := c.handler.Decode(b)
	rest := b[used:]
	if c.Paused(pauseEnding) {
		rest = nil
	}
	if len(rest) == 0 {
		c.forgetUnfinished()
		return
	}
	l.keep(c, rest, used > 0)
}

// keep makes rest, which is not empty, the connection's unfinished message, or the rest of it. It may lie in the
// loop's buffer or in the unfinished message's own.
func (l *Loop) keep(c *Conn, rest []byte, another bool) {
	u := c.unfinished
	if u == nil {
		u = unfinisheds.Get().(*unfinished)
		u.Owner, u.since = (*holder)(c), l.now
		c.unfinished = u
	} else if another {
		u.begin(l.now)
	}
	if cap(u.buf) >= len(rest) {
		n := copy(u.buf[:cap(u.buf)], rest)
		u.buf = u.buf[:n]
		return
	}
	u.buf = u.buf[:0] // rest replaces it, and does not lie in it: it is longer
	if c.roomFor(len(rest)) {
		u.buf = append(u.buf, rest...)
	}
}

// begin counts a message's time from now.
func (u *unfinished) begin(now int64) {
	u.since = now
	u.earlier, u.later = mark{}, mark{}
}

// forgetUnfinished drops what has come of a message.
func (c *Conn) forgetUnfinished() {
	u := c.unfinished
	if u == nil {
		return
	}
	c.unfinished = nil
	c.loop.loops.inBudget.GiveAll(&u.Holding)
	buffer.Put(u.buf)
	*u = unfinished{}
	unfinisheds.Put(u)
}

// visit is what the loop does for a connection that was posted.
func (l *Loop) visit(c *Conn) {
	if why := Reason(c.cut.Load()); why != StillOpen && !c.finished {
		c.Close(why)
		l.finish(c)
	}
	if !c.finished {
		if c.wired() {
			c.drainOutbox()
		}
		c.handler.Ready()
		c.Settle()
	}
}

// ReadOn goes on where the connection had to halt, with what was left then: epoll does not report bytes that were
// read already. Loop only.
func (c *Conn) ReadOn() {
	if c.Halted() || c.unfinished == nil {
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
	var rest []byte
	reason := ClosePeer
	if c.unfinished != nil {
		rest, reason = c.unfinished.buf, ClosePeerTruncated
	}
	c.handler.EOF(rest)
	c.forgetUnfinished()
	c.EndAfterAnswers(reason)
}

// PeerLeft handles the end of a peer that is not read any more (EndAfterAnswersOrPeer). Loop only.
func (c *Conn) PeerLeft() {
	c.Lock()
	c.wantLocked(c.interest &^ unix.EPOLLRDHUP)
	open := c.reason == StillOpen
	c.Unlock()
	if open && !c.lingering {
		c.handler.EOF(nil)
	}
}

// discard reads and drops what a peer sends after we stopped listening to it.
func (l *Loop) discard(c *Conn) {
	if !c.lingering {
		return // paused between epoll's report and now; it will be reported again
	}
	n, err := socket.Read(c.fd, l.buf)
	if n == 0 && err != unix.EAGAIN {
		c.ended = true
		c.Lock()
		c.CloseLocked(c.goodbye)
		c.Unlock()
	}
}
