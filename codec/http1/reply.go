package http1

// Reply is one decoded response. Its slices point into the buffer given to Next and are valid until that changes; a
// field that was absent is nil.
type Reply struct {
	Status    int
	KeepAlive bool // the connection may carry another request
	// SessionID is Mcp-Session-Id, WSAccept is Sec-WebSocket-Accept, Coding is Content-Encoding.
	ContentType, SessionID, RetryAfter, WSAccept, Coding, Location []byte

	Body []byte // valid at Ready; what has arrived of it after Partial
}

// ReplyDecoder cuts the bytes of one connection into responses. The zero value is ready; offsets only; not for
// concurrent use. Answers to HEAD requests, which announce a body and have none, are not for it.
type ReplyDecoder struct{ m message }

// Next looks for the next response in b; the rules about b, the steps and n are those of Decoder.Next. Informational
// responses come out as responses without a body, 101 among them. A body that says nothing of its length lasts until
// the connection ends (RFC 9112 section 6.3, point 8): Next never finds its end, End does. MaxRequestLineBytes bounds
// the status line.
func (d *ReplyDecoder) Next(b []byte, r *Reply, lim *Limits) (step Step, n int, err error) {
	step, body, n, err := d.m.next(b, head{reply: r}, lim)
	if step == Ready {
		r.Body = body
	}
	return step, n, err
}

// Partial fills r with a response whose body is still arriving, and says whether there is one. b is that of the last
// call of Next. It reads the head again each time: it is for bodies that are of use before their end, event streams.
func (d *ReplyDecoder) Partial(b []byte, r *Reply, lim *Limits) bool {
	m := &d.m
	if m.head == 0 {
		return false
	}
	var again message
	if _, fail := again.readReplyHead(b[:m.head], r, lim); fail != nil {
		return false // the caller changed the bytes
	}
	end := m.body + m.got
	r.Body = b[m.body:end:end]
	return true
}

// End says what the end of the connection means for b, that of the last call of Next: Ready when it is the end of a
// response, which is in r then; NeedMore when nothing had begun; an error when a response was cut short.
func (d *ReplyDecoder) End(b []byte, r *Reply, lim *Limits) (Step, error) {
	switch {
	case len(b) == 0:
		return NeedMore, nil
	case d.m.phase != phaseUntilEnd || !d.Partial(b, r, lim):
		return NeedMore, errCutShort
	}
	d.m = message{}
	return Ready, nil
}

// readReplyHead reads lines until the empty one.
func (m *message) readReplyHead(b []byte, r *Reply, lim *Limits) (done bool, fail *Error) {
	*r = Reply{}
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
func (m *message) readStatusLine(line []byte, r *Reply) *Error {
	const prefix = "HTTP/1."
	if len(line) < 13 || string(line[:7]) != prefix || line[8] != ' ' || line[12] != ' ' {
		return errStatusLine
	}
	if line[7] != '0' && line[7] != '1' {
		return errStatusLine
	}
	for _, c := range line[9:12] {
		if !isDigit(c) {
			return errStatusLine
		}
		r.Status = r.Status*10 + int(c-'0')
	}
	if r.Status < 100 || hasControl(line[13:]) {
		return errStatusLine
	}
	if line[7] == '0' {
		m.flags |= flagMinor0
	}
	if r.Status < 200 || r.Status == 204 || r.Status == 304 {
		m.flags |= flagBodyless
	}
	return nil
}

// takeReplyField judges one field and keeps it in r.
func (m *message) takeReplyField(name, value []byte, r *Reply, lim *Limits) *Error {
	field := fieldOf(name)
	if field == 0 {
		return nil
	}
	if fail := m.noteField(field, value, lim); fail != nil {
		return fail
	}
	switch field {
	case fieldContentType:
		r.ContentType = value
	case fieldSessionID:
		r.SessionID = value
	case fieldRetryAfter:
		r.RetryAfter = value
	case fieldWSAccept:
		r.WSAccept = value
	case fieldContentEncoding:
		r.Coding = value
	case fieldLocation:
		r.Location = value
	}
	return nil
}

// endReplyHead applies RFC 9112 section 6.3, points 1 to 8, as a client reads them.
func (m *message) endReplyHead(r *Reply, lim *Limits) *Error {
	r.KeepAlive = m.keepAlive()
	if m.flags&flagBodyless != 0 {
		m.head, m.body = m.line, m.line
		return nil
	}
	if m.seen&(fieldContentLength|fieldTransferEncoding) == 0 {
		r.KeepAlive = false
		m.phase = phaseUntilEnd
	}
	return m.endHead(lim)
}
