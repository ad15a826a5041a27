package registry

import (
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/registry/handler"
)

// AddPrompt registers a prompt. As with the SDK's Server.AddPrompt, the handler
// makes its messages, and an error is a protocol error (-32603, or what a *jsonrpc.Error says). Arguments that the
// definition calls required are there when the handler is called; they may be empty, and there may be others that the
// definition does not name. It panics on a definition that cannot be served, on a name that is registered (see
// Replace), on a nil handler and beyond Options.MaxPrompts. d must not be changed afterwards.
//
// The request's Session and Extra are as for AddTool. Nothing that a handler returns is written to, so one
// result may be returned by many calls.
func (r *Registry) AddPrompt(d *mcp.Prompt, h mcp.PromptHandler, opts ...HandlerOption) {
	mustBeGiven("AddPrompt", d)
	mustAdd("AddPrompt", d.Name, add(r.engine.AddPrompt)(handler.NewPrompt(d, h, r.engine.HandlerDefaults(), opts)))
}

// RemovePrompt takes prompts out of the offer; calls that run finish. It returns how many there were.
func (r *Registry) RemovePrompt(names ...string) int { return r.engine.RemovePrompt(names...) }
