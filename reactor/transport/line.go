package transport

import (
	"bytes"

	"weir/codec"
	"weir/reactor/loop"
	"weir/reactor/pipeline"
	"weir/registry/engine"
)

// lineTransport is newline-delimited JSON-RPC over TCP and Unix sockets: the stdio framing of MCP (basic/transports),
// which byte streams should reuse. The connection is the conversation; its end ends what it asked.
type lineTransport struct {
	decoder codec.LineDecoder
	skip    skipping // on standard streams: the line at hand is too long
	duplex[lineFramer]
}

type lineFramer struct{}

func (lineFramer) transport() engine.Transport { return engine.Line }

func (lineFramer) frame(dst, message []byte) []byte { return appendLine(dst, message) }

func (t *lineTransport) Decode(in *pipeline.Intake, c *pipeline.Conn, b []byte) int {
	if isTLS(b) {
		return refuseTLS(in, c, b)
	}
	used := 0
	if c.AuthBy != 0 {
		if used = t.introduce(in, c, b); c.AuthBy != 0 {
			return used
		}
	}
	for !c.Halted() {
		if t.skip != skipNothing {
			n, over := t.skipOn(in, c, b[used:], false)
			if used += n; !over {
				break
			}
			continue
		}
		msg, n, err := t.decoder.Next(b[used:], deskOf(in).Options.Line.MaxMessageBytes)
		if err != nil && c.Listener().Patient {
			t.skipFrom(in, c, b[used:])
			continue
		}
		if err != nil {
			// Where the next message begins is unknown until a newline comes, if one ever does.
			t.refuse(in, c, deskOf(in).lineTooLong(" this connection ends here"), loop.CloseMessageTooBig)
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
			in.Messages(c, msg)
		}
	}
	return used
}

// refuse ends the connection, with an answer that says why.
func (t *lineTransport) refuse(in *pipeline.Intake, c *pipeline.Conn, e *codec.Error, reason loop.Reason) {
	in.CountReceived()
	in.Fail(in.NewCall(c), e)
	c.EndAfterAnswers(reason)
}

// isHTTP recognizes the request line of HTTP/1. Any page in a browser can POST to a port of this machine, unasked
// while it sends what a form could send; were only its head refused line by line, its body would be served as
// messages.
func isHTTP(line []byte) bool {
	if len(line) == 0 || line[0] < 'A' || line[0] > 'Z' {
		return false
	}
	line = bytes.TrimRight(line, "\r")
	return bytes.HasSuffix(line, []byte(" HTTP/1.1")) || bytes.HasSuffix(line, []byte(" HTTP/1.0"))
}

// eof serves a last line that has no newline: `printf '...' | nc -N` is a fair way to ask.
func (t *lineTransport) EOF(in *pipeline.Intake, c *pipeline.Conn, rest []byte) {
	switch {
	case t.skip != skipNothing:
		t.skipOn(in, c, rest, true)
	case codec.Blank(rest):
	case c.AuthBy != 0:
		t.introduced(in, c, rest)
	default:
		in.Messages(c, rest)
	}
	in.Pipeline().Engine.PeerEnded(&t.conv)
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

func (t *lineTransport) Tick(c *pipeline.Conn, w loop.Waiting, quiet int64) loop.Reason {
	d := deskOf(c.Intake())
	switch limit := d.idleLimit(d.Options.LineIdleTimeout); {
	case w == loop.WaitingForRest:
		return c.MessageLate(quiet, c.Unfinished())
	case w == loop.WaitingForNothing && limit > 0 && quiet > limit && len(t.listens) == 0:
		return loop.CloseIdle
	}
	return loop.StillOpen
}
