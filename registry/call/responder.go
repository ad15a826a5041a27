package call

import (
	"time"

	"weir/registry/event"
	"weir/registry/task"
)

// Responder reaches the peer that sent a request, while the request is being served. The transport implements it.
// Any goroutine, several at once; nothing blocks, and message is the caller's again afterwards.
type Responder interface {
	// Send sends a message that belongs to the request, ahead of its answer. false: it was dropped, because the peer is
	// gone, did not ask for a stream, or does not read what it was sent.
	Send(message []byte) bool
	// Peer is the connection that the request came on, for what outlives the request.
	Peer() event.Peer
	// Resume queues the request, which was Suspended, to be dispatched again.
	Resume()
}

// StreamCloser is a Responder that can close a call's event stream while the call runs on. Rules as for Responder;
// retry is how long the client is asked to stay away, 0 what the transport has for it.
type StreamCloser interface {
	CloseStream(retry time.Duration) bool
}

// TaskResponder is the Responder of a call that runs as a task.
type TaskResponder interface {
	Task() *task.Task
}
