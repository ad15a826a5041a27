package engine

import "weir/codec"

// Dispatch serves a routed message and appends what goes back: one response, on one line; nothing for notifications,
// for responses and for calls that were cancelled (x.Outcome is then Accepted or Cancelled, for a transport that has to
// say something). It runs the tool's handler, so class Blocking may take as long as the handler does. A panic of a
// handler is counted, reported to the server and answered with -32603. x.Raw may be reused when it returned.
func (eng *Engine) Dispatch(x *Exchange, dst []byte) []byte {
	if x.fault != nil {
		eng.m.Unserved.Inc()
		if x.Env.Kind != codec.KindRequest {
			return dst
		}
		return codec.AppendError(dst, x.ID(), x.fault)
	}
	if x.Env.Kind == codec.KindResponse && x.Conv != nil && eng.clientRequests.Answer(x.Conv, &x.Env, x.Raw) {
		return dst
	}
	if x.row == nil {
		eng.m.Ignored.Inc()
		return dst
	}
	eng.m.Requests[x.row.index].Inc()
	return x.row.serve(eng, x, dst)
}
