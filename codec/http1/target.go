package http1

import "bytes"

// wholeServer is the path of OPTIONS for the server itself. Read only.
var wholeServer = []byte("*")

// rootPath stands in for the empty path of an absolute-form target (RFC 9110 section 4.2.3). Read only.
var rootPath = []byte("/")

// readRequestLine reads method SP target SP version (RFC 9112 section 3): single spaces, nothing around them.
func (m *message) readRequestLine(line []byte, r *Request) *Error {
	const versionLen = len(" HTTP/1.1")
	sp := bytes.IndexByte(line, ' ')
	end := len(line) - versionLen
	if sp > 0 {
		r.Method = methodOf(line[:sp]) // before anything else is judged: an answer to HEAD has no body
	}
	if sp <= 0 || end <= sp || tokenLen(line[:sp]) != sp {
		return errRequestLine
	}
	minor, fail := readVersion(line[end:])
	if fail != nil {
		return fail
	}
	if minor == 0 {
		m.flags |= flagMinor0
	}
	r.Minor = minor
	target := line[sp+1 : end]
	switch {
	case len(target) == 0:
		return errRequestLine
	case target[0] == '/':
		return readPath(target, r)
	case len(target) == 1 && target[0] == '*' && r.Method == MethodOptions: // RFC 9112 section 3.2.4
		r.Path = target
		return nil
	case r.Method == MethodConnect: // section 3.2.3; the method is refused by the caller whatever the target is
		if !validAuthority(target) {
			return errTarget
		}
		r.Host = target
		return nil
	}
	return readAbsolute(target, r)
}

// readVersion reads " HTTP/1.x". What looks like a version and is another one is 505 (RFC 9110 section 2.5 would let
// 1.2 pass as 1.1; nobody sends it, and a probe deserves a clear answer).
func readVersion(s []byte) (minor uint8, fail *Error) {
	const prefix = " HTTP/"
	if string(s[:len(prefix)]) != prefix || !isDigit(s[6]) || s[7] != '.' || !isDigit(s[8]) {
		return 0, errRequestLine
	}
	if s[6] != '1' || s[8] > '1' {
		return 0, errVersion
	}
	return s[8] - '0', nil
}

// readPath reads origin-form (RFC 9112 section 3.2.1). The bytes are those RFC 3986 allows, escapes are well-formed,
// and nothing is decoded: whoever compares paths compares what was sent.
func readPath(target []byte, r *Request) *Error {
	query := -1
	for i, c := range target {
		if charClasses[c]&targetChar == 0 {
			return errTarget
		}
		if c == '?' && query < 0 {
			query = i
		}
		if c == '%' && !isEscape(target[i:]) {
			return errTarget
		}
	}
	r.Path = target
	if query >= 0 {
		r.Path, r.Query = target[:query], target[query+1:]
	}
	return nil
}

// readAbsolute reads absolute-form, which a server must accept although only proxies get it (RFC 9112 section 3.2.2).
func readAbsolute(target []byte, r *Request) *Error {
	rest := target
	switch {
	case len(rest) > 7 && nameIs(rest[:4], "http") && string(rest[4:7]) == "://":
		rest = rest[7:]
	case len(rest) > 8 && nameIs(rest[:5], "https") && string(rest[5:8]) == "://":
		rest = rest[8:]
	default:
		return errTarget
	}
	end := bytes.IndexAny(rest, "/?")
	if end < 0 {
		end = len(rest)
	}
	if !validAuthority(rest[:end]) { // user information is refused with it (RFC 9110 section 4.2.4)
		return errTarget
	}
	r.Host = rest[:end]
	rest = rest[end:]
	if len(rest) == 0 && r.Method == MethodOptions { // section 3.2.4: the last proxy would have sent "*"
		r.Path = wholeServer
		return nil
	}
	if len(rest) == 0 || rest[0] != '/' {
		fail := readPath(rest, r)
		r.Path = rootPath
		return fail
	}
	return readPath(rest, r)
}

// validAuthority checks host [":" port] (RFC 9110 section 7.2, RFC 3986 section 3.2.2). An empty host is refused: an
// http URI has none (RFC 9110 section 4.2.1).
func validAuthority(s []byte) bool {
	if len(s) > 0 && s[0] == '[' { // IPv6 or later in brackets
		end := bytes.IndexByte(s, ']')
		if end < 2 {
			return false
		}
		for _, c := range s[1:end] {
			if charClasses[c]&hostChar == 0 || c == '%' { // no zone identifiers in URIs of requests
				return false
			}
		}
		return len(s) == end+1 || s[end+1] == ':' && validPort(s[end+2:])
	}
	for i, c := range s {
		if c == ':' {
			return i > 0 && validPort(s[i+1:])
		}
		if charClasses[c]&hostChar == 0 || c == '%' && !isEscape(s[i:]) {
			return false
		}
	}
	return len(s) > 0
}

// validPort takes up to five digits; none at all is legal (RFC 3986 section 3.2.3).
func validPort(s []byte) bool {
	for _, c := range s {
		if !isDigit(c) {
			return false
		}
	}
	return len(s) <= 5
}

// methodOf knows the methods by name; they are case-sensitive (RFC 9110 section 9.1).
func methodOf(name []byte) Method {
	switch string(name) {
	case "POST":
		return MethodPost
	case "GET":
		return MethodGet
	case "DELETE":
		return MethodDelete
	case "HEAD":
		return MethodHead
	case "OPTIONS":
		return MethodOptions
	case "CONNECT":
		return MethodConnect
	}
	return MethodOther
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// isEscape says whether s begins with '%' and two hexadecimal digits.
func isEscape(s []byte) bool {
	return len(s) >= 3 && s[0] == '%' && hexValue(s[1]) < 16 && hexValue(s[2]) < 16
}

// hexValue is the value of a hexadecimal digit, 16 for any other byte.
func hexValue(c byte) uint8 {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return (c | 0x20) - 'a' + 10
	}
	return 16
}
