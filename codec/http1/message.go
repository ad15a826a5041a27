package http1

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/bits"
)

const (
	// maxEmptyLines is how many empty lines may precede a request; RFC 9112 section 2.2 asks for at least one.
	maxEmptyLines = 2
	// maxNameBytes bounds a field name. The longest registered one has 43 bytes; Mcp-Param-{Name} carries names from
	// tool schemas. Beyond it: 431.
	maxNameBytes = 256
	// maxPaddingBytes bounds the white space around a value, so that an unfinished line has a limit of its own.
	maxPaddingBytes = 256

	paramPrefix = "mcp-param-"
)

// headFlags are facts about a head that framing and the connection's fate need.
type headFlags uint16

const (
	flagMinor0    headFlags = 1 << iota // HTTP/1.0
	flagClose                           // Connection: close
	flagKeepAlive                       // Connection: keep-alive
	flagUpgrade                         // Connection: upgrade
	flagWebSocket                       // Upgrade: websocket
	flagContinue                        // Expect: 100-continue
	flagTooLarge                        // Content-Length above the limit: 413 once the head is judged
	flagBodyless                        // a response that has no body whatever its fields announce
)

// message is how far one message, request or response, has been read: offsets into the connection's buffer, whose
// byte 0 is the first byte of the message. 40 bytes.
type message struct {
	scan   uint32 // the next byte to search for a line end; never behind line
	line   uint32 // where the current line begins; in bodies the first wire byte not dealt with
	fields uint32 // where the header or trailer section begins; 0 before the start line is read
	head   uint32 // length of the head; 0 while it is incomplete
	body   uint32 // where the body begins
	got    uint32 // body bytes at body, joined
	left   uint32 // bytes still to come: of the body, or of the current chunk

	seen   fieldSet // known fields met so far
	count  uint16   // field lines, trailers included
	flags  headFlags
	blanks uint8 // empty lines before the start line
	phase  bodyPhase
}

// head is where the head of a message goes: a request's or a reply's. Two pointers and no interface, because a call
// through an interface would be one more per message.
type head struct {
	request *Request
	reply   *Reply
}

// read reads lines until the empty one. done means that the head is complete; h then holds what this call has read,
// which is all of it only when m was fresh.
func (h head) read(m *message, b []byte, lim *Limits) (done bool, fail *Error) {
	if h.reply != nil {
		return m.readReplyHead(b, h.reply, lim)
	}
	return m.readRequestHead(b, h.request, lim)
}

// next is Next of both decoders. The body is valid at Ready.
func (m *message) next(b []byte, h head, lim *Limits) (step Step, body []byte, n int, err error) {
	filled := false // h holds this message's head
	if m.head == 0 {
		filled = m.line == 0
		done, fail := h.read(m, b, lim)
		if fail != nil {
			return NeedMore, nil, 0, fail
		}
		if !done {
			return NeedMore, nil, 0, nil
		}
		step = Head
	}
	done, fail := m.readBody(b, lim)
	if fail != nil {
		return NeedMore, nil, 0, fail
	}
	if !done && step == NeedMore {
		return NeedMore, nil, 0, nil
	}
	if !filled {
		// Lines that came in earlier calls left offsets at best, and h may have served other connections since.
		// Reading the head again costs its length once or twice per message and no state per connection.
		var again message
		if _, fail := h.read(&again, b[:m.head], lim); fail != nil {
			return NeedMore, nil, 0, fail // the caller changed the bytes
		}
	}
	if !done {
		return Head, nil, 0, nil
	}
	end := m.body + m.got
	body, n = b[m.body:end:end], int(m.line)
	*m = message{}
	return Ready, body, n, nil
}

// nextLine returns the next complete line without its CRLF and moves behind it. ok is false when its end is not here
// yet. Length is judged before content, and the same way for a line that is still growing: the verdict must not
// depend on how the bytes were cut.
func (m *message) nextLine(b []byte, lim *Limits) (line []byte, ok bool, fail *Error) {
	i := bytes.IndexByte(b[m.scan:], '\n')
	if i < 0 {
		m.scan = uint32(len(b))
		return nil, false, m.tooLong(len(b)-int(m.line), len(b), lim)
	}
	end := int(m.scan) + i
	line = b[m.line:end]
	if fail = m.tooLong(len(line), end+1, lim); fail != nil {
		return nil, false, fail
	}
	if len(line) == 0 || line[len(line)-1] != '\r' {
		return nil, false, errBareLF
	}
	m.line = uint32(end + 1)
	m.scan = m.line
	return line[:len(line)-1], true, nil
}

