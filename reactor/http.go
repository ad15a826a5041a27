package reactor

import (
	"bytes"

	"weir/backpressure"
	"weir/codec"
	"weir/codec/http1"
	"weir/codec/websocket"
	"weir/reactor/auth"
	"weir/reactor/loop"
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

func (t *httpTransport) decode(in *intake, c *conn, b []byte) int {
	if isTLS(b) {
		return in.refuseTLS(c, b)
	}
	used := 0
	r := &in.http.request
	for !c.Halted() {
		step, n, err := t.decoder.Next(b[used:], r, &in.srv.opts.Messages.HTTP)
		if err != nil {
			t.malformed(in, c, err.(*http1.Error))
			return len(b)
		}
		switch step {
		case http1.NeedMore:
			return used
		case http1.Head:
			if !t.onHead(in, c, r) {
				return len(b)
			}
			return used
		}
		used += n
		t.request(in, c, r)
		if c.transport != t { // it speaks WebSocket, or is a stream, from here on
			return used + c.transport.decode(in, c, b[used:])
		}
	}
	return used
}

// onHead judges a request of which only the head is here, so that a body nobody wants need not be sent. It reports
// whether to go on.
func (t *httpTransport) onHead(in *intake, c *conn, r *http1.Request) bool {
	if status, fail := t.acceptable(in, c, r); fail != nil {
		r.KeepAlive = false // the body is still on its way
		t.reject(in, c, r, status, fail)
		reason := loop.CloseBadRequest
		switch status {
		case 401:
			reason = loop.CloseUnauthorized
		case 503:
			reason = loop.CloseRequested
		}
		c.EndAfterAnswers(reason)
		return false
	}
	if string(r.MCPMethod) == "tools/call" {
		if refusal := in.srv.queue.Probe(&c.lane, backpressure.Blocking, 0, in.Now()); in.srv.refuses(refusal) {
			k := t.begin(in, c, r)
			k.keepAlive = false // the body is still on its way
			in.refuse(k, nullID, refusal)
			c.EndAfterAnswers(loop.CloseRequested)
			return false
		}
	}
	if r.ExpectContinue && c.Pending() == 0 { // else its 100 would come between earlier answers; it is optional
		in.out = append(in.out, http1.Continue...)
	}
	return true
}

var nullID = []byte("null")

// begin makes the call for a request.
func (t *httpTransport) begin(in *intake, c *conn, r *http1.Request) *call {
	k := in.newCall(c)
	k.keepAlive, k.http10 = r.KeepAlive, r.Minor == 0
	if r.Origin != nil {
		k.origin = in.srv.rules.Origin(r.Origin)
	}
	k.takesSSE = !k.http10 && bytes.Contains(r.Accept, []byte(eventStreamType))
	return k
}

// request serves one complete request.
func (t *httpTransport) request(in *intake, c *conn, r *http1.Request) {
	if status, fail := t.acceptable(in, c, r); fail != nil {
		t.reject(in, c, r, status, fail)
	} else {
		t.serve(in, c, r)
	}
	if !r.KeepAlive {
		c.EndAfterAnswers(loop.CloseRequested)
	}
}

func (t *httpTransport) serve(in *intake, c *conn, r *http1.Request) {
	if in.srv.draining.Load() {
		r.KeepAlive = false
	}
	k := t.begin(in, c, r)
	if in.srv.servesSSE(r) {
		t.serveSSE(in, c, r, k)
		return
	}
	switch r.Method {
	case http1.MethodGet:
		if in.srv.resource.IsMetadata(r.Path) {
			in.answer(k, in.srv.resource.Metadata())
			return
		}
		if r.UpgradeWebSocket {
			if in.srv.draining.Load() {
				in.refuse(k, nil, backpressure.Draining)
				return
			}
			k.release()
			t.upgrade(in, c, r)
			return
		}
		t.openSession(in, c, r, k)
	case http1.MethodDelete:
		k.Outcome = in.srv.registry.EndSession(r.SessionID, c.principal())
		in.answer(k, nil)
	case http1.MethodOptions:
		k.status, k.allow = 204, true
		in.answer(k, nil)
	default:
		in.http.header = registry.Header{
			ProtocolVersion: r.ProtocolVersion, SessionID: r.SessionID,
			Method: r.MCPMethod, Name: r.MCPName, Params: r.MCPParams,
		}
		k.Header = &in.http.header
		if codec.IsBatch(r.Body) {
			in.batch(c, k, r.Body)
			return
		}
		in.message(c, k, r.Body)
	}
}

// malformed answers what is not acceptable HTTP and closes: where the next request begins is uncertain.
func (t *httpTransport) malformed(in *intake, c *conn, err *http1.Error) {
	k := in.newCall(c)
	k.status = uint16(err.Status)
	in.msg = codec.AppendError(in.msg[:0], nil, &codec.Error{Code: codec.CodeInvalidRequest, Message: err.Error()})
	in.answer(k, in.msg)
	reason := loop.CloseBadRequest
	if err.Status == 413 {
		reason = loop.CloseMessageTooBig
	}
	c.EndAfterAnswers(reason)
}

// reject answers a request whose head is not acceptable to MCP.
func (t *httpTransport) reject(in *intake, c *conn, r *http1.Request, status int, fail *codec.Error) {
	k := t.begin(in, c, r)
	k.status, k.allow, k.badToken = uint16(status), status == 405, fail != auth.Missing.Err()
	in.msg = in.msg[:0]
	switch {
	case fail == errPrincipalLimit:
		in.msg = in.srv.appendRefusal(in.msg, k, nullID, backpressure.ConnectionLimitPerPrincipal)
	case r.Method != http1.MethodHead: // an answer to HEAD has no body (RFC 9110 9.3.2)
		in.msg = codec.AppendError(in.msg, nil, fail)
	}
	in.answer(k, in.msg)
}

// upgrade turns the connection into WebSocket (RFC 6455 4.2.2).
func (t *httpTransport) upgrade(in *intake, c *conn, r *http1.Request) {
	if !t.answers.idle(c) { // their answers could not leave as HTTP any more
		t.reject(in, c, r, 400, errUpgradeEarly)
		return
	}
	protocol := ""
	if offers(r.WSProtocol, "mcp") {
		protocol = "mcp"
	}
	in.out = websocket.AppendUpgrade(in.out, r.WSKey, protocol)
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
func (t *httpTransport) eof(_ *intake, c *conn, _ []byte) {
	o := &t.answers
	c.Lock()
	defer c.Unlock()
	if k := o.head; k != nil && k.streaming {
		o.signLocked(c) // an interim response cannot come inside another one; a comment does the same
		return
	}
	for k := o.head; k != nil; k = k.next {
		if !k.done && k.EndsWithPeer() && !k.http10 {
			c.SendLocked([]byte(http1.Continue))
			return
		}
	}
}

func (t *httpTransport) feed(in *intake, c *conn) { t.answers.feed(in, c) }

func (t *httpTransport) tick(c *conn, w loop.Waiting, quiet int64) loop.Reason {
	t.answers.keepAlive(c)
	o := &c.intake.srv.opts
	switch inHead, body := t.decoder.Pending(); {
	case w == loop.WaitingForRest && inHead && quiet > int64(o.MessageTimeout): // however fast it comes
		return loop.CloseMessageTimeout
	case w == loop.WaitingForRest:
		return c.MessageLate(quiet, body)
	case w == loop.WaitingForNothing && o.IdleTimeout > 0 && quiet > int64(o.IdleTimeout):
		return loop.CloseIdle
	}
	return loop.StillOpen
}

// missed: a request that does not come to its end is answered all the same (RFC 9110 15.5.9).
func (t *httpTransport) missed(in *intake, c *conn, deadline loop.Reason) bool {
	if deadline != loop.CloseMessageTimeout {
		return false
	}
	k := in.newCall(c)
	k.status = 408
	in.msg = codec.AppendError(in.msg[:0], nil, errRequestLate)
	in.answer(k, in.msg)
	in.flush(c)
	return true
}

var errRequestLate = &codec.Error{Code: codec.CodeInvalidRequest,
	Message: "the request did not arrive in time (message_timeout, min_receive_rate); this connection ends here"}

func (t *httpTransport) goAway(*conn) {}

func (t *httpTransport) closed(c *conn) (cancelled int) { return t.answers.close(c) }
