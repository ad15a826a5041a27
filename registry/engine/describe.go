package engine

import (
	"weir/codec"
	"weir/registry/call"
	"weir/registry/handler"
)

// maxTargetBytes bounds what a span keeps of a name that peers choose.
const maxTargetBytes = 256

// Describe notes in x's span what Route has found out: the method, what it is about, the revision. After Route.
func (x *Exchange) Describe() {
	s := x.Span
	s.Revision, s.Method = x.Rev().Version, call.UnknownMethod
	row := x.row
	if row == nil {
		row = methodOf(&x.Env, x.Raw) // it was refused before
	}
	if row == nil {
		return
	}
	s.Method = row.name
	named := x.Env.Name
	switch row.name {
	case "tools/call":
		s.Kind = call.TargetTool
	case "prompts/get":
		s.Kind = call.TargetPrompt
	case "resources/read", "resources/subscribe", "resources/unsubscribe":
		s.Kind, named = call.TargetResource, x.Env.URI
	default:
		return
	}
	switch found := x.found.(type) {
	case *handler.Tool:
		s.Target, s.Known = found.Handler.Name, true
	case *handler.Prompt:
		s.Target, s.Known = found.Handler.Name, true
	default:
		text, _ := codec.StringOf(named.Of(x.Raw))
		s.Target = string(text[:min(len(text), maxTargetBytes)])
	}
}