// tooLong judges a line of n bytes, its CR counted and its LF not, that reaches to offset end.
func (m *message) tooLong(n, end int, lim *Limits) *Error {
	if m.fields == 0 {
		if n > lim.MaxRequestLineBytes+1 {
			return errLineTooLong
		}
		return nil
	}
	if end-int(m.fields) > lim.MaxHeaderBytes || n > lim.MaxHeaderValueBytes+maxNameBytes+maxPaddingBytes {
		return errHeaderTooLarge
	}
	return nil
}

// quickField reads the field line at m.line when it is whole, plain and within every limit; all others, good and bad,
// return ok false and are left to nextLine and readField, which give the verdict. It exists because it touches each
// byte once where those search for the line end first: a fifth of the time of a head.
func (m *message) quickField(b []byte, lim *Limits) (name, value []byte, ok bool) {
	line := b[m.line:]
	n := tokenLen(line)
	if n == 0 || n > maxNameBytes || n+1 >= len(line) || line[n] != ':' {
		return nil, nil, false
	}
	from := n + 1
	if line[from] == ' ' {
		from++
	}
	end := from + plainLen(line[from:])
	if end+1 >= len(line) || line[end] != '\r' || line[end+1] != '\n' {
		return nil, nil, false
	}
	next := m.line + uint32(end) + 2
	if end-from > lim.MaxHeaderValueBytes || int(next-m.fields) > lim.MaxHeaderBytes || int(m.count) >= lim.MaxHeaders {
		return nil, nil, false
	}
	m.count++
	m.line, m.scan = next, next
	return line[:n], trimSpace(line[from:end]), true
}

// readField reads the next field line. ok is false when there is none: at the empty line that ends the section (end
// is true then) or at bytes that have not come yet.
func (m *message) readField(b []byte, lim *Limits) (name, value []byte, ok, end bool, fail *Error) {
	// A line that has been waiting for its end is not searched from its start again: that would be quadratic.
	if m.scan == m.line {
		if name, value, ok = m.quickField(b, lim); ok {
			return name, value, true, false, nil
		}
	}
	line, ok, fail := m.nextLine(b, lim)
	if !ok || fail != nil || len(line) == 0 {
		return nil, nil, false, ok, fail
	}
	name, value, fail = m.splitField(line, lim)
	return name, value, fail == nil, false, fail
}

// splitField splits a field line (RFC 9112 section 5): a token, a colon right behind it, a value without control
// characters. Bytes above 0x7F are opaque there (RFC 9110 section 5.5).
func (m *message) splitField(line []byte, lim *Limits) (name, value []byte, fail *Error) {
	if m.count++; int(m.count) > lim.MaxHeaders {
		return nil, nil, errTooManyHeaders
	}
	n := tokenLen(line)
	if n == 0 || n == len(line) || line[n] != ':' {
		return nil, nil, nameError(line, n)
	}
	name, value = line[:n], trimSpace(line[n+1:])
	if n > maxNameBytes || len(value) > lim.MaxHeaderValueBytes {
		return nil, nil, errHeaderTooLarge
	}
	if hasControl(value) {
		return nil, nil, errValue
	}
	return name, value, nil
}

// nameError names what is wrong with a field line whose first n bytes are a token.
func nameError(line []byte, n int) *Error {
	if n < len(line) && (line[n] == ' ' || line[n] == '\t') {
		if n == 0 {
			return errObsFold // RFC 9112 section 5.2, or white space before the first field (section 2.2)
		}
		return errSpaceColon // RFC 9112 section 5.1
	}
	return errName
}

// noteField refuses a second occurrence of a single field and reads the fields that decide about framing and
// connection.
func (m *message) noteField(field fieldSet, value []byte, lim *Limits) *Error {
	if m.seen&field != 0 && field&listFields == 0 {
		// RFC 9110 section 5.3. Equal values are refused as well: whoever sends two can send two different ones.
		return errDuplicate
	}
	m.seen |= field
	switch field {
	case fieldContentLength:
		return m.readContentLength(value, lim)
	case fieldTransferEncoding:
		// RFC 9112 section 6.1 would have 501 for codings that are not known. Lists, repetitions and look-alikes of
		// "chunked" are the tools of smuggling, real clients send nothing else: all of them are 400.
		if !nameIs(value, "chunked") {
			return errTransferEncoding
		}
	case fieldConnection:
		for len(value) > 0 {
			var option []byte
			option, value = cutList(value)
			switch {
			case nameIs(option, "close"):
				m.flags |= flagClose
			case nameIs(option, "keep-alive"):
				m.flags |= flagKeepAlive
			case nameIs(option, "upgrade"):
				m.flags |= flagUpgrade
			}
		}
	case fieldUpgrade:
		for len(value) > 0 {
			var protocol []byte
			protocol, value = cutList(value)
			if nameIs(protocol, "websocket") {
				m.flags |= flagWebSocket
			}
		}
	case fieldExpect:
		if !nameIs(value, "100-continue") { // RFC 9110 section 10.1.1
			return errExpect
		}
		m.flags |= flagContinue
	}
	return nil
}

