package registry

import (
	"sync/atomic"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/codec"
	"weir/registry/clientreq"
	"weir/registry/event"
)

// A call that waits, for its client or for a task, is suspended: it holds its message and its place among what is in
// flight, no worker and no goroutine. When what it waits for has come, or will not, the transport queues it again
// (Responder.Resume) and it is dispatched again.

// suspension is what holds a call back.
type suspension struct {
	// left is two: what is waited for, and the worker that suspended the call. Whoever takes it to zero resumes the call.
	left   atomic.Int32
	resume func()
	cancel func() // the call was cancelled: it waits no more
}

// begin comes before anything that may settle s.
func (s *suspension) begin(resume func()) {
	s.resume = resume
	s.left.Store(2)
}

func (s *suspension) settle() {
	if s.left.Add(-1) == 0 {
		s.resume()
	}
}

// Suspended says, after Dispatch, that the call waits: nothing was appended, and the transport must neither answer it
// nor End it but LetGo. It will be resumed (Responder.Resume) and is then dispatched again.
func (x *Exchange) Suspended() bool { return x.suspension.Load() != nil }

// LetGo is the worker's last word on a suspended call: from here on it may be resumed.
func (x *Exchange) LetGo() { x.suspension.Load().settle() }

// suspend holds x back by s. x may have been cancelled before it could be seen as suspended.
func (x *Exchange) suspend(s *suspension) {
	x.suspension.Store(s)
	if x.Cancelled() {
		s.cancel()
	}
}

// suspendForClient sends what x's handler asks for to its client; x goes on with the answers, or fails without.
func (r *Registry) suspendForClient(x *Exchange, requests mcp.InputRequestMap, state string) *codec.Error {
	if x.Conv == nil || x.Responder == nil {
		return errInputRequests
	}
	in := &inputs{state: state, rounds: 1}
	if x.inputs != nil {
		in.rounds += x.inputs.rounds
	}
	if in.rounds > clientreq.MaxRounds {
		return clientreq.ErrRounds
	}
	_, e := r.askClient(x, requests, nil, func(result clientreq.Result) {
		in.responses, in.failed = result.Answers, result.Failed
		x.inputs = in
	})
	return e
}

// askClient sends requests on x's stream and suspends x until nothing of them is open any more (errSuspended). Then
// heard is told what came of them, once the worker has let go of x, and x goes on. Any other error: nothing was sent.
func (r *Registry) askClient(x *Exchange, requests mcp.InputRequestMap, amend func(params []byte) []byte,
	heard func(clientreq.Result),
) (*clientreq.Requests, *codec.Error) {
	var result clientreq.Result
	s := new(suspension)
	s.begin(func() {
		heard(result)
		x.Responder.Resume()
	})
	asked, e := r.clientRequests.Open(clientreq.Call{
		Client: x.Conv, Sender: x.Responder, Requests: requests, Bytes: len(x.Raw), Amend: amend,
		Done: func(came clientreq.Result) {
			result = came
			s.settle()
		},
	})
	if e != nil {
		return nil, e
	}
	s.cancel = asked.Cancel
	x.suspend(s)
	asked.Send()
	return asked, errSuspended
}

// StopAsking ends the waiting of every call for its client, now and from now on: the server stops, and they are to end
// too. Any goroutine.
func (r *Registry) StopAsking() { r.clientRequests.Stop() }

// PeerEnded ends the waiting of a conversation's calls: its peer sends nothing more, so it cannot answer. It may
// still wait for the results of tasks, or be gone: telling it how they stand finds out, as its system resets what it
// does not want.
func (r *Registry) PeerEnded(c *Conversation) {
	r.clientRequests.PeerEnded(c)
	if s := c.Subscriber(); s != nil {
		s.Remind(func(source event.Source) bool {
			t, ok := source.(taskSource)
			return ok && t.Awaited()
		})
	}
}
