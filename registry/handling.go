package registry

import (
	"runtime/debug"
	"time"

	"github.com/modelcontextprotocol/go-sdk/auth"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/codec"
	"weir/registry/feature"
	"weir/registry/protocol"
	"weir/registry/schema"
)

// Handlers of every kind (tools, prompts, resources, completion) run in the same frame: this file.

// handler is how a function that somebody registered is to be run.
type handler struct {
	class     Class
	skipsMeta bool
	timeout   time.Duration // 0: it has no deadline
	owner     *Registry
	series    *callSeries
	tasks     TaskSupport
	asksFirst bool
	replaces  bool // what is registered under the same name
}

// HandlerOption changes how the handler of a tool, prompt, resource or completion is run.
type HandlerOption func(*handler)

// Cheap puts the handler's calls on the compute workers (class Compute) instead of a goroutine that may sleep: for
// handlers that only compute, for less than about a millisecond, and never wait for anything. A handler that waits
// anyway holds up one of a few workers.
func Cheap() HandlerOption { return func(h *handler) { h.class = Compute } }

// SkipMeta leaves the Meta of the request's Params nil: for handlers that do not read it. In the modern era every
// request has a _meta, and decoding it costs more than a cheap call.
func SkipMeta() HandlerOption { return func(h *handler) { h.skipsMeta = true } }

// Timeout gives the handler a deadline of its own instead of Options.HandlerTimeout; 0 or less is none. What happens at
// the deadline stands there.
func Timeout(d time.Duration) HandlerOption { return func(h *handler) { h.timeout = d } }

// Replace takes the place of what is registered under the same name or URI, at once, if there is something: for what
// changes while it is served. Without it a name that is taken is a mistake.
func Replace() HandlerOption { return func(h *handler) { h.replaces = true } }

// offer puts an entry where its clients find it.
func offer[E feature.Entry](set *feature.Set[E], e E, h *handler) error {
	if h.replaces {
		return set.Replace(e)
	}
	return set.Add(e)
}

// handle is a handler with its options; without any it may wait, which is safe for one about which nothing is known.
func (r *Registry) handle(opts []HandlerOption, series *callSeries) handler {
	h := handler{class: Blocking, timeout: r.opt.HandlerTimeout, owner: r, series: series}
	for _, option := range opts {
		option(&h)
	}
	return h
}

// handling is what a handler of any kind is given besides its request, and part of the same piece of memory. It is
// never reused: handlers may leak it.
type handling struct {
	ctx callContext
	dec schema.Decoder
}

// begin decodes the request's _meta, and lets Cancel and the deadline reach the context.
func (c *handling) begin(x *Exchange, into *mcp.Meta, h *handler) error {
	if meta := x.Env.Meta.Of(x.Raw); meta != nil && !h.skipsMeta {
		if err := c.dec.Object(string(meta), (*map[string]any)(into)); err != nil {
			return &codec.Error{Code: codec.CodeInvalidParams, Message: "params._meta must be an object"}
		}
	}
	c.ctx.begin(x, h)
	return nil
}

// extra tells a handler who asks, where the SDK's handlers look for it: Extra.TokenInfo.UserID is the principal. nil
// for anybody.
func (x *Exchange) extra() *mcp.RequestExtra {
	if x.Principal == "" {
		return nil
	}
	return &mcp.RequestExtra{TokenInfo: &auth.TokenInfo{UserID: x.Principal}}
}

// serveHandled frames a method that runs a handler: nothing runs for a request that was cancelled while it waited,
// nothing is answered to one that was cancelled while it ran, and each is counted.
func (r *Registry) serveHandled(x *Exchange, s *callSeries, dst []byte,
	answer func(r *Registry, x *Exchange, dst []byte) ([]byte, ending),
) []byte {
	if x.Cancelled() {
		x.suspension.Store(nil) // it may have been resumed
		x.Outcome = Cancelled
		s.calls[endedCancelled].Inc()
		return dst
	}
	if e := r.readInputs(x); e != nil {
		dst, o := r.appendFailure(dst, x, e)
		s.calls[o].Inc()
		return dst
	}
	start, before := s.startTimer(), len(dst)
	dst, o := answer(r, x, dst)
	if o == endedAgain {
		dst, o = answer(r, x, dst)
	}
	switch o {
	case endedSuspended:
		return dst // x may be in other hands soon, and is counted when it is done
	case endedBefore:
		return dst // counted when it was ended
	}
	if x.Cancelled() {
		x.Outcome, o = Cancelled, endedCancelled
		dst = dst[:before]
	}
	s.finished(start, o)
	return dst
}

// guarded invokes the handler of e, which name tells apart in the log; a panic in there is an error, not the end of the
// worker. A handler that ends its goroutine is logged likewise.
func guarded[E, R any](r *Registry, x *Exchange, name string, e E, invoke func(*Exchange, E) (R, error)) (result R,
	err error) {
	returned := false
	defer func() {
		timedOut := x.finish()
		v := recover()
		if v == nil && !returned {
			v = "the handler ended its goroutine (runtime.Goexit)" // the caller does not go on; see AppendExited
		}
		if v != nil {
			var none R
			result, err = none, errPanicked
			r.report(Failure{Kind: FailurePanic, Name: name, Panic: v, Stack: debug.Stack()})
		}
		if timedOut {
			x.marks.Or(markTimedOut)
			err = errTimedOut
			r.timedOut.Add(-1)
		}
	}()
	result, err = invoke(x, e)
	returned = true
	return result, err
}

// AppendExited appends the answer of a call whose Dispatch will not return, because its handler ended the goroutine.
func (r *Registry) AppendExited(dst []byte, x *Exchange) []byte {
	return codec.AppendError(dst, x.ID(), errPanicked)
}

// conclude appends what came of a handler that returns results of its own kind: result, as encode appends it, or err,
// which is -32603 unless it says otherwise. encode may append in vain: on error nothing that it appended counts.
func conclude[R any](r *Registry, x *Exchange, dst []byte, result R, err error,
	encode func(r *Registry, dst []byte, x *Exchange, result R) ([]byte, *codec.Error),
) ([]byte, ending) {
	if err != nil {
		e := protocolError(err)
		if e == nil {
			e = &codec.Error{Code: codec.CodeInternal, Message: err.Error()}
		}
		return r.appendFailure(dst, x, e)
	}
	out, e := encode(r, dst, x, result)
	if e == nil && len(out)-len(dst) > r.opt.MaxResultBytes {
		e = protocol.ErrResultTooLarge
	}
	if e != nil {
		return r.appendFailure(dst, x, e)
	}
	return out, endedOK
}

// appendFailure appends the error that a handler ended with.
func (r *Registry) appendFailure(dst []byte, x *Exchange, e *codec.Error) ([]byte, ending) {
	o := endedError
	switch e {
	case errSuspended:
		return dst, endedSuspended
	case errAgain:
		return dst, endedAgain
	case errTimedOut:
		return dst, endedBefore
	case errPanicked:
		o = endedPanic
	}
	if len(e.Message)+len(e.Data) > r.opt.MaxResultBytes {
		e = protocol.ErrResultTooLarge
	}
	r.reportResult(x, e)
	return codec.AppendError(dst, x.ID(), e), o
}
