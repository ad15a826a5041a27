package client

import (
	"bytes"
	"fmt"
	"time"

	"weir/loadtest/wire"
)

// Many clients send every request with the same id, so a server that finds a request by its id alone gives answers to
// the wrong one. Here every call of every connection has the id 1, and a number of its own in its arguments, which the
// tool sends back: an answer says by itself whose it is. A call log holds what became of each number.
//
// Some calls are taken back: with notifications/cancelled, or over HTTP in the modern era by closing the connection
// (MCP 2026-07-28, basic/patterns/cancellation). After a notification the client pings, still with id 1, before it
// calls again, so that a refusal that comes before the pong is known to be the cancelled call's. An answer may cross
// the notification: its number tells.

// sendOneID makes a connection's next call.
func (l *loop) sendOneID(c *connection) {
	g := l.callLog
	if g.finished() || c.inFlight > 0 || c.pinging {
		return
	}
	number := g.first + uint64(len(g.entries))
	g.entries = append(g.entries, logEntry{connection: c.generation})
	c.lastNumber = number
	c.inFlight++
	l.stats.Sent++
	l.stats.InFlight++
	c.timedAt = time.Since(l.base)
	every := uint64(g.opts.CancelEvery)
	t, now := &c.templates.call, false
	if every > 0 && number%every == 0 {
		if now = number/every%2 == 0; !now {
			t = &c.templates.slow
			g.running = append(g.running, running{c.slot, number, c.timedAt + g.opts.CancelAfter})
		}
	}
	l.out = t.Append(l.out[:0], number)
	if now && !g.reopens {
		l.out = append(l.out, c.templates.cancel...)
	}
	l.send(c, l.out)
	if now && c.state != stateEnded {
		l.cancelled(c)
	}
}

// cancelDue cancels the slow calls whose time has come.
func (l *loop) cancelDue() {
	for at := l.callLog.due(); at > 0 && at <= time.Since(l.base); at = l.callLog.due() {
		g := l.callLog
		r := g.running[0]
		if g.running = g.running[1:]; len(g.running) == 0 {
			g.running = nil
		}
		c := l.connections[r.slot]
		if c == nil || c.lastNumber != r.number || c.inFlight == 0 {
			continue // it was refused, or lost with its connection
		}
		if !g.reopens {
			l.send(c, c.templates.cancel)
		}
		if c.state != stateEnded {
			l.cancelled(c)
		}
	}
}

// cancelled enters a cancellation that is on its way, or ends the connection where that is the cancellation.
func (l *loop) cancelled(c *connection) {
	l.callLog.find(c.lastNumber).state = callCancelled
	l.stats.Cancelled++
	l.callEnded(c)
	if !l.callLog.reopens {
		c.pinging = true
		return
	}
	l.toOpen++
	l.end(c, EndRetired, nil)
}

func (l *loop) callEnded(c *connection) {
	c.inFlight--
	l.stats.InFlight--
}

// matchOneID finds out whose an answer is.
func (l *loop) matchOneID(c *connection, a *wire.Arrival) {
	if a.IsNoMessage() {
		// A call that was taken back is answered with 202 and nothing, and so is the notification that did it.
		if a.Status != 0 && !(c.pinging && a.Status == 202) {
			l.answeredWithoutNumber(c, wire.OutcomeError, a.StatusName())
		}
		return
	}
	v := l.judge.Read(a.Body)
	switch {
	case v.Outcome == wire.OutcomeNotice:
		l.stats.Notices++
	case v.Outcome == wire.OutcomeBad || !v.HasID || v.ID != 1:
		l.bad(c, fmt.Errorf("%s, and not the id 1, in %.200q", v.Reason, a.Body))
	case v.Outcome == wire.OutcomeRefused || v.Outcome == wire.OutcomeError:
		l.answeredWithoutNumber(c, v.Outcome, v.Reason)
	default:
		if number, ok := numberIn(a.Body); ok {
			l.answeredNumber(c, number, v.Outcome)
		} else if c.pinging && bytes.HasSuffix(a.Body, []byte(`"result":{}}`)) {
			c.pinging = false
		} else {
			l.crossed(a.Body)
		}
	}
}

// answeredNumber enters the answer to a call.
func (l *loop) answeredNumber(c *connection, number uint64, how wire.Outcome) {
	e := l.callLog.find(number)
	switch {
	case e == nil || e.connection != c.generation || e.state == callAnswered || e.state == callRefused:
		l.crossed(fmt.Appendf(nil, "number %d on a connection that asked %d", number, c.lastNumber))
		return
	case e.state == callCancelled:
		l.stats.Raced++
	default: // it is c.asked: a connection has one call in flight
		if how == wire.OutcomeToolError {
			l.stats.ToolErrors++
		} else {
			l.stats.Results++
		}
		l.callEnded(c)
		Record(l.stats.Latency, time.Since(l.base)-c.timedAt)
	}
	e.state = callAnswered
}

// answeredWithoutNumber enters an error, which does not say whose it is: the call's in flight, or the one's that was
// taken back.
func (l *loop) answeredWithoutNumber(c *connection, how wire.Outcome, reason []byte) {
	e := l.callLog.find(c.lastNumber)
	switch {
	case c.inFlight > 0:
		count(l.stats.Reasons, reason)
		if how == wire.OutcomeRefused {
			l.stats.Refused++
		} else {
			l.stats.Errors++
		}
		l.callEnded(c)
	case c.pinging && e.state == callCancelled:
		l.stats.Raced++
	default:
		l.crossed(reason)
		return
	}
	e.state = callRefused
}

// crossed counts an answer that should not have come here. The connection goes on: what it still waits for shows too.
func (l *loop) crossed(what []byte) {
	l.stats.Crossed++
	count(l.stats.Failures, fmt.Appendf(nil, "crossed: %.150q", what))
}

// numberIn finds the number that a tool sent back: a text of ten digits.
func numberIn(body []byte) (uint64, bool) {
	const before = `"text":"`
	at := bytes.Index(body, []byte(before))
	if at < 0 || len(body) <= at+len(before)+wire.IDDigits || body[at+len(before)+wire.IDDigits] != '"' {
		return 0, false
	}
	return wire.TenDigits(body[at+len(before) : at+len(before)+wire.IDDigits])
}
