package hostile

import (
	"bytes"
	"fmt"

	"golang.org/x/sys/unix"

	"weir/loadtest/client"
	"weir/loadtest/socket"
	"weir/loadtest/wire"
)

// behaviour is what a hostile client does with its connection.
type behaviour uint8

const (
	neverRead behaviour = iota
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
	lastWordBytes = 80        // of what a server says that are kept
	readBytes     = 256 << 10 // taken in one read
)

// hostileClient is one hostile client.
type hostileClient struct {
	kind      *Kind
	fd        int32 // -1: not connected
	restTurns int   // turns until it connects again
	stage     stage
	begun     bool // what it does once is done
	sent      int  // bytes of what it does bit by bit
	answers   int  // answers since it began to misbehave
	lastWord  string

	session []byte
	decoder wire.Decoder
	in, out []byte // unfinished
}

// stage is how far a connection has come.
type stage uint8

const (
	stageUpgrade     stage = iota // next: the WebSocket upgrade
	stageGreet                    // next: initialize
	stageInitialized              // next: notifications/initialized
	stageMisbehave
	stageAwaitUpgrade // for the answers to these
	stageAwaitGreeting
	stageAwaitInitialized
)

// step is one client's turn.
func (c *Group) step(v *hostileClient) {
	switch {
	case v.restTurns > 0:
		v.restTurns--
	case v.fd < 0:
		c.connect(v)
	case c.listen(v) && c.flush(v):
		c.advance(v)
	}
}

func (c *Group) connect(v *hostileClient) {
	fd, err := socket.Dial(c.to, socket.NoSource, c.receiveBuffer(v), 0)
	if err != nil {
		c.counts.Failed++
		c.counts.countEnding(v.kind.Name, client.EndConnectFailed.String(), 1)
		v.restTurns = restTurns
		return
	}
	*v = hostileClient{kind: v.kind, fd: fd, stage: stageMisbehave}
	if v.kind.handshakes {
		v.stage = stageUpgrade
	}
	c.counts.Opened++
}

// receiveBuffer is small for those who read slowly: what the kernel holds for them is not the server's trouble.
func (c *Group) receiveBuffer(v *hostileClient) int {
	if v.kind.behaviour == slowRead {
		return 4096
	}
	return 0
}

// drop ends a connection, for what the server said or else for how it ended.
func (c *Group) drop(v *hostileClient, how client.EndReason) {
	ending := v.lastWord
	switch {
	case how == client.EndHungUp:
		c.counts.Vanished++
	case how == client.EndConnectFailed:
		c.counts.Failed++
	case how == client.EndRefused:
		c.counts.Refused++
	default:
		c.counts.ClosedByServer++
	}
	if ending == "" {
		ending = how.String()
	}
	c.counts.countEnding(v.kind.Name, ending, 1)
	socket.Reset(v.fd)
	v.fd = -1
	if v.kind.behaviour != vanish {
		v.restTurns = restTurns
	}
}

// listen takes what the server has sent; false: the connection has ended.
func (c *Group) listen(v *hostileClient) bool {
	room := c.in
	if v.kind.behaviour == slowRead && v.begun {
		room = room[:slowReadBytes]
	}
	n, errno := socket.Read(v.fd, room)
	switch {
	case errno == unix.EAGAIN || errno == unix.EINTR:
		return true
	case errno == unix.ECONNREFUSED:
		c.drop(v, client.EndConnectFailed)
		return false
	case errno != 0:
		c.drop(v, client.EndPeerReset)
		return false
	case n == 0:
		if a, ok, _ := c.wire.End(&v.decoder, v.in); ok { // what is cut short says nothing
			if c.received(v, &a); v.fd < 0 {
				return false
			}
		}
		c.drop(v, client.EndPeerClosed)
		return false
	case v.kind.behaviour == slowRead && v.begun:
		return true // it only has to be taken
	}
	v.in = append(v.in, room[:n]...)
	for len(v.in) > 0 {
		a, used, err := c.wire.Next(&v.decoder, v.in)
		if err != nil || len(v.in) > c.opts.MaxAnswerBytes {
			// an answer that is too long, say
			if status := v.in; len(status) > 12 && bytes.HasPrefix(status, []byte("HTTP/1.")) {
				v.lastWord = fmt.Sprintf("HTTP %s", status[9:12])
			}
			c.drop(v, client.EndBadAnswer)
			return false
		}
		if used == 0 && !a.Early {
			return true
		}
		c.received(v, &a)
		if v.fd < 0 {
			return false
		}
		v.in = v.in[used:]
	}
	return true
}

