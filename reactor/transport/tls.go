package transport

import (
	"weir/reactor/loop"
	"weir/reactor/pipeline"
)

// isTLS recognizes a ClientHello (RFC 8446 4 and 5.1). No line and no request begins like that, and a client that waits
// for the server's part of the handshake would wait for the deadline.
func isTLS(b []byte) bool { return len(b) >= 6 && b[0] == 0x16 && b[1] == 3 && b[5] == 1 }

// refuseTLS closes the connection at once, without a word: there is none that a TLS client understands before the
// handshake.
func refuseTLS(in *pipeline.Intake, c *pipeline.Conn, b []byte) (used int) {
	c.Close(loop.CloseTLS)
	s := deskOf(in)
	if leftOut, ok := s.tlsSpoken.Allow(in.Now(), 1); ok {
		s.Pipeline.Log.Warn().Str("transport", c.Listener().Name).Stringer("peer", c.Addr()).Int("suppressed", leftOut).
			Msg("TLS on a plain port: give clients an http:// or ws:// address, or put a TLS proxy in front")
	}
	return len(b)
}
