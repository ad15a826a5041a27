package client

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"weir/loadtest/wire"
)

// read takes what has arrived, at most one buffer, and acts on every answer in it.
func (l *loop) read(c *connection) {
	kept := copy(l.in, c.rest)
	n, errno := l.receive(c, l.in[kept:])
	switch {
	case errno == unix.EAGAIN || errno == unix.EINTR:
		return
	case errno != 0:
		l.socketEnded(c, EndPeerReset)
		return
	case n == 0:
		l.inputEnded(c)
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
		a, used, err := l.wire.Next(&c.decoder, b)
		if err != nil {
			l.bad(c, err)
			return
		}
		if used == 0 && !a.Early {
			break
		}
		b = b[used:]
		if l.take(c, &a); c.state == stateEnded {
			return
		}
		if c.closing {
			l.reconnect(c)
			return
		}
	}
	if l.keep(c, b); c.state != stateEnded {
		l.goOn(c)
	}
}

// take counts an arrival for its socket and acts on it.
func (l *loop) take(c *connection, a *wire.Arrival) {
	if a.Status != 0 {
		c.answers++
	}
	l.early = a.Early
	c.tail = c.tail && a.Early
	c.closing = a.Last && l.resumes(c)
	l.arrived(c, a)
	l.early = false
}

// goOn does what comes next on a connection that has nothing more to read.
func (l *loop) goOn(c *connection) {
	switch {
	case c.tail:
		l.linger(c)
	case c.dialing:
	case len(c.left) > 0 && c.events&unix.EPOLLOUT == 0: // it waited for the end of a stream
		l.flush(c)
	case c.state == stateOpen:
		l.fill(c)
		l.leave(c)
	}
}

// streamed counts the events of a stream; the head of the answer is the first thing that arrives.
func (l *loop) streamed(c *connection, b []byte) {
	if !c.streams {
		if !bytes.HasPrefix(b, []byte("HTTP/1.1 200")) && !bytes.HasPrefix(b, []byte("HTTP/1.0 200")) {
			l.bad(c, fmt.Errorf("GET was answered with %.200q instead of an event stream", b))
			return
		}
		c.streams = true
	}
	const event = "\ndata:"
	if n := bytes.Count(b, []byte(event)); n > 0 {
		l.heard(c, n)
	}
	// the last chunk: the server has ended the stream and kept the connection
	if bytes.HasSuffix(b, []byte("\r\n0\r\n\r\n")) {
		l.end(c, EndPeerClosed, nil)
		return
	}
	// a mark that is cut in two is found with its second half
	c.rest = append(c.rest[:0], b[max(0, len(b)-len(event)+1):]...)
}

// heard counts n events, and notes when a stream hears something for the first time since Fleet.Expect.
func (l *loop) heard(c *connection, n int) {
	l.stats.Events += uint64(n)
	if c.round == l.round {
		return
	}
	c.round = l.round
	l.stats.Heard++
	Record(l.stats.Hearing, time.Since(l.base)-l.expected)
}

// keep holds on to the beginning of an answer until the rest arrives.
func (l *loop) keep(c *connection, b []byte) {
	if len(b) > l.opts.MaxAnswerBytes {
		l.bad(c, fmt.Errorf("an answer of more than %d bytes", l.opts.MaxAnswerBytes))
		return
	}
	c.rest = append(c.rest[:0], b...)
	if len(l.in) < 2*len(b) {
		l.in = make([]byte, 2*len(l.in)) // an answer that is longer than the buffer; bounded by MaxAnswerBytes
	}
}

