package transport

import (
	"time"

	"weir/codec"
	"weir/codec/http1"
	"weir/codec/websocket"
)

// Options are the bounds of the package, in the words of reactor.Options.
type Options struct {
	// HTTPPath serves MCP, HTTPSSEPath the transport of MCP 2024-11-05 unless it is empty.
	HTTPPath, HTTPSSEPath string
	// JSON bounds one message, HTTP, Line and WebSocket what it comes in.
	JSON      codec.JSONLimits
	HTTP      http1.Limits
	Line      codec.LineLimits
	WebSocket websocket.Limits
	// MessageTimeout is how long an HTTP head may take.
	MessageTimeout time.Duration
	// IdleTimeout closes an HTTP connection without a request in progress, LineIdleTimeout a line on which nothing
	// happens. 0: never.
	IdleTimeout, LineIdleTimeout time.Duration
	// PingInterval is how long a WebSocket peer may be silent before it gets a ping. 0: for ever.
	PingInterval time.Duration
	// SSEKeepAlive is after how long without an event a stream gets a comment. 0: never.
	SSEKeepAlive time.Duration
	// SSEAnswerAfter is after how long of silence the answer to a POST becomes an event stream, if its client takes one.
	// 0: never.
	SSEAnswerAfter time.Duration
	// SSERetry is what a stream tells its client to wait before it connects again. 0: nothing.
	SSERetry time.Duration
	// AuthTimeout is how long a line connection may take to say who its peer is.
	AuthTimeout time.Duration
	// TrustUnix has Unix sockets ask for no token.
	TrustUnix bool
}
