package call

import (
	"context"
	"math"
	"strconv"

	"weir/codec"
	"weir/registry/protocol"
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
	n := notifierOf(ctx)
	if n == nil || !finite(progress) || !finite(total) {
		return false
	}
	n.note(message)
	return n.send(func(c *Call, dst []byte) []byte {
		token := c.Env.ProgressToken.Of(c.Raw)
		if !isProgressToken(token) || n.began && progress <= n.progress {
			return nil
		}
		n.began, n.progress = true, progress
		if !c.Rev().Annotations {
			message = ""
		}
		dst = appendProgress(dst, token, progress, total, message)
		if t := c.task(); t != nil {
			dst = append(append(dst[:len(dst)-len("}}")], `,"_meta":`...), t.Related()...)
			dst = append(dst, "}}"...)
		}
		return dst
	})
}

// ElicitationComplete tells the client of the call to which ctx belongs that an elicitation is over that sent its user
// to a URL (MCP 2025-11-25, client/elicitation). Otherwise as Progress.
func ElicitationComplete(ctx context.Context, id string) bool {
	n := notifierOf(ctx)
	return n != nil && n.send(func(c *Call, dst []byte) []byte {
		if c.Rev().Set&(protocol.Revision20251125|protocol.ModernRevisions) == 0 || c.task() != nil {
			return nil
		}
		dst = append(dst, `{"jsonrpc":"2.0","method":"notifications/elicitation/complete","params":{"elicitationId":`...)
		return append(codec.AppendQuoted(dst, id), "}}"...)
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