// arrived acts on one thing that the server sent.
func (l *loop) arrived(c *connection, a *wire.Arrival) {
	switch a.Kind {
	case wire.ArrivalPing:
		if w, ok := l.wire.(*wire.WebSocketFormat); ok {
			l.send(c, w.AppendFrame(nil, wire.OpPong, a.Body))
		}
		return
	case wire.ArrivalNothing:
		if a.Status == 0 {
			return // an empty line, or an interim response
		}
	case wire.ArrivalClose:
		if c.state == stateOpen {
			c.lostTo = strings.TrimSpace(fmt.Sprintf("the WebSocket was closed with %s %s", a.Said, a.Body))
			l.end(c, EndPeerClosed, nil)
		} else {
			l.turnedAway(c, bytes.TrimSpace(fmt.Appendf(nil, "%s %s", a.Said, a.Body)))
		}
		return
	}
	switch c.state {
	case stateUpgrading:
		l.upgraded(c, a)
	case stateGreeting:
		if a.SaysFull() {
			l.turnedAway(c, a.StatusName())
		} else if !a.IsNoMessage() {
			l.greeted(c, a)
		} else if a.Status != 0 {
			l.bad(c, fmt.Errorf("greeting: %s without a message", a.StatusName()))
		}
	case stateInitializing:
		if a.Status/100 != 2 {
			l.bad(c, fmt.Errorf("notifications/initialized: HTTP %d %.200q", a.Status, a.Body))
			return
		}
		l.initialized(c)
	case stateSubscribing:
		l.subscribed(c, a)
	case stateOpen:
		l.answered(c, a)
	case stateRenewing:
		if a.Status/100 != 2 {
			l.bad(c, fmt.Errorf("DELETE of a session: HTTP %d %.200q", a.Status, a.Body))
			return
		}
		l.greet(c)
	case stateDeletingSession:
		l.end(c, EndRetired, nil) // whatever it says: the session is gone, or the server keeps it
	}
}

func (l *loop) upgraded(c *connection, a *wire.Arrival) {
	if a.Kind == wire.ArrivalOpened {
		l.greet(c)
		return
	}
	if v := l.judge.Judge(a.Body); v.Outcome == wire.OutcomeRefused {
		l.turnedAway(c, v.Reason)
		return
	}
	l.bad(c, fmt.Errorf("upgrade: HTTP %d %.200q", a.Status, a.Body))
}

// answered matches an answer with its call and counts how the call ended.
func (l *loop) answered(c *connection, a *wire.Arrival) {
	if l.callLog != nil {
		l.matchOneID(c, a)
		return
	}
	if a.IsNoMessage() {
		switch {
		case a.Status == 0:
			return
		case c.inFlight == 0 && c.closing:
			return // such as 408: it says why it closes
		case c.inFlight == 0:
			l.bad(c, fmt.Errorf("an answer to nothing: %s", a.StatusName()))
			return
		}
		count(l.stats.Reasons, a.StatusName()) // an HTTP answer ends one call, message or not
		if a.SaysFull() {
			l.stats.Refused++
			l.concluded(c, 0, wire.OutcomeRefused)
		} else {
			l.stats.Errors++
			l.concluded(c, 0, wire.OutcomeError)
		}
		return
	}
	v := l.judge.Judge(a.Body)
	switch v.Outcome {
	case wire.OutcomeNotice:
		l.stats.Notices++
		return
	case wire.OutcomeBad:
		l.bad(c, fmt.Errorf("%s in %.200q", v.Reason, a.Body))
		return
	}
	if !v.HasID && (a.Status == 0 || c.inFlight == 0) {
		if v.Outcome == wire.OutcomeRefused { // said to the connection, not to a call: it is about to be closed
			l.turnedAway(c, v.Reason)
			return
		}
		l.bad(c, fmt.Errorf("an answer without an id: %.200q", a.Body))
		return
	}
	if c.inFlight == 0 || (v.HasID && (v.ID >= c.nextID || v.ID < wire.FirstID)) {
		l.bad(c, fmt.Errorf("an answer to nothing: %.200q", a.Body))
		return
	}
	if c.inFlight == 1 && v.HasID && !c.missingID && c.idBalance != v.ID {
		l.bad(c, fmt.Errorf("the ids of the answers do not add up to those of the calls: %.200q", a.Body))
		return
	}
	switch v.Outcome {
	case wire.OutcomeResult:
		l.stats.Results++
		if !c.served {
			c.served = true
			l.stats.Served++
		}
	case wire.OutcomeToolError:
		l.stats.ToolErrors++
	case wire.OutcomeRefused:
		l.stats.Refused++
		count(l.stats.Reasons, v.Reason)
	case wire.OutcomeError:
		l.stats.Errors++
		count(l.stats.Reasons, v.Reason)
	}
	l.concluded(c, v.ID, v.Outcome)
}
