package codec

// HTTP/1.1 requests (RFC 9112, RFC 9110), strict: where the RFC lets a recipient be lenient and leniency lets two parsers
// see two different requests, the answer here is 400. The decoder is fed one connection's bytes and cuts them into
// requests; http1_head.go reads lines and fields, http1_body.go bodies, http1_target.go request lines.
//
// The rule: each byte is looked at a bounded number of times however the input is cut (a client that sends one byte per
// packet costs linear work), and the verdict depends on the bytes alone, never on how they were cut.

// HTTPMethod is a method that MCP over HTTP has a use for.
type HTTPMethod uint8

// The methods. Every other one is MethodOther: the caller answers 405 or 501 (RFC 9110 sections 15.5.6, 15.6.2).
const (
	MethodOther HTTPMethod = iota
	MethodGet
	MethodHead
	MethodPost
	MethodDelete
	MethodOptions
)

// HTTPStep is what a decoder found.
type HTTPStep uint8

const (
	// HTTPNeedMore: nothing is complete; call again with more bytes. Nothing was consumed.
	HTTPNeedMore HTTPStep = iota
	// HTTPHead: the head is complete, its body is still on the way. Comes at most once per request and not at all when
	// the body came along with the head. Nothing was consumed. The place to refuse early or to send HTTPContinue.
	HTTPHead
	// HTTPReady: the request is complete and consumes n bytes.
	HTTPReady
)

// HTTPParam is one Mcp-Param-{Name} field: Name without the prefix, as spelled by the peer. Both alias the buffer.
type HTTPParam struct{ Name, Value []byte }

// HTTPRequest is one decoded request. Its slices point into the buffer given to Next and are valid until that buffer
// changes; a field that was absent is nil, one that was sent empty is empty and not nil. Values are trimmed of white space.
// One HTTPRequest may serve any number of decoders, one after the other; it is not for concurrent use.
type HTTPRequest struct {
	Method HTTPMethod
	Minor  uint8 // the x of HTTP/1.x, 0 or 1
	// KeepAlive: the connection stays open after the answer (RFC 9112 section 9.3).
	KeepAlive bool
	// ExpectContinue: the peer waits for HTTPContinue before it sends the body (RFC 9110 section 10.1.1).
	ExpectContinue bool
	// UpgradeWebSocket: an HTTP/1.1 GET without a body asks for WebSocket (RFC 6455 section 4.2.1). Key and version are
	// not judged yet: see ValidWSKey.
	UpgradeWebSocket bool
	// HasBody: a body was announced, be it chunked or a Content-Length above 0.
	HasBody bool

	Path  []byte // undecoded, begins with '/'; "*" for OPTIONS *; nil for CONNECT
	Query []byte // undecoded, without the '?'; nil without one
	Host  []byte // of an absolute-form target when there is one, else of the Host field (RFC 9112 section 3.2.2)

	Origin, ContentType, Authorization []byte
	Accept                             []byte // several Accept fields are joined by ", " (RFC 9110 section 5.3)
	SessionID                          []byte // Mcp-Session-Id
	ProtocolVersion                    []byte // MCP-Protocol-Version
	MCPMethod, MCPName                 []byte // Mcp-Method, Mcp-Name, not decoded from =?base64?...?=
	LastEventID                        []byte // Last-Event-ID
	MCPParams                          []HTTPParam
	WSKey, WSVersion, WSProtocol       []byte // Sec-WebSocket-Key, -Version, -Protocol (a list, joined by ", ")

	// Body is valid at HTTPReady only. It may be changed by its owner, like the buffer.
	Body []byte

	// accept and protocol hold joined lists; kept to be used again.
	accept, protocol []byte
}

// reset forgets the last request and keeps the backing arrays.
func (r *HTTPRequest) reset() {
	*r = HTTPRequest{MCPParams: r.MCPParams[:0], accept: r.accept[:0], protocol: r.protocol[:0]}
}

// HTTPDecoder cuts the bytes of one connection into requests. The zero value is ready; 40 bytes, offsets only. It belongs
// to the connection's owner: not for concurrent use.
type HTTPDecoder struct{ m httpMessage }

// Next looks for the next request in b, which holds everything not yet consumed: what was left at the last call with
// more appended. The memory may have moved between the calls, the bytes may not have changed. b is written to: chunked
// bodies are joined in place.
//
// At HTTPReady the caller drops n bytes and calls again, for a pipelined request may follow. An error is an *HTTPError: the
// caller answers its Status, closes, and does not use d again. A request that is not complete never needs more than
// MaxHTTPBufferBytes of b. On the good path nothing is allocated.
func (d *HTTPDecoder) Next(b []byte, r *HTTPRequest, lim *HTTPLimits) (step HTTPStep, n int, err error) {
	m := &d.m
	filled := false // r holds this request's head
	if m.head == 0 {
		filled = m.line == 0
		done, fail := m.readRequestHead(b, r, lim)
		if fail != nil {
			return HTTPNeedMore, 0, fail
		}
		if !done {
			return HTTPNeedMore, 0, nil
		}
		step = HTTPHead
	}
	done, fail := m.readBody(b, lim)
	if fail != nil {
		return HTTPNeedMore, 0, fail
	}
	if !done && step == HTTPNeedMore {
		return HTTPNeedMore, 0, nil
	}
	if !filled {
		// Lines that came in earlier calls left offsets at best, and r may have served other connections since.
		// Reading the head again costs its length once or twice per request and no state per connection.
		var again httpMessage
		if _, fail := again.readRequestHead(b[:m.head], r, lim); fail != nil {
			return HTTPNeedMore, 0, fail // the caller changed the bytes
		}
	}
	if !done {
		return HTTPHead, 0, nil
	}
	if r.HasBody {
		end := m.body + m.got
		r.Body = b[m.body:end:end]
	}
	n = int(m.line)
	*m = httpMessage{}
	return HTTPReady, n, nil
}

