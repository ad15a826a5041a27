package transport

import (
	"weir/reactor/loop"
	"weir/reactor/pipeline"
	"weir/registry/engine"
	"weir/registry/offer"
)

// duplex is what lines, WebSockets and HTTP+SSE have in common: the connection is the conversation, answers leave in
// any order, every stream of it shares the one connection, and its messages are told apart by what they say. F says
// how a message is framed: it has no size, so that it costs a connection nothing.
type duplex[F framer] struct {
	conv    engine.Conversation
	listens []*pipeline.Call // the open ones. The loop's
}

// framer is all that tells one duplex transport's messages from another's.
type framer interface {
	transport() engine.Transport
	// frame appends a message in its frame, and nothing for no message.
	frame(dst, message []byte) []byte
}

// frameRoom is what a frame adds to a message, at most (RFC 6455 5.2).
const frameRoom = 10

func (d *duplex[F]) Address(k *pipeline.Call) {
	var framer F
	k.Transport, k.Conv = framer.transport(), &d.conv
}

func (d *duplex[F]) frame(dst, message []byte) []byte {
	var framer F
	return framer.frame(dst, message)
}

func (d *duplex[F]) Order() pipeline.Order { return nil }

func (d *duplex[F]) Answer(_ *pipeline.Conn, k *pipeline.Call, message, out []byte) []byte {
	k.Release()
	return d.frame(out, message)
}

func (d *duplex[F]) Notify(c *pipeline.Conn, _ *pipeline.Call, message []byte) bool {
	b := d.frame(loop.GetBuffer(len(message)+frameRoom), message)
	sent := c.SendEarly(b)
	loop.PutBuffer(b)
	return sent
}

func (d *duplex[F]) Open(in *pipeline.Intake, c *pipeline.Conn, k *pipeline.Call, first []byte) {
	d.listens = append(d.listens, k)
	in.Out = d.frame(in.Out, first)
	in.Flush(c)
}

func (d *duplex[F]) Feed(in *pipeline.Intake, c *pipeline.Conn) { d.feedAt(in, c, nil) }

// feedAt is Feed at the endpoint of a view; nil: at the main one.
func (d *duplex[F]) feedAt(in *pipeline.Intake, c *pipeline.Conn, at *offer.View) {
	eng := in.Pipeline().Engine
	view := eng.Offer().For(at, c.Principal())
	d.pump(in, c, func(dst []byte) []byte { return eng.AppendOwed(dst, &d.conv, view) })
	draining := in.Pipeline().Draining() && in.Pipeline().Parts(c)
	open := d.listens[:0]
	for _, k := range d.listens {
		d.pump(in, c, func(dst []byte) []byte {
			dst, _ = k.Source.Next(dst)
			return dst
		})
		switch {
		case k.Source.Over():
		case draining:
			d.endListen(in, k)
		default:
			open = append(open, k)
			continue
		}
		in.EndStream(k)
	}
	clear(d.listens[len(open):])
	d.listens = open
	in.Flush(c)
}

// pump sends what next appends until that is nothing or the peer does not read.
func (d *duplex[F]) pump(in *pipeline.Intake, c *pipeline.Conn, next func([]byte) []byte) {
	for c.CaughtUp() {
		for len(in.Out) <= pipeline.FlushAbove {
			if in.Msg = next(in.Msg[:0]); len(in.Msg) == 0 {
				in.Flush(c)
				return
			}
			in.Out = d.frame(in.Out, in.Msg)
		}
		in.Flush(c)
	}
}

// endListen ends a listen as the specification wants it (event.Stream.AppendCancelled).
func (d *duplex[F]) endListen(in *pipeline.Intake, k *pipeline.Call) {
	if !k.Cancelled() {
		in.Msg = k.Source.AppendCancelled(in.Msg[:0])
		in.Out = d.frame(in.Out, in.Msg)
		in.Msg = k.Source.AppendResult(in.Msg[:0])
		in.Out = d.frame(in.Out, in.Msg)
	}
}

// ListenBytes says what the open listens take.
func (d *duplex[F]) ListenBytes(*pipeline.Conn) (bytes int) {
	for _, k := range d.listens {
		bytes += k.Source.ListenBytes()
	}
	return bytes
}

func (d *duplex[F]) GoAway(*pipeline.Conn, loop.Reason) bool { return false }

func (d *duplex[F]) Closed(c *pipeline.Conn) (cancelled int) {
	cancelled = d.conv.CancelAll()
	for _, k := range d.listens {
		c.Intake().EndStream(k)
	}
	d.listens = nil
	d.conv.Close()
	return cancelled
}
