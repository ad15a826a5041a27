package http1

import "strconv"

// Continue tells a peer that waits with its body to send it (RFC 9110 section 15.2.1).
const Continue = "HTTP/1.1 100 Continue\r\n\r\n"

// Response is what AppendResponse writes into a head. Empty strings and zeros leave their field out. A CR, LF or
// NUL inside a value is written as a space (RFC 9110 section 5.5), so no value can end its field.
type Response struct {
	Status          int    // 100 to 599
	ContentType     string // Content-Type, written only with a body
	Date            string // IMF-fixdate (RFC 9110 section 6.6.1), formatted by the caller at most once a second
	SessionID       string // Mcp-Session-Id
	Allow           string // required with 405 (RFC 9110 section 15.5.6)
	WWWAuthenticate string // required with 401 (RFC 9110 section 15.5.2)
	RetryAfter      int    // Retry-After in seconds (RFC 9110 section 10.2.3)
	Close           bool   // Connection: close; the caller closes when this is written
	KeepAlive       bool   // Connection: keep-alive; for HTTP/1.0 peers that asked for it, idle talk for all others
	Head            bool   // answers HEAD: no body and no Content-Length, which would be that of GET (RFC 9110 8.6)
	NoBuffering     bool   // X-Accel-Buffering: no; for event streams behind nginx
	// Stream announces a body of a length that is not known, which the caller appends: in chunks, between BeginChunk
	// and EndChunk, ended with AppendLastChunk. The body given to AppendResponse must be empty.
	Stream bool
	// UntilClose has the stream's body end with the connection instead of coming in chunks, for peers of HTTP/1.0 (RFC
	// 9112 section 6.3); Close must be set.
	UntilClose bool
	// Extra is appended as it is: complete field lines, each with its CRLF, made of constants and never of a peer's
	// bytes.
	Extra string
}

// AppendResponse appends a whole response and returns the extended slice; it allocates only when dst must grow.
// Content-Length is always written, except for 1xx and 204, which have no body (RFC 9110 section 8.6), and streams.
func AppendResponse(dst []byte, h *Response, body []byte) []byte {
	dst = appendStatus(dst, h.Status)
	dst = appendField(dst, "Date: ", h.Date)
	bodyless := h.Status < 200 || h.Status == 204 || h.Status == 304
	switch {
	case bodyless:
		body = nil
	case h.Stream:
		dst = appendField(dst, "Content-Type: ", h.ContentType)
		if !h.UntilClose {
			dst = append(dst, "Transfer-Encoding: chunked\r\n"...)
		}
	case h.Head:
		if len(body) > 0 {
			dst = appendField(dst, "Content-Type: ", h.ContentType)
		}
		body = nil
	default:
		if len(body) > 0 {
			dst = appendField(dst, "Content-Type: ", h.ContentType)
		}
		dst = append(dst, "Content-Length: "...)
		dst = strconv.AppendUint(dst, uint64(len(body)), 10)
		dst = append(dst, "\r\n"...)
	}
	dst = appendField(dst, "Mcp-Session-Id: ", h.SessionID)
	dst = appendField(dst, "Allow: ", h.Allow)
	dst = appendField(dst, "WWW-Authenticate: ", h.WWWAuthenticate)
	if h.RetryAfter > 0 {
		dst = append(dst, "Retry-After: "...)
		dst = strconv.AppendUint(dst, uint64(h.RetryAfter), 10)
		dst = append(dst, "\r\n"...)
	}
	if h.NoBuffering {
		dst = append(dst, "X-Accel-Buffering: no\r\n"...)
	}
	dst = append(dst, h.Extra...)
	switch {
	case h.Close:
		dst = append(dst, "Connection: close\r\n\r\n"...)
	case h.KeepAlive:
		dst = append(dst, "Connection: keep-alive\r\n\r\n"...)
	default:
		dst = append(dst, "\r\n"...)
	}
	return append(dst, body...)
}

