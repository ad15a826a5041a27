package traceparent

import "encoding/hex"

// Context is one place in a trace: what traceparent says.
type Context struct {
	TraceID [16]byte
	SpanID  [8]byte
	Sampled bool
}

// Valid says whether it is a place at all: ids of zeros are none.
func (c *Context) Valid() bool { return c.TraceID != [16]byte{} && c.SpanID != [8]byte{} }

const (
	// Bytes is the length of the text of version 00.
	Bytes = 2 + 1 + 32 + 1 + 16 + 1 + 2
	// MaxStateBytes is how much of tracestate has to be passed on (3.3.1.5). What is longer is not.
	MaxStateBytes = 512
)

// Parse reads a traceparent. A version that is not known yet is read as far as 00 goes (4.3).
func Parse(text []byte) (c Context, ok bool) {
	if len(text) < Bytes || text[2] != '-' || text[35] != '-' || text[52] != '-' {
		return Context{}, false
	}
	var version, flags [1]byte
	if !unhex(version[:], text[:2]) || version[0] == 0xff || !unhex(c.TraceID[:], text[3:35]) ||
		!unhex(c.SpanID[:], text[36:52]) || !unhex(flags[:], text[53:55]) {
		return Context{}, false
	}
	if len(text) > Bytes && (version[0] == 0 || text[Bytes] != '-') {
		return Context{}, false
	}
	c.Sampled = flags[0]&1 != 0
	if !c.Valid() {
		return Context{}, false
	}
	return c, true
}

// unhex reads hexadecimal digits, of which only lower case is allowed (3.2.2).
func unhex(dst, digits []byte) bool {
	for _, d := range digits {
		if d >= 'A' && d <= 'F' {
			return false
		}
	}
	_, err := hex.Decode(dst, digits)
	return err == nil
}

// Append appends the text of version 00.
func (c *Context) Append(dst []byte) []byte {
	dst = append(dst, "00-"...)
	dst = hex.AppendEncode(dst, c.TraceID[:])
	dst = append(dst, '-')
	dst = hex.AppendEncode(dst, c.SpanID[:])
	if c.Sampled {
		return append(dst, "-01"...)
	}
	return append(dst, "-00"...)
}

// CheckState says whether a tracestate may be passed on. Its members are their vendors' matter (3.3.1.3).
func CheckState(text []byte) bool {
	if len(text) > MaxStateBytes {
		return false
	}
	for _, c := range text {
		if (c < ' ' || c > '~') && c != '\t' {
			return false
		}
	}
	return true
}
