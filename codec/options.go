package codec

import "weir/codec/option"

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
	// 65 bytes were read. Beyond it: -32700, the message is refused whole.
	MaxDepth int `yaml:"max_depth" default:"64" min:"4" max:"1000" unit:"levels"`
	// MaxMembers is how many object members one message may hold, all its objects together. Array elements are not
	// counted: they cost no more than their bytes, while a member costs a slot in a key table (16 bytes at most half
	// full: 10,000 members need 512 KiB while the scan lasts). Beyond it: -32700.
	MaxMembers int `yaml:"max_members" default:"10000" min:"16" max:"1000000" unit:"members"`
	// MaxIDBytes is the longest string id of a request, counted between its quotes as it was sent. The id is kept while
	// the call runs and echoed in the answer, so it is what a peer may make us hold per call. Beyond it: -32600,
	// answered with a null id.
	MaxIDBytes int `yaml:"max_id_bytes" default:"128 B" min:"16 B" max:"1 KiB" unit:"bytes"`
}

// LineLimits bounds newline-delimited JSON.
type LineLimits struct {
	// MaxMessageBytes is the longest line, its end not counted. It is checked while reading: a peer that never sends a
	// newline is cut off one byte later, not when memory is gone. Beyond it: ErrMessageTooLarge, and as the place of
	// the next message is unknown then, the connection ends.
	MaxMessageBytes int `yaml:"max_message_bytes" default:"1 MiB" min:"1 KiB" max:"4 MiB" unit:"bytes"`
}

// HTTPLimits bounds one HTTP/1.1 request.
type HTTPLimits struct {
	// MaxRequestLineBytes is the longest request line, its end not counted; RFC 9112 section 3 asks for at least 8,000
	// octets. Beyond it: 414, then close.
	MaxRequestLineBytes int `yaml:"max_request_line_bytes" default:"8000 B" min:"256 B" max:"64 KiB" unit:"bytes"`
	// MaxHeaderValueBytes is the longest value of one header field; bearer tokens are the long ones in practice. Beyond
	// it: 431, then close.
	MaxHeaderValueBytes int `yaml:"max_header_value_bytes" default:"4 KiB" min:"256 B" max:"64 KiB" unit:"bytes"`
	// MaxHeaders is how many field lines one request may carry, trailers included. Each costs a comparison with the
	// names we know. Beyond it: 431, then close.
	MaxHeaders int `yaml:"max_headers" default:"100" min:"8" max:"1000" unit:"lines"`
	// MaxHeaderBytes is the size of the whole head without the request line: what an unfinished head may hold in a
	// connection's buffer. It must hold one value of max_header_value_bytes. Beyond it: 431, then close.
	MaxHeaderBytes int `yaml:"max_header_bytes" default:"32 KiB" min:"1 KiB" max:"256 KiB" unit:"bytes"`
	// MaxBodyBytes is the longest body after chunks were joined; a Content-Length above it is refused before a byte of
	// the body is read. Beyond it: 413, then close.
	MaxBodyBytes int `yaml:"max_body_bytes" default:"1 MiB" min:"1 KiB" max:"4 MiB" unit:"bytes"`
	// MaxChunkExtensionBytes is the longest chunk extension, which is read and dropped: without a bound it is a way to
	// send for ever without sending a body (RFC 9112 section 7.1.1). Beyond it: 400, then close.
	MaxChunkExtensionBytes int `yaml:"max_chunk_extension_bytes" default:"256 B" min:"0" max:"4 KiB" unit:"bytes"`
}

// WSLimits bounds one WebSocket message.
type WSLimits struct {
	// MaxMessageBytes is the longest message, counted over all its fragments and checked against the announced frame
	// length before anything is kept. Beyond it: close 1009.
	MaxMessageBytes int `yaml:"max_message_bytes" default:"1 MiB" min:"1 KiB" max:"4 MiB" unit:"bytes"`
	// MaxFragments is how many frames one message may be cut into: a peer that sends empty fragments for ever would
	// otherwise cost time and never reach the byte limit. Beyond it: close 1009.
	MaxFragments int `yaml:"max_fragments" default:"64" min:"1" max:"10000" unit:"frames"`
}

// DefaultLimits returns the limits a server has when its configuration names none.
func DefaultLimits() Limits {
	var l Limits
	option.SetDefaults(&l)
	return l
}

// Validate returns every limit that is out of its range, each error an *option.Mistake about its yaml key (relative to this
// struct). No error means that the limits may be used.
func (l *Limits) Validate() []error {
	found := option.Check(l)
	if !found.Has("http.max_header_bytes") && l.HTTP.MaxHeaderBytes < l.HTTP.MaxHeaderValueBytes {
		found.Add("http.max_header_bytes", "%s is below http.max_header_value_bytes: allowed is %[2]s or more",
			option.FormatSize(int64(l.HTTP.MaxHeaderBytes)), option.FormatSize(int64(l.HTTP.MaxHeaderValueBytes)))
	}
	return found.Errors()
}
