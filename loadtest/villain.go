package loadtest

import (
	"bytes"
	"fmt"

	"golang.org/x/sys/unix"
)

// misdeed is what a hostile client does with its connection.
type misdeed uint8

const (
	neverRead misdeed = iota
	slowRead
	slowDrip
	halfRequest
	halfClose
	garbage
	oversize
	duplicate
	reset
	vanish
)

const (
	slowReadBytes = 64        // per turn
	slowReadCalls = 2000      // whose answers are read so: more than the kernel's buffers take
	oversizeBytes = 256 << 10 // per turn
	oversizeMost  = 64 << 20  // and then the client gives up: the server has no limit
	oversizeSays  = 1 << 30   // what is announced where lengths are
	saidBytes     = 80        // of what a server says that are kept
	readBytes     = 256 << 10 // taken in one read
)

// villain is one hostile client.
type villain struct {
	kind  *hostileKind
	fd    int32 // -1: not connected
	rest  int   // turns until it connects again
	stage villainStage
	acted bool // what it does once is done
	sent  int  // bytes of what it does bit by bit
	heard int  // answers since it began to misbehave
	said  string

	session []byte
	decoder decoder
	in, out []byte // unfinished
}

// villainStage is how far a connection has come.
type villainStage uint8

const (
	villainUpgrades villainStage = iota // next: the WebSocket upgrade
	villainGreets                       // next: initialize
	villainNotes                        // next: notifications/initialized
	villainActs
	villainWaitsUpgrade // for the answers to these
	villainWaitsGreeting
	villainWaitsNoted
)

// act is one client's turn.
func (c *crowd) act(v *villain) {
	switch {
	case v.rest > 0:
		v.rest--
	case v.fd < 0:
		c.connect(v)
	case c.listen(v) && c.flush(v):
		c.advance(v)
	}
}

func (c *crowd) connect(v *villain) {
	fd, err := dial(c.to, noSource, c.receiveBuffer(v), 0)
	if err != nil {
		c.counted.Failed++
		c.counted.end(v.kind.name, EndConnectFailed.String(), 1)
		v.rest = crowdRest
		return
	}
	*v = villain{kind: v.kind, fd: fd, stage: villainActs}
	if v.kind.polite {
		v.stage = villainUpgrades
	}
	c.counted.Opened++
}

// receiveBuffer is small for those who read slowly: what the kernel holds for them is not the server's trouble.
func (c *crowd) receiveBuffer(v *villain) int {
	if v.kind.deed == slowRead {
		return 4096
	}
	return 0
}

// drop ends a connection, for what the server said or else for how it ended.
func (c *crowd) drop(v *villain, how EndReason) {
	ending := v.said
	switch {
	case how == EndHungUp:
		c.counted.Vanished++
	case how == EndConnectFailed:
		c.counted.Failed++
	case how == EndRefused:
		c.counted.Refused++
	default:
		c.counted.ClosedByServer++
	}
	if ending == "" {
		ending = how.String()
	}
	c.counted.end(v.kind.name, ending, 1)
	hangUp(v.fd)
	v.fd = -1
	if v.kind.deed != vanish {
		v.rest = crowdRest
	}
}

// listen takes what the server has sent; false: the connection has ended.
func (c *crowd) listen(v *villain) bool {
	room := c.in
	if v.kind.deed == slowRead && v.acted {
		room = room[:slowReadBytes]
	}
	n, errno := sysRead(v.fd, room)
	switch {
	case errno == unix.EAGAIN || errno == unix.EINTR:
		return true
	case errno == unix.ECONNREFUSED:
		c.drop(v, EndConnectFailed)
		return false
	case errno != 0:
		c.drop(v, EndPeerReset)
		return false
	case n == 0:
		c.drop(v, EndPeerClosed)
		return false
	case v.kind.deed == slowRead && v.acted:
		return true // it only has to be taken
	}
	v.in = append(v.in, room[:n]...)
	for len(v.in) > 0 {
		a, used, err := c.wire.next(&v.decoder, v.in)
		if err != nil || len(v.in) > c.opts.MaxAnswerBytes {
			if status := v.in; len(status) > 12 && bytes.HasPrefix(status, []byte("HTTP/1.")) { // a body that lasts until the end, say
				v.said = fmt.Sprintf("HTTP %s", status[9:12])
			}
			c.drop(v, EndBadAnswer)
			return false
		}
		if used == 0 {
			return true
		}
		c.hear(v, &a)
		if v.fd < 0 {
			return false
		}
		v.in = v.in[used:]
	}
	return true
}

