package http1

import "encoding/binary"

// fieldSet is a field whose value matters here; one bit each, so that a set of them is a word. 0 is any other field.
type fieldSet uint32

const (
	fieldHost fieldSet = 1 << iota
	fieldAccept
	fieldOrigin
	fieldExpect
	fieldUpgrade
	fieldConnection
	fieldContentType
	fieldContentLength
	fieldTransferEncoding
	fieldAuthorization
	fieldMCPMethod
	fieldMCPName
	fieldSessionID
	fieldProtocolVersion
	fieldLastEventID
	fieldWSKey
	fieldWSVersion
	fieldWSProtocol
	fieldWSAccept
	fieldRetryAfter
	fieldContentEncoding
	fieldRequestHeaders
	fieldLocation

	// listFields are lists by definition and may come in several lines (RFC 9110 section 5.3; RFC 6455 section 11.3.4
	// for the subprotocols). Expect is a list too, with one known member: a second line says nothing new.
	listFields = fieldAccept | fieldUpgrade | fieldConnection | fieldWSProtocol | fieldContentEncoding |
		fieldRequestHeaders
	// notInTrailers may not stand in trailers (RFC 9110 section 6.5.1).
	notInTrailers = fieldHost | fieldContentLength | fieldTransferEncoding | fieldAuthorization | fieldContentType |
		fieldContentEncoding
)

// fieldOf finds the field of a name, which must be a token; 0 when it is not one of ours. The length leaves at most
// two candidates.
func fieldOf(name []byte) fieldSet {
	switch len(name) {
	case 4:
		return match(name, "host", fieldHost)
	case 6:
		return match(name, "accept", fieldAccept) | match(name, "origin", fieldOrigin) |
			match(name, "expect", fieldExpect)
	case 7:
		return match(name, "upgrade", fieldUpgrade)
	case 8:
		return match(name, "mcp-name", fieldMCPName) | match(name, "location", fieldLocation)
	case 10:
		return match(name, "connection", fieldConnection) | match(name, "mcp-method", fieldMCPMethod)
	case 11:
		return match(name, "retry-after", fieldRetryAfter)
	case 12:
		return match(name, "content-type", fieldContentType)
	case 13:
		return match(name, "authorization", fieldAuthorization) | match(name, "last-event-id", fieldLastEventID)
	case 14:
		return match(name, "content-length", fieldContentLength) | match(name, "mcp-session-id", fieldSessionID)
	case 16:
		return match(name, "content-encoding", fieldContentEncoding)
	case 17:
		return match(name, "transfer-encoding", fieldTransferEncoding) |
			match(name, "sec-websocket-key", fieldWSKey)
	case 20:
		return match(name, "mcp-protocol-version", fieldProtocolVersion) |
			match(name, "sec-websocket-accept", fieldWSAccept)
	case 21:
		return match(name, "sec-websocket-version", fieldWSVersion)
	case 22:
		return match(name, "sec-websocket-protocol", fieldWSProtocol)
	case 30:
		return match(name, "access-control-request-headers", fieldRequestHeaders)
	}
	return 0
}

func match(name []byte, lower string, field fieldSet) fieldSet {
	if nameIs(name, lower) {
		return field
	}
	return 0
}

// nameIs compares without regard to case. lower is lower case and holds letters, digits and '-' only: for those,
// setting bit 5 of a byte maps exactly the upper-case letter onto the lower-case one, and of all other bytes only
// controls (CR onto '-', for example), which no token and no checked value contains.
//
// Whole words are compared: names of 8 bytes and more by words that may overlap at the end.
func nameIs(name []byte, lower string) bool {
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
		if binary.LittleEndian.Uint64(name[i:])|fold != word(lower[i:]) {
			return false
		}
	}
	return binary.LittleEndian.Uint64(name[n-8:])|fold == word(lower[n-8:])
}

// word is the first 8 bytes of s; the compiler makes one load of it.
func word(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// namesEqual compares two tokens without regard to the case of letters.
func namesEqual(a, b []byte) bool {
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
	tokenChar  = 1 << iota // RFC 9110 section 5.6.2
	targetChar             // RFC 3986 path and query, '?' and '%' included
	hostChar               // RFC 3986 reg-name, without ',' (a joined list) and with ':'
)

var charClasses = func() (table [256]uint8) {
	set := func(chars string, class uint8) {
		for i := range len(chars) {
			table[chars[i]] |= class
		}
	}
	const alnum = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	set(alnum, tokenChar|targetChar|hostChar)
	set("!#$%&'*+-.^_`|~", tokenChar)
	set("-._~!$&'()*+,;=:@/?%", targetChar)
	set("-._~!$&'()*+;=:%", hostChar)
	return table
}()

// tokenLen is the length of the token that s begins with, 0 for none.
func tokenLen(s []byte) int {
	for i, c := range s {
		if charClasses[c]&tokenChar == 0 {
			return i
		}
	}
	return len(s)
}
