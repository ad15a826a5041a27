package registry

import (
	"context"
	"math"
	"strconv"

	"weir/codec"
	"weir/registry/protocol"
	"weir/registry/value"
)

// Progress tells the client how far the call is to which ctx belongs (MCP 2025-11-25, basic/utilities/progress): progress
// so far, total if it is known (else 0), and a message for people, which may be empty, and which clients of 2024-11-05 are
// not sent. It may be called from any goroutine that the handler started, until the handler returns, and never blocks.
//
// It reports whether the notification was sent. It is not when the request carried no progressToken, when progress is not
// more than what was sent before (it MUST increase), when the call is cancelled or over, and when the client takes no
// messages ahead of the answer: over HTTP without an Accept of text/event-stream, or while it leaves unread what it was
// sent. The message of a call that runs as a task becomes the task's status message, with a token or without; its progress
// is sent in 2025-11-25, to the session or connection that began it, the latest if it does not keep up.
func Progress(ctx context.Context, progress, total float64, message string) bool {
	w := notifierOf(ctx)
	if w == nil || !finite(progress) || !finite(total) {
		return false
	}
	w.note(message)
	return w.send(func(x *Exchange, dst []byte) []byte {
		token := x.Env.ProgressToken.Of(x.Raw)
		if !isProgressToken(token) || w.began && progress <= w.progress {
			return nil
		}
		w.began, w.progress = true, progress
		if !x.rev().Annotations {
			message = ""
		}
		dst = appendProgress(dst, token, progress, total, message)
		if c := x.taskCall(); c != nil {
			dst = append(append(dst[:len(dst)-len("}}")], `,"_meta":`...), c.task.Related()...)
			dst = append(dst, "}}"...)
		}
		return dst
	})
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// isProgressToken: a string or an integer (MCP, ProgressToken); what is neither was not asked with.
func isProgressToken(token []byte) bool {
	return token != nil && (token[0] == '"' || token[0] == '-' || token[0] >= '0' && token[0] <= '9')
}

func appendProgress(dst, token []byte, progress, total float64, message string) []byte {
	dst = append(dst, `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":`...)
	dst = append(dst, token...)
	dst = append(dst, `,"progress":`...)
	dst = appendNumber(dst, progress)
	if total > 0 {
		dst = append(dst, `,"total":`...)
		dst = appendNumber(dst, total)
	}
	if message != "" {
		dst = append(dst, `,"message":`...)
		dst = codec.AppendQuoted(dst, message)
	}
	return append(dst, "}}"...)
}

// appendNumber writes a finite float as JSON: integers without exponent, as people expect to read them.
func appendNumber(dst []byte, v float64) []byte {
	if v == math.Trunc(v) && math.Abs(v) <= protocol.MaxSafeInteger {
		return strconv.AppendInt(dst, int64(v), 10)
	}
	return strconv.AppendFloat(dst, v, 'g', -1, 64)
}

// Log sends the client a log message of the call to which ctx belongs (MCP, server/utilities/logging): level is one of
// RFC 5424's, logger names the source and may be empty, data is anything that encodes as JSON. A client of the legacy era
// gets it unless it set a higher level with logging/setLevel, one of 2026-07-28 only if the request names a level that is
// not higher. Otherwise as Progress: any goroutine until the handler returns, never blocks, reports whether it was sent.
// What does not encode, or is too long for the transport to hold back, is not sent.
func Log(ctx context.Context, level, logger string, data any) bool {
	w := notifierOf(ctx)
	severity, known := protocol.ParseLogLevel([]byte(level))
	if w == nil || !known || !w.wants(severity) {
		return false
	}
	encoded, err := value.Marshal(data)
	if err != nil {
		return false
	}
	return w.send(func(x *Exchange, dst []byte) []byte {
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
func (w *notifier) wants(severity protocol.LogLevel) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.x == nil, w.x.taskCall() != nil: // no revision has a way for log messages of tasks
		return false
	case w.x.modern:
		name, ok := codec.StringOf(w.x.Env.LogLevel.Of(w.x.Raw))
		lowest, known := protocol.ParseLogLevel(name)
		return ok && known && severity >= lowest
	}
	return w.x.Conv != nil && severity >= w.x.Conv.LogLevel()
}

// checkLogLevel: a level that does not exist is an error of the request (MCP 2026-07-28, server/utilities/logging).
func checkLogLevel(x *Exchange) *codec.Error {
	token := x.Env.LogLevel.Of(x.Raw)
	if token == nil {
		return nil
	}
	if name, ok := codec.StringOf(token); ok {
		if _, known := protocol.ParseLogLevel(name); known {
			return nil
		}
	}
	return errLogLevel
}

// serveSetLevel is logging/setLevel.
func serveSetLevel(_ *Registry, x *Exchange, dst []byte) []byte {
	name, _ := codec.StringOf(codec.Member(x.Env.Params.Of(x.Raw), "level"))
	level, ok := protocol.ParseLogLevel(name)
	if !ok {
		return codec.AppendError(dst, x.ID(), errLogLevel)
	}
	x.Conv.SetLogLevel(level)
	return codec.AppendResult(dst, x.ID(), []byte(emptyResultJSON))
}
