package loadtest

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// state is how far a connection has come.
type state uint8

const (
	stateConnecting  state = iota
	stateUpgrading         // WebSocket: waiting for 101
	stateGreeting          // waiting for the answer to initialize or ping
	stateNoting            // HTTP: waiting for the 202 to notifications/initialized
	stateSubscribing       // HTTP: waiting for the answer to resources/subscribe
	stateOpen
	stateStreaming // HTTP: an event stream was asked for; what arrives is counted
	stateLeaving   // HTTP: waiting for the answer to the DELETE of its session
	stateRenewing  // the same, to begin another session then
	stateEnded
)

// client is one connection. Its loop's goroutine alone touches it.
type client struct {
	fd         int32
	slot       int32
	generation int32
	events     uint32 // what the epoll set reports now
	state      state

	inFlight  int
	nextID    uint64
	idBalance uint64 // ids sent minus ids answered, modulo 2^64: zero when nothing is in flight and every id was right
	blind     bool   // an answer without an id was among them: the balance means nothing until all are answered
	calls     int    // sent since the opening

	timedID  uint64 // the call whose latency is being measured; 0: none
	timedAt  time.Duration
	launched time.Duration // when its connect began

	place   int           // in the agenda; -1: it has no planned call
	due     time.Duration // when its next planned call leaves, on the loop's clock
	origin  float64       // where in the plan it joined
	planned uint64        // calls that were due so far
	owed    int           // of these, the ones that could not be sent yet
	planID  uint64        // the id of the plan's first call
	streams bool          // its event stream is open
	round   uint32        // the latest of the loop's rounds in which it heard something
	isOpen  bool          // it has been opened and has not ended
	asked   uint64        // with OneID: the number of its latest call
	pinging bool          // with OneID: it waits for what follows its cancellation
	words   *words        // with OneID: what it says
	served  bool          // a call of it had a result
	leaving bool          // it is being retired: nothing new is sent

	session []byte // Mcp-Session-Id, to be deleted when the connection is retired

	decoder decoder
	call    *template // the loop's, or one with this connection's session
	rest    []byte    // input of an unfinished answer
	left    []byte    // output that the socket has not taken, less than one message
}

