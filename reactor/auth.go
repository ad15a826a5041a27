package reactor

import (
	"bytes"
	"strconv"

	"golang.org/x/sys/unix"

	"weir/backpressure"
	"weir/codec"
	"weir/codec/http1"
)

// Who the peer is. With Deps.Tokens nothing is served before a bearer token (RFC 6750) has said so: each HTTP request and
// WebSocket handshake carries one in its head, each line connection sends one as its first line. Everything that happens on
// the connection from then on happens in the name of the token's principal, and ends with the token (conn.overdue).

// tokenRefusal says why a peer is not let in. The word is in the answer, and the metric's label.
type tokenRefusal uint8

const (
	tokenGood    tokenRefusal = iota
	tokenMissing              // none was sent, or nothing that is a bearer token
	tokenUnknown              // nobody has it
	tokenExpired              // somebody had it
	tokenChanged              // another one than that of requests before it which are not answered yet
	tokenRefusals
)

var tokenRefusalNames = [tokenRefusals]string{
	tokenMissing: "token_missing", tokenUnknown: "token_unknown", tokenExpired: "token_expired", tokenChanged: "token_changed",
}

// tokenErrors are what the peer is told.
var tokenErrors = func() (all [tokenRefusals]*codec.Error) {
	for refusal, message := range map[tokenRefusal]string{
		tokenMissing: "say who you are first, with Authorization: Bearer and a token",
		tokenUnknown: "this token is not known here",
		tokenExpired: "this token has expired",
		tokenChanged: "a request before this one has another token and is not answered yet: wait, or use another connection",
	} {
		all[refusal] = &codec.Error{Code: codec.CodeInvalidRequest, Message: message,
			Data: []byte(`{"reason":"` + tokenRefusalNames[refusal] + `"}`)}
	}
	return all
}()

// challenges are what a 401 says in WWW-Authenticate: without a token, and with a bad one. RFC 6750 3 wants no error in the
// first, and a parameter in each.
type challenges struct{ bare, invalid string }

func newChallenges(o *AuthOptions) challenges {
	c := challenges{bare: `Bearer realm="weir"`}
	c.invalid = c.bare + `, error="invalid_token"`
	if o.Resource != "" {
		where := `, resource_metadata="` + o.metadataURL() + `"` // RFC 9728 5.1
		c.bare += where
		c.invalid += where
	}
	return c
}

func (c *challenges) of(badToken bool) string {
	if badToken {
		return c.invalid
	}
	return c.bare
}

const (
	authorizationName = "authorization:"
	// maxIntroductionBytes is the longest first line of a line connection: a token, and blanks.
	maxIntroductionBytes = maxTokenBytes + 64
)

// bearer cuts the token out of the value of an Authorization field (RFC 6750 2.1). A scheme has no case (RFC 9110 11.1). sent
// says whether there is a bearer token, token is nil when it cannot be one: what is too long is not hashed.
func bearer(value []byte) (token []byte, sent bool) {
	const scheme = "bearer"
	if len(value) <= len(scheme) || !bytes.EqualFold(value[:len(scheme)], []byte(scheme)) || value[len(scheme)] != ' ' {
		return nil, false
	}
	token = bytes.Trim(value[len(scheme):], " ")
	if len(token) == 0 || len(token) > maxTokenBytes {
		return nil, len(token) > 0
	}
	for _, c := range token {
		if !token68[c] {
			return nil, true
		}
	}
	return token, true
}

// token68 are the characters of a token (RFC 9110 11.2).
var token68 = func() (is [256]bool) {
	for _, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/=") {
		is[c] = true
	}
	return is
}()

// identify finds the grant of an Authorization field's value. Any goroutine.
func (s *Server) identify(value []byte) (*grant, tokenRefusal) {
	token, sent := bearer(value)
	switch {
	case !sent:
		return nil, tokenMissing
	case token == nil:
		return nil, tokenUnknown
	}
	switch g := s.tokens.Load().find(token); {
	case g == nil:
		return nil, tokenUnknown
	case g.ended(s.wall.Load()):
		return nil, tokenExpired
	default:
		return g, tokenGood
	}
}

// principal is in whose name the connection acts; "" is anybody. The loop; workers too for lines and WebSockets, where it
// does not change once there are messages.
func (c *conn) principal() string {
	if c.grant == nil {
		return ""
	}
	return c.grant.principal
}

