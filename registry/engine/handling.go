package engine

import (
	"runtime/debug"

	"weir/codec"
	"weir/registry/call"
	"weir/registry/clientreq"
	"weir/registry/fault"
	"weir/registry/handler"
	"weir/registry/input"
	"weir/registry/protocol"
	"weir/registry/result"
)

// Handlers of every kind (tools, prompts, resources, completion) run in the same frame: this file.

// HandlerDefaults is what the handlers of this engine have in common: entries are made with it.
func (eng *Engine) HandlerDefaults() handler.Defaults {
	return handler.Defaults{MaxBytes: eng.opt.Results.MaxBytes / 2, Timeout: eng.opt.HandlerTimeout, Epoch: eng.epoch,
		NullIsAbsent: eng.opt.NullIsAbsent, Sessions: eng.ownSessions}
}

// serveHandled frames a method that runs a handler: nothing runs for a request that was cancelled while it waited,
// nothing is answered to one that was cancelled while it ran, and each is counted.
func (eng *Engine) serveHandled(x *Exchange, s *call.Series, dst []byte,
	answer func(eng *Engine, x *Exchange, dst []byte) ([]byte, call.Ending),
) []byte {
	if x.Cancelled() {
		x.Resumed() // it may have been
		x.Outcome = Cancelled
		s.Count(call.EndedCancelled)
		return dst
	}
	if e := eng.inputs.Read(&x.Call); e != nil {
		dst, o := eng.appendFailure(dst, x, e)
		s.Count(o)
		return dst
	}
	start, waited := x.begin(s)
	before, returned := len(dst), false
	defer func() {
		if !returned && !x.TimedOut() { // the handler has ended its goroutine: see AppendExited
			s.Finished(start, waited, call.EndedPanic)
		}
	}()
	dst, o := answer(eng, x, dst)
	if o == call.IsAgain {
		dst, o = answer(eng, x, dst)
	}
	returned = true
	switch o {
	case call.IsSuspended:
		return dst // x may be in other hands soon, and is counted when it is done
	case call.IsEndedAlready:
		return dst // counted when it was ended
	}
	if x.Cancelled() {
		x.Outcome, o = Cancelled, call.EndedCancelled
		dst = dst[:before]
	}
	x.ReturnedWell = o == call.EndedOK
	if x.Span != nil {
		x.Span.Ending = o
	}
	s.Finished(start, waited, o)
	return dst
}

// guarded invokes a handler, which name tells apart in the log; a panic in there is an error, not the end of the
// worker. A handler that ends its goroutine is logged likewise.
func guarded[E, R any](eng *Engine, x *Exchange, name string, of E, invoke func(E, *call.Call) (R, error)) (res R,
	err error) {
	returned := false
	defer func() {
		ours := x.Finish()
		v := recover()
		if v == nil && !returned {
			v = "the handler ended its goroutine (runtime.Goexit)" // the caller does not go on; see AppendExited
		}
		if v != nil {
			var none R
			res, err = none, fault.Panicked
			eng.report(Failure{Kind: FailurePanic, Name: name, Panic: v, Stack: debug.Stack()})
		}
		if !ours {
			err = fault.TimedOut
			eng.m.TimedOut.Add(-1)
		}
	}()
	res, err = invoke(of, &x.Call)
	returned = true
	return res, err
}

// AppendExited appends the answer of a call whose Dispatch will not return, because its handler ended the goroutine.
func (eng *Engine) AppendExited(dst []byte, x *Exchange) []byte {
	return codec.AppendError(dst, x.ID(), fault.Panicked)
}

// conclude appends what came of a handler that returns results of its own kind: res, as encode appends it, or err,
// which is -32603 unless it says otherwise. encode may append in vain: on error nothing that it appended counts.
func conclude[R any](eng *Engine, x *Exchange, dst []byte, res R, err error,
	encode func(e *result.Encoder, dst []byte, to result.Request, res R) ([]byte, *codec.Error),
) ([]byte, call.Ending) {
	if err != nil {
		e := handler.ProtocolError(err)
		if e == nil {
			e = &codec.Error{Code: codec.CodeInternal, Message: err.Error()}
		}
		return eng.appendFailure(dst, x, e)
	}
	out, e := encode(eng.results, dst, x.request(), res)
	if size := len(out) - len(dst); e == nil && size > eng.opt.Results.MaxBytes {
		e = protocol.ResultTooLarge(size, eng.opt.Results.MaxBytes)
	}
	if e != nil {
		return eng.appendFailure(dst, x, e)
	}
	return out, call.EndedOK
}

// appendFailure appends the error that a handler ended with.
func (eng *Engine) appendFailure(dst []byte, x *Exchange, e *codec.Error) ([]byte, call.Ending) {
	var o call.Ending
	switch e {
	case input.ErrSuspended:
		return dst, call.IsSuspended
	case input.ErrAgain:
		return dst, call.IsAgain
	case fault.TimedOut:
		return dst, call.IsEndedAlready
	case fault.Panicked:
		o = call.EndedPanic
	default:
		o = endingOf(e)
	}
	if size := len(e.Message) + len(e.Data); size > eng.opt.Results.MaxBytes {
		e = protocol.ResultTooLarge(size, eng.opt.Results.MaxBytes)
	}
	eng.reportResult(x, e)
	return codec.AppendError(dst, x.ID(), e), o
}

// endingOf tells the failures of a handler from what its client did, and from a limit that it met.
func endingOf(e *codec.Error) call.Ending {
	if clientreq.IsLimit(e) {
		return call.EndedRefused
	}
	switch e {
	case clientreq.ErrStopped:
		return call.EndedRefused
	case clientreq.ErrAnswer, clientreq.ErrTimeout, clientreq.ErrUnanswerable, clientreq.ErrNoStream:
		return call.EndedClientError
	}
	switch e.Code {
	case codec.CodeInvalidRequest, codec.CodeMethodNotFound, codec.CodeInvalidParams, codec.CodeResourceNotFound,
		codec.CodeHeaderMismatch, codec.CodeMissingCapability, codec.CodeUnsupportedVersion:
		return call.EndedClientError
	}
	return call.EndedError
}
