package protocol

import (
	"bytes"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
)

// credentials are the fields that prove who a client is, to this server or to a proxy before it: of no use to most
// handlers, and nothing that should stand in their logs.
var credentials = []string{"Authorization", "Cookie", "Proxy-Authorization"}

// Keep copies what FieldMap reads, for after Route.
func (h *Header) Keep() *Header { return &Header{Fields: bytes.Clone(h.Fields)} }

// KeptBytes is what Keep has copied; h may be nil.
func (h *Header) KeptBytes() int {
	if h == nil {
		return 0
	}
	return len(h.Fields)
}

// FieldMap is the head's fields as package net/http has them. names, in its spelling, are the only ones to be there;
// without any it is all but credentials. The decoder has judged the lines.
func (h *Header) FieldMap(names []string) http.Header {
	fields := make(http.Header)
	rest := string(h.Fields)
	for rest != "" {
		var line string
		line, rest, _ = strings.Cut(rest, "\r\n")
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			continue
		}
		name = textproto.CanonicalMIMEHeaderKey(name)
		if wanted := slices.Contains(names, name); wanted || len(names) == 0 && !slices.Contains(credentials, name) {
			fields[name] = append(fields[name], strings.Trim(value, " \t"))
		}
	}
	return fields
}
