package engine

import (
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/codec"
	"weir/registry/call"
	"weir/registry/clientreq"
	"weir/registry/event"
)

// suspendForClient sends what x's handler asks for to its client; x goes on with the answers, or fails without.
func (eng *Engine) suspendForClient(x *Exchange, requests mcp.InputRequestMap, state string) *codec.Error {
	if x.Conv == nil || x.Responder == nil {
		return errInputRequests
	}
	in := &call.Inputs{State: state, Rounds: 1}
	if x.Inputs != nil {
		in.Rounds += x.Inputs.Rounds
	}
	if in.Rounds > clientreq.MaxRounds {
		return clientreq.ErrRounds
	}
	_, e := eng.askClient(x, requests, nil, func(result clientreq.Result) {
		in.Responses, in.Failed = result.Answers, result.Failed
		x.Inputs = in
	})
	return e
}

// askClient sends requests on x's stream and suspends x until nothing of them is open any more (errSuspended). Then
// heard is told what came of them, once the worker has let go of x, and x goes on. Any other error: nothing was sent.
func (eng *Engine) askClient(x *Exchange, requests mcp.InputRequestMap, amend func(params []byte) []byte,
	heard func(clientreq.Result),
) (*clientreq.Requests, *codec.Error) {
	var result clientreq.Result
	s := new(call.Suspension)
	s.Begin(func() {
		heard(result)
		x.Responder.Resume()
	})
	asked, e := eng.clientRequests.Open(clientreq.Call{
		Client: x.Conv, Sender: x.Responder, Requests: requests, Bytes: len(x.Raw), Amend: amend,
		Done: func(came clientreq.Result) {
			result = came
			s.Settle()
		},
	})
	if e != nil {
		return nil, e
	}
	s.Cancel = asked.Cancel
	x.Suspend(s)
	asked.Send()
	return asked, errSuspended
}

// StopAsking ends the waiting of every call for its client, now and from now on: the server stops, and they are to end
// too. Any goroutine.
func (eng *Engine) StopAsking() { eng.clientRequests.Stop() }

// PeerEnded ends the waiting of a conversation's calls: its peer sends nothing more, so it cannot answer. It may
// still wait for the results of tasks, or be gone: telling it how they stand finds out, as its system resets what it
// does not want.
func (eng *Engine) PeerEnded(c *Conversation) {
	eng.clientRequests.PeerEnded(c)
	if s := c.Subscriber(); s != nil {
		s.Remind(func(source event.Source) bool {
			t, ok := source.(taskSource)
			return ok && t.Awaited()
		})
	}
}
