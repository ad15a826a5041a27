package codec

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

const (
	// maxHTTPEmptyLines is how many empty lines may precede a request; RFC 9112 section 2.2 asks for at least one.
	maxHTTPEmptyLines = 2
	// maxHTTPNameBytes bounds a field name. The longest registered one has 43 bytes; Mcp-Param-{Name} carries names from
	// tool schemas. Beyond it: 431.
	maxHTTPNameBytes = 256
	// maxHTTPPaddingBytes bounds the white space around a value, so that an unfinished line has a limit of its own.
	maxHTTPPaddingBytes = 256

	httpParamPrefix = "mcp-param-"
)

// httpFlags are facts about a head that framing and the connection's fate need.
type httpFlags uint16

const (
	httpFlagMinor0    httpFlags = 1 << iota // HTTP/1.0
	httpFlagClose                           // Connection: close
	httpFlagKeepAlive                       // Connection: keep-alive
	httpFlagUpgrade                         // Connection: upgrade
	httpFlagWebSocket                       // Upgrade: websocket
	httpFlagContinue                        // Expect: 100-continue
	httpFlagTooLarge                        // Content-Length above the limit: 413 once the head is judged
	httpFlagBodyless                        // a response that has no body whatever its fields announce
)

// httpMessage is how far one message, request or response, has been read: offsets into the connection's buffer, whose
// byte 0 is the first byte of the message. 40 bytes.
type httpMessage struct {
	scan   uint32 // the next byte to search for a line end; never behind line
	line   uint32 // where the current line begins; in bodies the first wire byte not dealt with
	fields uint32 // where the header or trailer section begins; 0 before the start line is read
	head   uint32 // length of the head; 0 while it is incomplete
	body   uint32 // where the body begins
	got    uint32 // body bytes at body, joined
	left   uint32 // bytes still to come: of the body, or of the current chunk

	seen   httpField // known fields met so far
	count  uint16    // field lines, trailers included
	flags  httpFlags
	blanks uint8 // empty lines before the start line
	phase  httpPhase
}

// nextLine returns the next complete line without its CRLF and moves behind it. ok is false when its end is not here yet.
// Length is judged before content, and the same way for a line that is still growing: the verdict must not depend on how
// the bytes were cut.
func (m *httpMessage) nextLine(b []byte, lim *HTTPLimits) (line []byte, ok bool, fail *HTTPError) {
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
		return nil, false, errHTTPBareLF
	}
	m.line = uint32(end + 1)
	m.scan = m.line
	return line[:len(line)-1], true, nil
}

// tooLong judges a line of n bytes, its CR counted and its LF not, that reaches to offset end.
func (m *httpMessage) tooLong(n, end int, lim *HTTPLimits) *HTTPError {
	if m.fields == 0 {
		if n > lim.MaxRequestLineBytes+1 {
			return errHTTPLineTooLong
		}
		return nil
	}
	if end-int(m.fields) > lim.MaxHeaderBytes || n > lim.MaxHeaderValueBytes+maxHTTPNameBytes+maxHTTPPaddingBytes {
		return errHTTPHeaderTooLarge
	}
	return nil
}

// quickField reads the field line at m.line when it is whole, plain and within every limit; all others, good and bad, return
// ok false and are left to nextLine and readField, which give the verdict. It exists because it touches each byte once where
// those search for the line end first: a fifth of the time of a head.
func (m *httpMessage) quickField(b []byte, lim *HTTPLimits) (name, value []byte, ok bool) {
	line := b[m.line:]
	n := httpTokenLen(line)
	if n == 0 || n > maxHTTPNameBytes || n+1 >= len(line) || line[n] != ':' {
		return nil, nil, false
	}
	from := n + 1
	if line[from] == ' ' {
		from++
	}
	end := from + httpPlainLen(line[from:])
	if end+1 >= len(line) || line[end] != '\r' || line[end+1] != '\n' {
		return nil, nil, false
	}
	next := m.line + uint32(end) + 2
	if end-from > lim.MaxHeaderValueBytes || int(next-m.fields) > lim.MaxHeaderBytes || int(m.count) >= lim.MaxHeaders {
		return nil, nil, false
	}
	m.count++
	m.line, m.scan = next, next
	return line[:n], trimHTTPSpace(line[from:end]), true
}

