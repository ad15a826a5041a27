package reactor

import (
	"weir/codec"
	"weir/reactor/loop"
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
	b := d.frame(loop.GetBuffer(len(message)+frameRoom), message)
	sent := c.SendEarly(b)
	loop.PutBuffer(b)
	return sent
}

// messages serves one message, or a batch of them. Loop only.
func (in *intake) messages(c *conn, msg []byte) {
	k := in.newCall(c)
	if codec.IsBatch(msg) {
		in.batch(c, k, msg)
		return
	}
	in.message(c, k, msg)
}

func (d *duplex[F]) open(in *intake, c *conn, k *call, first []byte) {
	d.listens = append(d.listens, k)
	in.out = d.frame(in.out, first)
	in.flush(c)
}

func (d *duplex[F]) feed(in *intake, c *conn) {
	d.pump(in, c, func(dst []byte) []byte { return in.srv.registry.AppendOwed(dst, &d.conv) })
	draining := in.srv.draining.Load()
	open := d.listens[:0]
	for _, k := range d.listens {
		d.pump(in, c, func(dst []byte) []byte {
			dst, _ = k.stream.Next(dst)
			return dst
		})
		switch {
		case k.stream.Over():
		case draining:
			d.endListen(in, k)
		default:
			open = append(open, k)
			continue
		}
		in.closeStream(k)
	}
	clear(d.listens[len(open):])
	d.listens = open
	in.flush(c)
}

// pump sends what next appends until that is nothing or the peer does not read.
func (d *duplex[F]) pump(in *intake, c *conn, next func([]byte) []byte) {
	for c.CaughtUp() {
		for len(in.out) <= flushAbove {
			if in.msg = next(in.msg[:0]); len(in.msg) == 0 {
				in.flush(c)
				return
			}
			in.out = d.frame(in.out, in.msg)
		}
		in.flush(c)
	}
}

// endListen ends a listen as the specification wants it (event.Stream.AppendCancelled).
func (d *duplex[F]) endListen(in *intake, k *call) {
	if !k.Cancelled() {
		in.msg = k.stream.AppendCancelled(in.msg[:0])
		in.out = d.frame(in.out, in.msg)
		in.msg = k.stream.AppendResult(in.msg[:0])
		in.out = d.frame(in.out, in.msg)
	}
}

func (d *duplex[F]) missed(*intake, *conn, loop.Reason) bool { return false }

func (d *duplex[F]) goAway(*conn) {}

func (d *duplex[F]) closed(c *conn) (cancelled int) {
	cancelled = d.conv.CancelAll()
	for _, k := range d.listens {
		c.intake.closeStream(k)
	}
	d.listens = nil
	d.conv.Close()
	return cancelled
}
