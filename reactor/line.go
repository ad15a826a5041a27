package reactor

import (
	"weir/codec"
	"weir/registry"
)

// lineTransport is newline-delimited JSON-RPC over TCP and Unix sockets: the stdio framing of MCP (basic/transports),
// which byte streams should reuse. The connection is the conversation; its end ends what it asked.
type lineTransport struct {
	decoder codec.LineDecoder
	talk
}

func (t *lineTransport) decode(l *loop, c *conn, b []byte) int {
	used := 0
	if c.authBy != 0 {
		if used = t.introduce(l, c, b); c.authBy != 0 {
			return used
		}
	}
	for !c.halted() {
		msg, n, err := t.decoder.Next(b[used:], l.srv.opts.Messages.Line.MaxMessageBytes)
		if err != nil {
			t.tooLarge(l, c)
			return len(b)
		}
		if n == 0 {
			break
		}
		used += n
		if msg != nil {
			t.message(l, c, msg)
		}
	}
	return used
}

func (t *lineTransport) message(l *loop, c *conn, msg []byte) {
	k := l.calls.take()
	t.address(k)
	if codec.IsBatch(msg) {
		l.batch(c, k, msg)
		return
	}
	l.message(c, k, msg)
}

func (t *lineTransport) address(k *call) { k.Transport, k.Conv = registry.Line, &t.conv }

var errLineTooLong = &codec.Error{Code: codec.CodeInvalidRequest, Message: "the message is longer than messages.line.max_message_bytes; this connection ends here"}

// tooLarge ends the connection: where the next message begins is unknown until a newline comes, if one ever does.
func (t *lineTransport) tooLarge(l *loop, c *conn) {
	l.stats.received.Add(1)
	k := l.calls.take()
	l.fail(c, k, errLineTooLong)
	k.release(false)
	c.endAfterAnswers(closeMessageTooBig)
}

// eof serves a last line that has no newline: `printf '...' | nc -N` is a fair way to ask.
func (t *lineTransport) eof(l *loop, c *conn, rest []byte) {
	switch {
	case len(rest) == 0:
	case c.authBy != 0:
		t.introduced(l, c, rest)
	default:
		t.message(l, c, rest)
	}
	t.conv.PeerEnded()
	if c.pending.Load() > 0 {
		probePeer(c.fd)
	}
}

func (t *lineTransport) answer(l *loop, c *conn, _ *call, message []byte) {
	l.out = appendLine(l.out, message)
	if len(l.out) > flushAbove {
		l.flush(c)
	}
}

func (t *lineTransport) deliver(_ *conn, k *call, message, out []byte) []byte {
	k.release(true)
	return appendLine(out, message)
}

func (t *lineTransport) early(c *conn, _ *call, message []byte) bool {
	return sendMessage(c, appendLine, message)
}

func (t *lineTransport) open(l *loop, c *conn, k *call, first []byte) {
	t.begin(l, c, appendLine, k, first)
}

func (t *lineTransport) feed(l *loop, c *conn) { t.tell(l, c, appendLine) }

func (t *lineTransport) endStreams(l *loop, c *conn) { t.endListens(l, c, appendLine) }

// appendLine appends a message and its newline, and nothing for no message. The encoders put no newline inside one.
func appendLine(dst, message []byte) []byte {
	if len(message) == 0 {
		return dst
	}
	return append(append(dst, message...), '\n')
}

func (t *lineTransport) idle(c *conn, quiet int64) closeReason {
	if limit := c.loop.srv.opts.LineIdleTimeout; limit > 0 && quiet > int64(limit) && len(t.listens) == 0 {
		return closeIdle
	}
	return stillOpen
}

func (t *lineTransport) unfinished(waiting int) (received int, strict bool) { return waiting, false }

func (t *lineTransport) farewell(*conn) {}
