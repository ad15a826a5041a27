package client

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"weir/loadtest/socket"
	"weir/loadtest/wire"
)

// state is how far a connection has come.
type state uint8

const (
	stateConnecting   state = iota
	stateUpgrading          // WebSocket: waiting for 101
	stateGreeting           // waiting for the answer to initialize or ping
	stateInitializing       // HTTP: waiting for the 202 to notifications/initialized
	stateSubscribing        // HTTP: waiting for the answer to resources/subscribe
	stateOpen
	stateStreaming       // HTTP: an event stream was asked for; what arrives is counted
	stateDeletingSession // HTTP: waiting for the answer to the DELETE of its session
	stateRenewing        // the same, to begin another session then
	stateEnded
)

// connection is one connection. Its loop's goroutine alone touches it.
type connection struct {
	fd         int32
	slot       int32
	generation int32
	events     uint32 // what the epoll set reports now
	state      state

	inFlight  int
	nextID    uint64
	idBalance uint64 // ids sent minus ids answered, modulo 2^64: zero when nothing is in flight and every id was right
	missingID bool   // an answer without an id was among them: the balance means nothing until all are answered
	calls     int    // sent since the opening

	timedID  uint64 // the call whose latency is being measured; 0: none
	timedAt  time.Duration
	launched time.Duration // when its connect began

	place      int             // in the schedule; -1: it has no planned call
	due        time.Duration   // when its next planned call leaves, on the loop's clock
	origin     float64         // where in the plan it joined
	planned    uint64          // calls that were due so far
	backlog    int             // of these, the ones that could not be sent yet
	planID     uint64          // the id of the plan's first call
	streams    bool            // its event stream is open
	round      uint32          // the latest of the loop's rounds in which it heard something
	isOpen     bool            // it has been opened and has not ended
	lastNumber uint64          // with OneID: the number of its latest call
	pinging    bool            // with OneID: it waits for what follows its cancellation
	templates  *oneIDTemplates // with OneID: what it says
	served     bool            // a call of it had a result
	leaving    bool            // it is being retired: nothing new is sent

	session []byte // Mcp-Session-Id, to be deleted when the connection is retired

	decoder wire.Decoder
	call    *wire.Template // the loop's, or one with this connection's session
	rest    []byte         // input of an unfinished answer
	left    []byte         // output that the socket has not taken, less than one message
}

// open begins one connection.
func (l *loop) open() {
	var source netip.Addr
	if n := len(l.opts.Sources); n > 0 {
		source = l.opts.Sources[(l.names+l.dialed)%n]
	}
	l.dialed++
	fd, err := socket.Dial(l.to, source, l.opts.ReceiveBufferBytes, l.opts.SendBufferBytes)
	if errors.Is(err, unix.EAGAIN) {
		l.toOpen++
		l.retry = true
		return
	}
	if err != nil {
		l.failed(err)
		return
	}
	c := &connection{fd: fd, place: -1, state: stateConnecting, nextID: wire.FirstID, launched: time.Since(l.base), call: &l.call}
	if n := len(l.free); n > 0 {
		c.slot, l.free = l.free[n-1], l.free[:n-1]
	} else {
		c.slot = int32(len(l.connections))
		l.connections = append(l.connections, nil)
	}
	c.generation = int32(l.dialed)
	if l.callLog != nil {
		c.templates = l.callLog.templates
	}
	c.events = unix.EPOLLOUT
	if err := l.poll.Control(unix.EPOLL_CTL_ADD, fd, c.events, c.slot, c.generation); err != nil {
		l.free = append(l.free, c.slot)
		socket.Reset(fd)
		l.failed(err)
		return
	}
	l.connections[c.slot] = c
	l.opening++
}

// failed counts a connection that could not even begin.
func (l *loop) failed(err error) {
	l.stats.Ended[EndConnectFailed]++
	l.stats.Unopened[EndConnectFailed]++
	count(l.stats.Failures, []byte(err.Error()))
	l.again()
}

