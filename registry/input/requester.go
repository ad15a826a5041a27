package input

import (
	"context"
	"fmt"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/codec"
	"weir/registry/call"
	"weir/registry/clientreq"
	"weir/registry/protocol"
	"weir/registry/result"
	"weir/registry/value"
)

// Requester asks the clients of a server. All members are set before it is used. Safe for concurrent use, for one call
// by one goroutine at a time.
type Requester struct {
	Sealer   *clientreq.Sealer // of requestState
	Requests *clientreq.Table
	Results  *result.Encoder
}

// Read fills c.Inputs of a request that was repeated, and of a call that was suspended; nothing for all others.
func (r *Requester) Read(c *call.Call) *codec.Error {
	if c.Suspended() {
		return c.Resumed()
	}
	state, responses := c.Env.RequestState.Of(c.Raw), c.Env.InputResponses.Of(c.Raw)
	if !c.Modern() || state == nil && responses == nil {
		return nil
	}
	in := new(call.Inputs)
	var elicited clientreq.Elicited
	if state != nil {
		sealed, ok := codec.StringOf(state)
		if !ok {
			return clientreq.ErrState
		}
		var e *codec.Error
		if in.State, elicited, e = r.Sealer.Open(sealed, binding(c)); e != nil {
			return e
		}
	}
	if responses != nil {
		var e *codec.Error
		if in.Responses, e = clientreq.DecodeResponses(responses, elicited); e != nil {
			return e
		}
	}
	if state == nil {
		in.Early = responses
	}
	c.Inputs = in
	return nil
}

// binding is what a request must have in common with the one that it repeats.
func binding(c *call.Call) []byte {
	return clientreq.Binding(c.Principal, c.Env.Method.Of(c.Raw), c.Env.Name.Of(c.Raw), c.Env.URI.Of(c.Raw),
		c.Env.Arguments.Of(c.Raw))
}

// Require has the client asked for requests. For a client of 2026-07-28 it appends the response that does; any other is
// sent requests, and the error is ErrSuspended. ErrAgain says that the answers are here already.
func (r *Requester) Require(dst []byte, c *call.Call, requests mcp.InputRequestMap, state string) ([]byte,
	*codec.Error) {
	if !c.Modern() {
		return nil, r.suspend(c, requests, state)
	}
	encoded, e := result.EncodeRequests(requests)
	if e != nil {
		return nil, e
	}
	elicited, err := clientreq.ElicitedBy(requests)
	if err != nil {
		return nil, result.EncodingError(err)
	}
	if e := takeEarly(c, elicited, state); e != nil {
		return nil, e
	}
	var sealed []byte
	if state != "" || elicited != nil || len(requests) == 0 { // at least one of the two MUST be there
		sealed = r.Sealer.Seal(nil, state, elicited, binding(c))
	}
	return r.Results.AppendInputRequired(dst, c.ID(), encoded, sealed)
}

// takeEarly holds answers to elicitations that came before anything was asked for against what the handler asks for
// now; ErrAgain if there are such, and it is to be called with them.
func takeEarly(c *call.Call, elicited clientreq.Elicited, state string) *codec.Error {
	in := c.Inputs
	if in == nil || in.Early == nil {
		return nil
	}
	early := in.Early
	in.Early = nil
	responses, e := clientreq.DecodeEarly(early, elicited)
	if e != nil || responses == nil {
		return e
	}
	in.Responses, in.State = responses, state
	return ErrAgain
}

// suspend sends what c's handler asks for to its client; c goes on with the answers, or fails without.
func (r *Requester) suspend(c *call.Call, requests mcp.InputRequestMap, state string) *codec.Error {
	if c.Conv == nil || c.Responder == nil {
		return errCannotAsk
	}
	in := &call.Inputs{State: state, Rounds: 1}
	if c.Inputs != nil {
		in.Rounds += c.Inputs.Rounds
	}
	if in.Rounds > clientreq.MaxRounds {
		return clientreq.ErrRounds
	}
	_, e := r.Ask(c, requests, nil, func(came clientreq.Result) {
		in.Responses, in.Failed = came.Answers, came.Failed
		c.Inputs = in
	})
	return e
}