// Pending says what an unfinished request has brought so far, for deadlines: whether a head has begun and is not complete
// (empty lines before a request are no beginning), and how many bytes of the body are here, chunk framing not counted.
func (d *HTTPDecoder) Pending() (inHead bool, bodyBytes int) {
	m := &d.m
	return m.head == 0 && (m.scan > m.line || m.fields > 0), int(m.got)
}

// MaxHTTPBufferBytes is the most that one incomplete message can occupy in the buffer under lim, so the size at which a
// connection's buffer need never grow further. Chunk framing and trailers are part of it: they are dropped only when the
// message is complete.
func MaxHTTPBufferBytes(lim *HTTPLimits) int {
	const ends = 2*maxHTTPEmptyLines + 2 + 2 + 2 // CRLFs of empty lines, start line, chunk line, chunk data
	chunkLine := maxHTTPChunkDigits + lim.MaxChunkExtensionBytes
	return ends + lim.MaxRequestLineBytes + lim.MaxHeaderBytes + lim.MaxBodyBytes +
		maxHTTPChunkOverheadBytes + chunkLine + lim.MaxHeaderBytes
}

// readRequestHead reads lines until the empty one. done means that the head is complete; r then holds what this call
// has read, which is all of it only when m was fresh.
func (m *httpMessage) readRequestHead(b []byte, r *HTTPRequest, lim *HTTPLimits) (done bool, fail *HTTPError) {
	r.reset()
	for m.fields == 0 {
		line, ok, fail := m.nextLine(b, lim)
		if !ok || fail != nil {
			return false, fail
		}
		if len(line) == 0 {
			// RFC 9112 section 2.2: old clients send a CRLF after a POST body. More than a few are a way to keep a
			// connection busy without a request.
			if m.blanks++; m.blanks > maxHTTPEmptyLines {
				return false, errHTTPEmptyLines
			}
			continue
		}
		if fail = m.readRequestLine(line, r); fail != nil {
			return false, fail
		}
		m.fields = m.line
	}
	for {
		name, value, ok, end, fail := m.readField(b, lim)
		switch {
		case end:
			return true, m.endRequestHead(r, lim)
		case !ok:
			return false, fail
		}
		if fail = m.takeRequestField(name, value, r, lim); fail != nil {
			return false, fail
		}
	}
}

// takeRequestField judges one field and keeps it in r.
func (m *httpMessage) takeRequestField(name, value []byte, r *HTTPRequest, lim *HTTPLimits) *HTTPError {
	field := httpFieldOf(name)
	if field == 0 {
		if len(name) > len(httpParamPrefix) && httpNameIs(name[:len(httpParamPrefix)], httpParamPrefix) {
			r.MCPParams = append(r.MCPParams, HTTPParam{Name: name[len(httpParamPrefix):], Value: value})
		}
		return nil
	}
	if fail := m.noteField(field, value, lim); fail != nil {
		return fail
	}
	switch field {
	case httpHost:
		if !validHTTPAuthority(value) {
			return errHTTPHost
		}
		if r.Host == nil { // an absolute-form target has filled it and wins
			r.Host = value
		}
	case httpAccept:
		r.Accept = joinHTTPList(&r.accept, r.Accept, value)
	case httpContentType:
		r.ContentType = value
	case httpAuthorization:
		r.Authorization = value
	case httpOrigin:
		r.Origin = value
	case httpSessionID:
		r.SessionID = value
	case httpProtocolVersion:
		r.ProtocolVersion = value
	case httpMCPMethod:
		r.MCPMethod = value
	case httpMCPName:
		r.MCPName = value
	case httpLastEventID:
		r.LastEventID = value
	case httpWSKey:
		r.WSKey = value
	case httpWSVersion:
		r.WSVersion = value
	case httpWSProtocol:
		r.WSProtocol = joinHTTPList(&r.protocol, r.WSProtocol, value)
	}
	return nil
}

// endRequestHead judges what only the whole head shows and fills what follows from it.
func (m *httpMessage) endRequestHead(r *HTTPRequest, lim *HTTPLimits) *HTTPError {
	old := m.flags&httpFlagMinor0 != 0
	if !old && m.seen&httpHost == 0 { // RFC 9112 section 3.2
		return errHTTPHost
	}
	for i := range r.MCPParams { // at most MaxHeaders of them, compared by length first
		for j := range i {
			if httpNamesEqual(r.MCPParams[i].Name, r.MCPParams[j].Name) {
				return errHTTPDuplicate
			}
		}
	}
	if fail := m.endHead(lim); fail != nil {
		return fail
	}
	r.HasBody = m.phase != httpNoBody
	r.KeepAlive = m.keepAlive()
	// RFC 9110 section 10.1.1: 100-continue in HTTP/1.0 is ignored.
	r.ExpectContinue = !old && r.HasBody && m.flags&httpFlagContinue != 0
	const upgrade = httpFlagUpgrade | httpFlagWebSocket
	r.UpgradeWebSocket = !old && !r.HasBody && r.Method == MethodGet && m.flags&upgrade == upgrade
	return nil
}