// errPrincipalLimit stands for a refusal by max_connections_per_principal, whose answer says when to try again.
var errPrincipalLimit = &codec.Error{Code: codec.CodeInternal, Message: "Server overloaded"}

// authorize finds out who sends r; fail is nil when it is somebody. One token may follow another on a connection, but only when
// everything before is answered: so what is in progress on it is one principal's, and ends with that one's token.
func (t *httpTransport) authorize(l *loop, c *conn, r *http1.Request) (status int, fail *codec.Error) {
	if !l.srv.guarded() {
		return 0, nil
	}
	g, refusal := l.srv.identify(r.Authorization)
	if refusal == tokenGood && c.grant != nil && c.grant != g && !t.answers.empty(c) {
		refusal = tokenChanged
	}
	switch refusal {
	case tokenGood:
		if l.srv.act(c, g) != backpressure.Accepted {
			return 503, errPrincipalLimit
		}
		return 0, nil
	case tokenChanged:
		status = 400
	default:
		status = 401
	}
	l.srv.metrics.tokensRefused[refusal].Inc()
	return status, tokenErrors[refusal]
}

// act has c act in the name of g's principal from now on, if that one may have another connection. Loop, or before c has one.
func (s *Server) act(c *conn, g *grant) backpressure.Refusal {
	if c.grant == nil || c.grant.principal != g.principal {
		if refusal := s.limits.Join(g.principal); refusal != backpressure.Accepted {
			return refusal
		}
		if c.grant != nil {
			s.limits.Leave(c.grant.principal)
		}
	}
	c.grant = g
	return backpressure.Accepted
}

// guarded says whether only those are served who have a token.
func (s *Server) guarded() bool { return s.tokens.Load() != nil }

// introduce reads the first line of a connection that has not said yet who its peer is. It returns how many bytes it is
// done with; while c.authBy is not 0 more are needed.
func (t *lineTransport) introduce(l *loop, c *conn, b []byte) int {
	used := 0
	for {
		line, n, err := t.decoder.Next(b[used:], maxIntroductionBytes)
		switch {
		case err != nil:
			t.introduced(l, c, b[used:used+maxIntroductionBytes])
			return len(b)
		case n == 0:
			return used
		}
		used += n
		if line == nil {
			continue
		}
		if !t.introduced(l, c, line) {
			return len(b)
		}
		return used
	}
}

// introduced judges the first line; false ends the connection with one line that says why.
func (t *lineTransport) introduced(l *loop, c *conn, line []byte) bool {
	var g *grant
	refusal := tokenMissing
	if n := len(authorizationName); len(line) > n && bytes.EqualFold(line[:n], []byte(authorizationName)) {
		g, refusal = l.srv.identify(bytes.Trim(line[n:], " \t"))
	}
	if refusal != tokenGood {
		l.srv.metrics.tokensRefused[refusal].Inc()
		l.fail(l.newCall(c), tokenErrors[refusal])
		c.endAfterAnswers(closeUnauthorized)
		return false
	}
	if full := l.srv.act(c, g); full != backpressure.Accepted {
		l.refuse(l.newCall(c), nullID, full)
		c.endAfterAnswers(closeRequested)
		return false
	}
	c.authBy = 0
	return true
}

// awaitToken has a new connection say who its peer is within auth.timeout, unless the kernel says it.
func (s *Server) awaitToken(c *conn, now int64) backpressure.Refusal {
	if !s.guarded() || c.listener.name == "http" {
		return backpressure.Accepted // HTTP says it in every request
	}
	if c.listener.path != "" && s.opts.Auth.TrustUnix {
		if peer, err := unix.GetsockoptUcred(int(c.fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			g := &grant{principal: "uid:" + strconv.FormatUint(uint64(peer.Uid), 10)}
			g.until.Store(never)
			return s.act(c, g)
		}
	}
	c.authBy = now + int64(s.opts.Auth.Timeout)
	return backpressure.Accepted
}

// ReplaceTokens lets in whom tokens name from now on. Connections whose token is not among them, or for another principal, are
// closed within 250 ms. Only for a server that was made with tokens. Any goroutine, one at a time; the server keeps them.
func (s *Server) ReplaceTokens(tokens *Tokens) {
	tokens.succeed(s.tokens.Load())
	s.tokens.Store(tokens)
}
