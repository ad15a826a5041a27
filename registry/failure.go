package registry

import (
	"fmt"

	"weir/codec"
	"weir/registry/protocol"
)

// FailureKind says what a handler did wrong, in the word of the log.
type FailureKind string

const (
	FailurePanic    FailureKind = "panic"            // it panicked, or ended its goroutine
	FailureTimeout  FailureKind = "handler_timeout"  // it runs on after its deadline; its call was ended
	FailureOutput   FailureKind = "invalid_output"   // its typed output is not what its schema says
	FailureTooLarge FailureKind = "result_too_large" // its result is above Options.MaxResultBytes
	FailureEncoding FailureKind = "result_encoding"  // its result is no JSON
)

// Failure is a mistake of a handler. Its client hears little about it, so its server has it for the log.
type Failure struct {
	Kind  FailureKind
	Name  string // the tool's or prompt's name, the resource's URI or its template, or completion/complete
	Err   error  // what is wrong; nil for a panic
	Panic any    // what it panicked with
	Stack []byte // where it did
}

// report hands f to the server, if there is one.
func (r *Registry) report(f Failure) {
	if s := r.server.Load(); s != nil {
		(*s).HandlerFailed(f)
	}
}

// reportResult reports a result that cannot be sent. Other errors are what a handler may well say.
func (r *Registry) reportResult(x *Exchange, e *codec.Error) {
	switch e {
	case protocol.ErrResultTooLarge:
		r.report(Failure{Kind: FailureTooLarge, Name: x.handlerName(),
			Err: fmt.Errorf("the result is longer than max_result_bytes (%d)", r.opt.MaxResultBytes)})
	case protocol.ErrResultEncoding, protocol.ErrResultDepth:
		r.report(Failure{Kind: FailureEncoding, Name: x.handlerName(), Err: e})
	}
}

// handlerName tells the handler that x runs apart from the others.
func (x *Exchange) handlerName() string {
	switch {
	case x.tool != nil:
		return x.tool.Name
	case x.prompt != nil:
		return x.prompt.Name
	}
	if x.row == nil {
		return ""
	}
	if uri, ok := codec.StringOf(x.Env.URI.Of(x.Raw)); ok {
		return protocol.Clip(string(uri))
	}
	return x.row.name
}
