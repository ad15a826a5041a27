package http1

import "fmt"

// Limits bounds one HTTP message. The zero value is not usable: start from DefaultLimits. It is read-only once decoders
// use it, and then safe for any number of goroutines.
type Limits struct {
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
	// connection's buffer. It must hold one value of max_header_value_bytes. Beyond it: 431, then close. 1024 to
	// 262144.
	MaxHeaderBytes int `yaml:"max_header_bytes"`
	// MaxBodyBytes is the longest body after chunks were joined; a Content-Length above it is refused before a byte of
	// the body is read. Beyond it: 413, then close. 1024 to 4194304.
	MaxBodyBytes int `yaml:"max_body_bytes"`
	// MaxChunkExtensionBytes is the longest chunk extension, which is read and dropped: without a bound it is a way
	// to send for ever without sending a body (RFC 9112 section 7.1.1). Beyond it: 400, then close. 0 to 4096.
	MaxChunkExtensionBytes int `yaml:"max_chunk_extension_bytes"`
}

// DefaultLimits returns the limits a server has when its configuration names none.
func DefaultLimits() Limits {
	return Limits{
		MaxRequestLineBytes:    8000,
		MaxHeaderValueBytes:    4096,
		MaxHeaders:             100,
		MaxHeaderBytes:         32 << 10,
		MaxBodyBytes:           1 << 20,
		MaxChunkExtensionBytes: 256,
	}
}

// Validate returns every limit that is out of its range, each error naming the yaml key (relative to this struct), the
// value and what is allowed. No error means that the limits may be used.
func (l *Limits) Validate() []error {
	var errs []error
	check := func(key string, value, low, high int) {
		if value < low || value > high {
			errs = append(errs, fmt.Errorf("%s: %d is out of range, allowed is %d to %d", key, value, low, high))
		}
	}
	check("max_request_line_bytes", l.MaxRequestLineBytes, 256, 64<<10)
	check("max_header_value_bytes", l.MaxHeaderValueBytes, 256, 64<<10)
	check("max_headers", l.MaxHeaders, 8, 1000)
	check("max_header_bytes", l.MaxHeaderBytes, 1024, 256<<10)
	check("max_body_bytes", l.MaxBodyBytes, 1024, 4<<20)
	check("max_chunk_extension_bytes", l.MaxChunkExtensionBytes, 0, 4096)
	if l.MaxHeaderBytes < l.MaxHeaderValueBytes {
		errs = append(errs, fmt.Errorf("max_header_bytes: %d is less than max_header_value_bytes (%d)",
			l.MaxHeaderBytes, l.MaxHeaderValueBytes))
	}
	return errs
}
