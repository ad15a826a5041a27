package http1

import "bytes"

// Method is a method that MCP over HTTP has a use for.
type Method uint8

// The methods. Every other one is MethodOther: the caller answers 405 or 501 (RFC 9110 sections 15.5.6, 15.6.2).
const (
	MethodOther Method = iota
	MethodGet
	MethodHead
	MethodPost
	MethodDelete
	MethodOptions
	MethodConnect // its answer must not be a 2xx, and what follows it is a tunnel's: the caller closes
)

// Step is what a decoder found.
type Step uint8

const (
	// NeedMore: nothing is complete; call again with more bytes. Nothing was consumed.
	NeedMore Step = iota
	// Head: the head is complete, its body is still on the way. Comes at most once per request and not at all when
	// the body came along with the head. Nothing was consumed. The place to refuse early or to send Continue.
	Head
	// Ready: the request is complete and consumes n bytes.
	Ready
)

// Param is one Mcp-Param-{Name} field: Name without the prefix, as spelled by the peer. Both alias the buffer.
type Param struct{ Name, Value []byte }

// Request is one decoded request. Its slices point into the buffer given to Next and are valid until that buffer
// changes; a field that was absent is nil, one that was sent empty is empty and not nil. Values are trimmed of white
// space. One Request may serve any number of decoders, one after the other; it is not for concurrent use.
type Request struct {
	Method Method
	Minor  uint8 // the x of HTTP/1.x, 0 or 1
	// KeepAlive: the connection stays open after the answer (RFC 9112 section 9.3).
	KeepAlive bool
	// ExpectContinue: the peer waits for Continue before it sends the body (RFC 9110 section 10.1.1).
	ExpectContinue bool
	// UpgradeWebSocket: an HTTP/1.1 GET without a body asks for WebSocket (RFC 6455 section 4.2.1). Key and version are
	// not judged yet: see ValidWSKey.
	UpgradeWebSocket bool
	// HasBody: a body was announced, be it chunked or a Content-Length above 0.
	HasBody bool

	Path  []byte // undecoded, begins with '/'; "*" for OPTIONS of the server itself; nil for CONNECT
	Query []byte // undecoded, without the '?'; nil without one
	Host  []byte // of an absolute-form target when there is one, else of the Host field (RFC 9112 section 3.2.2)

	Origin, ContentType, Authorization []byte
	Accept                             []byte // several Accept fields are joined by ", " (RFC 9110 section 5.3)
	SessionID                          []byte // Mcp-Session-Id
	ProtocolVersion                    []byte // MCP-Protocol-Version
	MCPMethod, MCPName                 []byte // Mcp-Method, Mcp-Name, not decoded from =?base64?...?=
	LastEventID                        []byte // Last-Event-ID
	ContentEncoding                    []byte // codings of the body, a list like Accept
	RequestHeaders                     []byte // Access-Control-Request-Headers, the names a browser asks for (Fetch, CORS)
	MCPParams                          []Param
	// Fields are the field lines of the head as they came, each with its CRLF, and the empty line that ends them.
	Fields                       []byte
	WSKey, WSVersion, WSProtocol []byte // Sec-WebSocket-Key, -Version, -Protocol (a list, joined by ", ")

	// Body is valid at Ready only. It may be changed by its owner, like the buffer.
	Body []byte

	// These hold joined lists; kept to be used again.
	accept, protocol, encoding, headers []byte
}

// reset forgets the last request and keeps the backing arrays.
func (r *Request) reset() {
	*r = Request{MCPParams: r.MCPParams[:0], accept: r.accept[:0], protocol: r.protocol[:0],
		encoding: r.encoding[:0], headers: r.headers[:0]}
}

// Decoder cuts the bytes of one connection into requests. The zero value is ready; 40 bytes, offsets only. It belongs
// to the connection's owner: not for concurrent use.
type Decoder struct{ m message }

// Next looks for the next request in b, which holds everything not yet consumed: what was left at the last call with
// more appended. The memory may have moved between the calls, the bytes may not have changed. b is written to: chunked
// bodies are joined in place.
//
// At Ready the caller drops n bytes and calls again, for a pipelined request may follow. An error is an *Error: the
// caller answers its Status, closes, and does not use d again; r then holds what could be read of the head. A request
// that is not complete never needs more of b than the limits, the chunk framing of its body (64 KiB) and a second
// MaxHeaderBytes for its trailers. On the good path nothing is allocated.
func (d *Decoder) Next(b []byte, r *Request, lim *Limits) (step Step, n int, err error) {
	step, body, n, err := d.m.next(b, head{request: r}, lim)
	if err != nil {
		d.m.reread(b, r, lim)
	}
	if step == Ready && r.HasBody {
		r.Body = body
	}
	return step, n, err
}