// readContentLength takes digits and nothing else (RFC 9110 section 8.6). A number above the limit is remembered, not
// refused yet: a head that is also ambiguous must get 400. Leading zeros are within the grammar.
func (m *message) readContentLength(value []byte, lim *Limits) *Error {
	if len(value) == 0 || len(value) > 18 { // 18 digits cannot overflow 64 bits
		return errContentLength
	}
	var length uint64
	for _, c := range value {
		if c < '0' || c > '9' {
			return errContentLength
		}
		length = length*10 + uint64(c-'0')
	}
	if length > uint64(lim.MaxBodyBytes) {
		m.flags |= flagTooLarge
		m.left = uint32(min(length, math.MaxUint32))
		return nil
	}
	m.left = uint32(length)
	return nil
}

// endHead decides how the body is framed (RFC 9112 section 6.3).
func (m *message) endHead(lim *Limits) *Error {
	chunked := m.seen&fieldTransferEncoding != 0
	switch {
	case chunked && m.seen&fieldContentLength != 0:
		return errBothLengths
	case chunked && m.flags&flagMinor0 != 0:
		return errChunkedOld
	case m.flags&flagTooLarge != 0:
		return errBodyTooLarge
	case chunked:
		m.phase = phaseChunkSize
	case m.left > 0:
		m.phase = phaseFixedBody
	}
	m.head, m.body = m.line, m.line
	return nil
}

// keepAlive applies RFC 9112 section 9.3.
func (m *message) keepAlive() bool {
	if m.flags&flagClose != 0 {
		return false
	}
	return m.flags&flagMinor0 == 0 || m.flags&flagKeepAlive != 0
}

// joinList joins one more field line of a list field to those before it. The first one is used in place; from the
// second on the list is copied to scratch, which the request keeps.
func joinList(scratch *[]byte, have, value []byte) []byte {
	if len(have) == 0 {
		return value
	}
	if len(*scratch) == 0 {
		*scratch = append(*scratch, have...)
	}
	*scratch = append(*scratch, ", "...)
	*scratch = append(*scratch, value...)
	return *scratch
}

// cutList takes the first element of a comma-separated list (RFC 9110 section 5.6.1).
func cutList(list []byte) (element, rest []byte) {
	i := bytes.IndexByte(list, ',')
	if i < 0 {
		return trimSpace(list), nil
	}
	return trimSpace(list[:i]), list[i+1:]
}

// trimSpace removes SP and HTAB from both ends; the result is never nil.
func trimSpace(s []byte) []byte {
	for len(s) > 0 && (s[0] == ' ' || s[0] == '\t') {
		s = s[1:]
	}
	for len(s) > 0 && (s[len(s)-1] == ' ' || s[len(s)-1] == '\t') {
		s = s[:len(s)-1]
	}
	return s
}

// plainLen is how many bytes of s come before the first control character, HTAB and DEL included. Eight at a time:
// values are most of a head.
func plainLen(s []byte) int {
	const (
		ones  = 0x0101010101010101
		highs = 0x8080808080808080
	)
	i := 0
	for ; i+8 <= len(s); i += 8 {
		x := binary.LittleEndian.Uint64(s[i:])
		del := x ^ 0x7F*ones
		// A high bit stands for a byte below 0x20, or for one that the XOR made zero. Borrows can set bits above the
		// first such byte, never below it, so the lowest bit is right.
		if found := ((x-0x20*ones)&^x | (del-ones)&^del) & highs; found != 0 {
			return i + bits.TrailingZeros64(found)/8
		}
	}
	for ; i < len(s); i++ {
		if s[i] < ' ' || s[i] == 0x7F {
			return i
		}
	}
	return i
}

// hasControl reports control characters other than HTAB.
func hasControl(s []byte) bool {
	for {
		n := plainLen(s)
		if n == len(s) {
			return false
		}
		if s[n] != '\t' {
			return true
		}
		s = s[n+1:]
	}
}