// BeginChunk opens a chunk of a streamed body whose data the caller appends; EndChunk closes it and needs the length
// that dst had before. The size is written with leading zeros (RFC 9112 section 7.1 allows any), so that the data
// need not be moved when its length is known.
func BeginChunk(dst []byte) []byte { return append(dst, "00000000\r\n"...) }

// EndChunk closes the chunk that was opened when dst was from bytes long. A chunk without data would end the body and
// is taken back.
func EndChunk(dst []byte, from int) []byte {
	const digits, hex = 8, "0123456789abcdef"
	n := len(dst) - from - digits - 2
	if n == 0 {
		return dst[:from]
	}
	for i := digits - 1; i >= 0; i, n = i-1, n>>4 {
		dst[from+i] = hex[n&15]
	}
	return append(dst, "\r\n"...)
}

// AppendLastChunk ends a streamed body.
func AppendLastChunk(dst []byte) []byte { return append(dst, "0\r\n\r\n"...) }

// appendStatus appends the status line (RFC 9112 section 4).
func appendStatus(dst []byte, status int) []byte {
	if line := statusLine(status); line != "" {
		return append(dst, line...)
	}
	dst = append(dst, "HTTP/1.1 "...)
	dst = strconv.AppendUint(dst, uint64(status), 10)
	return append(dst, " \r\n"...) // the reason phrase may be empty, the space before it may not
}

// statusLine is the finished status line of the statuses that Weir answers; "" for others.
func statusLine(status int) string {
	switch status {
	case 200:
		return "HTTP/1.1 200 OK\r\n"
	case 202:
		return "HTTP/1.1 202 Accepted\r\n"
	case 204:
		return "HTTP/1.1 204 No Content\r\n"
	case 400:
		return "HTTP/1.1 400 Bad Request\r\n"
	case 401:
		return "HTTP/1.1 401 Unauthorized\r\n"
	case 403:
		return "HTTP/1.1 403 Forbidden\r\n"
	case 404:
		return "HTTP/1.1 404 Not Found\r\n"
	case 405:
		return "HTTP/1.1 405 Method Not Allowed\r\n"
	case 406:
		return "HTTP/1.1 406 Not Acceptable\r\n"
	case 408:
		return "HTTP/1.1 408 Request Timeout\r\n"
	case 409:
		return "HTTP/1.1 409 Conflict\r\n"
	case 411:
		return "HTTP/1.1 411 Length Required\r\n"
	case 413:
		return "HTTP/1.1 413 Content Too Large\r\n"
	case 414:
		return "HTTP/1.1 414 URI Too Long\r\n"
	case 415:
		return "HTTP/1.1 415 Unsupported Media Type\r\n"
	case 417:
		return "HTTP/1.1 417 Expectation Failed\r\n"
	case 421:
		return "HTTP/1.1 421 Misdirected Request\r\n"
	case 426:
		return "HTTP/1.1 426 Upgrade Required\r\n"
	case 429:
		return "HTTP/1.1 429 Too Many Requests\r\n"
	case 431:
		return "HTTP/1.1 431 Request Header Fields Too Large\r\n"
	case 500:
		return "HTTP/1.1 500 Internal Server Error\r\n"
	case 501:
		return "HTTP/1.1 501 Not Implemented\r\n"
	case 503:
		return "HTTP/1.1 503 Service Unavailable\r\n"
	case 505:
		return "HTTP/1.1 505 HTTP Version Not Supported\r\n"
	}
	return ""
}

// appendField appends one field line; nothing when the value is empty.
func appendField(dst []byte, name, value string) []byte {
	if value == "" {
		return dst
	}
	dst = append(dst, name...)
	from := len(dst)
	dst = append(dst, value...)
	for i := from; i < len(dst); i++ {
		if c := dst[i]; c == '\r' || c == '\n' || c == 0 {
			dst[i] = ' '
		}
	}
	return append(dst, "\r\n"...)
}
