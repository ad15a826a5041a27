package engine

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/codec"
	"weir/registry/call"
	"weir/registry/fault"
	"weir/registry/handler"
	"weir/registry/input"
	"weir/registry/result"
	"weir/registry/value"
)

// What is another server's (a tool, a prompt, a resource, a completion of its arguments): its call is suspended while
// that one works, and dispatched again with what it answered.
// What that one asks first, its client is asked in the way of its era, as if a handler had asked.

// serveForwarded serves x by another server; s counts it.
func (eng *Engine) serveForwarded(x *Exchange, s *call.Series, dst []byte) []byte {
	if in := x.Inputs; in != nil && in.Failed != nil && in.Forwarded == nil && in.State != "" {
		x.to().GiveUp(in.State) // a client that was asked on its stream, and did not answer
	}
	return eng.serveHandled(x, s, dst, func(eng *Engine, x *Exchange, dst []byte) ([]byte, call.Ending) {
		return eng.answerForwarded(x, s, dst)
	})
}

// answerForwarded has the other server answer, appends what it did and says how the call ended.
func (eng *Engine) answerForwarded(x *Exchange, s *call.Series, dst []byte) ([]byte, call.Ending) {
	if x.Inputs == nil || x.Inputs.Forwarded == nil {
		e := x.forward(s)
		if eng.away != nil && x.to() == eng.away && e != input.ErrSuspended {
			x.Outcome = x.outcomeOf(e)
		}
		return eng.appendFailure(dst, x, e)
	}
	f := x.Inputs.Forwarded
	if f.Whole != nil {
		return x.appendWhole(dst, f)
	}
	if f.Asks != nil {
		return eng.passQuestion(x, dst, f)
	}
	out, e := eng.results.AppendRelayed(dst, x.request(), result.Relayed{Kind: x.row.relays,
		Result: f.Result, Revision: int(f.Revision)})
	switch {
	case e != nil:
		return eng.appendFailure(dst, x, e)
	case x.row.relays == result.OfTool && isErrorResult(f.Result):
		return out, call.EndedToolError
	}
	return out, call.EndedOK
}

// begin starts the sample of x, which s counts; waited is how long x had waited before. The call of another server's
// tool has one since it was forwarded, and is not timed before.
func (x *Exchange) begin(s *call.Series) (start call.Sample, waited time.Duration) {
	if x.to() != nil {
		if in := x.Inputs; in != nil && in.Forwarded != nil {
			return in.Forwarded.Began, in.Forwarded.Waited
		}
		return call.Sample{}, x.Waited()
	}
	return s.Start(), x.Waited()
}

// forward sends x to the other server, or what its client has answered. The error is input.ErrSuspended, or why it
// could not be sent.
func (x *Exchange) forward(s *call.Series) *codec.Error {
	switch arguments := x.Env.Arguments.Of(x.Raw); {
	case x.Responder == nil:
		return fault.Forward
	case arguments != nil && arguments[0] != '{':
		return fault.Arguments
	}
	f := &call.Forwarded{Method: x.row.name, Began: s.Start(), Waited: x.Waited()}
	if tool, ok := x.found.(*handler.Tool); ok {
		f.Idempotent = tool.Idempotent
	}
	if in := x.Inputs; in != nil && in.State != "" {
		f.State = in.State
		if answer := in.Responses[questionKey]; answer != nil {
			encoded, err := value.Marshal(answer)
			if err != nil {
				return result.EncodingError(err)
			}
			f.Answer = encoded
		}
	}
	if e := f.Forward(&x.Call, x.to()); e != nil {
		return e
	}
	return input.ErrSuspended
}

// questionKey is under which a client is asked what the other server asks, one thing at a time.
const questionKey = "0"

// passQuestion asks x's client what the other server asks.
func (eng *Engine) passQuestion(x *Exchange, dst []byte, f *call.Forwarded) ([]byte, call.Ending) {
	x.Inputs.Release()
	requests, err := readQuestion(f.Asks)
	if err != nil {
		x.to().GiveUp(f.State)
		return eng.appendFailure(dst, x, fault.Question)
	}
	out, how := eng.requireInput(x, dst, requests, f.State, false)
	if how != call.EndedOK && how != call.IsSuspended {
		x.to().GiveUp(f.State)
	}
	return out, how
}

// readQuestion reads what another server asks a client for, as what a handler asks for.
func readQuestion(asks *call.Asked) (requests mcp.InputRequestMap, err error) {
	asked := map[string]json.RawMessage{"method": asks.Method, "params": asks.Params}
	if asks.Params == nil {
		asked["params"] = json.RawMessage("{}")
	}
	one, err := json.Marshal(map[string]any{questionKey: asked})
	if err != nil {
		return nil, err
	}
	return requests, requests.UnmarshalJSON(one)
}

// isErrorResult says whether a result is one with isError.
func isErrorResult(result []byte) bool {
	return bytes.Contains(result, []byte(`"isError"`)) && string(codec.Member(result, "isError")) == "true"
}