// again has a connection that ended begun once more, where the options or a held number ask for it.
func (l *loop) again() {
	switch {
	case l.closing || !l.opts.Reopen && !l.holding:
	case l.opts.ReopenAfter == 0:
		l.toOpen++
	default:
		if l.toReopen++; l.toReopen == 1 {
			l.reopenAt = time.Since(l.base) + l.opts.ReopenAfter
		}
	}
}

// end closes a connection for a reason, with an error where the reason needs one.
func (l *loop) end(c *connection, why EndReason, err error) {
	if err != nil {
		count(l.stats.Failures, []byte(err.Error()))
	}
	if c.isOpen {
		l.stats.Open--
		if c.served {
			l.stats.Served--
		}
		if l.hasCallsLeft(c) {
			l.unfinished--
		}
		if c.leaving {
			l.leaving--
		}
		if c.round == l.round {
			l.stats.Heard--
		}
	} else {
		l.opening--
		l.stats.Unopened[why]++
	}
	l.schedule.remove(c)
	c.state = stateEnded
	l.stats.Ended[why]++
	l.stats.InFlight -= uint64(c.inFlight)
	l.stats.Lost += uint64(c.inFlight)
	l.connections[c.slot] = nil
	l.free = append(l.free, c.slot)
	socket.Reset(c.fd)
	if !c.leaving {
		l.again()
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
	if !c.leaving || c.state != stateOpen || c.inFlight > 0 || len(c.left) > 0 {
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

// ready acts on what the epoll set reports for a connection.
func (l *loop) ready(c *connection, events uint32) {
	if c.state == stateConnecting {
		l.connected(c)
		return
	}
	if events&(unix.EPOLLERR|unix.EPOLLHUP) != 0 && c.events&unix.EPOLLIN == 0 {
		l.end(c, EndPeerReset, nil) // a client that never reads learns of its end here; others by reading
		return
	}
	if events&unix.EPOLLRDHUP != 0 && c.events&unix.EPOLLIN == 0 {
		l.end(c, EndPeerClosed, nil)
		return
	}
	if events&(unix.EPOLLIN|unix.EPOLLERR|unix.EPOLLHUP) != 0 {
		l.read(c)
	}
	if events&unix.EPOLLOUT != 0 && c.state != stateEnded {
		l.flush(c)
	}
}

func (l *loop) connected(c *connection) {
	errno, err := unix.GetsockoptInt(int(c.fd), unix.SOL_SOCKET, unix.SO_ERROR)
	if err == nil && errno != 0 {
		err = unix.Errno(errno)
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
	c.nextID++
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
	case l.joining && l.sending:
		l.join(c, offset(l.joined))
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
	c.nextID++
	l.opened(c)
}

// renew ends an open connection's session, to begin another one.
func (l *loop) renew(c *connection) {
	w := l.wire.(*wire.HTTPFormat) // Options.Validate
	l.sent(c, 1)
	c.state = stateRenewing // before send, which may end the connection
	l.send(c, w.DeleteSession(c.session))
}

// renewed counts a session that took the place of another one.
func (l *loop) renewed(c *connection) {
	l.stats.Results++
	l.concluded(c, c.timedID, wire.OutcomeResult)
}

// turnedAway counts a connection that the server refused by name.
func (l *loop) turnedAway(c *connection, reason []byte) {
	count(l.stats.TurnedAwayReasons, reason)
	l.end(c, EndRefused, nil)
}

// hasCallsLeft says whether an open connection still has calls to send.
func (l *loop) hasCallsLeft(c *connection) bool {
	return l.opts.CallsPerConnection > 0 && c.calls < l.opts.CallsPerConnection
}

// watch changes what the epoll set reports for a connection.
func (l *loop) watch(c *connection, events uint32) {
	if c.events == events {
		return
	}
	c.events = events
	if err := l.poll.Control(unix.EPOLL_CTL_MOD, c.fd, events, c.slot, c.generation); err != nil {
		panic(fmt.Sprintf("loadtest: fd %d slot %d: %v", c.fd, c.slot, err)) // the descriptor is ours and open
	}
}
