package reactor

import "weir/registry"

// talk is what lines and WebSockets have in common: the connection is the conversation, every stream of it shares the
// one connection, and its messages are told apart by what they say. Its loop's.
type talk struct {
	conv    registry.Conversation
	listens []*call // the open ones
}

// framing appends a message in a transport's frame, and nothing for no message.
type framing func(dst, message []byte) []byte

// frameRoom is what a frame adds to a message, at most (RFC 6455 5.2).
const frameRoom = 10

// sendMessage sends a message that its peer can do without. Any goroutine.
func sendMessage(c *conn, frame framing, message []byte) bool {
	b := frame(getBuffer(len(message)+frameRoom), message)
	sent := c.sendEarly(b)
	putBuffer(b)
	return sent
}

// begin opens the stream of a listen.
func (t *talk) begin(l *loop, c *conn, frame framing, k *call, first []byte) {
	t.listens = append(t.listens, k)
	l.out = frame(l.out, first)
	l.flush(c)
}

// tell sends what is owed, as long as the peer reads it, and forgets the listens that are over.
func (t *talk) tell(l *loop, c *conn, frame framing) {
	next := func(dst []byte) []byte { return t.conv.Next(l.srv.registry, dst) }
	t.pump(l, c, frame, next)
	open := t.listens[:0]
	for _, k := range t.listens {
		t.pump(l, c, frame, func(dst []byte) []byte {
			dst, _ = k.stream.Next(dst)
			return dst
		})
		if k.stream.Over() {
			l.closeStream(k)
		} else {
			open = append(open, k)
		}
	}
	clear(t.listens[len(open):])
	t.listens = open
}

// pump sends what next appends until that is nothing or the peer does not read.
func (t *talk) pump(l *loop, c *conn, frame framing, next func([]byte) []byte) {
	for c.caughtUp() {
		for len(l.out) <= flushAbove {
			if l.msg = next(l.msg[:0]); len(l.msg) == 0 {
				l.flush(c)
				return
			}
			l.out = frame(l.out, l.msg)
		}
		l.flush(c)
	}
}

// endListens ends every listen as the specification wants it (event.Stream.AppendCancelled).
func (t *talk) endListens(l *loop, c *conn, frame framing) {
	for _, k := range t.listens {
		if !k.Cancelled() {
			l.msg = k.stream.AppendCancelled(l.msg[:0])
			l.out = frame(l.out, l.msg)
			l.msg = k.stream.AppendResult(l.msg[:0])
			l.out = frame(l.out, l.msg)
		}
		l.closeStream(k)
	}
	t.listens = nil
	l.flush(c)
}

func (t *talk) starts(*conn, *call) {}

func (t *talk) queued(*loop, *conn, *call) {}

func (t *talk) dropped(*conn, *call) {}

func (t *talk) replace(*conn, *call, *call) {}

func (t *talk) beat(*conn) {}

func (t *talk) gone(c *conn) (cancelled int) {
	cancelled = t.conv.CancelAll()
	for _, k := range t.listens {
		c.loop.closeStream(k)
	}
	t.listens = nil
	t.conv.Close()
	return cancelled
}
