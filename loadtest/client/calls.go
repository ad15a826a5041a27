package client

import (
	"golang.org/x/sys/unix"

	"weir/loadtest/wire"
)

const (
	// writeChunkBytes is about what one write builds; chunksPerTurn bounds what one connection writes before the others
	// have their turn.
	writeChunkBytes = 64 << 10
	chunksPerTurn   = 4
)

// fill sends as many calls as the connection may have in flight.
func (l *loop) fill(c *connection) {
	if !l.sending || c.leaving || c.state != stateOpen || len(c.left) > 0 || c.blocked() {
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

// retire ends an open connection politely: nothing new is sent, what is in flight is answered, a session is deleted.
func (l *loop) retire(c *connection) {
	c.leaving = true
	l.leaving++
	l.schedule.remove(c)
	c.backlog = 0
	l.departing = append(l.departing, c)
}

// leave ends a retired connection when nothing of it is in flight any more.
func (l *loop) leave(c *connection) {
	if c.leaving && c.state == stateStreaming {
		l.end(c, EndRetired, nil)
		return
	}
	if !c.leaving || c.state != stateOpen || c.inFlight > 0 || len(c.left) > 0 || c.blocked() {
		return
	}
	w, ok := l.wire.(*wire.HTTPFormat)
	if !ok || len(c.session) == 0 {
		l.end(c, EndRetired, nil)
		return
	}
	c.state = stateDeletingSession // before send, which may end the connection
	l.send(c, w.DeleteSession(c.session))
}

// renew ends an open connection's session, to begin another one.
func (l *loop) renew(c *connection) {
	w := l.wire.(*wire.HTTPFormat) // Options.Validate
	l.sent(c, 1)
	c.state = stateRenewing // before send, which may end the connection
	l.send(c, w.DeleteSession(c.session))
}
