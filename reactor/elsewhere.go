package reactor

import (
	"bytes"
	"sync"

	"weir/backpressure"
	"weir/codec"
	"weir/reactor/cluster/forward"
	"weir/registry/call"
)

// elsewhere has a node of the cluster answer for what it has.
type elsewhere struct {
	forwarder *forward.Forwarder
	node      string
}

// question is a message that was forwarded, and what has come of its answer. The messages of one node come one after
// the other.
type question struct {
	forward.Asked
	of *call.Forwarded

	mu    sync.Mutex // that its node is lost is heard beside its messages
	lines []byte     // bounded by the answers that its owner gives, max_result_bytes
	owed  int
}

// Forward implements call.Forwarder.
func (e elsewhere) Forward(f *call.Forwarded) *codec.Error {
	q := &question{of: f}
	f.Cancel = func() {
		if q.Leave() {
			f.Failed = errGone
			f.Settle()
		}
	}
	request := forward.Request{Flags: forward.Message, Principal: f.Call.Principal, Revision: f.Call.Revision,
		HTTP: f.Call.Raw}
	refusal, known := e.forwarder.Forward(&q.Asked, e.node, &request, q, false)
	switch {
	case !known:
		return errTaskGone
	case refusal != backpressure.Accepted:
		return &codec.Error{Code: codec.CodeInternal, Message: "Server overloaded",
			Data: []byte(`{"reason":"` + refusal.String() + `","retryAfterMs":1000,"executed":false}`)}
	}
	f.Call.Suspend(&f.Suspension) // the worker that is here has not let go of it yet
	return nil
}

var (
	// errGone is never sent: nobody waits for the answer.
	errGone     = &codec.Error{Message: "the call was cancelled"}
	errTaskGone = &codec.Error{Code: codec.CodeInvalidParams, Message: "no such task: the node that had it is gone"}
)

// Part implements forward.Asker.
func (q *question) Part(p []byte, _ bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.lines = append(q.lines, p...)
	if q.owed += len(p); q.owed >= q.Window()/2 {
		q.Taken(q.owed)
		q.owed = 0
	}
}

// End implements forward.Asker: the answer is the last line.
func (q *question) End(fate forward.Fate) {
	q.mu.Lock()
	lines := bytes.TrimSuffix(q.lines, []byte{'\n'})
	q.lines = nil
	q.mu.Unlock()
	q.of.Result = lines[bytes.LastIndexByte(lines, '\n')+1:]
	switch {
	case fate == forward.Unknown:
		q.of.Failed = errTaskGone
	case fate != forward.Answered || len(q.of.Result) == 0:
		q.of.Failed = forward.ErrorOf(fate)
	}
	q.of.Settle()
}

// GiveUp implements call.Forwarder: what is forwarded here asks nothing.
func (elsewhere) GiveUp(string) {}

// Release implements call.Forwarder.
func (elsewhere) Release(*call.Forwarded) {}
