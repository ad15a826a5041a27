package trace

import (
	"bytes"
	"fmt"
	"net/http"
	"net/textproto"
	"strings"
)

// MaxHeadersBytes bounds the file with header fields.
const MaxHeadersBytes = 16 << 10

// forbidden are the fields that are ours to set.
var forbidden = []string{"Content-Type", "Content-Length", "Content-Encoding", "Host", "Transfer-Encoding",
	"Connection"}

// ParseHeaders reads the fields of a headers file: one "Name: value" a line. Empty lines and those that begin with #
// say nothing.
func ParseHeaders(text []byte) (http.Header, error) {
	fields := http.Header{}
	n := 0
	for line := range bytes.Lines(text) {
		n++
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		name, value, ok := strings.Cut(string(line), ":")
		value = strings.TrimSpace(value)
		if !ok || !isToken(name) || !isValue(value) {
			// The line is a secret, so it is not quoted.
			return nil, fmt.Errorf("line %d is no header field: allowed is Name: value, in visible ASCII", n)
		}
		name = textproto.CanonicalMIMEHeaderKey(name)
		for _, ours := range forbidden {
			if name == ours {
				return nil, fmt.Errorf("line %d: %s is not to be chosen: leave the line out", n, name)
			}
		}
		fields.Add(name, value)
	}
	return fields, nil
}

// isToken is 1*tchar (RFC 9110 5.6.2).
func isToken(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(c rune) bool {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		return !letter && !strings.ContainsRune("!#$%&'*+-.^_`|~", c)
	})
}

func isValue(value string) bool {
	return !strings.ContainsFunc(value, func(c rune) bool { return c < ' ' || c > '~' })
}
