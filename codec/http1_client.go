package codec

// HTTP/1.1 responses, as the load generator and tests read them: the same lines, fields and bodies as requests, so the
// strictness of the decoder is also a check of the encoder.

// HTTPReply is one decoded response. Its slices point into the buffer given to Next and are valid until that changes; a
// field that was absent is nil.
type HTTPReply struct {
	Status    int
	KeepAlive bool // the connection may carry another request
	// SessionID is Mcp-Session-Id, WSAccept is Sec-WebSocket-Accept.
	ContentType, SessionID, RetryAfter, WSAccept []byte
	Body                                         []byte // valid at HTTPReady only
}

// HTTPReplyDecoder cuts the bytes of one connection into responses. The zero value is ready; offsets only; not for
// concurrent use.
type HTTPReplyDecoder struct {
	m httpMessage
	// HeadRequest is set by the caller before the answer to a HEAD request is read: it has no body whatever its
	// fields announce (RFC 9112 section 6.3).
	HeadRequest bool
}

// Next looks for the next response in b; the rules about b, the steps and n are those of HTTPDecoder.Next. Informational
// responses come out as responses without a body, 101 among them. A response whose body ends only with the connection is
// an error: servers under test frame their bodies. MaxRequestLineBytes bounds the status line.
func (d *HTTPReplyDecoder) Next(b []byte, r *HTTPReply, lim *HTTPLimits) (step HTTPStep, n int, err error) {
	m := &d.m
	filled := false
	if m.head == 0 {
		filled = m.line == 0
		done, fail := m.readReplyHead(b, r, lim, d.HeadRequest)
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
		var again httpMessage
		if _, fail := again.readReplyHead(b[:m.head], r, lim, d.HeadRequest); fail != nil {
			return HTTPNeedMore, 0, fail // the caller changed the bytes
		}
	}
	if !done {
		return HTTPHead, 0, nil
	}
	end := m.body + m.got
	r.Body = b[m.body:end:end]
	n = int(m.line)
	*d = HTTPReplyDecoder{}
	return HTTPReady, n, nil
}

// readReplyHead reads lines until the empty one.
func (m *httpMessage) readReplyHead(b []byte, r *HTTPReply, lim *HTTPLimits, toHead bool) (done bool, fail *HTTPError) {
	*r = HTTPReply{}
	if toHead {
		m.flags |= httpFlagBodyless
	}
	if m.fields == 0 {
		line, ok, fail := m.nextLine(b, lim)
		if !ok || fail != nil {
			return false, fail
		}
		if fail = m.readStatusLine(line, r); fail != nil {
			return false, fail
		}
		m.fields = m.line
	}
	for {
		name, value, ok, end, fail := m.readField(b, lim)
		switch {
		case end:
			return true, m.endReplyHead(r, lim)
		case !ok:
			return false, fail
		}
		if fail = m.takeReplyField(name, value, r, lim); fail != nil {
			return false, fail
		}
	}
}

// readStatusLine reads version SP status SP [reason] (RFC 9112 section 4).
func (m *httpMessage) readStatusLine(line []byte, r *HTTPReply) *HTTPError {
	const prefix = "HTTP/1."
	if len(line) < 13 || string(line[:7]) != prefix || line[7] != '0' && line[7] != '1' || line[8] != ' ' || line[12] != ' ' {
		return errHTTPStatusLine
	}
	for _, c := range line[9:12] {
		if !isHTTPDigit(c) {
			return errHTTPStatusLine
		}
		r.Status = r.Status*10 + int(c-'0')
	}
	if r.Status < 100 || hasHTTPControl(line[13:]) {
		return errHTTPStatusLine
	}
	if line[7] == '0' {
		m.flags |= httpFlagMinor0
	}
	if r.Status < 200 || r.Status == 204 || r.Status == 304 {
		m.flags |= httpFlagBodyless
	}
	return nil
}

// takeReplyField judges one field and keeps it in r.
func (m *httpMessage) takeReplyField(name, value []byte, r *HTTPReply, lim *HTTPLimits) *HTTPError {
	field := httpFieldOf(name)
	if field == 0 {
		return nil
	}
	if fail := m.noteField(field, value, lim); fail != nil {
		return fail
	}
	switch field {
	case httpContentType:
		r.ContentType = value
	case httpSessionID:
		r.SessionID = value
	case httpRetryAfter:
		r.RetryAfter = value
	case httpWSAccept:
		r.WSAccept = value
	}
	return nil
}

// endReplyHead applies RFC 9112 section 6.3, points 1 to 8, as a client reads them.
func (m *httpMessage) endReplyHead(r *HTTPReply, lim *HTTPLimits) *HTTPError {
	r.KeepAlive = m.keepAlive()
	if m.flags&httpFlagBodyless != 0 {
		m.head, m.body = m.line, m.line
		return nil
	}
	if m.seen&(httpContentLength|httpTransferEncoding) == 0 {
		return errHTTPNoLength
	}
	return m.endHead(lim)
}
