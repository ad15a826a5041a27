package codec

import "bytes"

// httpRootPath stands in for the empty path of an absolute-form target (RFC 9110 section 4.2.3). Read only.
var httpRootPath = []byte("/")

// readRequestLine reads method SP target SP version (RFC 9112 section 3): single spaces, nothing around them.
func (m *httpMessage) readRequestLine(line []byte, r *HTTPRequest) *HTTPError {
	const versionLen = len(" HTTP/1.1")
	sp := bytes.IndexByte(line, ' ')
	end := len(line) - versionLen
	if sp <= 0 || end <= sp || httpTokenLen(line[:sp]) != sp {
		return errHTTPRequestLine
	}
	minor, fail := readHTTPVersion(line[end:])
	if fail != nil {
		return fail
	}
	if minor == 0 {
		m.flags |= httpFlagMinor0
	}
	method := line[:sp]
	r.Minor = minor
	r.Method = httpMethodOf(method)
	target := line[sp+1 : end]
	switch {
	case len(target) == 0:
		return errHTTPRequestLine
	case target[0] == '/':
		return readHTTPPath(target, r)
	case len(target) == 1 && target[0] == '*' && r.Method == MethodOptions: // RFC 9112 section 3.2.4
		r.Path = target
		return nil
	case string(method) == "CONNECT": // section 3.2.3; the method is refused by the caller whatever the target is
		if !validHTTPAuthority(target) {
			return errHTTPTarget
		}
		r.Host = target
		return nil
	}
	return readHTTPAbsolute(target, r)
}

// readHTTPVersion reads " HTTP/1.x". What looks like a version and is another one is 505 (RFC 9110 section 2.5 would let
// 1.2 pass as 1.1; nobody sends it, and a probe deserves a clear answer).
func readHTTPVersion(s []byte) (minor uint8, fail *HTTPError) {
	const prefix = " HTTP/"
	if string(s[:len(prefix)]) != prefix || !isHTTPDigit(s[6]) || s[7] != '.' || !isHTTPDigit(s[8]) {
		return 0, errHTTPRequestLine
	}
	if s[6] != '1' || s[8] > '1' {
		return 0, errHTTPVersion
	}
	return s[8] - '0', nil
}

// readHTTPPath reads origin-form (RFC 9112 section 3.2.1). The bytes are those RFC 3986 allows, escapes are well-formed, and
// nothing is decoded: whoever compares paths compares what was sent.
func readHTTPPath(target []byte, r *HTTPRequest) *HTTPError {
	query := -1
	for i, c := range target {
		if httpChars[c]&httpTargetChar == 0 {
			return errHTTPTarget
		}
		if c == '?' && query < 0 {
			query = i
		}
		if c == '%' && !isHTTPEscape(target[i:]) {
			return errHTTPTarget
		}
	}
	r.Path = target
	if query >= 0 {
		r.Path, r.Query = target[:query], target[query+1:]
	}
	return nil
}

// readHTTPAbsolute reads absolute-form, which a server must accept although only proxies get it (RFC 9112 section 3.2.2).
func readHTTPAbsolute(target []byte, r *HTTPRequest) *HTTPError {
	rest := target
	switch {
	case len(rest) > 7 && httpNameIs(rest[:4], "http") && string(rest[4:7]) == "://":
		rest = rest[7:]
	case len(rest) > 8 && httpNameIs(rest[:5], "https") && string(rest[5:8]) == "://":
		rest = rest[8:]
	default:
		return errHTTPTarget
	}
	end := bytes.IndexAny(rest, "/?")
	if end < 0 {
		end = len(rest)
	}
	if !validHTTPAuthority(rest[:end]) { // user information is refused with it (RFC 9110 section 4.2.4)
		return errHTTPTarget
	}
	r.Host = rest[:end]
	rest = rest[end:]
	if len(rest) == 0 || rest[0] != '/' {
		fail := readHTTPPath(rest, r)
		r.Path = httpRootPath
		return fail
	}
	return readHTTPPath(rest, r)
}

// validHTTPAuthority checks host [":" port] (RFC 9110 section 7.2, RFC 3986 section 3.2.2). An empty host is refused: an http
// URI has none (RFC 9110 section 4.2.1).
func validHTTPAuthority(s []byte) bool {
	if len(s) > 0 && s[0] == '[' { // IPv6 or later in brackets
		end := bytes.IndexByte(s, ']')
		if end < 2 {
			return false
		}
		for _, c := range s[1:end] {
			if httpChars[c]&httpHostChar == 0 || c == '%' { // no zone identifiers in URIs of requests
				return false
			}
		}
		return len(s) == end+1 || s[end+1] == ':' && validHTTPPort(s[end+2:])
	}
	for i, c := range s {
		if c == ':' {
			return i > 0 && validHTTPPort(s[i+1:])
		}
		if httpChars[c]&httpHostChar == 0 || c == '%' && !isHTTPEscape(s[i:]) {
			return false
		}
	}
	return len(s) > 0
}

// validHTTPPort takes up to five digits; none at all is legal (RFC 3986 section 3.2.3).
func validHTTPPort(s []byte) bool {
	for _, c := range s {
		if !isHTTPDigit(c) {
			return false
		}
	}
	return len(s) <= 5
}

// httpMethodOf knows the methods by name; they are case-sensitive (RFC 9110 section 9.1).
func httpMethodOf(name []byte) HTTPMethod {
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
	}
	return MethodOther
}

func isHTTPDigit(c byte) bool { return c >= '0' && c <= '9' }

// isHTTPEscape says whether s begins with '%' and two hexadecimal digits.
func isHTTPEscape(s []byte) bool {
	return len(s) >= 3 && s[0] == '%' && httpHexValue(s[1]) < 16 && httpHexValue(s[2]) < 16
}

// httpHexValue is the value of a hexadecimal digit, 16 for any other byte.
func httpHexValue(c byte) uint8 {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return (c | 0x20) - 'a' + 10
	}
	return 16
}
