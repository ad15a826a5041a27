package registry

import (
	"context"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/registry/handler"
)

// SetCompletion registers the one handler that completes arguments of prompts and variables of resource templates, in
// place of the one before; nil is none, and completion/complete is then a method that this server does not have. The
// handler is only asked for prompts, templates and resources that are registered, and for arguments that they have. It
// returns values by relevance: of more than 100, the first 100 are sent. An error is a protocol error (-32603, or what
// a *jsonrpc.Error says). It panics on an option that only tools can have. The request's Session and
// Extra are as for AddTool.
func (r *Registry) SetCompletion(
	h func(context.Context, *mcp.CompleteRequest) (*mcp.CompleteResult, error), opts ...HandlerOption,
) {
	if h == nil {
		r.engine.SetCompletion(nil)
		return
	}
	completion, err := handler.NewCompletion(h, r.engine.HandlerDefaults(), opts)
	mustAdd("SetCompletion", "completion/complete", err)
	r.engine.SetCompletion(completion)
}