// received acts on one thing that the server has sent.
func (c *Group) received(v *hostileClient, a *wire.Arrival) {
	if a.Kind == wire.ArrivalPing || a.Kind == wire.ArrivalNothing && a.Status == 0 {
		return
	}
	if len(a.Session) > 0 {
		v.session = bytes.Clone(a.Session)
	}
	word, how := c.describe(a)
	if word == "" {
		return // a message of the server's own
	}
	switch v.stage {
	case stageAwaitUpgrade, stageAwaitGreeting, stageAwaitInitialized:
		if word == answered {
			v.stage = map[stage]stage{stageAwaitUpgrade: stageGreet, stageAwaitGreeting: stageInitialized,
				stageAwaitInitialized: stageMisbehave}[v.stage]
			return
		}
		v.lastWord = word
		c.drop(v, how)
		return
	}
	v.answers++
	if v.lastWord == "" || word != answered {
		v.lastWord = word
	}
	if how == client.EndRefused || v.kind.behaviour == garbage || v.kind.behaviour == duplicate && v.answers == 2 {
		c.drop(v, how) // it has its answer
	}
}

// describe names what the server says; how is what the end of a connection would be called for it.
func (c *Group) describe(a *wire.Arrival) (word string, how client.EndReason) {
	switch {
	case a.Kind == wire.ArrivalOpened:
		return answered, client.EndPeerClosed
	case a.Kind == wire.ArrivalClose:
		return fmt.Sprintf("close: %.*s", lastWordBytes, a.Body), client.EndPeerClosed
	case !a.IsNoMessage():
		switch verdict := c.judge.Judge(a.Body); {
		case verdict.Outcome == wire.OutcomeNotice:
			return "", client.EndPeerClosed
		case verdict.Outcome == wire.OutcomeRefused:
			return fmt.Sprintf("refused: %.*s", lastWordBytes, verdict.Reason), client.EndRefused
		case a.Status >= 400:
		case verdict.Outcome == wire.OutcomeResult || verdict.Outcome == wire.OutcomeToolError:
			return answered, client.EndPeerClosed
		default:
			return fmt.Sprintf("error: %.*s", lastWordBytes, verdict.Reason), client.EndPeerClosed
		}
	}
	if a.Status >= 400 {
		return fmt.Sprintf("HTTP %d", a.Status), client.EndPeerClosed
	}
	return answered, client.EndPeerClosed
}

// send sends bytes, now or when the socket takes them.
func (c *Group) send(v *hostileClient, b []byte) bool {
	v.out = append(v.out, b...)
	return c.flush(v)
}

