package codec

import "fmt"

// Limits holds every bound that this package enforces. The zero value is not usable: start from DefaultLimits.
// It is read-only once decoders use it, and then safe for any number of goroutines.
type Limits struct {
	// JSON bounds one JSON-RPC message on every transport.
	JSON JSONLimits `yaml:"json"`
	// Line bounds newline-delimited framing (raw TCP, stdio).
	Line LineLimits `yaml:"line"`
	// HTTP bounds one HTTP/1.1 request.
	HTTP HTTPLimits `yaml:"http"`
	// WebSocket bounds one WebSocket message and its fragments.
	WebSocket WSLimits `yaml:"websocket"`
}

// JSONLimits bounds one JSON-RPC message after its framing was cut away.
type JSONLimits struct {
	// MaxDepth is how many arrays and objects may be open at once, the message itself included. The scanner recurses
	// once per level (about 400 bytes of stack), so 64 levels cost 25 KiB at worst, and 100,000 '[' are refused after
	// 65 bytes were read. Beyond it: -32700, the message is refused whole. 4 to 1000.
	MaxDepth int `yaml:"max_depth"`
	// MaxMembers is how many object members one message may hold, all its objects together. Array elements are not
	// counted: they cost no more than their bytes, while a member costs a slot in a key table (16 bytes at most half
	// full: 10,000 members need 512 KiB while the scan lasts). Beyond it: -32700. 16 to 1000000.
	MaxMembers int `yaml:"max_members"`
	// MaxIDBytes is the longest string id of a request, counted between its quotes as it was sent. The id is kept
	// while the call runs and echoed in the answer, so it is what a peer may make us hold per call. Beyond it: -32600,
	// answered with a null id. 16 to 1024.
	MaxIDBytes int `yaml:"max_id_bytes"`
}

// LineLimits bounds newline-delimited JSON.
type LineLimits struct {
	// MaxMessageBytes is the longest line, its end not counted. It is checked while reading: a peer that never sends
	// a newline is cut off one byte later, not when memory is gone. Beyond it: ErrMessageTooLarge, and as the place
	// of the next message is unknown then, the connection ends. 1024 to 4194304.
	MaxMessageBytes int `yaml:"max_message_bytes"`
}

// HTTPLimits bounds one HTTP/1.1 request.
type HTTPLimits struct {
	// MaxRequestLineBytes is the longest request line, its end not counted; RFC 9112 section 3 asks for at least
	// 8,000 octets. Beyond it: 414, then close. 256 to 65536.
	MaxRequestLineBytes int `yaml:"max_request_line_bytes"`
	// MaxHeaderValueBytes is the longest value of one header field; bearer tokens are the long ones in practice.
	// Beyond it: 431, then close. 256 to 65536.
	MaxHeaderValueBytes int `yaml:"max_header_value_bytes"`
	// MaxHeaders is how many field lines one request may carry, trailers included. Each costs a comparison with the
	// names we know. Beyond it: 431, then close. 8 to 1000.
	MaxHeaders int `yaml:"max_headers"`
	// MaxHeaderBytes is the size of the whole head without the request line: what an unfinished head may hold in a
	// connection's buffer. It must hold one value of max_header_value_bytes. Beyond it: 431, then close. 1024 to 262144.
	MaxHeaderBytes int `yaml:"max_header_bytes"`
	// MaxBodyBytes is the longest body after chunks were joined; a Content-Length above it is refused before a byte of
	// the body is read. Beyond it: 413, then close. 1024 to 4194304.
	MaxBodyBytes int `yaml:"max_body_bytes"`
	// MaxChunkExtensionBytes is the longest chunk extension, which is read and dropped: without a bound it is a way
	// to send for ever without sending a body (RFC 9112 section 7.1.1). Beyond it: 400, then close. 0 to 4096.
	MaxChunkExtensionBytes int `yaml:"max_chunk_extension_bytes"`
}

// WSLimits bounds one WebSocket message.
type WSLimits struct {
	// MaxMessageBytes is the longest message, counted over all its fragments and checked against the announced frame
	// length before anything is kept. Beyond it: close 1009. 1024 to 4194304.
	MaxMessageBytes int `yaml:"max_message_bytes"`
	// MaxFragments is how many frames one message may be cut into: a peer that sends empty fragments for ever would
	// otherwise cost time and never reach the byte limit. Beyond it: close 1009. 1 to 10000.
	MaxFragments int `yaml:"max_fragments"`
}

// DefaultLimits returns the limits a server has when its configuration names none.
func DefaultLimits() Limits {
	return Limits{
		JSON: JSONLimits{MaxDepth: 64, MaxMembers: 10_000, MaxIDBytes: 128},
		Line: LineLimits{MaxMessageBytes: 1 << 20},
		HTTP: HTTPLimits{
			MaxRequestLineBytes:    8000,
			MaxHeaderValueBytes:    4096,
			MaxHeaders:             100,
			MaxHeaderBytes:         32 << 10,
			MaxBodyBytes:           1 << 20,
			MaxChunkExtensionBytes: 256,
		},
		WebSocket: WSLimits{MaxMessageBytes: 1 << 20, MaxFragments: 64},
	}
}

// Validate returns every limit that is out of its range, each error naming the yaml key (relative to this struct), the
// value and what is allowed. No error means that the limits may be used.
func (l *Limits) Validate() []error {
	const maxMessage = 4 << 20
	var errs []error
	check := func(key string, value, low, high int) {
		if value < low || value > high {
			errs = append(errs, fmt.Errorf("%s: %d is out of range, allowed is %d to %d", key, value, low, high))
		}
	}
	check("json.max_depth", l.JSON.MaxDepth, 4, 1000)
	check("json.max_members", l.JSON.MaxMembers, 16, 1_000_000)
	check("json.max_id_bytes", l.JSON.MaxIDBytes, 16, 1024)
	check("line.max_message_bytes", l.Line.MaxMessageBytes, 1024, maxMessage)
	check("http.max_request_line_bytes", l.HTTP.MaxRequestLineBytes, 256, 64<<10)
	check("http.max_header_value_bytes", l.HTTP.MaxHeaderValueBytes, 256, 64<<10)
	check("http.max_headers", l.HTTP.MaxHeaders, 8, 1000)
	check("http.max_header_bytes", l.HTTP.MaxHeaderBytes, 1024, 256<<10)
	check("http.max_body_bytes", l.HTTP.MaxBodyBytes, 1024, maxMessage)
	check("http.max_chunk_extension_bytes", l.HTTP.MaxChunkExtensionBytes, 0, 4096)
	check("websocket.max_message_bytes", l.WebSocket.MaxMessageBytes, 1024, maxMessage)
	check("websocket.max_fragments", l.WebSocket.MaxFragments, 1, 10_000)
	if l.HTTP.MaxHeaderBytes < l.HTTP.MaxHeaderValueBytes {
		errs = append(errs, fmt.Errorf("http.max_header_bytes: %d is less than http.max_header_value_bytes (%d)",
			l.HTTP.MaxHeaderBytes, l.HTTP.MaxHeaderValueBytes))
	}
	return errs
}
