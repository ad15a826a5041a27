package transport

import (
	"weir/backpressure"
	"weir/codec"
	"weir/codec/http1"
	"weir/codec/websocket"
	"weir/reactor/auth"
	"weir/reactor/loop"
	"weir/reactor/pipeline"
	"weir/registry/engine"
)

func (t *httpTransport) Decode(in *pipeline.Intake, c *pipeline.Conn, b []byte) int {
	if isTLS(b) {
		return refuseTLS(in, c, b)
	}
	used := 0
	r := &deskOf(in).request
	for !c.Halted() {
		step, n, err := t.decoder.Next(b[used:], r, &deskOf(in).Options.HTTP)
		if err != nil {
			t.malformed(in, c, r, err.(*http1.Error))
			return len(b)
		}
		switch step {
		case http1.NeedMore:
			return used
		case http1.Head:
			if !t.onHead(in, c, r) || t.handOverHead(in, c, r, b[used:]) {
				return len(b)
			}
			return used
		}
		if t.handOver(in, c, r, b[used:], n) {
			return len(b)
		}
		used += n
		t.request(in, c, r)
		if now := c.Transport(); now != t { // it speaks WebSocket, or is a stream, from here on
			return used + now.Decode(in, c, b[used:])
		}
	}
	return used
}

// onHead judges a request of which only the head is here, so that a body nobody wants need not be sent. It reports
// whether to go on.
func (t *httpTransport) onHead(in *pipeline.Intake, c *pipeline.Conn, r *http1.Request) bool {
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
		if refusal := in.Probe(c, deskOf(in).at, r.MCPName); refusal != backpressure.Accepted {
			k := t.begin(in, c, r)
			k.KeepAlive = false // the body is still on its way
			in.Refuse(k, pipeline.NullID, refusal)
			c.EndAfterAnswers(loop.CloseRequested)
			return false
		}
	}
	if r.ExpectContinue && c.Pending() == 0 { // else its 100 would come between earlier answers; it is optional
		in.Out = append(in.Out, http1.Continue...)
	}
	return true
}

// begin makes the call for a request.
func (t *httpTransport) begin(in *pipeline.Intake, c *pipeline.Conn, r *http1.Request) *pipeline.Call {
	k := in.NewCall(c)
	d := deskOf(in)
	k.HTTP10, k.Head, k.Origin = r.Minor == 0, r.Method == http1.MethodHead, d.pageOf(c, r)
	if k.HTTP10 && (d.accept.Named || d.accept.Stream && r.Method == http1.MethodGet) {
		r.KeepAlive = false // its streams end with the connection
	}
	k.KeepAlive, k.View = r.KeepAlive, d.at
	if d.accept.Named {
		k.Takes = pipeline.SSEAhead
	}
	if d.accept.Stream && !(k.HTTP10 && k.KeepAlive) {
		k.Takes |= pipeline.SSEWhole
	}
	if r.Method == http1.MethodPost && !d.accept.JSON {
		k.Takes |= pipeline.SSEOnly
	}
	return k
}

// request serves one complete request.
func (t *httpTransport) request(in *pipeline.Intake, c *pipeline.Conn, r *http1.Request) {
	if status, fail := t.acceptable(in, c, r); fail != nil {
		t.reject(in, c, r, status, fail)
	} else {
		t.serve(in, c, r)
	}
	if !r.KeepAlive {
		c.EndAfterAnswersOrPeer(loop.CloseRequested)
	}
}

func (t *httpTransport) serve(in *pipeline.Intake, c *pipeline.Conn, r *http1.Request) {
	if deskOf(in).closesAfterAnswer() {
		r.KeepAlive = false
	}
	k := t.begin(in, c, r)
	if deskOf(in).servesSSE(r) {
		t.serveSSE(in, c, r, k)
		return
	}
	switch r.Method {
	case http1.MethodGet, http1.MethodHead: // HEAD of anything else was refused
		if deskOf(in).Resource.IsMetadata(r.Path) {
			in.Answer(k, deskOf(in).Resource.Metadata())
			return
		}
		if r.UpgradeWebSocket {
			if in.Pipeline().Draining() {
				in.Refuse(k, nil, backpressure.Draining)
				return
			}
			k.Release()
			r.KeepAlive = true // under pressure connections end with their answer, and 101 is none
			t.upgrade(in, c, r)
			return
		}
		t.openSession(in, c, r, k)
	case http1.MethodDelete:
		k.Outcome = in.Pipeline().Engine.EndSession(k.View, r.SessionID, c.Principal())
		in.Answer(k, nil)
	case http1.MethodOptions:
		t.options(in, r, k)
	default:
		deskOf(in).header = engine.Header{
			ProtocolVersion: r.ProtocolVersion, SessionID: r.SessionID,
			Method: r.MCPMethod, Name: r.MCPName, Params: r.MCPParams, Fields: r.Fields,
		}
		k.Header = &deskOf(in).header
		if codec.IsBatch(r.Body) {
			in.Batch(c, k, r.Body)
			return
		}
		in.Message(c, k, r.Body)
	}
}

