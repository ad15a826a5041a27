package engine

import (
	"weir/codec"
	"weir/registry/handler"
	"weir/registry/protocol"
	"weir/registry/result"
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
func (eng *Engine) report(f Failure) {
	if s := eng.server.Load(); s != nil {
		(*s).HandlerFailed(f)
	}
}

// reportResult reports a result that cannot be sent. Other errors are what a handler may well say.
func (eng *Engine) reportResult(x *Exchange, e *codec.Error) {
	switch {
	case protocol.IsResultTooLarge(e):
		eng.report(Failure{Kind: FailureTooLarge, Name: x.handlerName(), Err: e})
	case result.IsEncodingError(e):
		eng.report(Failure{Kind: FailureEncoding, Name: x.handlerName(), Err: e})
	}
}

// handlerName tells the handler that x runs apart from the others.
func (x *Exchange) handlerName() string {
	switch found := x.found.(type) {
	case *handler.Tool:
		return found.Handler.Name
	case *handler.Prompt:
		return found.Handler.Name
	}
	if x.row == nil {
		return ""
	}
	if uri, ok := codec.StringOf(x.Env.URI.Of(x.Raw)); ok {
		return protocol.Clip(string(uri))
	}
	return x.row.name
}
