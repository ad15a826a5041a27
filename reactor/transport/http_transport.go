package transport

import "weir/codec/http1"

// httpTransport is Streamable HTTP: one message (or, in 2025-03-26, one batch) per POST. The connection means nothing
// to MCP here; sessions and eras are told apart per request, by the registry.
type httpTransport struct {
	decoder http1.Decoder
	answers answerOrder
}
