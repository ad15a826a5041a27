package http1

import "weir/codec/option"

// Limits bounds one HTTP message. The zero value is not usable: start from DefaultLimits. It is read-only once decoders
// use it, and then safe for any number of goroutines.
type Limits struct {
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
	MaxBodyBytes int `yaml:"max_body_bytes" default:"1 MiB" min:"1 KiB" max:"64 MiB" unit:"bytes"`
	// MaxChunkExtensionBytes is the longest chunk extension, which is read and dropped: without a bound it is a way to
	// send for ever without sending a body (RFC 9112 section 7.1.1). Beyond it: 400, then close.
	MaxChunkExtensionBytes int `yaml:"max_chunk_extension_bytes" default:"256 B" min:"0" max:"4 KiB" unit:"bytes"`
}

// DefaultLimits returns the limits a server has when its configuration names none.
func DefaultLimits() Limits {
	var l Limits
	option.SetDefaults(&l)
	return l
}

// Validate returns every limit that is out of its range, each error an *option.Mistake about its yaml key (relative to
// this struct). No error means that the limits may be used.
func (l *Limits) Validate() []error {
	found := option.Check(l)
	if !found.Has("max_header_bytes") && l.MaxHeaderBytes < l.MaxHeaderValueBytes {
		found.Add("max_header_bytes", "%s is below max_header_value_bytes: allowed is %s or more",
			option.FormatSize(int64(l.MaxHeaderBytes)), option.FormatSize(int64(l.MaxHeaderValueBytes)))
	}
	return found.Errors()
}