// malformed answers what is not acceptable HTTP and closes: where the next request begins is uncertain.
func (t *httpTransport) malformed(in *pipeline.Intake, c *pipeline.Conn, r *http1.Request, err *http1.Error) {
	k := in.NewCall(c)
	k.Status, k.Head, k.Origin = uint16(err.Status), r.Method == http1.MethodHead, deskOf(in).pageOf(c, r)
	text := err.Error() + deskOf(in).Options.HTTP.Exceeded(err, "messages.http.", t.decoder.Announced())
	in.Msg = codec.AppendError(in.Msg[:0], nil, invalid(text))
	in.Answer(k, in.Msg)
	reason := loop.CloseBadRequest
	if err.Status == 413 {
		reason = loop.CloseMessageTooBig
	}
	c.EndAfterAnswers(reason)
}

// reject answers a request whose head is not acceptable to MCP.
func (t *httpTransport) reject(in *pipeline.Intake, c *pipeline.Conn, r *http1.Request, status int, fail *codec.Error) {
	k := t.begin(in, c, r)
	k.Status, k.BadToken = uint16(status), fail != auth.Missing.Err()
	if status == 405 {
		if k.Allow = deskOf(in).allowedAt(r); k.Allow == allowMCP && r.Method == http1.MethodGet {
			k.Allow = allowMCPNotGet
		}
	}
	if fail == errPrincipalLimit {
		in.Refuse(k, pipeline.NullID, backpressure.ConnectionLimitPerPrincipal)
		return
	}
	deskOf(in).logRefused(r, fail)
	in.Msg = codec.AppendError(in.Msg[:0], nil, fail)
	in.Answer(k, in.Msg)
}

// upgrade turns the connection into WebSocket (RFC 6455 4.2.2).
func (t *httpTransport) upgrade(in *pipeline.Intake, c *pipeline.Conn, r *http1.Request) {
	if !t.answers.idle(c) { // their answers could not leave as HTTP any more
		t.reject(in, c, r, 400, errUpgradeEarly)
		return
	}
	protocol := ""
	if http1.Lists(r.WSProtocol, "mcp") {
		protocol = "mcp"
	}
	in.Out = websocket.AppendUpgrade(in.Out, r.WSKey, protocol)
	if at := deskOf(in).at; at != nil {
		c.SetTransport(&wsEndpoint{at: at}, pipeline.KindWebSocket)
		return
	}
	c.SetTransport(new(wsTransport), pipeline.KindWebSocket)
}

// eof: a request that stays unfinished asks for nothing. About those that are being served the end says too little: a
// peer that only closed its sending side wants its answers, one that closed both has cancelled what is of the
// stateless era or only waits, and TCP shows the same FIN for either. An interim response tells them apart: the first
// one skips it, as every client must (RFC 9110 15.2), the second one's kernel resets the connection, which cancels.
// HTTP/1.0 has no interim responses: its response becomes an event stream now, if its client takes one.
func (t *httpTransport) EOF(_ *pipeline.Intake, c *pipeline.Conn, _ []byte) {
	o := &t.answers
	c.Lock()
	defer c.Unlock()
	if k := o.head; k != nil && k.Streaming {
		o.signLocked(c) // an interim response cannot come inside another one; a comment does the same
		return
	}
	for k := o.head; k != nil; k = k.Next {
		switch {
		case k.Done || !k.EndsWithPeer():
		case !k.HTTP10:
			c.SendLocked([]byte(http1.Continue))
			return
		case k == o.head && k.TakesSSE(pipeline.SSEAhead):
			eventStream{o, c, k}.breakSilenceLocked()
			return
		}
	}
}

func (t *httpTransport) Feed(in *pipeline.Intake, c *pipeline.Conn) { t.answers.feed(in, c) }

func (t *httpTransport) Tick(c *pipeline.Conn, w loop.Waiting, quiet int64) loop.Reason {
	t.answers.keepAlive(c)
	d := deskOf(c.Intake())
	o, idle := &d.Options, d.idleLimit(d.Options.IdleTimeout)
	switch inHead, body := t.decoder.Pending(); {
	case w == loop.WaitingForRest && inHead && quiet > int64(o.MessageTimeout): // however fast it comes
		return loop.CloseMessageTimeout
	case w == loop.WaitingForRest:
		return c.MessageLate(quiet, body)
	case w == loop.WaitingForNothing && idle > 0 && quiet > idle:
		return loop.CloseIdle
	}
	return loop.StillOpen
}

// GoAway answers a request that does not come to its end in time all the same (RFC 9110 15.5.9).
func (t *httpTransport) GoAway(c *pipeline.Conn, why loop.Reason) (told bool) {
	if why != loop.CloseMessageTimeout {
		return false
	}
	in := c.Intake()
	k := in.NewCall(c)
	k.Status = 408
	in.Msg = codec.AppendError(in.Msg[:0], nil, errRequestLate)
	in.Answer(k, in.Msg)
	in.Flush(c)
	return true
}

var errRequestLate = &codec.Error{Code: codec.CodeInvalidRequest,
	Message: "the request did not arrive in time (message_timeout, min_receive_rate); this connection ends here"}

func (t *httpTransport) Closed(c *pipeline.Conn) (cancelled int) { return t.answers.close(c) }
