package reactor

import (
	"bytes"

	"weir/backpressure"
	"weir/codec"
	"weir/codec/http1"
	"weir/codec/websocket"
	"weir/reactor/auth"
	"weir/registry"
)

// httpTransport is Streamable HTTP: one message (or, in 2025-03-26, one batch) per POST. The connection means nothing to
// MCP here; sessions and eras are told apart per request, by the registry.
type httpTransport struct {
	decoder http1.Decoder
	answers answerOrder
}

// httpScratch is what a loop needs to read requests, once for all its connections.
type httpScratch struct {
	request http1.Request
	header  registry.Header
}

const (
	jsonType        = "application/json"
	eventStreamType = "text/event-stream" // as every client spells it; another spelling gets JSON, which it must take too
)

func (t *httpTransport) decode(l *loop, c *conn, b []byte) int {
	used := 0
	r := &l.http.request
	for !c.halted() {
		step, n, err := t.decoder.Next(b[used:], r, &l.srv.opts.Messages.HTTP)
		if err != nil {
			t.malformed(l, c, err.(*http1.Error))
			return len(b)
		}
		switch step {
		case http1.NeedMore:
			return used
		case http1.Head:
			if !t.onHead(l, c, r) {
				return len(b)
			}
			return used
		}
		used += n
		t.request(l, c, r)
		if c.transport != t { // it speaks WebSocket, or is a stream, from here on
			return used + c.transport.decode(l, c, b[used:])
		}
	}
	return used
}

// onHead judges a request of which only the head is here, so that a body nobody wants need not be sent. It reports
// whether to go on.
func (t *httpTransport) onHead(l *loop, c *conn, r *http1.Request) bool {
	if status, fail := t.acceptable(l, c, r); fail != nil {
		r.KeepAlive = false // the body is still on its way
		t.reject(l, c, r, status, fail)
		reason := closeBadRequest
		switch status {
		case 401:
			reason = closeUnauthorized
		case 503:
			reason = closeRequested
		}
		c.endAfterAnswers(reason)
		return false
	}
	if string(r.MCPMethod) == "tools/call" {
		if refusal := l.srv.queue.Probe(&c.lane, backpressure.Blocking, 0, l.now); l.srv.refuses(refusal) {
			k := t.begin(l, c, r)
			k.keepAlive = false // the body is still on its way
			l.refuse(k, nullID, refusal)
			c.endAfterAnswers(closeRequested)
			return false
		}
	}
	if r.ExpectContinue && c.pending.Load() == 0 { // else its 100 would come between earlier answers; it is optional
		l.out = append(l.out, http1.Continue...)
	}
	return true
}

var nullID = []byte("null")

// begin makes the call for a request.
func (t *httpTransport) begin(l *loop, c *conn, r *http1.Request) *call {
	k := l.newCall(c)
	k.keepAlive, k.http10 = r.KeepAlive, r.Minor == 0
	if r.Origin != nil {
		k.origin = l.srv.rules.Origin(r.Origin)
	}
	k.takesSSE = !k.http10 && bytes.Contains(r.Accept, []byte(eventStreamType))
	return k
}

// request serves one complete request.
func (t *httpTransport) request(l *loop, c *conn, r *http1.Request) {
	if status, fail := t.acceptable(l, c, r); fail != nil {
		t.reject(l, c, r, status, fail)
	} else {
		t.serve(l, c, r)
	}
	if !r.KeepAlive {
		c.endAfterAnswers(closeRequested)
	}
}

func (t *httpTransport) serve(l *loop, c *conn, r *http1.Request) {
	if l.srv.draining.Load() {
		r.KeepAlive = false
	}
	k := t.begin(l, c, r)
	if l.srv.servesSSE(r) {
		t.serveSSE(l, c, r, k)
		return
	}
	switch r.Method {
	case http1.MethodGet:
		if l.srv.resource.IsMetadata(r.Path) {
			l.answer(k, l.srv.resource.Metadata())
			return
		}
		if r.UpgradeWebSocket {
			if l.srv.draining.Load() {
				l.refuse(k, nil, backpressure.Draining)
				return
			}
			k.release()
			t.upgrade(l, c, r)
			return
		}
		t.openSession(l, c, r, k)
	case http1.MethodDelete:
		k.Outcome = l.srv.registry.EndSession(r.SessionID, c.principal())
		l.answer(k, nil)
	case http1.MethodOptions:
		k.status, k.allow = 204, true
		l.answer(k, nil)
	default:
		l.http.header = registry.Header{
			ProtocolVersion: r.ProtocolVersion, SessionID: r.SessionID,
			Method: r.MCPMethod, Name: r.MCPName, Params: r.MCPParams,
		}
		k.Header = &l.http.header
		if codec.IsBatch(r.Body) {
			l.batch(c, k, r.Body)
			return
		}
		l.message(c, k, r.Body)
	}
}

