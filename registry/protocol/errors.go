package protocol

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"weir/codec"
)

// maxErrorTextBytes cuts what an error message may repeat of a peer's own arguments, which validation errors quote.
const maxErrorTextBytes = 1024

// Errors that say the same every time; they are encoded and never changed. Those that only one package answers with
// stand there.
var (
	ErrCursor = &codec.Error{Code: codec.CodeInvalidParams,
		Message: "params.cursor is not a cursor of this server"}
	ErrInputResponses = &codec.Error{Code: codec.CodeInvalidParams,
		Message: "params.inputResponses must be an object"}
	ErrNeedsTasks = &codec.Error{Code: codec.CodeMissingCapability, Message: messageMissingCapability,
		Data: []byte(`{"requiredCapabilities":{"extensions":{"` + KeyTasks + `":{}}}}`)}
	ErrResultDepth = &codec.Error{Code: codec.CodeInternal,
		Message: "the result is nested deeper than 1000 levels, or contains itself"}
)

// MessageResultEncoding begins the message of ResultEncoding.
const MessageResultEncoding = "the handler's result cannot be encoded: "

// ResultEncoding is a result that no client could read, and why.
func ResultEncoding(reason string) *codec.Error {
	return &codec.Error{Code: codec.CodeInternal, Message: MessageResultEncoding + Clip(reason)}
}

const messageResultTooLarge = "result too large"

// ResultTooLarge is a result of size bytes, or of more if it was not encoded to its end, where most are allowed.
func ResultTooLarge(size, most int) *codec.Error {
	return &codec.Error{Code: codec.CodeInternal, Message: fmt.Sprintf(
		messageResultTooLarge+": it has %d bytes or more, and mcp.max_result_bytes is %d", size, most)}
}

// IsResultTooLarge says whether e is such an error.
func IsResultTooLarge(e *codec.Error) bool {
	return e.Code == codec.CodeInternal && strings.HasPrefix(e.Message, messageResultTooLarge)
}

const messageMissingCapability = "the request needs a capability that the client did not declare"

// MissingCapability names the capabilities as the client would declare them (MCP 2026-07-28,
// MissingRequiredClientCapabilityError).
func MissingCapability(missing Capabilities) *codec.Error {
	declaration, err := json.Marshal(missing.Declaration())
	if err != nil {
		panic("protocol: " + err.Error()) // it holds nothing but maps
	}
	return &codec.Error{Code: codec.CodeMissingCapability, Message: messageMissingCapability,
		Data: append(append([]byte(`{"requiredCapabilities":`), declaration...), '}')}
}

// MethodNotFound names the method as it was sent, so that a peer sees its own typing error. method is the token.
func MethodNotFound(method []byte) *codec.Error {
	return &codec.Error{Code: codec.CodeMethodNotFound, Message: "method not found: " + quote(method)}
}

// MessageResourceNotFound is what the SDK says too: by it a handler's mcp.ResourceNotFoundError is recognised.
const MessageResourceNotFound = "Resource not found"

// ResourceNotFoundError names the URI, in the code that the revision has for it.
func (r *Revision) ResourceNotFoundError(uri string) *codec.Error {
	data := codec.AppendQuoted([]byte(`{"uri":`), uri)
	return &codec.Error{Code: r.ResourceNotFound, Message: MessageResourceNotFound, Data: append(data, '}')}
}

// UnsupportedVersion lists what we have (MCP 2026-07-28, UnsupportedProtocolVersionError). requested is the text.
func UnsupportedVersion(requested []byte) *codec.Error {
	data := append([]byte(`{"supported":`), supportedVersions...)
	data = append(data, `,"requested":`...)
	data = codec.AppendQuoted(data, Clip(string(requested)))
	return &codec.Error{Code: codec.CodeUnsupportedVersion, Message: "Unsupported protocol version",
		Data: append(data, '}')}
}

// errHeader is a header that is missing or contradicts the body (MCP 2026-07-28, HeaderMismatch).
func errHeader(problem string) *codec.Error {
	return &codec.Error{Code: codec.CodeHeaderMismatch, Message: "Header mismatch: " + problem}
}

// quote shows a string token of the peer in a message, clipped.
func quote(token []byte) string {
	if s, ok := codec.StringOf(token); ok {
		return Clip(string(s))
	}
	return Clip(string(token))
}

// Clip cuts text that an error message repeats of a peer's own to 1024 bytes, at a character.
func Clip(s string) string {
	if len(s) <= maxErrorTextBytes {
		return s
	}
	end := maxErrorTextBytes
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "..."
}
