package codec

import (
	"errors"
	"strconv"
)

// Error codes that peers see, one row each with the clause that defines it. "JSON-RPC" is JSON-RPC 2.0, section 5.1.
// Which revision of MCP may see which code, and the HTTP status that goes with it, is the registry's business.
const (
	// CodeParse: the bytes are not JSON (or not UTF-8, or nested too deep). JSON-RPC.
	CodeParse = -32700
	// CodeInvalidRequest: JSON, but not a request. JSON-RPC.
	CodeInvalidRequest = -32600
	// CodeMethodNotFound: no such method, or not in this revision. JSON-RPC.
	CodeMethodNotFound = -32601
	// CodeInvalidParams: the method's parameters are wrong. JSON-RPC; MCP 2026-07-28 uses it for missing resources too.
	CodeInvalidParams = -32602
	// CodeInternal: our failure, and overload, for which MCP names no code. JSON-RPC.
	CodeInternal = -32603
	// CodeHeaderMismatch: HTTP headers and body disagree. MCP 2026-07-28, schema HEADER_MISMATCH.
	CodeHeaderMismatch = -32020
	// CodeMissingCapability: the client did not declare what the call needs. MCP 2026-07-28, schema
	// MISSING_REQUIRED_CLIENT_CAPABILITY.
	CodeMissingCapability = -32021
	// CodeUnsupportedVersion: no such revision here. MCP 2026-07-28, schema UNSUPPORTED_PROTOCOL_VERSION.
	CodeUnsupportedVersion = -32022
	// CodeResourceNotFound: no such resource. MCP 2024-11-05 to 2025-11-25; later revisions must not see it.
	CodeResourceNotFound = -32002
)

// ErrMessageTooLarge ends a line connection: where the next message starts is unknown once one is longer than the
// limit.
var ErrMessageTooLarge = errors.New("message is longer than the limit")

// Error is an error as the peer will see it: the error object of a JSON-RPC response (JSON-RPC 2.0, section 5.1).
// It is immutable once it was returned.
type Error struct {
	// Code is one of the Code constants.
	Code int
	// Message is one sentence. It may quote the peer, then escaped to ASCII and cut to a few bytes.
	Message string
	// Data is the raw JSON of the data member; nil leaves it out.
	Data []byte
}

// Error returns the message with its code, fit for a log line.
func (e *Error) Error() string { return e.Message + " (" + strconv.Itoa(e.Code) + ")" }

// maxExcerptBytes is how much of a peer's text one error message repeats: enough to find it, too little to amplify it.
const maxExcerptBytes = 32

// excerpt quotes hostile bytes for an error message: ASCII only, control characters escaped, cut to maxExcerptBytes.
func excerpt(b []byte) string {
	tail := ""
	if len(b) > maxExcerptBytes {
		b, tail = b[:maxExcerptBytes], "..."
	}
	return strconv.QuoteToASCII(string(b)) + tail
}
