package engine

import (
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/codec"
	"weir/registry/call"
	"weir/registry/clientreq"
	"weir/registry/protocol"
	"weir/registry/result"
)

// A handler that needs something from the client's user, model or file system returns a result with InputRequests (and,
// if it wants to remember anything, RequestState), and is called again with the answers in its Params. That is the one
// style of the SDK. For a client of 2026-07-28 it is also what goes over the wire: an input_required result now, and
// later a request of its own that repeats the first with inputResponses and requestState (MCP 2026-07-28,
// basic/patterns/mrtr). Nothing is remembered here in between.

// readInputs fills x.Inputs of a request that was repeated, and of a call that was suspended; nothing for all others.
func (eng *Engine) readInputs(x *Exchange) *codec.Error {
	if x.Suspended() {
		return x.Resumed()
	}
	state, responses := x.Env.RequestState.Of(x.Raw), x.Env.InputResponses.Of(x.Raw)
	if !x.Modern() || state == nil && responses == nil {
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
		if in.State, elicited, e = eng.sealer.Open(sealed, x.binding()); e != nil {
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
	x.Inputs = in
	return nil
}

// takeEarly holds answers to elicitations that came before anything was asked for against what the handler asks for now;
// errAgain if there are such, and it is to be called with them.
func (x *Exchange) takeEarly(elicited clientreq.Elicited, state string) *codec.Error {
	in := x.Inputs
	if in == nil || in.Early == nil {
		return nil
	}
	early := in.Early
	in.Early = nil
	for key := range elicited {
		if codec.Member(early, key) == nil {
			continue
		}
		var e *codec.Error
		if in.Responses, e = clientreq.DecodeResponses(early, elicited); e != nil {
			return e
		}
		in.State = state
		return errAgain
	}
	return nil
}

// binding is what a request must have in common with the one that it repeats.
func (x *Exchange) binding() []byte {
	return clientreq.Binding(x.Principal, x.Env.Method.Of(x.Raw), x.Env.Name.Of(x.Raw), x.Env.URI.Of(x.Raw),
		x.Env.Arguments.Of(x.Raw))
}

// requireInput answers with a request for input; a legacy client is sent requests instead.
func (eng *Engine) requireInput(x *Exchange, dst []byte, requests mcp.InputRequestMap, state string) ([]byte,
	call.Ending) {
	out, e := eng.appendInputRequired(dst, x, requests, state)
	if e != nil {
		return eng.appendFailure(dst, x, e)
	}
	return out, call.EndedOK
}

func (eng *Engine) appendInputRequired(dst []byte, x *Exchange, requests mcp.InputRequestMap, state string) ([]byte,
	*codec.Error) {
	if e := checkCapabilities(x, requests); e != nil {
		if x.Modern() {
			x.Outcome = Invalid
		}
		return nil, e
	}
	if c := x.taskCall(); c != nil {
		return nil, c.needsInput(requests, state)
	}
	if !x.Modern() {
		return nil, eng.suspendForClient(x, requests, state)
	}
	encoded, e := result.EncodeRequests(requests)
	if e != nil {
		return nil, e
	}
	elicited, err := clientreq.ElicitedBy(requests)
	if err != nil {
		return nil, result.EncodingError(err)
	}
	if e := x.takeEarly(elicited, state); e != nil {
		return nil, e
	}
	var sealed []byte
	if state != "" || elicited != nil || len(requests) == 0 { // at least one of the two MUST be there
		sealed = eng.sealer.Seal(nil, state, elicited, x.binding())
	}
	dst, e = eng.results.AppendInputRequired(dst, x.ID(), encoded, sealed)
	if e == nil {
		eng.m.inputRequired.Inc()
	}
	return dst, e
}

// checkCapabilities: a client is only asked what it declared that it can answer; otherwise it is told what it would
// have to declare (MCP 2026-07-28, MissingRequiredClientCapabilityError).
func checkCapabilities(x *Exchange, requests mcp.InputRequestMap) *codec.Error {
	missing := clientreq.Needs(requests) &^ x.Declared()
	if missing == 0 {
		return nil
	}
	e := protocol.MissingCapability(missing)
	if !x.Modern() {
		e.Code = codec.CodeInternal // its era has no other
	}
	return e
}
