package codec

import (
	"bytes"
	"strconv"
	"unicode/utf8"
	"unsafe"
)

// Kind says what a message is, decided by which members it has (JSON-RPC 2.0, sections 4, 4.1 and 5).
type Kind uint8

const (
	// KindInvalid is a message that broke a rule, or one that Peek could not tell.
	KindInvalid Kind = iota
	// KindRequest has a method and an id: it must be answered.
	KindRequest
	// KindNotification has a method and no id: it must not be answered.
	KindNotification
	// KindResponse has a result or an error: it answers a request of ours.
	KindResponse
)

// String returns the kind as it is written in logs and metric labels.
func (k Kind) String() string {
	switch k {
	case KindRequest:
		return "request"
	case KindNotification:
		return "notification"
	case KindResponse:
		return "response"
	default:
		return "invalid"
	}
}

// Envelope is where the parts of one message are: filled by Scan or Peek, valid for the bytes that were scanned and for
// any copy of them. It holds no pointers, so it costs the garbage collector nothing while a message waits.
//
// Scan checks the types of the JSON-RPC members. The members of params are only located: what type "name" or "cursor"
// must have depends on the method, which the registry knows.
type Envelope struct {
	// Kind is KindInvalid unless Scan returned nil.
	Kind Kind

	// ID is a string or an integer, to be echoed byte for byte. Absent in notifications, and in error responses to a
	// message whose id the peer could not read (MCP 2025-11-25, JSONRPCErrorResponse.id is optional).
	// Two spellings of one string ("a" and "\u0061") are different bytes: compare ids by StringOf where that matters.
	ID Span
	// Method is a string without U+0000.
	Method Span
	// Params is an object.
	Params Span
	// Result is any value: what it must be is known by whoever sent the request.
	Result Span
	// Error is an object.
	Error Span

	// Name, URI, Arguments, Cursor, RequestID, TaskID and Meta are params.name, .uri, .arguments, .cursor, .requestId,
	// .taskId and ._meta.
	Name, URI, Arguments, Cursor, RequestID, TaskID, Meta Span

	// Notifications, InputResponses and RequestState are params.notifications, .inputResponses and .requestState (MCP
	// 2026-07-28, subscriptions/listen and multi round-trip requests).
	Notifications, InputResponses, RequestState Span

	// ProtocolVersion, ClientCapabilities, LogLevel and ProgressToken are members of params._meta: the first three are
	// "io.modelcontextprotocol/protocolVersion", ".../clientCapabilities" and ".../logLevel" (MCP 2026-07-28,
	// RequestMetaObject), the last is "progressToken".
	ProtocolVersion, ClientCapabilities, ProgressToken, LogLevel Span
}

// AppendResult appends the response {"jsonrpc":"2.0","id":ID,"result":RESULT} on one line. id and result are JSON that
// was checked or made by us; line breaks in result (handlers may indent) become spaces, which outside strings is the
// same JSON and inside strings cannot occur.
func AppendResult(dst, id, result []byte) []byte {
	dst = append(dst, `{"jsonrpc":"2.0","id":`...)
	dst = append(dst, id...)
	dst = append(dst, `,"result":`...)
	dst = AppendOneLine(dst, result)
	return append(dst, '}')
}

// AppendError appends an error response on one line. A nil id becomes "id":null, for when the request's id could not be
// read (JSON-RPC 2.0, section 5). e.Data, where present, must be valid JSON.
func AppendError(dst, id []byte, e *Error) []byte {
	dst = append(dst, `{"jsonrpc":"2.0","id":`...)
	if id == nil {
		dst = append(dst, "null"...)
	} else {
		dst = append(dst, id...)
	}
	dst = append(dst, `,"error":{"code":`...)
	dst = strconv.AppendInt(dst, int64(e.Code), 10)
	dst = append(dst, `,"message":`...)
	dst = AppendQuoted(dst, e.Message)
	if e.Data != nil {
		dst = append(dst, `,"data":`...)
		dst = AppendOneLine(dst, e.Data)
	}
	return append(dst, "}}"...)
}

// ErrorOf reads the error that AppendError has written into a response to id; nil when the response is a result. It
// looks at no result, however long.
func ErrorOf(response, id []byte) *Error {
	rest, ok := bytes.CutPrefix(response, []byte(`{"jsonrpc":"2.0","id":`))
	if !ok {
		return nil
	}
	if rest, ok = bytes.CutPrefix(rest, id); !ok {
		return nil
	}
	object, ok := bytes.CutPrefix(rest, []byte(`,"error":`))
	if !ok || len(object) == 0 {
		return nil
	}
	object = object[:len(object)-1]
	code, err := strconv.Atoi(string(Member(object, "code")))
	if err != nil {
		return nil
	}
	text, _ := StringOf(Member(object, "message"))
	return &Error{Code: code, Message: string(text), Data: Member(object, "data")}
}

// AppendOneLine appends checked JSON text with its line breaks made spaces: one raw newline inside an answer would end
// a line early and turn the rest into a second, forged message.
func AppendOneLine(dst, text []byte) []byte {
	from := len(dst)
	dst = append(dst, text...)
	if bytes.IndexByte(text, '\n') < 0 && bytes.IndexByte(text, '\r') < 0 {
		return dst
	}
	for i, c := range dst[from:] {
		if c == '\n' || c == '\r' {
			dst[from+i] = ' '
		}
	}
	return dst
}

const lowerHex = "0123456789abcdef"

// AppendQuoted appends s as a JSON string. s may be any bytes: control characters are escaped, invalid UTF-8 becomes
// U+FFFD, and everything that some reader takes for a line break (LF, CR, NEL, U+2028, U+2029) is escaped, so that the
// result is always one line. It allocates only to grow dst.
func AppendQuoted(dst []byte, s string) []byte {
	raw := unsafe.Slice(unsafe.StringData(s), len(s)) // only read
	dst = append(dst, '"')
	from := 0 // s[from:i] is plain and not yet appended
	for i := 0; i < len(s); {
		if i = plainEnd(raw, i); i == len(s) {
			break
		}
		if c := s[i]; c < utf8.RuneSelf {
			dst = append(dst, s[from:i]...)
			dst = appendEscape(dst, c)
			i++
			from = i
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		escaped := ""
		switch {
		case r == utf8.RuneError && size == 1:
			escaped = "\ufffd"
		case r == 0x85:
			escaped = `\u0085`
		case r == 0x2028:
			escaped = `\u2028`
		case r == 0x2029:
			escaped = `\u2029`
		}
		if escaped != "" {
			dst = append(dst, s[from:i]...)
			dst = append(dst, escaped...)
			from = i + size
		}
		i += size
	}
	dst = append(dst, s[from:]...)
	return append(dst, '"')
}

// appendEscape appends the escape of one ASCII byte that may not stand in a JSON string as it is (RFC 8259, section 7).
func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	default:
		return append(dst, '\\', 'u', '0', '0', lowerHex[c>>4], lowerHex[c&15])
	}
}
