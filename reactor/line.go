package reactor

import (
	"bytes"

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
			// Where the next message begins is unknown until a newline comes, if one ever does.
			t.refuse(l, c, errLineTooLong, closeMessageTooBig)
			return len(b)
		}
		if n == 0 {
			break
		}
		used += n
		if isHTTP(msg) {
			t.refuse(l, c, errLineHTTP, closeBadRequest)
			return len(b)
		}
		if msg != nil {
			t.message(l, c, msg)
		}
	}
	return used
}

func (t *lineTransport) message(l *loop, c *conn, msg []byte) {
	k := l.newCall()
	t.address(k)
	if codec.IsBatch(msg) {
		l.batch(c, k, msg)
		return
	}
	l.message(c, k, msg)
}

func (t *lineTransport) address(k *call) { k.Transport, k.Conv = registry.Line, &t.conv }

var (
	errLineTooLong = &codec.Error{Code: codec.CodeInvalidRequest, Message: "the message is longer than messages.line.max_message_bytes; this connection ends here"}
	errLineHTTP    = &codec.Error{Code: codec.CodeInvalidRequest, Message: "this port speaks newline-delimited JSON; HTTP is spoken on that of the key http; this connection ends here"}
)

// refuse ends the connection, with an answer that says why.
func (t *lineTransport) refuse(l *loop, c *conn, e *codec.Error, reason closeReason) {
	l.stats.received.Add(1)
	k := l.newCall()
	l.fail(c, k, e)
	k.release()
	c.endAfterAnswers(reason)
}

// isHTTP recognizes the request line of HTTP/1. Any page in a browser can POST to a port of this machine, unasked while it
// sends what a form could send; were only its head refused line by line, its body would be served as messages.
func isHTTP(line []byte) bool {
	if len(line) == 0 || line[0] < 'A' || line[0] > 'Z' {
		return false
	}
	line = bytes.TrimRight(line, "\r")
	return bytes.HasSuffix(line, []byte(" HTTP/1.1")) || bytes.HasSuffix(line, []byte(" HTTP/1.0"))
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
	t.conv.PeerEnded(l.srv.registry)
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
	k.release()
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
