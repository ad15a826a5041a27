package wire

// NewFormat returns the format of the transport that the options name.
func NewFormat(o *Options) Format {
	switch o.Transport {
	case WebSocket:
		return newWebSocketFormat(o)
	case HTTP:
		return newHTTPFormat(o)
	default:
		return lineFormat{o.Headers}
	}
}
