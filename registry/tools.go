package registry

import (
	"fmt"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/codec"
	"weir/registry/feature"
	"weir/registry/schema"
)

// tool is one registered tool. Immutable but for its counters.
type tool struct {
	feature.Tool
	handler
	// invoke checks the arguments, runs the handler and says what came of it.
	invoke func(x *Exchange, t *tool) (reply, error)
	// errorsAreResults: an ordinary error of the handler becomes a result with isError (mcp.ToolHandlerFor) and not a
	// protocol error (mcp.ToolHandler).
	errorsAreResults bool
}

// AddTool registers a tool whose handler does everything itself: arguments come unchecked, an error is a protocol error
// (-32603, or what a *jsonrpc.Error says), and the result leaves as it is, but for text that is no UTF-8, which is
// repaired. As with the SDK's Server.AddTool, the input schema must be present and of type object. It panics on a
// definition that cannot be served, on the name of a tool that is registered (see Replace), on a nil handler
// and beyond Options.MaxTools. t must not be changed afterwards.
//
// The request's Session is nil; its Extra names the principal (TokenInfo.UserID), and is nil for anybody. Its Arguments
// are the handler's to keep, and must not be written to. Nothing that a handler returns is written to either, so one
// result may be returned by many calls.
func (r *Registry) AddTool(t *mcp.Tool, h mcp.ToolHandler, opts ...HandlerOption) {
	err := errNoHandler
	if h != nil {
		err = r.addTool(t, &tool{invoke: rawInvoke(h)}, opts)
	}
	mustAdd("AddTool", t.Name, err)
}

// AddTool registers a tool with typed arguments and result. Schemas that t does not have are inferred from In and Out,
// as docs/TYPES.md says type by type; it panics on a field that no JSON could fill or leave. Arguments are checked
// against the input schema and decoded strictly (exact case, every digit), the output is checked against the output
// schema. Otherwise as Registry.AddTool, but an ordinary error becomes a result with isError. Strings in In share
// memory with the request's Arguments.
func AddTool[In, Out any](r *Registry, t *mcp.Tool, h mcp.ToolHandlerFor[In, Out], opts ...HandlerOption) {
	definition, entry, err := typedTool(t, h, schema.InputOptions{NullIsAbsent: r.opt.NullIsAbsent})
	if err == nil {
		err = r.addTool(definition, entry, opts)
	}
	mustAdd("AddTool", t.Name, err)
}

// mustAdd panics if what the program itself offers cannot be served.
func mustAdd(function, name string, err error) {
	if err != nil {
		panic(fmt.Sprintf("registry: %s %q: %v", function, name, err))
	}
}

// RemoveTool takes tools out of the offer; calls that run finish. It returns how many there were.
func (r *Registry) RemoveTool(names ...string) int { return r.tools.Remove(names) }

func (r *Registry) addTool(t *mcp.Tool, entry *tool, opts []HandlerOption) error {
	entry.handler = r.handle(opts, nil) // the set's Bind makes the series
	tasks := ""
	if entry.tasks != TaskForbidden {
		tasks = entry.tasks.String()
	}
	var err error
	if entry.Tool, err = feature.DefineTool(t, tasks, r.opt.MaxResultBytes/2); err != nil {
		return err
	}
	if err := offer(r.tools, entry, &entry.handler); err != nil {
		return err
	}
	if entry.tasks != TaskForbidden {
		r.offerTasks()
	}
	return nil
}

// routeToolsCall finds the tool, which says what the call costs.
func routeToolsCall(r *Registry, x *Exchange) (Class, *codec.Error) {
	name, ok := codec.StringOf(x.Env.Name.Of(x.Raw))
	if !ok {
		return Inline, errName
	}
	t, ok := r.tools.Get(name)
	if !ok {
		return Inline, errUnknown("tool", string(name))
	}
	if x.modern && x.Transport == HTTP && t.Headers != nil {
		if e := x.Header.CheckParams(t.Headers, x.Env.Arguments.Of(x.Raw)); e != nil {
			return Inline, e
		}
	}
	x.tool = t
	if r.tasksOffered.Load() {
		return x.routeCall(t)
	}
	return t.class, nil
}

// serveToolsList is tools/list.
func serveToolsList(r *Registry, x *Exchange, dst []byte) []byte {
	return appendPage(r, x, dst, feature.Tools, r.tools)
}