// malformed answers what is not acceptable HTTP and closes: where the next request begins is uncertain.
func (t *httpTransport) malformed(l *loop, c *conn, err *http1.Error) {
	k := l.newCall(c)
	k.status = uint16(err.Status)
	l.msg = codec.AppendError(l.msg[:0], nil, &codec.Error{Code: codec.CodeInvalidRequest, Message: err.Error()})
	l.answer(k, l.msg)
	reason := closeBadRequest
	if err.Status == 413 {
		reason = closeMessageTooBig
	}
	c.endAfterAnswers(reason)
}

// reject answers a request whose head is not acceptable to MCP.
func (t *httpTransport) reject(l *loop, c *conn, r *http1.Request, status int, fail *codec.Error) {
	k := t.begin(l, c, r)
	k.status, k.allow, k.badToken = uint16(status), status == 405, fail != auth.Missing.Err()
	l.msg = l.msg[:0]
	switch {
	case fail == errPrincipalLimit:
		l.msg = l.srv.appendRefusal(l.msg, k, nullID, backpressure.ConnectionLimitPerPrincipal)
	case r.Method != http1.MethodHead: // an answer to HEAD has no body (RFC 9110 9.3.2)
		l.msg = codec.AppendError(l.msg, nil, fail)
	}
	l.answer(k, l.msg)
}

// upgrade turns the connection into WebSocket (RFC 6455 4.2.2).
func (t *httpTransport) upgrade(l *loop, c *conn, r *http1.Request) {
	if !t.answers.idle(c) { // their answers could not leave as HTTP any more
		t.reject(l, c, r, 400, errUpgradeEarly)
		return
	}
	protocol := ""
	if offers(r.WSProtocol, "mcp") {
		protocol = "mcp"
	}
	l.out = websocket.AppendUpgrade(l.out, r.WSKey, protocol)
	c.transport = new(wsTransport)
}

// offers reports whether a comma-separated list holds name.
func offers(list []byte, name string) bool {
	for len(list) > 0 {
		item, rest, _ := bytes.Cut(list, []byte{','})
		if string(bytes.TrimSpace(item)) == name {
			return true
		}
		list = rest
	}
	return false
}

// eof: a request that stays unfinished asks for nothing. About those that are being served the end says too little: a peer that
// only closed its sending side wants its answers, one that closed both has cancelled what is of the stateless era or only waits,
// and TCP shows the same FIN for either. An interim response tells them apart: the first one skips it, as every client must
// (RFC 9110 15.2), the second one's kernel resets the connection, which cancels.
func (t *httpTransport) eof(_ *loop, c *conn, _ []byte) {
	o := &t.answers
	c.mu.Lock()
	defer c.mu.Unlock()
	if k := o.head; k != nil && k.streaming {
		o.signLocked(c) // an interim response cannot come inside another one; a comment does the same
		return
	}
	for k := o.head; k != nil; k = k.next {
		if !k.done && k.EndsWithPeer() && !k.http10 {
			c.sendLocked([]byte(http1.Continue))
			return
		}
	}
}

func (t *httpTransport) feed(l *loop, c *conn) { t.answers.feed(l, c) }

func (t *httpTransport) tick(c *conn, w waiting, quiet int64) closeReason {
	t.answers.keepAlive(c)
	o := &c.loop.srv.opts
	switch inHead, body := t.decoder.Pending(); {
	case w == waitingForRest && inHead && quiet > int64(o.MessageTimeout): // however fast it comes
		return closeMessageTimeout
	case w == waitingForRest:
		return c.messageLate(quiet, body)
	case w == waitingForNothing && o.IdleTimeout > 0 && quiet > int64(o.IdleTimeout):
		return closeIdle
	}
	return stillOpen
}

func (t *httpTransport) goAway(*conn) {}

func (t *httpTransport) closed(c *conn) (cancelled int) { return t.answers.close(c) }
