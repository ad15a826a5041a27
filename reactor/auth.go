package reactor

import (
	"bytes"

	"golang.org/x/sys/unix"

	"weir/backpressure"
	"weir/codec"
	"weir/codec/http1"
	"weir/reactor/auth"
	"weir/reactor/loop"
)

// Who the peer is (reactor/auth). With Config.Tokens nothing is served before a bearer token (RFC 6750) has said so:
// each HTTP request and WebSocket handshake carries one in its head, each line connection sends one as its first line.
// Everything that happens on the connection from then on happens in the name of the token's principal, and ends with
// the token (conn.overdue).

// principal is in whose name the connection acts; "" is anybody. The loop; workers too for lines and WebSockets, where
// it does not change once there are messages.
func (c *conn) principal() string {
	if c.credential == nil {
		return ""
	}
	return c.credential.Principal
}

// errPrincipalLimit stands for a refusal by max_connections_per_principal, whose answer says when to try again.
var errPrincipalLimit = &codec.Error{Code: codec.CodeInternal, Message: "Server overloaded"}

// authorize finds out who sends r; fail is nil when it is somebody. One token may follow another on a connection, but
// only when everything before is answered: so what is in progress on it is one principal's, and ends with that one's
// token.
func (t *httpTransport) authorize(in *intake, c *conn, r *http1.Request) (status int, fail *codec.Error) {
	if !in.srv.guarded() {
		return 0, nil
	}
	who, refusal := in.srv.tokens.Load().Identify(r.Authorization, in.srv.wall.Load())
	if refusal == auth.Good && c.credential != nil && c.credential != who && !t.answers.empty(c) {
		refusal = auth.Changed
	}
	switch refusal {
	case auth.Good:
		if in.srv.act(c, who) != backpressure.Accepted {
			return 503, errPrincipalLimit
		}
		return 0, nil
	case auth.Changed:
		status = 400
	default:
		status = 401
	}
	in.srv.metrics.tokensRefused[refusal].Inc()
	return status, refusal.Err()
}

// act makes who's principal the connection's from now on, if that one may have another connection. Loop, or before c
// has one.
func (s *Server) act(c *conn, who *auth.Credential) backpressure.Refusal {
	if c.credential == nil || c.credential.Principal != who.Principal {
		if refusal := s.limits.Join(who.Principal); refusal != backpressure.Accepted {
			return refusal
		}
		if c.credential != nil {
			s.limits.Leave(c.credential.Principal)
		}
	}
	c.credential = who
	return backpressure.Accepted
}

// guarded says whether only those are served who have a token.
func (s *Server) guarded() bool { return s.tokens.Load() != nil }

// introduce reads the first line of a connection that has not said yet who its peer is. It returns how many bytes it is
// done with; while c.authBy is not 0 more are needed.
func (t *lineTransport) introduce(in *intake, c *conn, b []byte) int {
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
func (t *lineTransport) introduced(in *intake, c *conn, line []byte) bool {
	line = bytes.TrimPrefix(line, []byte("\ufeff")) // a mark that an editor or a shell has put before the text
	who, refusal := in.srv.tokens.Load().IdentifyField(line, in.srv.wall.Load())
	if refusal != auth.Good {
		in.srv.metrics.tokensRefused[refusal].Inc()
		in.fail(in.newCall(c), refusal.Err())
		c.EndAfterAnswers(loop.CloseUnauthorized)
		return false
	}
	if full := in.srv.act(c, who); full != backpressure.Accepted {
		in.refuse(in.newCall(c), nullID, full)
		c.EndAfterAnswers(loop.CloseRequested)
		return false
	}
	c.authBy = 0
	return true
}

// awaitToken has a new connection say who its peer is within auth.timeout, unless the kernel says it.
func (s *Server) awaitToken(c *conn, now int64) backpressure.Refusal {
	if !s.guarded() || c.Listener().Name == httpListener {
		return backpressure.Accepted // HTTP says it in every request
	}
	if c.Listener().Path != "" && s.opts.Auth.TrustUnix {
		if peer, err := unix.GetsockoptUcred(c.Fd(), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			return s.act(c, auth.OfUser(peer.Uid))
		}
	}
	c.authBy = now + int64(s.opts.Auth.Timeout)
	return backpressure.Accepted
}

// ReplaceTokens lets in whom tokens name from now on. Connections whose token is not among them, or for another
// principal, are closed within 250 ms. Only for a server that was made with tokens. Any goroutine, one at a time; the
// server keeps them.
func (s *Server) ReplaceTokens(tokens *auth.Tokens) {
	tokens.Succeed(s.tokens.Load())
	s.tokens.Store(tokens)
}

// place is where the connection's listener is bound, as far as its peers' Host and Origin are judged by it.
func (c *conn) place() auth.Place {
	ln := c.Listener()
	return auth.Place{IP: ln.IP, Loopback: ln.Loopback}
}
