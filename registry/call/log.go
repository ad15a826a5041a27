package call

import (
	"context"

	"weir/codec"
	"weir/registry/protocol"
	"weir/registry/value"
)

// Log sends the client a log message of the call to which ctx belongs (MCP, server/utilities/logging): level is one of
// RFC 5424's, logger names the source and may be empty, data is anything that encodes as JSON. A client of the legacy
// era gets it unless it set a higher level with logging/setLevel, one of 2026-07-28 only if the request names a level
// that is not higher. Otherwise as Progress: any goroutine until the handler returns, never blocks, reports whether it
// was sent. What does not encode, or is too long for the transport to hold back, is not sent.
func Log(ctx context.Context, level, logger string, data any) bool {
	n := notifierOf(ctx)
	severity, known := protocol.ParseLogLevel([]byte(level))
	if n == nil || !known || !n.wants(severity) {
		return false
	}
	encoded, err := value.Marshal(data)
	if err != nil {
		return false
	}
	return n.send(func(_ *Call, dst []byte) []byte {
		dst = append(dst, `{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"`...)
		dst = append(dst, severity.String()...)
		if logger != "" {
			dst = append(dst, `","logger":`...)
			dst = codec.AppendQuoted(dst, logger)
			dst = append(dst, `,"data":`...)
		} else {
			dst = append(dst, `","data":`...)
		}
		dst = append(dst, encoded...) // encoding/json made it: one line
		return append(dst, "}}"...)
	})
}

// wants says whether the client asked for messages of this severity, before they are encoded.
func (n *notifier) wants(severity protocol.LogLevel) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	c := n.call
	switch {
	case c == nil, c.task() != nil: // no revision has a way for log messages of tasks
		return false
	case c.Modern():
		name, ok := codec.StringOf(c.Env.LogLevel.Of(c.Raw))
		lowest, known := protocol.ParseLogLevel(name)
		return ok && known && severity >= lowest
	}
	return c.Conv != nil && severity >= c.Conv.LogLevel()
}
