package client

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"weir/loadtest/socket"
	"weir/loadtest/wire"
)

// Over HTTP a session outlives its connection. So a server that ends the connection behind an answer, as HTTP/1.0 does,
// or "Connection: close", or one that says nothing, is given another one for the same session, as MCP's clients do. A
// call in flight is sent again only where the server cannot have taken it; else it is lost, by name.

// streamPatience is how long an event stream may go on behind its answer. A server ends it in the same breath (MCP
// 2025-11-25, basic/transports: it should), or holds the connection for its own purposes.
const streamPatience = 100 * time.Millisecond

// resumes says whether a connection goes on over another socket when this one ends. A socket that has brought nothing
// is the last one: who closes before the first answer would be dialed without end.
func (l *loop) resumes(c *connection) bool {
	return l.opts.Transport == wire.HTTP && c.answers > 0 && !l.closing && l.callLog == nil && !l.opts.Renew &&
		!l.opts.NeverRead && c.state != stateStreaming
}

// blocked says that nothing can be sent now: the socket ends, is not there yet, or still brings an event stream.
func (c *connection) blocked() bool { return c.closing || c.dialing || c.tail }

// answerCame notes that the stream of an answer goes on behind it.
func (l *loop) answerCame(c *connection) {
	if l.early {
		c.tail, c.answeredAt = true, l.now
	}
}

// inputEnded acts on the end of what the server sends: it may be the end of an answer.
func (l *loop) inputEnded(c *connection) {
	for c.state != stateConnecting && c.state != stateStreaming {
		a, ok, err := l.wire.End(&c.decoder, c.rest)
		if err != nil && !c.tail {
			c.lostTo = fmt.Sprintf("the server closed the connection in the middle of an answer, behind %d bytes",
				len(c.rest))
		}
		if !ok {
			break
		}
		if l.take(c, &a); c.state == stateEnded {
			return
		}
		if !a.Early {
			break
		}
	}
	l.socketEnded(c, EndPeerClosed)
}

// socketEnded acts on the end of a socket.
func (l *loop) socketEnded(c *connection, why EndReason) {
	switch {
	case c.state == stateDeletingSession:
		l.end(c, EndRetired, nil) // the session is gone, or the server keeps it
		return
	case !l.resumes(c):
		l.end(c, why, nil)
		return
	case c.inFlight > 0 && !c.closing && (c.lostTo != "" || why != EndPeerClosed || !neverTaken(c.fd)):
		l.lose(c, why)
	}
	l.reconnect(c)
}

// neverTaken says of a socket that the server has closed in order whether what was sent since reached nobody: the
// server's kernel has answered it with a reset (RFC 9293 section 3.10.7.1).
func neverTaken(fd int32) bool {
	errno, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ERROR)
	return err == nil && unix.Errno(errno) == unix.EPIPE
}

// reconnect gives a connection another socket. What is still to be said is said there.
func (l *loop) reconnect(c *connection) {
	if !c.blocked() || len(c.left) == 0 {
		c.left = l.unanswered(c)
	}
	l.stats.Reconnected++
	socket.Reset(c.fd)
	c.decoder, c.rest, c.answers, c.closing, c.tail = wire.Decoder{}, nil, 0, false, false
	c.dialing, c.lingers, c.fd, c.lostTo = true, false, -1, ""
	fd, err := l.dial()
	if err == nil {
		c.fd = fd
		err = l.awaitConnect(c)
	}
	if err != nil {
		l.reconnected(c, err)
	}
}

// unanswered is what a connection has sent and has no answer to, once more.
func (l *loop) unanswered(c *connection) []byte {
	switch c.state {
	case stateInitializing:
		t := l.wire.Wrap(l.msgs.Initialized, -1, c.session)
		return t.Bytes
	case stateSubscribing:
		t := l.wire.Wrap(l.msgs.Subscribe, wire.IDOffset(l.msgs.Subscribe), c.session)
		return t.Append(nil, c.nextID)
	}
	var calls []byte
	for n := uint64(c.inFlight); n > 0; n-- {
		calls = c.call.Append(calls, c.nextID-n)
	}
	l.stats.Resent += uint64(c.inFlight)
	return calls
}

// reconnected goes on when another socket is there, or could not be made.
func (l *loop) reconnected(c *connection, err error) {
	c.dialing = false
	if err != nil {
		c.lostTo = "the server closed the connection, and took no other one"
		l.end(c, EndPeerClosed, fmt.Errorf("the server took no other connection for the session: %w", err))
		return
	}
	l.watch(c, unix.EPOLLIN)
	l.flush(c)
}

// linger leaves the connection alone until its stream ends, or for streamPatience.
func (l *loop) linger(c *connection) {
	if !c.lingers {
		c.lingers = true
		l.lingering = append(l.lingering, lingerer{c.slot, c.generation, c.answeredAt + streamPatience})
	}
}

// leaveTails leaves the connections whose stream does not end behind its answer.
func (l *loop) leaveTails() {
	for len(l.lingering) > 0 && l.lingering[0].until <= time.Since(l.base) {
		r := l.lingering[0]
		if l.lingering = l.lingering[1:]; len(l.lingering) == 0 {
			l.lingering = nil
		}
		c := l.connections[r.slot]
		if c == nil || c.generation != r.generation {
			continue
		}
		c.lingers = false
		switch {
		case !c.tail:
		case c.answeredAt+streamPatience > time.Since(l.base): // of a later answer
			l.linger(c)
		default:
			l.stats.Unended++
			c.lostTo = "the stream of the answer before it did not end"
			l.lose(c, EndPeerClosed)
			if l.resumes(c) {
				l.reconnect(c)
			} else {
				l.end(c, EndPeerClosed, nil)
			}
		}
	}
}
