package reactor

import (
	"weir/codec"
	"weir/registry"
)

// duplex is what lines, WebSockets and HTTP+SSE have in common: the connection is the conversation, answers leave in any order,
// every stream of it shares the one connection, and its messages are told apart by what they say.
// F says how a message is framed: it has no size, so that it costs a connection nothing.
type duplex[F framer] struct {
	conv    registry.Conversation
	listens []*call // the open ones. The loop's
}

// framer is all that tells one duplex transport's messages from another's.
type framer interface {
	transport() registry.Transport
	// frame appends a message in its frame, and nothing for no message.
	frame(dst, message []byte) []byte
}

// frameRoom is what a frame adds to a message, at most (RFC 6455 5.2).
const frameRoom = 10

func (d *duplex[F]) address(k *call) {
	var framer F
	k.Transport, k.Conv = framer.transport(), &d.conv
}

func (d *duplex[F]) frame(dst, message []byte) []byte {
	var framer F
	return framer.frame(dst, message)
}

func (d *duplex[F]) order() *answerOrder { return nil }

func (d *duplex[F]) answer(_ *conn, k *call, message, out []byte) []byte {
	k.release()
	return d.frame(out, message)
}

func (d *duplex[F]) notify(c *conn, _ *call, message []byte) bool {
	b := d.frame(getBuffer(len(message)+frameRoom), message)
	sent := c.sendEarly(b)
	putBuffer(b)
	return sent
}

// messages serves one message, or a batch of them. Loop only.
func (l *loop) messages(c *conn, msg []byte) {
	k := l.newCall(c)
	if codec.IsBatch(msg) {
		l.batch(c, k, msg)
		return
	}
	l.message(c, k, msg)
}

func (d *duplex[F]) open(l *loop, c *conn, k *call, first []byte) {
	d.listens = append(d.listens, k)
	l.out = d.frame(l.out, first)
	l.flush(c)
}

func (d *duplex[F]) feed(l *loop, c *conn) {
	d.pump(l, c, func(dst []byte) []byte { return l.srv.registry.AppendOwed(dst, &d.conv) })
	draining := l.srv.draining.Load()
	open := d.listens[:0]
	for _, k := range d.listens {
		d.pump(l, c, func(dst []byte) []byte {
			dst, _ = k.stream.Next(dst)
			return dst
		})
		switch {
		case k.stream.Over():
		case draining:
			d.endListen(l, k)
		default:
			open = append(open, k)
			continue
		}
		l.closeStream(k)
	}
	clear(d.listens[len(open):])
	d.listens = open
	l.flush(c)
}

// pump sends what next appends until that is nothing or the peer does not read.
func (d *duplex[F]) pump(l *loop, c *conn, next func([]byte) []byte) {
	for c.caughtUp() {
		for len(l.out) <= flushAbove {
			if l.msg = next(l.msg[:0]); len(l.msg) == 0 {
				l.flush(c)
				return
			}
			l.out = d.frame(l.out, l.msg)
		}
		l.flush(c)
	}
}

// endListen ends a listen as the specification wants it (event.Stream.AppendCancelled).
func (d *duplex[F]) endListen(l *loop, k *call) {
	if !k.Cancelled() {
		l.msg = k.stream.AppendCancelled(l.msg[:0])
		l.out = d.frame(l.out, l.msg)
		l.msg = k.stream.AppendResult(l.msg[:0])
		l.out = d.frame(l.out, l.msg)
	}
}

func (d *duplex[F]) goAway(*conn) {}

func (d *duplex[F]) closed(c *conn) (cancelled int) {
	cancelled = d.conv.CancelAll()
	for _, k := range d.listens {
		c.loop.closeStream(k)
	}
	d.listens = nil
	d.conv.Close()
	return cancelled
}
