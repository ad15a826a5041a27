package registry

import (
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/codec"
	"weir/registry/clientreq"
	"weir/registry/protocol"
	"weir/registry/value"
)

// A handler that needs something from the client's user, model or file system returns a result with InputRequests (and,
// if it wants to remember anything, RequestState), and is called again with the answers in its Params. That is the one
// style of the SDK. For a client of 2026-07-28 it is also what goes over the wire: an input_required result now, and
// later a request of its own that repeats the first with inputResponses and requestState (MCP 2026-07-28,
// basic/patterns/mrtr). Nothing is remembered here in between.

// inputs is what a repeated request brings for its handler.
type inputs struct {
	responses mcp.InputResponseMap
	state     string
	rounds    int          // how often a legacy client was asked
	failed    *codec.Error // why it did not answer
	early     []byte       // inputResponses that came without a requestState: what they answer is not known yet
}

// asked says whether a result asks for input instead of being one.
func asked(requests mcp.InputRequestMap, state string) bool { return requests != nil || state != "" }

// readInputs fills x.inputs of a request that was repeated, and of a call that was suspended; nothing for all others.
func (r *Registry) readInputs(x *Exchange) *codec.Error {
	if x.Suspended() {
		return x.resumed()
	}
	state, responses := x.Env.RequestState.Of(x.Raw), x.Env.InputResponses.Of(x.Raw)
	if !x.modern || state == nil && responses == nil {
		return nil
	}
	in := new(inputs)
	var elicited clientreq.Elicited
	if state != nil {
		sealed, ok := codec.StringOf(state)
		if !ok {
			return clientreq.ErrState
		}
		var e *codec.Error
		if in.state, elicited, e = r.sealer.Open(sealed, x.binding()); e != nil {
			return e
		}
	}
	if responses != nil {
		var e *codec.Error
		if in.responses, e = clientreq.DecodeResponses(responses, elicited); e != nil {
			return e
		}
	}
	if state == nil {
		in.early = responses
	}
	x.inputs = in
	return nil
}

// takeEarly holds answers to elicitations that came before anything was asked for against what the handler asks for now;
// errAgain if there are such, and it is to be called with them.
func (x *Exchange) takeEarly(elicited clientreq.Elicited, state string) *codec.Error {
	in := x.inputs
	if in == nil || in.early == nil {
		return nil
	}
	early := in.early
	in.early = nil
	for key := range elicited {
		if codec.Member(early, key) == nil {
			continue
		}
		var e *codec.Error
		if in.responses, e = clientreq.DecodeResponses(early, elicited); e != nil {
			return e
		}
		in.state = state
		return errAgain
	}
	return nil
}

// giveInputs puts them where handlers look for them.
func (x *Exchange) giveInputs(responses *mcp.InputResponseMap, state *string) {
	if x.inputs != nil {
		*responses, *state = x.inputs.responses, x.inputs.state
	}
}

// resumed ends the suspension of x, if there was one, and returns why what it waited for did not come.
func (x *Exchange) resumed() *codec.Error {
	if x.suspension.Load() == nil {
		return nil
	}
	x.suspension.Store(nil)
	if x.inputs == nil {
		return nil
	}
	return x.inputs.failed
}

// binding is what a request must have in common with the one that it repeats.
func (x *Exchange) binding() []byte {
	return clientreq.Binding(x.Principal, x.Env.Method.Of(x.Raw), x.Env.Name.Of(x.Raw), x.Env.URI.Of(x.Raw),
		x.Env.Arguments.Of(x.Raw))
}

// appendInputRequired appends the response that asks for input; a legacy client is sent requests instead.
func (r *Registry) appendInputRequired(dst []byte, x *Exchange, requests mcp.InputRequestMap, state string) ([]byte,
	*codec.Error) {
	if e := checkCapabilities(x, requests); e != nil {
		if x.modern {
			x.Outcome = Invalid
		}
		return nil, e
	}
	if c := x.taskCall(); c != nil {
		return nil, c.needsInput(requests, state)
	}
	if !x.modern {
		return nil, r.suspendForClient(x, requests, state)
	}
	elicited, err := clientreq.ElicitedBy(requests)
	if err != nil {
		return nil, encodingError(err)
	}
	if e := x.takeEarly(elicited, state); e != nil {
		return nil, e
	}
	from := len(dst)
	dst = append(appendHead(dst, x.ID()), `{"resultType":"input_required"`...)
	if len(requests) > 0 {
		encoded, err := value.Marshal(requests)
		if err != nil {
			return nil, encodingError(err)
		}
		dst = append(append(dst, `,"inputRequests":`...), encoded...)
	}
	if state != "" || elicited != nil || len(requests) == 0 { // at least one of the two MUST be there
		dst = append(dst, `,"requestState":"`...)
		dst = append(r.sealer.Seal(dst, state, elicited, x.binding()), '"')
	}
	dst = append(dst, `,"_meta":{"`+protocol.KeyServerInfo+`":`...)
	dst = append(append(dst, r.prepared.identity...), "}}}"...)
	if len(dst)-from > r.opt.MaxResultBytes {
		return nil, protocol.ErrResultTooLarge
	}
	r.m.inputRequired.Inc()
	return dst, nil
}

// checkCapabilities: a client is only asked what it declared that it can answer; otherwise it is told what it would
// have to declare (MCP 2026-07-28, MissingRequiredClientCapabilityError).
func checkCapabilities(x *Exchange, requests mcp.InputRequestMap) *codec.Error {
	missing := clientreq.Needs(requests) &^ x.declared()
	if missing == 0 {
		return nil
	}
	e := protocol.MissingCapability(missing)
	if !x.modern {
		e.Code = codec.CodeInternal // its era has no other
	}
	return e
}

// declared is what the exchange's client can be asked.
func (x *Exchange) declared() protocol.Capabilities {
	switch {
	case x.modern:
		return protocol.ReadCapabilities(x.Env.ClientCapabilities.Of(x.Raw))
	case x.Conv != nil:
		return x.Conv.Capabilities()
	}
	return 0
}
