package transport

import (
	"bytes"

	"weir/codec"
	"weir/reactor/pipeline"
)

// A line that is too long ends a connection, because a peer that never ends it costs as long as it likes. On standard
// streams the peer is the parent of the process, and one message that is too large must not end everything: the line is
// skipped and refused, under its id if that stands where clients put it, at the beginning or the end.

// skipping says whether a line is being skipped.
type skipping uint8

const (
	skipNothing  skipping = iota
	skipRefused           // its refusal is out
	skipWithTail          // it is refused at its end, where its id may be
)

// skipTailBytes of a line that is skipped are kept, in which its last member is found.
const skipTailBytes = 1 << 10

// skipFrom begins to skip the line that b begins with.
func (t *lineTransport) skipFrom(in *pipeline.Intake, c *pipeline.Conn, b []byte) {
	t.decoder, t.skip = codec.LineDecoder{}, skipWithTail
	k := in.NewCall(c)
	if codec.Peek(b, &k.Env); !k.Env.ID.Present() {
		k.Env = codec.Envelope{}
		k.Release()
		return
	}
	t.skip = skipRefused
	k.Raw = b
	in.CountReceived()
	in.Fail(k, deskOf(in).lineTooLong(""))
}

// skipOn skips what there is of the line, and returns how many bytes it is done with, and whether the line is over.
func (t *lineTransport) skipOn(in *pipeline.Intake, c *pipeline.Conn, b []byte, last bool) (n int, over bool) {
	end := bytes.IndexByte(b, '\n')
	if end < 0 && !last {
		return max(0, len(b)-skipTailBytes), false
	}
	if end < 0 {
		end = len(b) - 1
	}
	if t.skip == skipWithTail {
		k := in.NewCall(c)
		k.Raw = bytes.TrimRight(b[:end+1], "\r\n")
		k.Env.ID = codec.PeekEnd(k.Raw)
		in.CountReceived()
		in.Fail(k, deskOf(in).lineTooLong(""))
	}
	t.skip = skipNothing
	return end + 1, true
}
