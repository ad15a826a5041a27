package client

import (
	"time"

	"golang.org/x/sys/unix"

	"weir/loadtest/socket"
)

// send writes bytes that are no call: an upgrade, a greeting, a pong.
func (l *loop) send(c *connection, b []byte) {
	if len(c.left) > 0 {
		c.left = append(c.left, b...)
		return
	}
	if n, ok := l.write(c, b); ok && n < len(b) {
		c.left = append(c.left, b[n:]...)
		l.watch(c, c.events|unix.EPOLLOUT)
	}
}

// write gives bytes to the kernel and says how many it took; false when the connection has ended.
func (l *loop) write(c *connection, b []byte) (int, bool) {
	n, errno := socket.Write(c.fd, b)
	switch {
	case errno == unix.EAGAIN || errno == unix.EINTR:
		n = 0
	case errno != 0:
		l.end(c, EndPeerReset, nil)
		return 0, false
	}
	l.stats.BytesSent += uint64(n)
	return n, true
}

// flush goes on after the socket has room again.
func (l *loop) flush(c *connection) {
	if len(c.left) > 0 {
		n, ok := l.write(c, c.left)
		if !ok {
			return
		}
		if c.left = c.left[n:]; len(c.left) > 0 {
			return
		}
		c.left = nil
	}
	l.watch(c, c.events&^unix.EPOLLOUT)
	if c.state == stateOpen {
		l.fill(c)
		l.leave(c)
	}
}

// room is how many calls a connection may send now.
func (l *loop) room(c *connection) int {
	n := l.opts.Window - c.inFlight
	if l.opts.CallsPerConnection > 0 {
		n = min(n, l.opts.CallsPerConnection-c.calls)
	}
	if l.plan != nil {
		return min(n, c.backlog)
	}
	// A pipeline is refilled when three quarters are answered: one write for many calls, and the server does not run dry.
	if c.inFlight > l.opts.Window/4 {
		return 0
	}
	return n
}

// fill sends as many calls as the connection may have in flight.
func (l *loop) fill(c *connection) {
	if !l.sending || c.leaving || c.state != stateOpen || len(c.left) > 0 {
		return
	}
	switch {
	case l.callLog != nil:
		l.sendOneID(c)
		return
	case l.opts.Renew:
		l.renew(c)
		return
	}
	room := l.room(c)
	if room <= 0 {
		return
	}
	size := len(c.call.Bytes)
	for range chunksPerTurn {
		n := min(room, max(1, writeChunkBytes/size))
		l.out = l.out[:0]
		for i := range n {
			l.out = c.call.Append(l.out, c.nextID+uint64(i))
		}
		took, ok := l.write(c, l.out)
		if !ok {
			return
		}
		begun := (took + size - 1) / size
		l.sent(c, begun)
		if took < len(l.out) {
			// Calls that the kernel did not even begin to take were not sent: they are made anew when there is room.
			c.left = append(c.left[:0], l.out[took:begun*size]...)
			l.watch(c, c.events|unix.EPOLLOUT)
			return
		}
		if room -= n; room == 0 {
			return
		}
	}
	l.watch(c, c.events|unix.EPOLLOUT) // its share of this turn is used up; the set will report it again
}

// sent counts n calls that were sent.
func (l *loop) sent(c *connection, n int) {
	if n == 0 {
		return
	}
	first := c.nextID
	c.nextID += uint64(n)
	last := c.nextID - 1
	c.idBalance += uint64(n) * (first + last) / 2
	c.inFlight += n
	c.calls += n
	l.stats.Sent += uint64(n)
	l.stats.InFlight += uint64(n)
	if l.plan != nil {
		c.backlog -= n
	}
	if c.timedID == 0 {
		c.timedID, c.timedAt = last, time.Since(l.base)
	}
	if l.opts.CallsPerConnection > 0 && c.calls == l.opts.CallsPerConnection {
		l.unfinished--
	}
}
