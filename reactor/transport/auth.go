package transport

import (
	"bytes"

	"golang.org/x/sys/unix"

	"weir/backpressure"
	"weir/codec"
	"weir/codec/http1"
	"weir/reactor/auth"
	"weir/reactor/loop"
	"weir/reactor/pipeline"
)

// Who the peer is (reactor/auth). With Config.Tokens nothing is served before a bearer token (RFC 6750) has said so:
// each HTTP request and WebSocket handshake carries one in its head, each line connection sends one as its first
// line. Everything that happens on the connection from then on happens in the name of the token's principal, and ends
// with the token (pipeline.Conn.Tick).

// errPrincipalLimit stands for a refusal by max_connections_per_principal, whose answer says when to try again.
var errPrincipalLimit = &codec.Error{Code: codec.CodeInternal, Message: "Server overloaded"}

// authorize finds out who sends r; the error is nil when it is somebody. One token may follow another on a
// connection, but only when everything before is answered: so what is in progress on it is one principal's, and ends
// with that one's token.
func (t *httpTransport) authorize(in *pipeline.Intake, c *pipeline.Conn, r *http1.Request) (int, *codec.Error) {
	if !deskOf(in).guarded() {
		return 0, nil
	}
	tokens, now := deskOf(in).Tokens.Load(), in.Pipeline().Second()
	who, refusal := tokens.Identify(r.Authorization, now)
	if r.UpgradeWebSocket && r.Authorization == nil {
		who, refusal = tokens.IdentifySubprotocols(r.WSProtocol, now)
	}
	if refusal == auth.Good && c.Credential != nil && c.Credential != who && !t.answers.empty(c) {
		refusal = auth.Changed
	}
	if refusal == auth.Good {
		if c.ActFor(who) != backpressure.Accepted {
			return 503, errPrincipalLimit
		}
		return 0, nil
	}
	deskOf(in).metrics.tokensRefused[refusal].Inc()
	if refusal == auth.Changed {
		return 400, refusal.Err()
	}
	return 401, refusal.Err()
}

// guarded says whether only those are served who have a token.
func (s *Site) guarded() bool { return s.Tokens.Load() != nil }

// introduce reads the first line of a connection that has not said yet who its peer is. It returns how many bytes it is
// done with; while c.AuthBy is not 0 more are needed.
func (t *lineTransport) introduce(in *pipeline.Intake, c *pipeline.Conn, b []byte) int {
	used := 0
	for {
		line, n, err := t.decoder.Next(b[used:], auth.MaxFieldBytes)
		switch {
		case err != nil:
			t.introduced(in, c, b[used:used+auth.MaxFieldBytes])
			return len(b)
		case n == 0:
			return used
		}
		used += n
		if line == nil {
			continue
		}
		if !t.introduced(in, c, line) {
			return len(b)
		}
		return used
	}
}

// introduced judges the first line; false ends the connection with one line that says why.
func (t *lineTransport) introduced(in *pipeline.Intake, c *pipeline.Conn, line []byte) bool {
	line = bytes.TrimPrefix(line, []byte("\ufeff")) // a mark that an editor or a shell has put before the text
	who, refusal := deskOf(in).Tokens.Load().IdentifyField(line, in.Pipeline().Second())
	if refusal != auth.Good {
		deskOf(in).metrics.tokensRefused[refusal].Inc()
		in.Fail(in.NewCall(c), refusal.Err())
		c.EndAfterAnswers(loop.CloseUnauthorized)
		return false
	}
	if full := c.ActFor(who); full != backpressure.Accepted {
		in.Refuse(in.NewCall(c), pipeline.NullID, full)
		c.EndAfterAnswers(loop.CloseRequested)
		return false
	}
	c.AuthBy = 0
	return true
}

// awaitToken has a new connection say who its peer is within auth.timeout, unless the kernel says it.
func (s *Site) awaitToken(c *pipeline.Conn, now int64) backpressure.Refusal {
	if !s.guarded() || c.Listener().Name == HTTPListener {
		return backpressure.Accepted // HTTP says it in every request
	}
	if c.Listener().Path != "" && s.Options.TrustUnix {
		if peer, err := unix.GetsockoptUcred(c.Fd(), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			return c.ActFor(auth.OfUser(peer.Uid))
		}
	}
	c.AuthBy = now + int64(s.Options.AuthTimeout)
	return backpressure.Accepted
}

// placeOf is where the connection's listener is bound, as far as its peers' Host and Origin are judged by it.
func placeOf(c *pipeline.Conn) auth.Place {
	ln := c.Listener()
	return auth.Place{IP: ln.IP, Loopback: ln.Loopback}
}
