package http1

import "strconv"

// Error says why an HTTP message is refused. The peer gets Status, then the connection closes: after any of these
// errors the place where the next request starts is unknown, and guessing it is request smuggling (RFC 9112 section
// 11.2).
//
// All values are made once and shared, so a refusal allocates nothing; nobody may change them.
type Error struct {
	Status int    // HTTP status of the answer, 400 to 505
	Reason string // one word for logs and metric labels
	Detail string // a sentence for the answer's body; never holds bytes of the peer
}

// Error implements error.
func (e *Error) Error() string {
	return "http " + strconv.Itoa(e.Status) + " " + e.Reason + ": " + e.Detail
}

// The refusals. Reason words are unique: a test holds that.
var (
	// Lines (RFC 9112 section 2.2). A lone LF is where lenient and strict parsers disagree, hence never a line end
	// here.
	errBareLF         = &Error{400, "bare_lf", "a line ends with LF and no CR"}
	errEmptyLines     = &Error{400, "empty_lines", "too many empty lines before the request"}
	errLineTooLong    = &Error{414, "request_line_too_long", "the request line is too long"}
	errHeaderTooLarge = &Error{431, "header_too_large", "a header field or the whole head is too large"}
	errTooManyHeaders = &Error{431, "too_many_headers", "too many header fields"}

	// Request line (RFC 9112 section 3) and status line (section 4).
	errRequestLine = &Error{400, "request_line", "the request line is not: method SP target SP version"}
	errTarget      = &Error{400, "request_target", "the request target is not valid"}
	errVersion     = &Error{505, "http_version", "only HTTP/1.1 and HTTP/1.0 are spoken here"}
	errStatusLine  = &Error{400, "status_line", "the status line is not valid"}

	// Field lines (RFC 9112 section 5).
	errObsFold      = &Error{400, "obs_fold", "a header line starts with white space"}
	errSpaceColon   = &Error{400, "space_before_colon", "white space between header name and colon"}
	errName         = &Error{400, "header_name", "a header name is not a token followed by a colon"}
	errValue        = &Error{400, "header_value", "a header value holds control characters"}
	errDuplicate    = &Error{400, "duplicate_header", "a header that may occur once occurs twice"}
	errHost         = &Error{400, "host", "the Host header is missing or not valid"}
	errExpect       = &Error{417, "expectation", "the only known expectation is 100-continue"}
	errTrailerField = &Error{400, "trailer_field", "a trailer holds a field that decides framing or routing"}

	// Framing (RFC 9112 section 6).
	errContentLength    = &Error{400, "content_length", "Content-Length is not one decimal number"}
	errTransferEncoding = &Error{400, "transfer_encoding", "Transfer-Encoding is not exactly chunked"}
	errBothLengths      = &Error{400, "length_conflict", "Content-Length together with Transfer-Encoding"}
	errChunkedOld       = &Error{400, "chunked_http_1_0", "Transfer-Encoding in an HTTP/1.0 message"}
	errBodyTooLarge     = &Error{413, "body_too_large", "the body is too large"}
	errCutShort         = &Error{400, "cut_short", "the connection ended before the response did"}

	// Chunks (RFC 9112 section 7.1).
	errChunkSize      = &Error{400, "chunk_size", "a chunk size is not 1 to 16 hexadecimal digits"}
	errChunkExtension = &Error{400, "chunk_extension", "a chunk extension is too long or malformed"}
	errChunkEnd       = &Error{400, "chunk_end", "chunk data is not followed by CRLF"}
	errChunkOverhead  = &Error{400, "chunk_overhead", "the chunks are too small for the body they carry"}
)
