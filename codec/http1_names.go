package codec

import "encoding/binary"

// httpField is a field whose value matters here; one bit each, so that a set of them is a word. 0 is any other field.
type httpField uint32

const (
	httpHost httpField = 1 << iota
	httpAccept
	httpOrigin
	httpExpect
	httpUpgrade
	httpConnection
	httpContentType
	httpContentLength
	httpTransferEncoding
	httpAuthorization
	httpMCPMethod
	httpMCPName
	httpSessionID
	httpProtocolVersion
	httpLastEventID
	httpWSKey
	httpWSVersion
	httpWSProtocol
	httpWSAccept
	httpRetryAfter

	// httpListFields are lists by definition and may come in several lines (RFC 9110 section 5.3; RFC 6455 section 11.3.4
	// for the subprotocols). Expect is a list too, with one known member: a second line says nothing new.
	httpListFields = httpAccept | httpUpgrade | httpConnection | httpWSProtocol
	// httpNotTrailers may not stand in trailers (RFC 9110 section 6.5.1).
	httpNotTrailers = httpHost | httpContentLength | httpTransferEncoding | httpAuthorization | httpContentType
)

// httpFieldOf finds the field of a name, which must be a token; 0 when it is not one of ours. The length leaves at most
// two candidates.
func httpFieldOf(name []byte) httpField {
	switch len(name) {
	case 4:
		return httpMatch(name, "host", httpHost)
	case 6:
		return httpMatch(name, "accept", httpAccept) | httpMatch(name, "origin", httpOrigin) |
			httpMatch(name, "expect", httpExpect)
	case 7:
		return httpMatch(name, "upgrade", httpUpgrade)
	case 8:
		return httpMatch(name, "mcp-name", httpMCPName)
	case 10:
		return httpMatch(name, "connection", httpConnection) | httpMatch(name, "mcp-method", httpMCPMethod)
	case 11:
		return httpMatch(name, "retry-after", httpRetryAfter)
	case 12:
		return httpMatch(name, "content-type", httpContentType)
	case 13:
		return httpMatch(name, "authorization", httpAuthorization) | httpMatch(name, "last-event-id", httpLastEventID)
	case 14:
		return httpMatch(name, "content-length", httpContentLength) | httpMatch(name, "mcp-session-id", httpSessionID)
	case 17:
		return httpMatch(name, "transfer-encoding", httpTransferEncoding) |
			httpMatch(name, "sec-websocket-key", httpWSKey)
	case 20:
		return httpMatch(name, "mcp-protocol-version", httpProtocolVersion) |
			httpMatch(name, "sec-websocket-accept", httpWSAccept)
	case 21:
		return httpMatch(name, "sec-websocket-version", httpWSVersion)
	case 22:
		return httpMatch(name, "sec-websocket-protocol", httpWSProtocol)
	}
	return 0
}

func httpMatch(name []byte, lower string, field httpField) httpField {
	if httpNameIs(name, lower) {
		return field
	}
	return 0
}

// httpNameIs compares without regard to case. lower is lower case and holds letters, digits and '-' only: for those,
// setting bit 5 of a byte maps exactly the upper-case letter onto the lower-case one, and of all other bytes only controls
// (CR onto '-', for example), which no token and no checked value contains.
//
// Whole words are compared: names of 8 bytes and more by words that may overlap at the end.
func httpNameIs(name []byte, lower string) bool {
	const fold = 0x2020202020202020
	n := len(name)
	if n != len(lower) {
		return false
	}
	if n < 8 {
		for i, c := range name {
			if c|0x20 != lower[i] {
				return false
			}
		}
		return true
	}
	for i := 0; i+8 < n; i += 8 {
		if binary.LittleEndian.Uint64(name[i:])|fold != httpWord(lower[i:]) {
			return false
		}
	}
	return binary.LittleEndian.Uint64(name[n-8:])|fold == httpWord(lower[n-8:])
}

// httpWord is the first 8 bytes of s; the compiler makes one load of it.
func httpWord(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// httpNamesEqual compares two tokens without regard to the case of letters.
func httpNamesEqual(a, b []byte) bool {
	if len(a) != len(b) {
		return false
	}
	for i, c := range a {
		d := b[i]
		if c == d {
			continue
		}
		// '^' and '~' are both tokens and differ in bit 5 as letters do.
		if c|0x20 != d|0x20 || c|0x20 < 'a' || c|0x20 > 'z' {
			return false
		}
	}
	return true
}

// Classes of bytes.
const (
	httpTokenChar  = 1 << iota // RFC 9110 section 5.6.2
	httpTargetChar             // RFC 3986 path and query, '?' and '%' included
	httpHostChar               // RFC 3986 reg-name, without ',' (a joined list) and with ':'
)

var httpChars = func() (table [256]uint8) {
	set := func(chars string, class uint8) {
		for i := range len(chars) {
			table[chars[i]] |= class
		}
	}
	const alnum = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	set(alnum, httpTokenChar|httpTargetChar|httpHostChar)
	set("!#$%&'*+-.^_`|~", httpTokenChar)
	set("-._~!$&'()*+,;=:@/?%", httpTargetChar)
	set("-._~!$&'()*+;=:%", httpHostChar)
	return table
}()

// httpTokenLen is the length of the token that s begins with, 0 for none.
func httpTokenLen(s []byte) int {
	for i, c := range s {
		if httpChars[c]&httpTokenChar == 0 {
			return i
		}
	}
	return len(s)
}
