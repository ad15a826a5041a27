package http1

import (
	"bytes"
	"fmt"
	"strconv"
)

// Exceeded says of a request that is above one of the limits which key that is, behind the name of the section, what it
// allows, and, where it was announced, how long the body is; "" of other errors.
func (l *Limits) Exceeded(err *Error, section string, announced uint32) string {
	text := ""
	limit := func(key string, most int) { text += ", " + section + key + " is " + strconv.Itoa(most) }
	switch err.Reason {
	case "body_too_large":
		if announced > 0 {
			text = ", it has " + strconv.FormatUint(uint64(announced), 10) + " bytes"
		}
		limit("max_body_bytes", l.MaxBodyBytes)
	case "request_line_too_long":
		limit("max_request_line_bytes", l.MaxRequestLineBytes)
	case "header_too_large":
		limit("max_header_value_bytes", l.MaxHeaderValueBytes)
		limit("max_header_bytes", l.MaxHeaderBytes)
	case "too_many_headers":
		limit("max_headers", l.MaxHeaders)
	case "chunk_extension":
		limit("max_chunk_extension_bytes", l.MaxChunkExtensionBytes)
	}
	return text
}

// AsSent is a complete request of n bytes as it came, with what came behind it. A body in chunks was joined in place,
// so it gets one chunk.
func (r *Request) AsSent(read []byte, n int) []byte {
	begin := bytes.TrimLeft(read[:n], "\r\n") // empty lines may precede a request
	const endOfHead = "\r\n\r\n"
	head := bytes.Index(begin, []byte(endOfHead)) + len(endOfHead)
	if head+len(r.Body) == len(begin) {
		return read
	}
	sent := append([]byte(nil), begin[:head]...)
	if len(r.Body) > 0 {
		sent = append(fmt.Appendf(sent, "%x\r\n", len(r.Body)), r.Body...)
		sent = append(sent, "\r\n"...)
	}
	return append(append(sent, "0\r\n\r\n"...), read[n:]...)
}
