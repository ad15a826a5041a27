package loadtest

import (
	"bytes"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// read takes what has arrived, at most one buffer, and acts on every answer in it.
func (l *loop) read(c *client) {
	kept := copy(l.in, c.rest)
	n, errno := sysRead(c.fd, l.in[kept:])
	switch {
	case errno == unix.EAGAIN || errno == unix.EINTR:
		return
	case errno != 0:
		l.end(c, EndPeerReset, nil)
		return
	case n == 0:
		l.end(c, EndPeerClosed, nil)
		return
	}
	l.stats.BytesReceived += uint64(n)
	if l.opts.Window > 1 || l.plan != nil {
		l.now = time.Since(l.base) // some of it arrived after the turn began
	}
	b := l.in[:kept+n]
	if c.state == stateStreaming {
		l.streamed(c, b)
		return
	}
	for len(b) > 0 {
		a, used, err := l.wire.next(&c.decoder, b)
		if err != nil {
			l.bad(c, err)
			return
		}
		if used == 0 {
			break
		}
		b = b[used:]
		l.arrived(c, &a)
		if c.state == stateEnded {
			return
		}
	}
	l.keep(c, b)
	if c.state == stateOpen {
		l.fill(c)
		l.leave(c)
	}
}

// streamed counts the events of a stream; the head of the answer is the first thing that arrives.
func (l *loop) streamed(c *client, b []byte) {
	if !c.streams {
		if !bytes.HasPrefix(b, []byte("HTTP/1.1 200")) {
			l.bad(c, fmt.Errorf("GET was answered with %.200q instead of an event stream", b))
			return
		}
		c.streams = true
	}
	const event = "\ndata:"
	if n := bytes.Count(b, []byte(event)); n > 0 {
		l.heard(c, n)
	}
	if bytes.HasSuffix(b, []byte("\r\n0\r\n\r\n")) { // the last chunk: the server has ended the stream and kept the connection
		l.end(c, EndPeerClosed, nil)
		return
	}
	c.rest = append(c.rest[:0], b[max(0, len(b)-len(event)+1):]...) // a mark that is cut in two is found with its second half
}

// heard counts n events, and notes when a stream hears something for the first time since Fleet.Expect.
func (l *loop) heard(c *client, n int) {
	l.stats.Events += uint64(n)
	if c.round == l.round {
		return
	}
	c.round = l.round
	l.stats.Heard++
	record(l.stats.Hearing, time.Since(l.base)-l.expected)
}

// keep holds on to the beginning of an answer until the rest arrives.
func (l *loop) keep(c *client, b []byte) {
	if len(b) > l.opts.MaxAnswerBytes {
		l.bad(c, fmt.Errorf("an answer of more than %d bytes", l.opts.MaxAnswerBytes))
		return
	}
	c.rest = append(c.rest[:0], b...)
	if len(l.in) < 2*len(b) {
		l.in = make([]byte, 2*len(l.in)) // an answer that is longer than the buffer; bounded by MaxAnswerBytes
	}
}

// bad ends a connection on which something arrived that makes no sense.
func (l *loop) bad(c *client, err error) {
	l.stats.Bad++
	l.end(c, EndBadAnswer, err)
}

// arrived acts on one thing that the server sent.
func (l *loop) arrived(c *client, a *arrival) {
	switch a.kind {
	case arrivalPing:
		if w, ok := l.wire.(*webSocketWire); ok {
			l.send(c, w.appendFrame(nil, opPong, a.body))
		}
		return
	case arrivalClose:
		if c.state == stateOpen {
			l.end(c, EndPeerClosed, nil)
		} else {
			l.turned(c, a.body)
		}
		return
	}
	switch c.state {
	case stateUpgrading:
		l.upgraded(c, a)
	case stateGreeting:
		if a.saysFull() {
			l.turned(c, a.statusName())
		} else if a.kind == arrivalMessage {
			l.greeted(c, a)
		} else if a.status != 0 {
			l.bad(c, fmt.Errorf("greeting: HTTP %d without a message", a.status))
		}
	case stateNoting:
		if a.status/100 != 2 {
			l.bad(c, fmt.Errorf("notifications/initialized: HTTP %d %.200q", a.status, a.body))
			return
		}
		l.noted(c)
	case stateSubscribing:
		l.subscribed(c, a)
	case stateOpen:
		l.answered(c, a)
	case stateRenewing:
		if a.status/100 != 2 {
			l.bad(c, fmt.Errorf("DELETE of a session: HTTP %d %.200q", a.status, a.body))
			return
		}
		l.greet(c)
	case stateLeaving:
		l.end(c, EndRetired, nil) // whatever it says: the session is gone, or the server keeps it
	}
}

func (l *loop) upgraded(c *client, a *arrival) {
	if a.kind == arrivalOpened {
		l.greet(c)
		return
	}
	if v := l.judge.judge(a.body); v.outcome == outcomeRefused {
		l.turned(c, v.reason)
		return
	}
	l.bad(c, fmt.Errorf("upgrade: HTTP %d %.200q", a.status, a.body))
}

// answered matches an answer with its call and counts how the call ended.
func (l *loop) answered(c *client, a *arrival) {
	if l.ledger != nil {
		l.settleOne(c, a)
		return
	}
	if a.kind == arrivalNothing || a.isProse() {
		if a.status == 0 {
			return
		}
		count(l.stats.Reasons, a.statusName()) // an HTTP answer ends one call, message or not
		if a.saysFull() {
			l.stats.Refused++
			l.concluded(c, 0, outcomeRefused)
		} else {
			l.stats.Errors++
			l.concluded(c, 0, outcomeError)
		}
		return
	}
	v := l.judge.judge(a.body)
	switch v.outcome {
	case outcomeNotice:
		l.stats.Notices++
		return
	case outcomeBad:
		l.bad(c, fmt.Errorf("%s in %.200q", v.reason, a.body))
		return
	}
	if !v.hasID && (a.status == 0 || c.inFlight == 0) {
		if v.outcome == outcomeRefused { // said to the connection, not to a call: it is about to be closed
			l.turned(c, v.reason)
			return
		}
		l.bad(c, fmt.Errorf("an answer without an id: %.200q", a.body))
		return
	}
	if c.inFlight == 0 || (v.hasID && (v.id >= c.nextID || v.id < firstID)) {
		l.bad(c, fmt.Errorf("an answer to nothing: %.200q", a.body))
		return
	}
	if c.inFlight == 1 && v.hasID && !c.blind && c.idBalance != v.id {
		l.bad(c, fmt.Errorf("the ids of the answers do not add up to those of the calls: %.200q", a.body))
		return
	}
	switch v.outcome {
	case outcomeResult:
		l.stats.Results++
		if !c.served {
			c.served = true
			l.stats.Served++
		}
	case outcomeToolError:
		l.stats.ToolErrors++
	case outcomeRefused:
		l.stats.Refused++
		count(l.stats.Reasons, v.reason)
	case outcomeError:
		l.stats.Errors++
		count(l.stats.Reasons, v.reason)
	}
	l.concluded(c, v.id, v.outcome)
}

// concluded takes one call off the books. id is 0 when the answer did not carry one, which HTTP may do.
func (l *loop) concluded(c *client, id uint64, how outcome) {
	c.inFlight--
	l.stats.InFlight--
	c.idBalance -= id
	c.blind = c.blind || id == 0
	if c.inFlight == 0 {
		c.idBalance, c.blind = 0, false // either it was checked when the last answer came, or it could not be
	}
	if id == 0 {
		c.timedID = 0
		return
	}
	latency := l.stats.Latency
	if how == outcomeRefused {
		latency = l.stats.Refusal
	}
	switch {
	case l.plan != nil && id >= c.planID:
		record(latency, l.now-l.when(c, id-c.planID))
		if id == c.timedID {
			record(l.stats.Service, l.now-c.timedAt)
			c.timedID = 0
		}
	case id == c.timedID:
		record(latency, l.now-c.timedAt)
		c.timedID = 0
	}
}
