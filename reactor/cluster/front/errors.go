package front

import (
	"weir/codec"
	"weir/registry/engine"
)

// Failure is why a call was not answered by a worker. The word stands in the metric label, in the error that the client
// gets and in docs/OPERATING.md.
type Failure uint8

const (
	failFull     Failure = iota // the broker holds max_messages or max_bytes
	failDown                    // the broker does not answer
	failInFlight                // this front end waits for max_in_flight answers, or has max_in_flight_bytes of them
	failTooLarge                // the broker takes no message of its length, or of its answer's
	failTimeout                 // there was no answer within call_timeout
	failLost                    // the worker that had it is gone
	failDiffers                 // the worker does not have the tool
	failVersion                 // the worker is of another version
	failStopped                 // this front end stops, or the worker did
	failures
)

var failureWords = [failures]string{"cluster_queue_full", "cluster_queue_down", "cluster_in_flight",
	"cluster_message_too_large", "worker_timeout", "worker_lost", "tools_differ", "worker_version", "cluster_stopped"}

func (f Failure) String() string { return failureWords[f] }

var failureTexts = [failures]string{
	failFull:     "the queue to the workers is full (cluster.queue.max_messages, max_bytes)",
	failDown:     "the queue to the workers does not answer",
	failInFlight: "too many calls wait for workers here (cluster.queue.max_in_flight, max_in_flight_bytes)",
	failTooLarge: "the call or its answer is longer than the queue takes",
	failTimeout:  "no worker has answered in time (cluster.queue.call_timeout)",
	failLost:     "the worker that had the call is gone, and the tool is not marked idempotent",
	failDiffers: "the worker does not offer this tool: front ends and workers are to be one program with one " +
		"configuration",
	failVersion: "the worker is of a version that does not understand this front end",
	failStopped: "the server stops",
}

// response appends the whole response of the call with that id, and says the outcome. executed: a worker may have run
// the tool.
func (f Failure) response(dst, id []byte, executed bool) ([]byte, engine.Outcome) {
	e := f.err(executed)
	if executed {
		return codec.AppendError(dst, id, e), engine.Answered
	}
	return codec.AppendError(dst, id, e), engine.LimitReached
}

func (f Failure) err(executed bool) *codec.Error {
	data := codec.AppendQuoted([]byte(`{"reason":`), f.String())
	if executed {
		data = append(data, `,"executed":true}`...)
	} else {
		data = append(data, `,"retryAfterMs":1000,"executed":false}`...)
	}
	return &codec.Error{Code: codec.CodeInternal, Message: failureTexts[f], Data: data}
}

// errCancelled is never sent: nobody waits for the answer.
var errCancelled = &codec.Error{Message: "the call was cancelled"}

// errEnded tells the client that what it was asked is not wanted any more.
var errEnded = &codec.Error{Code: codec.CodeInternal, Message: "the call that asked is over"}
