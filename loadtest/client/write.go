package client

import (
	"time"

	"golang.org/x/sys/unix"

	"weir/loadtest/socket"
)

// send writes bytes that are no call: an upgrade, a greeting, a pong.
func (l *loop) send(c *connection, b []byte) {
	if len(c.left) > 0 || c.blocked() {
		c.left = append(c.left, b...)
		return
	}
	if n, ok := l.write(c, b); ok && n < len(b) {
		c.left = append(c.left, b[n:]...)
		l.watch(c, c.events|unix.EPOLLOUT)
	}
}

// write gives bytes to the kernel and says how many it took; false when the connection has ended, or goes on over
// another socket.
func (l *loop) write(c *connection, b []byte) (int, bool) {
	n, errno := socket.Write(c.fd, b)
	switch {
	case errno == unix.EAGAIN || errno == unix.EINTR:
		n = 0
	case errno != 0:
		l.socketEnded(c, EndPeerReset)
		return 0, false
	}
	l.stats.BytesSent += uint64(n)
	return n, true
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
		if l.opts.Exact {
			l.departed(c, first, n)
		}
	}
	if c.timedID == 0 {
		c.timedID, c.timedAt = last, time.Since(l.base)
	}
	if l.opts.CallsPerConnection > 0 && c.calls == l.opts.CallsPerConnection {
		l.unfinished--
	}
}