// readField reads the next field line. ok is false when there is none: at the empty line that ends the section (end is true
// then) or at bytes that have not come yet.
func (m *httpMessage) readField(b []byte, lim *HTTPLimits) (name, value []byte, ok, end bool, fail *HTTPError) {
	if m.scan == m.line { // else the line has been waiting for its end: searching it from its start again would be quadratic
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

// splitField splits a field line (RFC 9112 section 5): a token, a colon right behind it, a value without control characters.
// Bytes above 0x7F are opaque there (RFC 9110 section 5.5).
func (m *httpMessage) splitField(line []byte, lim *HTTPLimits) (name, value []byte, fail *HTTPError) {
	if m.count++; int(m.count) > lim.MaxHeaders {
		return nil, nil, errHTTPTooManyHeaders
	}
	n := httpTokenLen(line)
	if n == 0 || n == len(line) || line[n] != ':' {
		return nil, nil, httpNameError(line, n)
	}
	name, value = line[:n], trimHTTPSpace(line[n+1:])
	if n > maxHTTPNameBytes || len(value) > lim.MaxHeaderValueBytes {
		return nil, nil, errHTTPHeaderTooLarge
	}
	if hasHTTPControl(value) {
		return nil, nil, errHTTPValue
	}
	return name, value, nil
}

// httpNameError names what is wrong with a field line whose first n bytes are a token.
func httpNameError(line []byte, n int) *HTTPError {
	if n < len(line) && (line[n] == ' ' || line[n] == '\t') {
		if n == 0 {
			return errHTTPObsFold // RFC 9112 section 5.2, or white space before the first field (section 2.2)
		}
		return errHTTPSpaceColon // RFC 9112 section 5.1
	}
	return errHTTPName
}

// noteField refuses a second occurrence of a single field and reads the fields that decide about framing and connection.
func (m *httpMessage) noteField(field httpField, value []byte, lim *HTTPLimits) *HTTPError {
	if m.seen&field != 0 && field&httpListFields == 0 {
		// RFC 9110 section 5.3. Equal values are refused as well: whoever sends two can send two different ones.
		return errHTTPDuplicate
	}
	m.seen |= field
	switch field {
	case httpContentLength:
		return m.readContentLength(value, lim)
	case httpTransferEncoding:
		// RFC 9112 section 6.1 would have 501 for codings that are not known. Lists, repetitions and look-alikes of
		// "chunked" are the tools of smuggling, real clients send nothing else: all of them are 400.
		if !httpNameIs(value, "chunked") {
			return errHTTPTransferEncoding
		}
	case httpConnection:
		for len(value) > 0 {
			var option []byte
			option, value = cutHTTPList(value)
			switch {
			case httpNameIs(option, "close"):
				m.flags |= httpFlagClose
			case httpNameIs(option, "keep-alive"):
				m.flags |= httpFlagKeepAlive
			case httpNameIs(option, "upgrade"):
				m.flags |= httpFlagUpgrade
			}
		}
	case httpUpgrade:
		for len(value) > 0 {
			var protocol []byte
			protocol, value = cutHTTPList(value)
			if httpNameIs(protocol, "websocket") {
				m.flags |= httpFlagWebSocket
			}
		}
	case httpExpect:
		if !httpNameIs(value, "100-continue") { // RFC 9110 section 10.1.1
			return errHTTPExpect
		}
		m.flags |= httpFlagContinue
	}
	return nil
}

// readContentLength takes digits and nothing else (RFC 9110 section 8.6). A number above the limit is remembered, not
// refused yet: a head that is also ambiguous must get 400. Leading zeros are within the grammar.
func (m *httpMessage) readContentLength(value []byte, lim *HTTPLimits) *HTTPError {
	if len(value) == 0 || len(value) > 18 { // 18 digits cannot overflow 64 bits
		return errHTTPContentLength
	}
	var length uint64
	for _, c := range value {
		if c < '0' || c > '9' {
			return errHTTPContentLength
		}
		length = length*10 + uint64(c-'0')
	}
	if length > uint64(lim.MaxBodyBytes) {
		m.flags |= httpFlagTooLarge
		return nil
	}
	m.left = uint32(length)
	return nil
}

// endHead decides how the body is framed (RFC 9112 section 6.3).
func (m *httpMessage) endHead(lim *HTTPLimits) *HTTPError {
	chunked := m.seen&httpTransferEncoding != 0
	switch {
	case chunked && m.seen&httpContentLength != 0:
		return errHTTPBothLengths
	case chunked && m.flags&httpFlagMinor0 != 0:
		return errHTTPChunkedOld
	case m.flags&httpFlagTooLarge != 0:
		return errHTTPBodyTooLarge
	case chunked:
		m.phase = httpChunkSize
	case m.left > 0:
		m.phase = httpFixedBody
	}
	m.head, m.body = m.line, m.line
	return nil
}

// keepAlive applies RFC 9112 section 9.3.
func (m *httpMessage) keepAlive() bool {
	if m.flags&httpFlagClose != 0 {
		return false
	}
	return m.flags&httpFlagMinor0 == 0 || m.flags&httpFlagKeepAlive != 0
}

// joinHTTPList joins one more field line of a list field to those before it. The first one is used in place; from the
// second on the list is copied to scratch, which the request keeps.
func joinHTTPList(scratch *[]byte, have, value []byte) []byte {
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

// cutHTTPList takes the first element of a comma-separated list (RFC 9110 section 5.6.1).
func cutHTTPList(list []byte) (element, rest []byte) {
	i := bytes.IndexByte(list, ',')
	if i < 0 {
		return trimHTTPSpace(list), nil
	}
	return trimHTTPSpace(list[:i]), list[i+1:]
}

// trimHTTPSpace removes SP and HTAB from both ends; the result is never nil.
func trimHTTPSpace(s []byte) []byte {
	for len(s) > 0 && (s[0] == ' ' || s[0] == '\t') {
		s = s[1:]
	}
	for len(s) > 0 && (s[len(s)-1] == ' ' || s[len(s)-1] == '\t') {
		s = s[:len(s)-1]
	}
	return s
}

// httpPlainLen is how many bytes of s come before the first control character, HTAB and DEL included. Eight at a time: values
// are most of a head.
func httpPlainLen(s []byte) int {
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

// hasHTTPControl reports control characters other than HTAB.
func hasHTTPControl(s []byte) bool {
	for {
		n := httpPlainLen(s)
		if n == len(s) {
			return false
		}
		if s[n] != '\t' {
			return true
		}
		s = s[n+1:]
	}
}
