package registry

import (
	"fmt"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/registry/handler"
)

// AddTool registers a tool whose handler does everything itself: arguments come unchecked, an error is a protocol error
// (-32603, or what a *jsonrpc.Error says), and the result leaves as it is, but for text that is no UTF-8, which is
// repaired. As with the SDK's Server.AddTool, the input schema must be present and of type object. It panics on a
// definition that cannot be served, on the name of a tool that is registered (see Replace), on a nil handler
// and beyond Options.MaxTools. t must not be changed afterwards.
//
// The request's Session reaches the client as the SDK's does, if it is given the handler's context or one derived from
// it: NotifyProgress, Log and NotifyElicitationComplete always (as Progress and Log, which cost less), Elicit,
// CreateMessage and ListRoots with clients up to 2025-11-25. These wait, on the handler's goroutine and in its time,
// and so are an error in a handler with Cheap and in a task; for clients of 2026-07-28 they are the SDK's error.
// Handlers that return InputRequests ask all clients alike and hold nothing meanwhile. One session serves all clients
// of a revision with the same capabilities: its ID is empty, its ClientInfo too, and nothing may be remembered by it.
// Ping is an error.
//
// The request's Extra is never nil. It names the principal (TokenInfo.UserID; no TokenInfo for anybody), and has the
// HTTP header for handlers with the option WithHeader. Its CloseSSEStream is nil: see CloseStream. The request's
// Arguments are the handler's to keep, and must not be written to. Nothing that a handler returns is written to either,
// so one result may be returned by many calls.
func (r *Registry) AddTool(t *mcp.Tool, h mcp.ToolHandler, opts ...HandlerOption) {
	mustBeGiven("AddTool", t)
	mustAdd("AddTool", t.Name, add(r.engine.AddTool)(handler.NewTool(t, h, r.engine.HandlerDefaults(), opts)))
}

// AddTool registers a tool with typed arguments and result. Schemas that t does not have are inferred from In and Out,
// as docs/TYPES.md says type by type; it panics on a field that no JSON could fill or leave. Arguments are checked
// against the input schema and decoded strictly (exact case, every digit), the output is checked against the output
// schema. Otherwise as Registry.AddTool, but an ordinary error becomes a result with isError. Strings in In share
// memory with the request's Arguments.
func AddTool[In, Out any](r *Registry, t *mcp.Tool, h mcp.ToolHandlerFor[In, Out], opts ...HandlerOption) {
	mustBeGiven("AddTool", t)
	mustAdd("AddTool", t.Name, add(r.engine.AddTool)(handler.NewTypedTool(t, h, r.engine.HandlerDefaults(), opts)))
}

// add offers an entry, unless it could not be made.
func add[E any](offer func(E) error) func(E, error) error {
	return func(entry E, err error) error {
		if err != nil {
			return err
		}
		return offer(entry)
	}
}

// mustBeGiven panics if there is no definition.
func mustBeGiven[D any](function string, definition *D) {
	if definition == nil {
		panic(fmt.Sprintf("registry: %s: the definition is nil", function))
	}
}

// mustAdd panics if what the program itself offers cannot be served.
func mustAdd(function, name string, err error) {
	if err != nil {
		panic(fmt.Sprintf("registry: %s %q: %v", function, name, err))
	}
}

// RemoveTool takes tools out of the offer; calls that run finish. It returns how many there were.
func (r *Registry) RemoveTool(names ...string) int { return r.engine.RemoveTool(names...) }