// flush sends what is left; false: the connection has ended. Its reason is often still to be read, so a broken pipe is
// not its end.
func (c *Group) flush(v *hostileClient) bool {
	if len(v.out) == 0 {
		return true
	}
	n, errno := socket.Write(v.fd, v.out)
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
func (c *Group) advance(v *hostileClient) {
	if v.stage == stageUpgrade {
		v.stage = stageGreet
		if hello := c.wire.Opening(); hello != nil {
			if c.opts.Transport == wire.WebSocket {
				v.stage = stageAwaitUpgrade
			}
			if !c.send(v, hello) || v.stage == stageAwaitUpgrade {
				return
			}
		}
	}
	if v.stage == stageGreet {
		v.stage = stageInitialized
		if body := c.msgs.Greeting; body != nil {
			t := c.wire.Wrap(body, wire.IDOffset(body), nil)
			v.stage = stageAwaitGreeting
			c.send(v, t.Append(nil, wire.FirstID))
			return
		}
	}
	if v.stage == stageInitialized {
		v.stage = stageMisbehave
		if body := c.msgs.Initialized; body != nil {
			t := c.wire.Wrap(body, -1, v.session)
			if c.opts.Transport == wire.HTTP {
				v.stage = stageAwaitInitialized
			}
			if !c.send(v, t.Bytes) {
				return
			}
		}
	}
	if v.stage == stageMisbehave {
		c.misbehave(v)
	}
}

// call is one call as good clients make it, with the same id each time.
func (c *Group) call(v *hostileClient) []byte {
	t := c.wire.Wrap(c.msgs.Call, wire.IDOffset(c.msgs.Call), v.session)
	return t.Append(nil, wire.FirstID+1)
}

// misbehave is what the client came for: once, or bit by bit in every turn.
func (c *Group) misbehave(v *hostileClient) {
	switch v.kind.behaviour {
	case slowDrip, halfRequest:
		c.sendSlowly(v)
		return
	case oversize:
		c.growMessage(v)
		return
	case vanish:
		c.drop(v, client.EndHungUp)
		return
	}
	if v.begun {
		return
	}
	v.begun = true
	switch v.kind.behaviour {
	case slowRead:
		t := c.wire.Wrap(c.msgs.Call, wire.IDOffset(c.msgs.Call), v.session)
		var calls []byte
		for i := range slowReadCalls {
			calls = t.Append(calls, wire.FirstID+1+uint64(i))
		}
		c.send(v, calls)
	case halfClose:
		if c.send(v, c.call(v)) {
			_ = unix.Shutdown(int(v.fd), unix.SHUT_WR) // it may have ended: then the next read says so
		}
	case garbage:
		c.send(v, []byte("\x16\x03\x01\x02\x00 this is \xff\xfe neither JSON nor HTTP\r\n\r\n\n"))
	case duplicate:
		c.send(v, append(c.call(v), c.call(v)...))
	case reset:
		if c.send(v, c.call(v)) {
			c.drop(v, client.EndHungUp)
		}
	}
}

// sendSlowly sends a byte of a request in every turn, or half of it at once; never the whole.
func (c *Group) sendSlowly(v *hostileClient) {
	request := c.wire.Opening()
	if c.opts.Transport != wire.WebSocket {
		request = append(request, c.call(v)...)
	}
	limit, step := len(request)-1, 1
	if v.kind.behaviour == halfRequest {
		limit = len(request) / 2
		step = limit
	}
	if v.sent < limit {
		from := v.sent
		v.sent = min(limit, v.sent+step)
		c.send(v, request[from:v.sent])
	}
}

// growMessage begins a message and adds to it in every turn.
func (c *Group) growMessage(v *hostileClient) {
	if len(v.out) > 0 {
		return
	}
	if !v.begun {
		v.begun = true
		if !c.send(v, c.endlessMessage(v)) {
			return
		}
	}
	if v.sent += oversizeBytes; v.sent > oversizeMost {
		v.lastWord = fmt.Sprintf("took %d MiB", oversizeMost>>20)
		c.drop(v, client.EndHungUp)
		return
	}
	c.send(v, bytes.Repeat([]byte("x"), oversizeBytes))
}

// endlessMessage is the beginning of a message of a gibibyte, or of one that does not say.
func (c *Group) endlessMessage(v *hostileClient) []byte {
	const open = wire.MessagePrefix + `1000000001,"method":"ping","params":{"_meta":{"pad":"`
	switch w := c.wire.(type) {
	case *wire.WebSocketFormat:
		return append([]byte{wire.FinalBit | wire.OpText, wire.MaskBit | 127, 0, 0, 0, 0, oversizeSays >> 24, 0, 0, 0},
			w.Key[:]...)
	case *wire.HTTPFormat:
		body := c.msgs.Call
		t := w.Wrap(body, -1, v.session)
		head := t.Bytes[:len(t.Bytes)-len(body)]
		return append(bytes.Replace(head, fmt.Appendf(nil, "Content-Length: %d\r\n", len(body)),
			fmt.Appendf(nil, "Content-Length: %d\r\n", oversizeSays), 1), open...)
	}
	return []byte(open)
}
