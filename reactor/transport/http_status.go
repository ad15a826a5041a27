package transport

import (
	"time"

	"weir/backpressure"
	"weir/codec/http1"
	"weir/reactor/pipeline"
	"weir/registry/engine"
)

// httpStatuses says how HTTP tells what became of a message. No other code but that of the HTTP transport speaks of
// statuses.
var httpStatuses = [engine.OutcomeCount]uint16{
	engine.Answered:       200,
	engine.Accepted:       202, // without a body
	engine.Cancelled:      202,
	engine.Ended:          204,
	engine.Invalid:        400,
	engine.UnknownMethod:  404, // MCP 2026-07-28
	engine.UnknownSession: 404, // MCP 2025-11-25: its client initializes again
	engine.NoStream:       405,
	engine.NeedsStream:    406,
	engine.LimitReached:   503,
	engine.Overloaded:     503,
}

// statusCode is the status of k's response: HTTP's own word if it has judged the request, else that of the outcome.
func statusCode(k *pipeline.Call) int {
	if k.Status != 0 {
		return int(k.Status)
	}
	return int(httpStatuses[k.Outcome])
}

// retryAfter is what Retry-After of a response says; 0 is no such header. Where only the registry had no room,
// it is a second: what its refusals say in retryAfterMs.
func retryAfter(k *pipeline.Call, status int) int {
	if k.RetryAfter == 0 && status == 503 {
		return 1
	}
	return int(k.RetryAfter)
}

// appendTurnAway appends what an HTTP connection that is refused as a whole gets.
func (s *Site) appendTurnAway(dst []byte, refusal backpressure.Refusal, after time.Duration) []byte {
	var room [256]byte
	body := pipeline.AppendOverloaded(room[:0], pipeline.NullID, refusal, after)
	return http1.AppendResponse(dst, &http1.Response{
		Status: int(httpStatuses[engine.Overloaded]), ContentType: http1.JSONType, Date: s.date(),
		RetryAfter: pipeline.Seconds(after), Close: true,
	}, body)
}
