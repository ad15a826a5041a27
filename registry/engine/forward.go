package engine

import (
	"bytes"

	"weir/codec"
	"weir/registry/call"
	"weir/registry/fault"
	"weir/registry/input"
)

// A tool of another server's: its call is suspended while that one works, and dispatched again with what it answered.

// forwardToolsCall has another server run the tool, appends what it answered and says how the call ended.
func forwardToolsCall(eng *Engine, x *Exchange, dst []byte) ([]byte, call.Ending) {
	if x.Inputs == nil || x.Inputs.Forwarded == nil {
		return eng.appendFailure(dst, x, x.forward())
	}
	f := x.Inputs.Forwarded
	out, e := eng.results.AppendRelayed(dst, x.request(), f.Result, int(f.Revision))
	switch {
	case e != nil:
		return eng.appendFailure(dst, x, e)
	case isErrorResult(f.Result):
		return out, call.EndedToolError
	}
	return out, call.EndedOK
}

// forward sends x to the other server. The error is input.ErrSuspended, or why it could not be sent.
func (x *Exchange) forward() *codec.Error {
	switch arguments := x.Env.Arguments.Of(x.Raw); {
	case x.Responder == nil:
		return fault.Forward
	case arguments != nil && arguments[0] != '{':
		return fault.Arguments
	}
	if e := new(call.Forwarded).Forward(&x.Call, x.tool().Forward); e != nil {
		return e
	}
	return input.ErrSuspended
}

// isErrorResult says whether a result is one with isError.
func isErrorResult(result []byte) bool {
	return bytes.Contains(result, []byte(`"isError"`)) && string(codec.Member(result, "isError")) == "true"
}
