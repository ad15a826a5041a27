package reactor

import (
	"bytes"

	"weir/codec"
	"weir/reactor/loop"
	"weir/registry"
)

// lineTransport is newline-delimited JSON-RPC over TCP and Unix sockets: the stdio framing of MCP (basic/transports),
// which byte streams should reuse. The connection is the conversation; its end ends what it asked.
type lineTransport struct {
	decoder codec.LineDecoder
	duplex[lineFramer]
}

type lineFramer struct{}

func (lineFramer) transport() registry.Transport { return registry.Line }

func (lineFramer) frame(dst, message []byte) []byte { return appendLine(dst, message) }

func (t *lineTransport) decode(in *intake, c *conn, b []byte) int {
	if isTLS(b) {
		return in.refuseTLS(c, b)
	}
	used := 0
	if c.authBy != 0 {
		if used = t.introduce(in, c, b); c.authBy != 0 {
			return used
		}
	}
	for !c.Halted() {
		msg, n, err := t.decoder.Next(b[used:], in.srv.opts.Messages.Line.MaxMessageBytes)
		if err != nil {
			// Where the next message begins is unknown until a newline comes, if one ever does.
			t.refuse(in, c, errLineTooLong, loop.CloseMessageTooBig)
			return len(b)
		}
		if n == 0 {
			break
		}
		used += n
		if isHTTP(msg) {
			t.refuse(in, c, errLineHTTP, loop.CloseBadRequest)
			return len(b)
		}
		if msg != nil {
			in.messages(c, msg)
		}
	}
	return used
}

var (
	errLineTooLong = &codec.Error{Code: codec.CodeInvalidRequest, Message: "the message is longer than messages.line.max_message_bytes; this connection ends here"}
	errLineHTTP    = &codec.Error{Code: codec.CodeInvalidRequest, Message: "this port speaks newline-delimited JSON; HTTP is spoken on that of the key http; this connection ends here"}
)

// refuse ends the connection, with an answer that says why.
func (t *lineTransport) refuse(in *intake, c *conn, e *codec.Error, reason loop.Reason) {
	in.stats.received.Add(1)
	in.fail(in.newCall(c), e)
	c.EndAfterAnswers(reason)
}

// isTLS recognizes a ClientHello (RFC 8446 4 and 5.1). No line and no request begins like that, and a client that waits for
// the server's part of the handshake would wait for the deadline.
func isTLS(b []byte) bool { return len(b) >= 6 && b[0] == 0x16 && b[1] == 3 && b[5] == 1 }

// refuseTLS closes the connection at once, without a word: there is none that a TLS client understands before the handshake.
func (in *intake) refuseTLS(c *conn, b []byte) (used int) {
	c.Close(loop.CloseTLS)
	if leftOut, ok := in.srv.tlsSpoken.allow(in.Now(), 1); ok {
		in.srv.log.Warn().Str("transport", c.Listener().Name).Stringer("peer", c.Addr()).Int("suppressed", leftOut).
			Msg("TLS on a plain port: give clients an http:// or ws:// address, or put a TLS proxy in front")
	}
	return len(b)
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
func (t *lineTransport) eof(in *intake, c *conn, rest []byte) {
	switch {
	case len(rest) == 0:
	case c.authBy != 0:
		t.introduced(in, c, rest)
	default:
		in.messages(c, rest)
	}
	in.srv.registry.PeerEnded(&t.conv)
	if c.Pending() > 0 {
		c.ProbePeer()
	}
}

// appendLine appends a message and its newline, and nothing for no message. The encoders put no newline inside one.
func appendLine(dst, message []byte) []byte {
	if len(message) == 0 {
		return dst
	}
	return append(append(dst, message...), '\n')
}

func (t *lineTransport) tick(c *conn, w loop.Waiting, quiet int64) loop.Reason {
	switch limit := int64(c.intake.srv.opts.LineIdleTimeout); {
	case w == loop.WaitingForRest:
		return c.MessageLate(quiet, c.Unfinished())
	case w == loop.WaitingForNothing && limit > 0 && quiet > limit && len(t.listens) == 0:
		return loop.CloseIdle
	}
	return loop.StillOpen
}
