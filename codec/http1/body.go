package http1

import "bytes"

const (
	// maxChunkDigits keeps a chunk size within 64 bits before it is compared with the body limit.
	maxChunkDigits = 16
	// maxChunkOverheadBytes is how much chunk framing (sizes, extensions, line ends) one body may bring. The framing
	// stays in the buffer until the body is complete, so it is part of what the buffer must hold: 1 MiB in chunks of
	// 100 bytes needs 63 KB. A body of one-byte chunks may have 13,000 of them. Beyond it: 400.
	maxChunkOverheadBytes = 64 << 10
)

// bodyPhase is what a body waits for.
type bodyPhase uint8

const (
	phaseNoBody    bodyPhase = iota
	phaseFixedBody           // Content-Length
	phaseChunkSize           // the line with a chunk's size
	phaseChunkData           // its data
	phaseChunkEnd            // the CRLF behind the data
	phaseTrailers            // field lines after the last chunk
	phaseUntilEnd            // the end of the connection; of responses alone
)

// readBody takes what has arrived of the body. done: it is complete, at b[m.body:][:m.got], and m.line is the first
// byte behind it.
func (m *message) readBody(b []byte, lim *Limits) (done bool, fail *Error) {
	for {
		switch m.phase {
		case phaseNoBody:
			return true, nil
		case phaseFixedBody:
			have := min(len(b)-int(m.body), int(m.left))
			m.got = uint32(have)
			if m.got < m.left {
				return false, nil
			}
			m.line = m.body + m.left
			return true, nil
		case phaseChunkSize:
			line, ok, fail := m.chunkLine(b, lim)
			if !ok || fail != nil {
				return false, fail
			}
			if fail = m.readChunkSize(line, lim); fail != nil {
				return false, fail
			}
		case phaseChunkData:
			if !m.takeChunk(b) {
				return false, nil
			}
		case phaseChunkEnd:
			ok, fail := m.endChunk(b)
			if !ok || fail != nil {
				return false, fail
			}
		case phaseTrailers:
			return m.readTrailers(b, lim)
		case phaseUntilEnd:
			if len(b)-int(m.body) > lim.MaxBodyBytes {
				return false, errBodyTooLarge
			}
			m.got = uint32(len(b)) - m.body
			return false, nil
		}
	}
}

// chunkLine returns the next chunk-size line without its CRLF. A lone LF inside an extension is the classic difference
// between parsers (CVE-2025-22871): refused.
func (m *message) chunkLine(b []byte, lim *Limits) (line []byte, ok bool, fail *Error) {
	i := bytes.IndexByte(b[m.scan:], '\n')
	end := int(m.scan) + i
	if i < 0 {
		end = len(b)
	}
	line = b[m.line:end]
	if len(line) > maxChunkDigits+lim.MaxChunkExtensionBytes+1 {
		return nil, false, errChunkExtension
	}
	if i < 0 {
		m.scan = uint32(end)
		return nil, false, nil
	}
	if len(line) == 0 || line[len(line)-1] != '\r' {
		return nil, false, errBareLF
	}
	m.line = uint32(end + 1)
	m.scan = m.line
	return line[:len(line)-1], true, nil
}

// readChunkSize reads chunk-size [chunk-ext] (RFC 9112 section 7.1) and prepares for the data or the trailers.
func (m *message) readChunkSize(line []byte, lim *Limits) *Error {
	var size uint64
	digits := 0
	for digits < len(line) && hexValue(line[digits]) < 16 {
		if digits == maxChunkDigits {
			return errChunkSize
		}
		size = size<<4 | uint64(hexValue(line[digits]))
		digits++
	}
	if digits == 0 {
		return errChunkSize
	}
	if extension := line[digits:]; len(extension) > 0 {
		if c := extension[0]; c != ';' && c != ' ' && c != '\t' {
			return errChunkSize
		}
		if len(extension) > lim.MaxChunkExtensionBytes || !validChunkExtension(extension) {
			return errChunkExtension
		}
	}
	if size > uint64(lim.MaxBodyBytes)-uint64(m.got) {
		return errBodyTooLarge
	}
	if m.line-m.head-m.got > maxChunkOverheadBytes {
		return errChunkOverhead
	}
	if size == 0 {
		m.phase = phaseTrailers
		m.fields = m.line
		return nil
	}
	if m.got == 0 {
		m.body = m.line // the first chunk stays where it is: most bodies have one chunk and are never copied
	}
	m.left = uint32(size)
	m.phase = phaseChunkData
	return nil
}

// takeChunk joins arrived data of the current chunk to the body, once per byte. It reports whether the chunk is
// complete.
func (m *message) takeChunk(b []byte) bool {
	arrived := b[m.line:]
	if len(arrived) > int(m.left) {
		arrived = arrived[:m.left]
	}
	if to := m.body + m.got; to != m.line {
		copy(b[to:], arrived)
	}
	n := uint32(len(arrived))
	m.got += n
	m.line += n
	m.left -= n
	if m.left > 0 {
		return false
	}
	m.phase = phaseChunkEnd
	return true
}

// endChunk takes the CRLF behind chunk data, judging each byte as it comes.
func (m *message) endChunk(b []byte) (ok bool, fail *Error) {
	rest := b[m.line:]
	if len(rest) > 0 && rest[0] != '\r' || len(rest) > 1 && rest[1] != '\n' {
		return false, errChunkEnd
	}
	if len(rest) < 2 {
		return false, nil
	}
	m.line += 2
	m.scan = m.line
	m.phase = phaseChunkSize
	return true, nil
}

// readTrailers reads the trailer section as strictly as a header section and forgets it (RFC 9112 section 7.1.2
// allows that): nothing in MCP travels there, and merging it into the head would let a peer replace fields that were
// already judged.
func (m *message) readTrailers(b []byte, lim *Limits) (done bool, fail *Error) {
	for {
		name, _, ok, end, fail := m.readField(b, lim)
		if !ok {
			return end, fail
		}
		if fieldOf(name)&notInTrailers != 0 {
			return false, errTrailerField
		}
	}
}

// validChunkExtension checks *( BWS ";" BWS name [ BWS "=" BWS value ] ) (RFC 9112 section 7.1.1).
func validChunkExtension(s []byte) bool {
	for len(s) > 0 {
		s = skipSpace(s)
		if len(s) == 0 || s[0] != ';' {
			return false
		}
		s = skipSpace(s[1:])
		n := tokenLen(s)
		if n == 0 {
			return false
		}
		s = s[n:]
		value := skipSpace(s)
		if len(value) == 0 || value[0] != '=' {
			continue
		}
		value = skipSpace(value[1:])
		if n = tokenLen(value); n == 0 {
			n = quotedLen(value)
		}
		if n == 0 {
			return false
		}
		s = value[n:]
	}
	return true
}

func skipSpace(s []byte) []byte {
	for len(s) > 0 && (s[0] == ' ' || s[0] == '\t') {
		s = s[1:]
	}
	return s
}

// quotedLen is the length of the quoted-string that s begins with, 0 for none (RFC 9110 section 5.6.4).
func quotedLen(s []byte) int {
	if len(s) == 0 || s[0] != '"' {
		return 0
	}
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			return i + 1
		case c == '\\':
			i++
			if i == len(s) || hasControl(s[i:i+1]) {
				return 0
			}
		case c < ' ' && c != '\t' || c == 0x7F:
			return 0
		}
	}
	return 0
}
