package loop

import "weir/reactor/loop/socket"

// Wire is what a connection has in the place of a socket when its peer is behind another node of the cluster. All that
// the peer says is handed over at once (AdoptRead), so there is nothing to read.
type Wire interface {
	// Write takes what there is room for of p, which is not empty. No room is unix.EAGAIN, until whoever makes some
	// calls Conn.Post. The connection is locked; it must not block, and p is the connection's again.
	Write(p []byte) (n int, err error)
}

// wired says whether the connection has no socket.
func (c *Conn) wired() bool { return c.listener.Wire != nil }

func (c *Conn) write(p []byte) (int, error) {
	if c.wired() {
		return c.listener.Wire.Write(p)
	}
	return socket.Write(c.fd, p)
}

// watch tells epoll of the connection and what it is interested in.
func (c *Conn) watch(op int) error {
	if c.wired() {
		return nil
	}
	return socket.Watch(c.loop.epfd, op, c.fd, c.interest, c.tag)
}