// reread fills r with what can be read of the head of a message that is refused: an earlier call may have read a part
// of it, and r may have served other connections since.
func (m *message) reread(b []byte, r *Request, lim *Limits) {
	var again message
	_, _ = again.readRequestHead(b, r, lim)
	if bytes.HasPrefix(bytes.TrimLeft(b, "\r\n"), []byte("HEAD ")) {
		r.Method = MethodHead // also of a request line that is too long: an answer to HEAD has no body
	}
}

// Announced is the Content-Length, 4 GiB at most, for which a body was refused as too large; 0 for one in chunks.
func (d *Decoder) Announced() uint32 {
	if d.m.flags&flagTooLarge == 0 {
		return 0
	}
	return d.m.left
}

// Left is how many bytes of a body are still to come whose head is complete; of one in chunks, of the current chunk.
func (d *Decoder) Left() uint32 {
	if d.m.head == 0 {
		return 0
	}
	return d.m.left
}

// Pending says what an unfinished request has brought so far, for deadlines: whether a head has begun and is not
// complete (empty lines before a request are no beginning), and how many bytes of the body are here, chunk framing
// not counted.
func (d *Decoder) Pending() (inHead bool, bodyBytes int) {
	m := &d.m
	return m.head == 0 && (m.scan > m.line || m.fields > 0), int(m.got)
}

// readRequestHead reads lines until the empty one. done means that the head is complete; r then holds what this call
// has read, which is all of it only when m was fresh.
func (m *message) readRequestHead(b []byte, r *Request, lim *Limits) (done bool, fail *Error) {
	r.reset()
	for m.fields == 0 {
		line, ok, fail := m.nextLine(b, lim)
		if !ok || fail != nil {
			return false, fail
		}
		if len(line) == 0 {
			// RFC 9112 section 2.2: old clients send a CRLF after a POST body. More than a few are a way to keep a
			// connection busy without a request.
			if m.blanks++; m.blanks > maxEmptyLines {
				return false, errEmptyLines
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
			r.Fields = b[m.fields:m.line]
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
func (m *message) takeRequestField(name, value []byte, r *Request, lim *Limits) *Error {
	field := fieldOf(name)
	if field == 0 {
		if len(name) > len(paramPrefix) && nameIs(name[:len(paramPrefix)], paramPrefix) {
			r.MCPParams = append(r.MCPParams, Param{Name: name[len(paramPrefix):], Value: value})
		}
		return nil
	}
	if fail := m.noteField(field, value, lim); fail != nil {
		return fail
	}
	switch field {
	case fieldHost:
		if !validAuthority(value) {
			return errHost
		}
		if r.Host == nil { // an absolute-form target has filled it and wins
			r.Host = value
		}
	case fieldAccept:
		r.Accept = joinList(&r.accept, r.Accept, value)
	case fieldContentType:
		r.ContentType = value
	case fieldAuthorization:
		r.Authorization = value
	case fieldOrigin:
		r.Origin = value
	case fieldSessionID:
		r.SessionID = value
	case fieldProtocolVersion:
		r.ProtocolVersion = value
	case fieldMCPMethod:
		r.MCPMethod = value
	case fieldMCPName:
		r.MCPName = value
	case fieldLastEventID:
		r.LastEventID = value
	case fieldContentEncoding:
		r.ContentEncoding = joinList(&r.encoding, r.ContentEncoding, value)
	case fieldRequestHeaders:
		r.RequestHeaders = joinList(&r.headers, r.RequestHeaders, value)
	case fieldWSKey:
		r.WSKey = value
	case fieldWSVersion:
		r.WSVersion = value
	case fieldWSProtocol:
		r.WSProtocol = joinList(&r.protocol, r.WSProtocol, value)
	}
	return nil
}

// endRequestHead judges what only the whole head shows and fills what follows from it.
func (m *message) endRequestHead(r *Request, lim *Limits) *Error {
	old := m.flags&flagMinor0 != 0
	if !old && m.seen&fieldHost == 0 { // RFC 9112 section 3.2
		return errHost
	}
	for i := range r.MCPParams { // at most MaxHeaders of them, compared by length first
		for j := range i {
			if namesEqual(r.MCPParams[i].Name, r.MCPParams[j].Name) {
				return errDuplicate
			}
		}
	}
	if fail := m.endHead(lim); fail != nil {
		return fail
	}
	r.HasBody = m.phase != phaseNoBody
	r.KeepAlive = m.keepAlive()
	// RFC 9110 section 10.1.1: 100-continue in HTTP/1.0 is ignored.
	r.ExpectContinue = !old && r.HasBody && m.flags&flagContinue != 0
	const upgrade = flagUpgrade | flagWebSocket
	r.UpgradeWebSocket = !old && !r.HasBody && r.Method == MethodGet && m.flags&upgrade == upgrade
	return nil
}