// hear acts on one thing that the server has sent.
func (c *crowd) hear(v *villain, a *arrival) {
	if a.kind == arrivalPing || a.kind == arrivalNothing && a.status == 0 {
		return
	}
	if len(a.session) > 0 {
		v.session = bytes.Clone(a.session)
	}
	word, how := c.wordOf(a)
	if word == "" {
		return // a message of the server's own
	}
	switch v.stage {
	case villainWaitsUpgrade, villainWaitsGreeting, villainWaitsNoted:
		if word == answered {
			v.stage = map[villainStage]villainStage{villainWaitsUpgrade: villainGreets, villainWaitsGreeting: villainNotes,
				villainWaitsNoted: villainActs}[v.stage]
			return
		}
		v.said = word
		c.drop(v, how)
		return
	}
	v.heard++
	if v.said == "" || word != answered {
		v.said = word
	}
	if how == EndRefused || v.kind.deed == garbage || v.kind.deed == duplicate && v.heard == 2 {
		c.drop(v, how) // it has its answer
	}
}

// wordOf names what the server says; how is what the end of a connection would be called for it.
func (c *crowd) wordOf(a *arrival) (word string, how EndReason) {
	switch {
	case a.kind == arrivalOpened:
		return answered, EndPeerClosed
	case a.kind == arrivalClose:
		return fmt.Sprintf("close: %.*s", saidBytes, a.body), EndPeerClosed
	case a.kind == arrivalMessage && !a.isProse():
		switch verdict := c.judge.judge(a.body); {
		case verdict.outcome == outcomeNotice:
			return "", EndPeerClosed
		case verdict.outcome == outcomeRefused:
			return fmt.Sprintf("refused: %.*s", saidBytes, verdict.reason), EndRefused
		case a.status >= 400:
		case verdict.outcome == outcomeResult || verdict.outcome == outcomeToolError:
			return answered, EndPeerClosed
		default:
			return fmt.Sprintf("error: %.*s", saidBytes, verdict.reason), EndPeerClosed
		}
	}
	if a.status >= 400 {
		return fmt.Sprintf("HTTP %d", a.status), EndPeerClosed
	}
	return answered, EndPeerClosed
}

// put sends bytes, now or when the socket takes them.
func (c *crowd) put(v *villain, b []byte) bool {
	v.out = append(v.out, b...)
	return c.flush(v)
}

// flush sends what is left; false: the connection has ended. Its reason is often still to be read, so a broken pipe is not its end.
func (c *crowd) flush(v *villain) bool {
	if len(v.out) == 0 {
		return true
	}
	n, errno := sysWrite(v.fd, v.out)
	switch {
	case errno == unix.EAGAIN || errno == unix.EINTR:
		return true
	case errno != 0:
		v.out = nil
		return c.listen(v)
	}
	v.out = v.out[n:]
	return true
}

// advance does what comes next.
func (c *crowd) advance(v *villain) {
	if v.stage == villainUpgrades {
		v.stage = villainGreets
		if hello := c.wire.opening(); hello != nil {
			if c.opts.Transport == WebSocket {
				v.stage = villainWaitsUpgrade
			}
			if !c.put(v, hello) || v.stage == villainWaitsUpgrade {
				return
			}
		}
	}
	if v.stage == villainGreets {
		v.stage = villainNotes
		if body := c.msgs.greeting; body != nil {
			t := c.wire.wrap(body, idOffset(body), nil)
			v.stage = villainWaitsGreeting
			c.put(v, t.append(nil, firstID))
			return
		}
	}
	if v.stage == villainNotes {
		v.stage = villainActs
		if body := c.msgs.noted; body != nil {
			t := c.wire.wrap(body, -1, v.session)
			if c.opts.Transport == HTTP {
				v.stage = villainWaitsNoted
			}
			if !c.put(v, t.bytes) {
				return
			}
		}
	}
	if v.stage == villainActs {
		c.misbehave(v)
	}
}

