package transport

import (
	"strconv"
	"time"

	"weir/codec/websocket"
	"weir/reactor/loop"
	"weir/reactor/pipeline"
	"weir/registry/engine"
	"weir/registry/offer"
)

// wsTransport is WebSocket with one message per text frame (subprotocol "mcp"). As on a line, the connection is the
// conversation.
type wsTransport struct {
	decoder websocket.Decoder
	pinged  bool // our ping is out and nothing came since
	// quietAt is when the peer began to wait for us, or got a ping since, in sweeps of the loop's time: they go round in
	// four hours. 0: it does not wait.
	quietAt uint16
	duplex[textFramer]
}

// wsEndpoint is a WebSocket at an endpoint that has a name: a type of its own, so that all others do not pay for it.
type wsEndpoint struct {
	wsTransport
	at *offer.View
}

func (t *wsEndpoint) Address(k *pipeline.Call) {
	t.wsTransport.Address(k)
	k.View = t.at
}

func (t *wsEndpoint) Feed(in *pipeline.Intake, c *pipeline.Conn) { t.feedAt(in, c, t.at) }

type textFramer struct{}

func (textFramer) transport() engine.Transport { return engine.WebSocket }

func (textFramer) frame(dst, message []byte) []byte { return appendText(dst, message) }

func (t *wsTransport) Decode(in *pipeline.Intake, c *pipeline.Conn, b []byte) int {
	used := 0
	t.pinged = false // whatever it is, the peer lives
	for !c.Halted() {
		event, payload, n, err := t.decoder.Next(b[used:], &deskOf(in).Options.WebSocket)
		if err != nil {
			t.violated(in, c, err.(*websocket.Error))
			return len(b)
		}
		if event == websocket.NeedMore {
			break
		}
		used += n
		switch event {
		case websocket.Text:
			in.Messages(c, payload)
		case websocket.Ping:
			in.Out = websocket.AppendFrame(in.Out, websocket.OpPong, payload)
			if len(in.Out) > pipeline.FlushAbove {
				in.Flush(c)
			}
		case websocket.Close:
			t.peerCloses(in, c, payload)
			return len(b)
		}
	}
	return used
}

// peerCloses answers the peer's close frame with its own code (RFC 6455 5.5.1). What it asked and did not wait for is
// cancelled: after a close frame nothing may be sent.
func (t *wsTransport) peerCloses(in *pipeline.Intake, c *pipeline.Conn, payload []byte) {
	if len(payload) > 2 {
		payload = payload[:2]
	}
	in.Out = websocket.AppendFrame(in.Out, websocket.OpClose, payload)
	t.endEarly(in, c, loop.CloseRequested)
}

// violated tells the peer which rule it broke.
func (t *wsTransport) violated(in *pipeline.Intake, c *pipeline.Conn, err *websocket.Error) {
	reason, words := loop.CloseBadFrame, err.Reason
	if err.Code == 1009 {
		reason = loop.CloseMessageTooBig
		o := &deskOf(in).Options.WebSocket
		words += ": messages.websocket.max_message_bytes is " + strconv.Itoa(o.MaxMessageBytes) + ", max_fragments " +
			strconv.Itoa(o.MaxFragments) // within the 123 bytes of a close frame (RFC 6455 5.5)
	}
	in.Out = websocket.AppendClose(in.Out, err.Code, words)
	t.endEarly(in, c, reason)
}

// endEarly ends the connection with what is in in.Out as its last bytes: answers that workers finish later must not
// follow a close frame, so no more of them is sent.
func (t *wsTransport) endEarly(in *pipeline.Intake, c *pipeline.Conn, reason loop.Reason) {
	c.SendLast(in.Out)
	in.Out = in.Out[:0]
	t.conv.CancelAll() // after it: a compact call that a worker takes now is in flight already, or finds c muted
	c.EndAfterAnswers(reason)
}

// eof: without a close frame the peer is most likely gone (RFC 6455 7.1.5), but it may have closed only its sending
// side, and then its answers still arrive. A ping finds out: the kernel of a peer that is gone resets the connection,
// which cancels its calls.
func (t *wsTransport) EOF(in *pipeline.Intake, c *pipeline.Conn, _ []byte) {
	in.Pipeline().Engine.PeerEnded(&t.conv)
	if c.Pending() > 0 {
		in.Out = websocket.AppendFrame(in.Out, websocket.OpPing, nil)
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
func (t *wsTransport) Tick(c *pipeline.Conn, w loop.Waiting, quiet int64) loop.Reason {
	every := int64(deskOf(c.Intake()).Options.PingInterval)
	if w != loop.WaitingForUs {
		t.quietAt = 0
	}
	switch {
	case w == loop.WaitingForUs:
		t.breakSilence(c, every)
		return loop.StillOpen
	case w == loop.WaitingForRest:
		return c.MessageLate(quiet, c.Unfinished())
	case every == 0:
		return loop.StillOpen
	case t.pinged && quiet > 2*every:
		return loop.ClosePingTimeout
	case !t.pinged && quiet > every:
		t.pinged = true
		var frame [2]byte
		c.Send(websocket.AppendFrame(frame[:0], websocket.OpPing, nil))
	}
	return loop.StillOpen
}

const sweep = int64(250 * time.Millisecond) // about

// breakSilence pings a peer that has waited for us for long, so that nothing between takes the connection for dead. Its
// silence is none of its doing: whether it answers is not judged.
func (t *wsTransport) breakSilence(c *pipeline.Conn, every int64) {
	now := max(uint16(c.Loop().Now()/sweep), 1)
	switch {
	case t.quietAt == 0:
		t.quietAt = now
	case every > 0 && int64(now-t.quietAt)*sweep >= every:
		t.quietAt = now
		c.Lock()
		if c.UnsentLocked() == 0 {
			var frame [2]byte
			c.SendLocked(websocket.AppendFrame(frame[:0], websocket.OpPing, nil))
		}
		c.Unlock()
	}
}

// GoAway: 1001 (RFC 6455 7.4.1). A peer that is silent would not read it.
func (t *wsTransport) GoAway(c *pipeline.Conn, why loop.Reason) bool {
	if why != loop.CloseDrain {
		return false
	}
	c.Send(websocket.AppendClose(nil, 1001, "the server stops"))
	return true
}