// open begins one connection.
func (l *loop) open() {
	var source netip.Addr
	if n := len(l.opts.Sources); n > 0 {
		source = l.opts.Sources[(l.names+l.dialed)%n]
	}
	l.dialed++
	fd, err := dial(l.to, source, l.opts.ReceiveBufferBytes, l.opts.SendBufferBytes)
	if errors.Is(err, unix.EAGAIN) {
		l.toOpen++
		l.retry = true
		return
	}
	if err != nil {
		l.failed(err)
		return
	}
	c := &client{fd: fd, place: -1, state: stateConnecting, nextID: firstID, launched: time.Since(l.base), call: &l.call}
	if n := len(l.free); n > 0 {
		c.slot, l.free = l.free[n-1], l.free[:n-1]
	} else {
		c.slot = int32(len(l.clients))
		l.clients = append(l.clients, nil)
	}
	c.generation = int32(l.dialed)
	if l.ledger != nil {
		c.words = l.ledger.words
	}
	c.events = unix.EPOLLOUT
	if err := l.poll.control(unix.EPOLL_CTL_ADD, fd, c.events, c.slot, c.generation); err != nil {
		l.free = append(l.free, c.slot)
		hangUp(fd)
		l.failed(err)
		return
	}
	l.clients[c.slot] = c
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
func (l *loop) end(c *client, why EndReason, err error) {
	if err != nil {
		count(l.stats.Failures, []byte(err.Error()))
	}
	if c.isOpen {
		l.stats.Open--
		if c.served {
			l.stats.Served--
		}
		if l.owes(c) {
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
	l.agenda.remove(c)
	c.state = stateEnded
	l.stats.Ended[why]++
	l.stats.InFlight -= uint64(c.inFlight)
	l.stats.Lost += uint64(c.inFlight)
	l.clients[c.slot] = nil
	l.free = append(l.free, c.slot)
	hangUp(c.fd)
	if !c.leaving {
		l.again()
	}
}

// retire ends an open connection politely: nothing new is sent, what is in flight is answered, a session is deleted.
func (l *loop) retire(c *client) {
	c.leaving = true
	l.leaving++
	l.agenda.remove(c)
	c.owed = 0
	l.departing = append(l.departing, c)
}

// leave ends a retired connection when nothing of it is in flight any more.
func (l *loop) leave(c *client) {
	if c.leaving && c.state == stateStreaming {
		l.end(c, EndRetired, nil)
		return
	}
	if !c.leaving || c.state != stateOpen || c.inFlight > 0 || len(c.left) > 0 {
		return
	}
	w, ok := l.wire.(*httpWire)
	if !ok || len(c.session) == 0 {
		l.end(c, EndRetired, nil)
		return
	}
	c.state = stateLeaving // before send, which may end the connection
	l.send(c, w.goodbye(c.session))
}

// ready acts on what the epoll set reports for a connection.
func (l *loop) ready(c *client, events uint32) {
	if c.state == stateConnecting {
		l.connected(c)
		return
	}
	if events&(unix.EPOLLERR|unix.EPOLLHUP) != 0 && c.events&unix.EPOLLIN == 0 {
		l.end(c, EndPeerReset, nil) // a deaf client learns of its end here; others by reading
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

func (l *loop) connected(c *client) {
	errno, err := unix.GetsockoptInt(int(c.fd), unix.SOL_SOCKET, unix.SO_ERROR)
	if err == nil && errno != 0 {
		err = unix.Errno(errno)
	}
	if err != nil {
		l.end(c, EndConnectFailed, fmt.Errorf("connect: %w", err))
		return
	}
	l.watch(c, unix.EPOLLIN)
	if hello := l.wire.opening(); hello != nil {
		if l.opts.Transport == WebSocket {
			c.state = stateUpgrading // before send, which may end the connection
		}
		if l.send(c, hello); c.state != stateConnecting {
			return
		}
	}
	l.greet(c)
}

// greet sends the first message, or finds that none is asked for.
func (l *loop) greet(c *client) {
	if l.msgs.greeting == nil {
		l.opened(c)
		return
	}
	c.state = stateGreeting
	t := l.wire.wrap(l.msgs.greeting, idOffset(l.msgs.greeting), nil)
	l.send(c, t.append(nil, c.nextID))
}

// greeted goes on after the first answer.
func (l *loop) greeted(c *client, a *arrival) {
	v := l.judge.judge(a.body)
	switch {
	case v.outcome == outcomeNotice:
		return
	case v.outcome == outcomeRefused:
		l.turned(c, v.reason)
		return
	case v.outcome != outcomeResult || v.id != c.nextID:
		l.end(c, EndBadAnswer, fmt.Errorf("greeting: HTTP %d %.200q", a.status, a.body))
		return
	}
	c.nextID++
	if len(a.session) > 0 {
		t := l.wire.wrap(l.msgs.call, idOffset(l.msgs.call), a.session)
		c.call = &t
		if l.opts.Transport == HTTP {
			c.session = bytes.Clone(a.session)
		}
		if l.ledger != nil {
			c.words = newWords(l.opts, l.wire, a.session)
		}
	}
	if l.msgs.noted == nil {
		l.opened(c)
		return
	}
	t := l.wire.wrap(l.msgs.noted, -1, a.session)
	if l.opts.Transport == HTTP {
		c.state = stateNoting // before send, which may end the connection
	}
	l.send(c, t.bytes)
	if c.state == stateGreeting {
		l.opened(c)
	}
}

func (l *loop) opened(c *client) {
	c.state = stateOpen
	if c.isOpen {
		l.renewed(c)
		return
	}
	c.isOpen = true
	l.opening--
	l.stats.Open++
	l.stats.Opened++
	record(l.stats.Opening, time.Since(l.base)-c.launched)
	if l.opts.CallsPerConnection > 0 {
		l.unfinished++
	}
	if l.opts.Deaf {
		l.watch(c, unix.EPOLLRDHUP)
	}
	switch {
	case l.opts.Stream:
		c.state = stateStreaming // before send, which may end the connection
		l.send(c, streamRequest(&l.opts.WireOptions, l.wire, &l.msgs, c.session))
	case l.plan == nil:
		l.fill(c)
	case l.joining && l.sending:
		l.join(c, offset(l.joined))
	}
}

// noted goes on after notifications/initialized was taken.
func (l *loop) noted(c *client) {
	if l.msgs.watch == nil {
		l.opened(c)
		return
	}
	c.state = stateSubscribing // before send, which may end the connection
	t := l.wire.wrap(l.msgs.watch, idOffset(l.msgs.watch), c.session)
	l.send(c, t.append(nil, c.nextID))
}

// subscribed goes on after the answer to resources/subscribe.
func (l *loop) subscribed(c *client, a *arrival) {
	if v := l.judge.judge(a.body); a.kind != arrivalMessage || v.outcome != outcomeResult || v.id != c.nextID {
		l.bad(c, fmt.Errorf("resources/subscribe: HTTP %d %.200q", a.status, a.body))
		return
	}
	c.nextID++
	l.opened(c)
}

// renew ends an open connection's session, to begin another one.
func (l *loop) renew(c *client) {
	w := l.wire.(*httpWire) // Options.Validate
	l.sent(c, 1)
	c.state = stateRenewing // before send, which may end the connection
	l.send(c, w.goodbye(c.session))
}

// renewed counts a session that took the place of another one.
func (l *loop) renewed(c *client) {
	l.stats.Results++
	l.concluded(c, c.timedID, outcomeResult)
}

// turned counts a connection that the server refused by name.
func (l *loop) turned(c *client, reason []byte) {
	count(l.stats.Turned, reason)
	l.end(c, EndRefused, nil)
}

// owes says whether an open connection still has calls to send.
func (l *loop) owes(c *client) bool {
	return l.opts.CallsPerConnection > 0 && c.calls < l.opts.CallsPerConnection
}

// watch changes what the epoll set reports for a connection.
func (l *loop) watch(c *client, events uint32) {
	if c.events == events {
		return
	}
	c.events = events
	if err := l.poll.control(unix.EPOLL_CTL_MOD, c.fd, events, c.slot, c.generation); err != nil {
		panic(fmt.Sprintf("loadtest: fd %d slot %d: %v", c.fd, c.slot, err)) // the descriptor is ours and open
	}
}