// call is one call as good clients make it, with the same id each time.
func (c *crowd) call(v *villain) []byte {
	t := c.wire.wrap(c.msgs.call, idOffset(c.msgs.call), v.session)
	return t.append(nil, firstID+1)
}

// misbehave is what the client came for: once, or bit by bit in every turn.
func (c *crowd) misbehave(v *villain) {
	switch v.kind.deed {
	case slowDrip, halfRequest:
		c.dribble(v)
		return
	case oversize:
		c.swell(v)
		return
	case vanish:
		c.drop(v, EndHungUp)
		return
	}
	if v.acted {
		return
	}
	v.acted = true
	switch v.kind.deed {
	case slowRead:
		t := c.wire.wrap(c.msgs.call, idOffset(c.msgs.call), v.session)
		var calls []byte
		for i := range slowReadCalls {
			calls = t.append(calls, firstID+1+uint64(i))
		}
		c.put(v, calls)
	case halfClose:
		if c.put(v, c.call(v)) {
			_ = unix.Shutdown(int(v.fd), unix.SHUT_WR) // it may have ended: then the next read says so
		}
	case garbage:
		c.put(v, []byte("\x16\x03\x01\x02\x00 this is \xff\xfe neither JSON nor HTTP\r\n\r\n\n"))
	case duplicate:
		c.put(v, append(c.call(v), c.call(v)...))
	case reset:
		if c.put(v, c.call(v)) {
			c.drop(v, EndHungUp)
		}
	}
}

// dribble sends a byte of a request in every turn, or half of it at once; never the whole.
func (c *crowd) dribble(v *villain) {
	request := c.wire.opening()
	if c.opts.Transport != WebSocket {
		request = append(request, c.call(v)...)
	}
	limit, step := len(request)-1, 1
	if v.kind.deed == halfRequest {
		limit = len(request) / 2
		step = limit
	}
	if v.sent < limit {
		from := v.sent
		v.sent = min(limit, v.sent+step)
		c.put(v, request[from:v.sent])
	}
}

// swell begins a message and adds to it in every turn.
func (c *crowd) swell(v *villain) {
	if len(v.out) > 0 {
		return
	}
	if !v.acted {
		v.acted = true
		if !c.put(v, c.endless(v)) {
			return
		}
	}
	if v.sent += oversizeBytes; v.sent > oversizeMost {
		v.said = fmt.Sprintf("took %d MiB", oversizeMost>>20)
		c.drop(v, EndHungUp)
		return
	}
	c.put(v, bytes.Repeat([]byte("x"), oversizeBytes))
}

// endless is the beginning of a message of a gibibyte, or of one that does not say.
func (c *crowd) endless(v *villain) []byte {
	const open = messagePrefix + `1000000001,"method":"ping","params":{"_meta":{"pad":"`
	switch w := c.wire.(type) {
	case *webSocketWire:
		return append([]byte{wsFinal | opText, wsMask | 127, 0, 0, 0, 0, oversizeSays >> 24, 0, 0, 0}, w.key[:]...)
	case *httpWire:
		body := c.msgs.call
		t := w.wrap(body, -1, v.session)
		head := t.bytes[:len(t.bytes)-len(body)]
		return append(bytes.Replace(head, fmt.Appendf(nil, "Content-Length: %d\r\n", len(body)),
			fmt.Appendf(nil, "Content-Length: %d\r\n", oversizeSays), 1), open...)
	}
	return []byte(open)
}
