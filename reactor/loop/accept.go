package loop

import (
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"weir/backpressure"
	"weir/reactor/loop/socket"
)

// accept takes up to accept_batch connections off the backlog; epoll reports the rest again.
func (l *Loop) accept(ln *Listener) {
	for range l.loops.opts.AcceptBatch {
		if ln.shut {
			return
		}
		fd, addr, err := socket.Accept(ln.fd)
		switch err {
		case nil:
			l.admitConnection(ln, fd, addr)
		case unix.EAGAIN:
			return
		case unix.EMFILE, unix.ENFILE, unix.ENOBUFS, unix.ENOMEM:
			l.outOfDescriptors(ln, err)
			return
		default:
			// ECONNABORTED and the network errors that Linux hands through accept: that peer is gone, the next may
			// not be.
			l.loops.metrics.acceptErrors.Inc()
		}
	}
}

// admitConnection has a connection made of an accepted descriptor, or refuses it.
func (l *Loop) admitConnection(ln *Listener, fd int32, addr netip.Addr) {
	s := l.loops
	c, refusal := s.host.Accept(s.LeastLoaded(), ln, fd, addr, l.now)
	if refusal != backpressure.Accepted {
		l.turnAway(ln, fd, refusal)
		return
	}
	if ln.Path != "" { // nothing is on its way there: what is written pins memory until it is read
		// The kernel doubles it.
		_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUF, s.opts.SendBufferBytes/2)
	}
	c.loop.stats.connections.Add(1)
	if c.loop == l {
		l.adopt(c)
	} else {
		c.loop.deliver(c)
	}
}

// adopt makes c this loop's connection. On failure the descriptor is closed and the limits get their place back.
func (l *Loop) adopt(c *Conn) {
	at := uint32(len(l.slots))
	if n := len(l.free); n > 0 {
		at = l.free[n-1]
		l.free = l.free[:n-1]
	} else {
		l.slots = append(l.slots, slot{})
	}
	place := &l.slots[at]
	place.conn = c
	c.tag = uint64(at) | uint64(place.generation)<<32
	c.lastRead, c.opened = l.now, uint32(l.now/int64(time.Second))
	c.interest = unix.EPOLLIN
	if err := c.watch(unix.EPOLL_CTL_ADD); err != nil {
		l.loops.log.Error().Err(err).
			Msg("cannot watch a new connection, it is closed; is fs.epoll.max_user_watches reached?")
		c.Close(CloseError)
		l.finish(c)
	}
}

// Adopt gives a connection to its loop that nobody accepted; its Listener stands for none. Any goroutine.
func (s *Loops) Adopt(c *Conn) {
	c.loop.stats.connections.Add(1)
	c.loop.deliver(c)
}

// LeastLoaded is the loop with the fewest connections. Any goroutine.
func (s *Loops) LeastLoaded() *Loop {
	least := s.all[0]
	for _, l := range s.all[1:] {
		if l.stats.connections.Load() < least.stats.connections.Load() {
			least = l
		}
	}
	return least
}

// turnAway tells an accepted peer why it is refused and closes. With the last of max_connection_refusal_rate a second
// it stops accepting, until a tick of the next second: then not even the accept is spent on more of them.
func (l *Loop) turnAway(ln *Listener, fd int32, refusal backpressure.Refusal) {
	s := l.loops
	s.host.CountRefusal(refusal)
	if l.refusals.Take(l.now, s.opts.MaxConnectionRefusalRate) {
		l.refuse = s.host.AppendRefusal(l.refuse[:0], ln, refusal)
		_, _ = socket.Write(fd, l.refuse) // a fresh socket has room for it; if the peer is gone already, so be it
		// Closing with unread input sends a reset, which can overtake what was just written.
		_, _ = socket.Read(fd, l.buf)
	}
	if most := s.opts.MaxConnectionRefusalRate; most == 0 || l.refusals.Spent(l.now, most) {
		ln.setShut(true)
	}
	_ = unix.Close(int(fd))
}

// outOfDescriptors answers EMFILE and ENFILE. The descriptor held in reserve lets one waiting peer hear why; the
// others stay in the backlog until the next tick. Without that pause the listener would be ready all the time.
func (l *Loop) outOfDescriptors(ln *Listener, cause error) {
	s := l.loops
	s.metrics.outOfDescriptors.Inc()
	s.reserve.Lock()
	defer s.reserve.Unlock()
	if s.reserve.complained == 0 || l.now-s.reserve.complained > complainEvery {
		s.reserve.complained = l.now
		s.log.Error().Err(cause).Int64("connections", s.Connections()).
			Msg("out of file descriptors, accepting pauses until some are free: " +
				"raise LimitNOFILE (ulimit -n) or lower max_connections")
	}
	if s.reserve.fd >= 0 {
		_ = unix.Close(s.reserve.fd)
		if fd, _, err := socket.Accept(ln.fd); err == nil {
			l.turnAway(ln, fd, backpressure.ConnectionLimit)
		}
		s.reserve.fd = openReserve()
	}
	ln.setShut(true)
}

// complainEvery is how often the log says that descriptors are out.
const complainEvery = int64(10 * time.Second)
