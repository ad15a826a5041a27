package reactor

import (
	"weir/codec/websocket"
	"weir/registry"
)

// wsTransport is WebSocket with one message per text frame (subprotocol "mcp"). As on a line, the connection is the
// conversation.
type wsTransport struct {
	decoder websocket.Decoder
	pinged  bool // our ping is out and nothing came since
	duplex[textFramer]
}

type textFramer struct{}

func (textFramer) transport() registry.Transport { return registry.WebSocket }

func (textFramer) frame(dst, message []byte) []byte { return appendText(dst, message) }

func (t *wsTransport) decode(l *loop, c *conn, b []byte) int {
	used := 0
	t.pinged = false // whatever it is, the peer lives
	for !c.halted() {
		event, payload, n, err := t.decoder.Next(b[used:], &l.srv.opts.Messages.WebSocket)
		if err != nil {
			t.violated(l, c, err.(*websocket.Error))
			return len(b)
		}
		if event == websocket.NeedMore {
			break
		}
		used += n
		switch event {
		case websocket.Text:
			l.messages(c, payload)
		case websocket.Ping:
			l.out = websocket.AppendFrame(l.out, websocket.OpPong, payload)
			if len(l.out) > flushAbove {
				l.flush(c)
			}
		case websocket.Close:
			t.peerCloses(l, c, payload)
			return len(b)
		}
	}
	return used
}

// peerCloses answers the peer's close frame with its own code (RFC 6455 5.5.1). What it asked and did not wait for is
// cancelled: after a close frame nothing may be sent.
func (t *wsTransport) peerCloses(l *loop, c *conn, payload []byte) {
	if len(payload) > 2 {
		payload = payload[:2]
	}
	l.out = websocket.AppendFrame(l.out, websocket.OpClose, payload)
	t.endEarly(l, c, closeRequested)
}

// violated tells the peer which rule it broke.
func (t *wsTransport) violated(l *loop, c *conn, err *websocket.Error) {
	reason := closeBadFrame
	if err.Code == 1009 {
		reason = closeMessageTooBig
	}
	l.out = websocket.AppendClose(l.out, err.Code, err.Reason)
	t.endEarly(l, c, reason)
}

// endEarly ends the connection with what is in l.out as its last bytes: answers that workers finish later must not follow a
// close frame, so no more of them is sent.
func (t *wsTransport) endEarly(l *loop, c *conn, reason closeReason) {
	t.conv.CancelAll()
	c.mu.Lock()
	c.sendLocked(l.out) // under the lock in which it is the last
	c.muted = true
	c.mu.Unlock()
	l.out = l.out[:0]
	c.endAfterAnswers(reason)
}

// eof: without a close frame the peer is most likely gone (RFC 6455 7.1.5), but it may have closed only its sending side,
// and then its answers still arrive. A ping finds out: the kernel of a peer that is gone resets the connection, which
// cancels its calls.
func (t *wsTransport) eof(l *loop, c *conn, _ []byte) {
	l.srv.registry.PeerEnded(&t.conv)
	if c.pending.Load() > 0 {
		l.out = websocket.AppendFrame(l.out, websocket.OpPing, nil)
	}
}

// appendText appends a message in a text frame, and nothing for no message.
func appendText(dst, message []byte) []byte {
	if len(message) == 0 {
		return dst
	}
	return websocket.AppendFrame(dst, websocket.OpText, message)
}

// tick pings a silent peer once, and gives up on it when that brought no sign of life.
func (t *wsTransport) tick(c *conn, w waiting, quiet int64) closeReason {
	every := int64(c.loop.srv.opts.PingInterval)
	switch {
	case w == waitingForRest:
		return c.messageLate(quiet, len(c.in))
	case w == waitingForUs || every == 0:
		return stillOpen
	case t.pinged && quiet > 2*every:
		return closePingTimeout
	case !t.pinged && quiet > every:
		t.pinged = true
		var frame [2]byte
		c.send(websocket.AppendFrame(frame[:0], websocket.OpPing, nil))
	}
	return stillOpen
}

// goAway: 1001 (RFC 6455 7.4.1).
func (t *wsTransport) goAway(c *conn) { c.send(websocket.AppendClose(nil, 1001, "the server stops")) }
