package registry

import (
	"context"
	"time"

	"weir/registry/call"
)

// Progress tells the client how far the call is to which ctx belongs (MCP 2025-11-25, basic/utilities/progress):
// progress so far, total if it is known (else 0), and a message for people, which may be empty, and which clients of
// 2024-11-05 are not sent. It may be called from any goroutine that the handler started, until the handler returns, and
// never blocks.
//
// It reports whether the notification was sent. It is not when the request carried no progressToken, when progress is
// not more than what was sent before (it MUST increase), when the call is cancelled or over, and when the client takes
// no messages ahead of the answer: over HTTP without an Accept of text/event-stream, or while it leaves unread what it
// was sent. The message of a call that runs as a task becomes the task's status message, with a token or without; its
// progress is sent in 2025-11-25, to the session or connection that began it, the latest if it does not keep up.
func Progress(ctx context.Context, progress, total float64, message string) bool {
	return call.Progress(ctx, progress, total, message)
}

// Log sends the client a log message of the call to which ctx belongs (MCP, server/utilities/logging): level is one of
// RFC 5424's, logger names the source and may be empty, data is anything that encodes as JSON. A client of the legacy
// era gets it unless it set a higher level with logging/setLevel, one of 2026-07-28 only if the request names a level
// that is not higher. Otherwise as Progress: any goroutine until the handler returns, never blocks, reports whether it
// was sent. What does not encode, or is too long for the transport to hold back, is not sent.
func Log(ctx context.Context, level, logger string, data any) bool {
	return call.Log(ctx, level, logger, data)
}

// TraceContext is the span of the call to which ctx belongs, as W3C Trace Context writes it: traceparent, and what the
// client sent as tracestate. A handler that makes spans of its own, with whatever library, makes them below this one,
// and sends both on to what it calls. Both are "" when the server does not trace (the section trace of its
// configuration), and once the call is over. It costs an allocation.
func TraceContext(ctx context.Context) (traceparent, tracestate string) {
	return call.TraceContext(ctx)
}

// CloseStream closes the event stream of the call to which ctx belongs, so that a long call holds no connection: the
// client comes back after retry (0: the server's sse_retry) and is sent what was kept meanwhile, the answer in the end
// (MCP 2025-11-25, basic/transports; SEP-1699). It may be called again. It reports whether the stream was closed: it is
// not in another revision, without a session, without Accept of text/event-stream, on another transport than HTTP, when
// nobody has it open, and when the call is over.
func CloseStream(ctx context.Context, retry time.Duration) bool { return call.CloseStream(ctx, retry) }
