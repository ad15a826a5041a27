package engine

import (
	"context"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/registry/call"
	"weir/registry/clientreq"
	"weir/registry/event"
	"weir/registry/input"
	"weir/registry/protocol"
	"weir/registry/result"
)

// requireInput answers with a request for input; a legacy client is sent requests instead, and a task is asked through
// its methods. besides: the result has contents too, which would be lost.
func (eng *Engine) requireInput(x *Exchange, dst []byte, requests mcp.InputRequestMap, state string, besides bool) (
	[]byte, call.Ending) {
	if besides {
		return eng.appendFailure(dst, x, protocol.ResultEncoding("it has contents, and asks for input too"))
	}
	requests, err := clientreq.Check(requests)
	if err != nil {
		return eng.appendFailure(dst, x, result.EncodingError(err))
	}
	if e := input.CheckCapabilities(&x.Call, requests); e != nil {
		if x.Modern() {
			x.Outcome = Invalid
		}
		return eng.appendFailure(dst, x, e)
	}
	if c := x.taskCall(); c != nil {
		return eng.appendFailure(dst, x, c.needsInput(requests, state))
	}
	out, e := eng.inputs.Require(dst, &x.Call, requests, state)
	if e != nil {
		return eng.appendFailure(dst, x, e)
	}
	eng.m.InputRequired.Inc()
	return out, call.EndedOK
}

// Ask sends the client of the call to which ctx belongs a request and waits for its answer (input.Requester.Wait).
func (eng *Engine) Ask(ctx context.Context, request mcp.InputRequest) (mcp.InputResponse, error) {
	return eng.inputs.Wait(ctx, request)
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