// Ask sends requests on c's stream and suspends c until nothing of them is open any more (ErrSuspended). Then
// heard is told what came of them, once the worker has let go of c, and c goes on. Any other error: nothing was sent.
func (r *Requester) Ask(c *call.Call, requests mcp.InputRequestMap, amend func(params []byte) []byte,
	heard func(clientreq.Result),
) (*clientreq.Requests, *codec.Error) {
	var outcome clientreq.Result
	s := new(call.Suspension)
	s.Begin(func() {
		heard(outcome)
		c.Responder.Resume()
	})
	asked, e := r.Requests.Open(clientreq.Call{
		Client: c.Conv, Sender: c.Responder, Requests: requests, Bytes: cap(c.Raw) - len(c.Raw) + c.Bytes(), Amend: amend,
		Done: func(came clientreq.Result) {
			outcome = came
			s.Settle()
		},
	})
	if e != nil {
		return nil, e
	}
	s.Cancel = asked.Cancel
	c.Suspend(s)
	asked.Send()
	return asked, ErrSuspended
}

// Wait sends the client of the call to which ctx belongs one request and waits for the answer, on the handler's
// goroutine (call.AskerOf). It ends with ctx, and otherwise as a call that is suspended does.
func (r *Requester) Wait(ctx context.Context, request mcp.InputRequest) (mcp.InputResponse, error) {
	const key = "0"
	a, err := call.AskerOf(ctx)
	if err != nil {
		return nil, err
	}
	requests, err := clientreq.Check(mcp.InputRequestMap{key: request})
	if err != nil {
		return nil, err
	}
	if missing := clientreq.Needs(requests) &^ a.Declared; missing != 0 {
		return nil, errNotDeclared
	}
	came := make(chan clientreq.Result, 1)
	asked, e := r.Requests.Open(clientreq.Call{Client: a.Conv, Sender: a, Requests: requests, Bytes: a.Bytes,
		Done: func(result clientreq.Result) { came <- result }})
	if e != nil {
		return nil, e
	}
	asked.Send()
	var result clientreq.Result
	select {
	case result = <-came:
	case <-ctx.Done():
		asked.Withdraw(clientreq.ErrCancelled)
		if result = <-came; result.Failed == clientreq.ErrCancelled {
			return nil, ctx.Err()
		}
	}
	if result.Failed != nil {
		return nil, result.Failed
	}
	return forSession(request, result.Answers[key])
}

// forSession makes an answer one that the SDK's session can judge, which holds content against its schema again and
// takes a json.Number for a string.
func forSession(request mcp.InputRequest, answer mcp.InputResponse) (mcp.InputResponse, error) {
	asked, _ := request.(*mcp.ElicitParams)
	elicited, ok := answer.(*mcp.ElicitResult)
	if !ok || asked == nil || asked.RequestedSchema == nil {
		return answer, nil
	}
	if _, misfit := value.Machine(elicited.Content, "content"); misfit != "" {
		return nil, fmt.Errorf("the client's answer: %s is a number that the session would change; "+
			"a result with InputRequests takes it as it is", misfit)
	}
	return answer, nil
}

// CheckCapabilities: a client is only asked what it declared that it can answer; otherwise it is told what it would
// have to declare (MCP 2026-07-28, MissingRequiredClientCapabilityError).
func CheckCapabilities(c *call.Call, requests mcp.InputRequestMap) *codec.Error {
	missing := clientreq.Needs(requests) &^ c.Declared()
	if missing == 0 {
		return nil
	}
	e := protocol.MissingCapability(missing)
	if !c.Modern() {
		e.Code = codec.CodeInternal // its era has no other
	}
	return e
}
