package client

import (
	"cmp"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"weir/loadtest/socket"
	"weir/loadtest/wire"
)

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
	c.state = stateEnded
	l.stats.Ended[why]++
	l.lose(c, why)
	l.connections[c.slot] = nil
	l.free = append(l.free, c.slot)
	socket.Reset(c.fd)
	if comesBack := !c.leaving && l.again(c.served); comesBack && c.joined && l.opts.CallsPerConnection == 0 {
		l.absent = append(l.absent, c)
	} else {
		l.schedule.remove(c)
	}
}

// lose counts the calls in flight of a connection whose socket has ended as lost, by what ended it.
func (l *loop) lose(c *connection, why EndReason) {
	if n := c.inFlight; n > 0 {
		name := cmp.Or(c.lostTo, lossNames[why])
		countMore(l.stats.LostReasons, []byte(name), n)
		l.stats.InFlight -= uint64(n)
		l.stats.Lost += uint64(n)
	}
	c.inFlight, c.idBalance, c.missingID, c.timedID, c.lostTo = 0, 0, false, 0, ""
	c.flights.forget()
}

// lossNames say what ended the connection of a lost call, where nothing says it better.
var lossNames = [endReasons]string{
	EndHungUp:        "the load was over",
	EndConnectFailed: "no connection",
	EndRefused:       "the server refused the connection with the call on it",
	EndPeerClosed:    "the server closed the connection before the answer",
	EndPeerReset:     "the server reset the connection before the answer",
	EndBadAnswer:     "a bad answer came before the answer",
	EndRetired:       "the connection was not needed any more",
}

// failed counts a connection that could not even begin.
func (l *loop) failed(err error) {
	l.stats.Ended[EndConnectFailed]++
	l.stats.Unopened[EndConnectFailed]++
	count(l.stats.Failures, []byte(err.Error()))
	l.again(false)
}

// again has a connection that ended begun once more, where the options or a held number ask for it. The pause is for
// servers that let nobody in: who has served a call is called on again at once, as clients do.
func (l *loop) again(served bool) bool {
	switch {
	case l.closing || !l.opts.Reopen && !l.holding:
		return false
	case l.opts.ReopenAfter == 0 || served:
		l.toOpen++
	default:
		if l.toReopen++; l.toReopen == 1 {
			l.reopenAt = time.Since(l.base) + l.opts.ReopenAfter
		}
	}
	return true
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

// bad ends a connection on which something arrived that makes no sense.
func (l *loop) bad(c *connection, err error) {
	l.stats.Bad++
	l.end(c, EndBadAnswer, err)
}

// concluded ends one call in the counts. id is 0 when the answer did not carry one, which HTTP may do.
func (l *loop) concluded(c *connection, id uint64, how wire.Outcome) {
	l.answerCame(c)
	c.inFlight--
	l.stats.InFlight--
	c.idBalance -= id
	c.missingID = c.missingID || id == 0
	if c.inFlight == 0 {
		c.idBalance, c.missingID = 0, false // either it was checked when the last answer came, or it could not be
	}
	if l.plan != nil && l.opts.Exact {
		l.landed(c, id, how)
		return
	}
	if id == 0 {
		c.timedID = 0
		return
	}
	latency := l.stats.Latency
	if how == wire.OutcomeRefused {
		latency = l.stats.Refusal
	}
	switch {
	case l.plan != nil && id >= c.planID:
		Record(latency, l.now-l.when(c, id-c.planID))
		if id == c.timedID {
			if how != wire.OutcomeRefused {
				Record(l.stats.Service, l.now-c.timedAt)
			}
			c.timedID = 0
		}
	case id == c.timedID:
		Record(latency, l.now-c.timedAt)
		c.timedID = 0
	}
}
