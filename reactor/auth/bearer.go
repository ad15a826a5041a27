package auth

import (
	"bytes"
	"strconv"

	"weir/codec"
)

// Refusal says why a peer is not let in. The word is in the answer, and the metric's label.
type Refusal uint8

const (
	Good    Refusal = iota
	Missing         // no token was sent, or nothing that is a bearer token
	Unknown         // nobody has it
	Expired         // somebody had it
	Changed         // another one than that of requests before it which are not answered yet
	Refusals
)

var refusalNames = [Refusals]string{
	Missing: "token_missing", Unknown: "token_unknown", Expired: "token_expired", Changed: "token_changed",
}

// String is the refusal's word.
func (r Refusal) String() string { return refusalNames[r] }

// refusalErrors are what the peer is told.
var refusalErrors = func() (all [Refusals]*codec.Error) {
	for refusal, message := range map[Refusal]string{
		Missing: "say who you are first, with Authorization: Bearer and a token",
		Unknown: "this token is not known here",
		Expired: "this token has expired",
		Changed: "a request before this one has another token and is not answered yet: wait, or use another connection",
	} {
		all[refusal] = &codec.Error{Code: codec.CodeInvalidRequest, Message: message,
			Data: []byte(`{"reason":"` + refusal.String() + `"}`)}
	}
	return all
}()

// Err is what the peer is told; nil for Good. The same every time: it must not be changed.
func (r Refusal) Err() *codec.Error { return refusalErrors[r] }

const (
	fieldName = "authorization:"
	// MaxFieldBytes is the longest first line of a connection without HTTP heads: a token, and blanks.
	MaxFieldBytes = maxTokenBytes + 64
)

// Identify finds the credential of an Authorization field's value at now, in Unix seconds; nil with a reason. Any
// goroutine.
func (t *Tokens) Identify(value []byte, now int64) (*Credential, Refusal) {
	token, sent := bearer(value)
	return t.identify(token, sent, now)
}

// subprotocol is what a WebSocket subprotocol begins with that carries a token.
const subprotocol = "mcp.auth."

// IdentifySubprotocols is Identify for the subprotocols that a WebSocket client offers: a browser can set no header
// there. The token follows "mcp.auth."; browsers offer names only (RFC 9110 5.6.2), so it must have no '/' and no '='.
func (t *Tokens) IdentifySubprotocols(list []byte, now int64) (*Credential, Refusal) {
	for item := range bytes.SplitSeq(list, []byte{','}) {
		if token, ok := bytes.CutPrefix(bytes.Trim(item, " \t"), []byte(subprotocol)); ok {
			token, sent := checked(token)
			return t.identify(token, sent, now)
		}
	}
	return nil, Missing
}

// identify finds the credential of a token, as bearer has cut it.
func (t *Tokens) identify(token []byte, sent bool, now int64) (*Credential, Refusal) {
	switch {
	case !sent:
		return nil, Missing
	case token == nil:
		return nil, Unknown
	}
	switch c := t.find(token); {
	case c == nil:
		return nil, Unknown
	case c.Ended(now):
		return nil, Expired
	default:
		return c, Good
	}
}

// IdentifyField is Identify for a whole field line, its name included: what a connection without HTTP heads sends
// first.
func (t *Tokens) IdentifyField(line []byte, now int64) (*Credential, Refusal) {
	if n := len(fieldName); len(line) > n && bytes.EqualFold(line[:n], []byte(fieldName)) {
		return t.Identify(bytes.Trim(line[n:], " \t"), now)
	}
	return nil, Missing
}

// OfUser is the credential of a user of this machine whom the kernel has named. No tokens file can name such a
// principal, and it does not end.
func OfUser(uid uint32) *Credential {
	c := &Credential{Principal: "uid:" + strconv.FormatUint(uint64(uid), 10)}
	c.until.Store(never)
	return c
}

// bearer cuts the token out of the value of an Authorization field (RFC 6750 2.1). A scheme has no case (RFC 9110
// 11.1). sent says whether there is a bearer token, token is nil when it cannot be one: what is too long is not hashed.
func bearer(value []byte) (token []byte, sent bool) {
	const scheme = "bearer"
	if len(value) <= len(scheme) || !bytes.EqualFold(value[:len(scheme)], []byte(scheme)) || value[len(scheme)] != ' ' {
		return nil, false
	}
	return checked(bytes.Trim(value[len(scheme):], " "))
}

// checked is token, unless it cannot be one; see bearer.
func checked(token []byte) (_ []byte, sent bool) {
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
