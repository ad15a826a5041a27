package client

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"weir/loadtest/pacing"
	"weir/loadtest/socket"
	"weir/loadtest/wire"
)

// open begins one connection.
func (l *loop) open() {
	fd, err := l.dial()
	if errors.Is(err, unix.EAGAIN) {
		l.toOpen++
		l.retry = true
		return
	}
	if err != nil {
		l.failed(err)
		return
	}
	c := l.begin()
	c.fd, c.state, c.launched, c.call = fd, stateConnecting, time.Since(l.base), &l.call
	if n := len(l.free); n > 0 {
		c.slot, l.free = l.free[n-1], l.free[:n-1]
	} else {
		c.slot = int32(len(l.connections))
		l.connections = append(l.connections, nil)
	}
	if l.callLog != nil {
		c.templates = l.callLog.templates
	}
	l.connections[c.slot] = c
	l.opening++
	if err := l.awaitConnect(c); err != nil {
		l.end(c, EndConnectFailed, err)
	}
}

// awaitConnect has the epoll set tell when a fresh socket is connected.
func (l *loop) awaitConnect(c *connection) error {
	c.generation, c.events = int32(l.dialed), unix.EPOLLOUT
	return l.poll.Control(unix.EPOLL_CTL_ADD, c.fd, c.events, c.slot, c.generation)
}

// dial makes a socket that begins to connect.
func (l *loop) dial() (int32, error) {
	var source netip.Addr
	if n := len(l.opts.Sources); n > 0 {
		source = l.opts.Sources[(l.names+l.dialed)%n]
	}
	l.dialed++
	fd, err := socket.Dial(l.to, source, l.opts.ReceiveBufferBytes, l.opts.SendBufferBytes)
	if err == nil && l.opts.Exact {
		socket.Stamp(fd)
	}
	return fd, err
}

func (l *loop) connected(c *connection) {
	errno, err := unix.GetsockoptInt(int(c.fd), unix.SOL_SOCKET, unix.SO_ERROR)
	if err == nil && errno != 0 {
		err = unix.Errno(errno)
	}
	if c.dialing {
		l.reconnected(c, err)
		return
	}
	if err != nil {
		l.end(c, EndConnectFailed, fmt.Errorf("connect: %w", err))
		return
	}
	l.watch(c, unix.EPOLLIN)
	if hello := l.wire.Opening(); hello != nil {
		if l.opts.Transport == wire.WebSocket {
			c.state = stateUpgrading // before send, which may end the connection
		}
		if l.send(c, hello); c.state != stateConnecting {
			return
		}
	}
	l.greet(c)
}

// greet sends the first message, or finds that none is asked for.
func (l *loop) greet(c *connection) {
	if l.msgs.Greeting == nil {
		l.opened(c)
		return
	}
	c.state = stateGreeting
	t := l.wire.Wrap(l.msgs.Greeting, wire.IDOffset(l.msgs.Greeting), nil)
	l.send(c, t.Append(nil, c.nextID))
}

// greeted goes on after the first answer.
func (l *loop) greeted(c *connection, a *wire.Arrival) {
	v := l.judge.Judge(a.Body)
	switch {
	case v.Outcome == wire.OutcomeNotice:
		return
	case v.Outcome == wire.OutcomeRefused:
		l.turnedAway(c, v.Reason)
		return
	case v.Outcome != wire.OutcomeResult || v.ID != c.nextID:
		l.end(c, EndBadAnswer, fmt.Errorf("greeting: HTTP %d %.200q", a.Status, a.Body))
		return
	}
	l.answerCame(c)
	l.usedID(c)
	if len(a.Session) > 0 {
		t := l.wire.Wrap(l.msgs.Call, wire.IDOffset(l.msgs.Call), a.Session)
		c.call = &t
		if l.opts.Transport == wire.HTTP {
			c.session = bytes.Clone(a.Session)
		}
		if l.callLog != nil {
			c.templates = newOneIDTemplates(l.opts, l.wire, a.Session)
		}
	}
	if l.msgs.Initialized == nil {
		l.opened(c)
		return
	}
	t := l.wire.Wrap(l.msgs.Initialized, -1, a.Session)
	if l.opts.Transport == wire.HTTP {
		c.state = stateInitializing // before send, which may end the connection
	}
	l.send(c, t.Bytes)
	if c.state == stateGreeting {
		l.opened(c)
	}
}

func (l *loop) opened(c *connection) {
	c.state = stateOpen
	if c.isOpen {
		l.renewed(c)
		return
	}
	c.isOpen = true
	l.opening--
	l.stats.Open++
	l.stats.Opened++
	Record(l.stats.Opening, time.Since(l.base)-c.launched)
	if l.opts.CallsPerConnection > 0 {
		l.unfinished++
	}
	if l.opts.NeverRead {
		l.watch(c, unix.EPOLLRDHUP)
	}
	switch {
	case l.opts.Stream:
		c.state = stateStreaming // before send, which may end the connection
		l.send(c, wire.StreamRequest(&l.opts.Options, l.wire, &l.msgs, c.session))
	case l.plan == nil:
		l.fill(c)
	case c.joined:
		l.fill(c) // what its plan asked for meanwhile is late, and counts as late
	case l.joining && l.sending:
		l.join(c, pacing.Offset(l.joined))
	}
}

// initialized goes on after notifications/initialized was taken.
func (l *loop) initialized(c *connection) {
	if l.msgs.Subscribe == nil {
		l.opened(c)
		return
	}
	c.state = stateSubscribing // before send, which may end the connection
	t := l.wire.Wrap(l.msgs.Subscribe, wire.IDOffset(l.msgs.Subscribe), c.session)
	l.send(c, t.Append(nil, c.nextID))
}

// subscribed goes on after the answer to resources/subscribe.
func (l *loop) subscribed(c *connection, a *wire.Arrival) {
	if v := l.judge.Judge(a.Body); a.Kind != wire.ArrivalMessage || v.Outcome != wire.OutcomeResult || v.ID != c.nextID {
		l.bad(c, fmt.Errorf("resources/subscribe: HTTP %d %.200q", a.Status, a.Body))
		return
	}
	l.answerCame(c)
	l.usedID(c)
	l.opened(c)
}

// renewed counts a session that took the place of another one.
func (l *loop) renewed(c *connection) {
	l.stats.Results++
	l.concluded(c, c.timedID, wire.OutcomeResult)
}
