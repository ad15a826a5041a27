package engine

import (
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/codec"
	"weir/registry/call"
	"weir/registry/fault"
	"weir/registry/feature"
	"weir/registry/handler"
	"weir/registry/offer"
	"weir/registry/result"
)

// AddTool offers a tool. The error is that there is no room, or that its name is taken (Handler.Replaces).
func (eng *Engine) AddTool(t *handler.Tool) error {
	if err := eng.offer.Main().AddTool(t); err != nil {
		return err
	}
	if t.Handler.Tasks != call.TaskForbidden {
		eng.offer.Main().Declare(func(offered *result.Offered) { offered.Tasks = true })
		eng.tasksOffered.Store(true)
	}
	return nil
}

// RemoveTool takes tools out of the offer; calls that run finish. It returns how many there were.
func (eng *Engine) RemoveTool(names ...string) int { return eng.offer.Main().Tools.Remove(names) }

// routeToolsCall finds the tool, which says what the call costs.
func routeToolsCall(eng *Engine, x *Exchange) (Class, *codec.Error) {
	name, ok := codec.StringOf(x.Env.Name.Of(x.Raw))
	if !ok {
		return Inline, fault.Name
	}
	called := x.Env.Name
	t, ok := x.View.Search.Find(&x.Call, name, x.View.Tools)
	if !ok {
		return Inline, fault.Unknown("tool", string(name))
	}
	// Who has not seen it in a list cannot know what it wants repeated as headers.
	if x.Modern() && x.Transport == HTTP && t.Headers != nil &&
		(len(x.Header.Params) > 0 || x.Env.Name == called && x.View.Search.Shows(t, x.View.Tools)) {
		if e := x.Header.CheckParams(t.Headers, x.Env.Arguments.Of(x.Raw)); e != nil {
			return Inline, e
		}
	}
	x.found = t
	class := x.serveBy(&t.Handler)
	if eng.tasksOffered.Load() {
		return x.routeCall(t)
	}
	return class, nil
}

// ToolAhead is what a tools/call costs of which no more is known than the tool's name, and the view in which it is
// sought: a class, and whose series it counts in. Where that is not certain yet, the class is Blocking, of which less
// is refused, and there is no series.
func (eng *Engine) ToolAhead(of *offer.View, name []byte) (Class, *Series) {
	t, ok := of.Tools.Get(name)
	if !ok || eng.tasksOffered.Load() {
		return Blocking, nil
	}
	return classOf(&t.Handler), t.Handler.Series
}

// serveToolsList is tools/list.
func serveToolsList(eng *Engine, x *Exchange, dst []byte) []byte {
	return result.AppendPage(eng.results, dst, x.request(), x.Env.Cursor.Of(x.Raw), feature.Tools,
		x.View.Search.Listed(x.View.Tools))
}

// serveToolsCall is tools/call.
func serveToolsCall(eng *Engine, x *Exchange, dst []byte) []byte {
	if x.asTask {
		return eng.createTask(x, dst)
	}
	if x.to() != nil {
		return eng.serveForwarded(x, x.tool().Handler.Series, dst)
	}
	return eng.serveHandled(x, x.tool().Handler.Series, dst, answerToolsCall)
}

// answerToolsCall runs the tool, appends the response and says how the call ended.
func answerToolsCall(eng *Engine, x *Exchange, dst []byte) ([]byte, call.Ending) {
	rep, err := guarded(eng, x, x.tool().Handler.Name, x.tool(), (*handler.Tool).Invoke)
	var e *codec.Error
	if err != nil {
		if output, wrong := err.(*handler.OutputError); wrong {
			eng.report(Failure{Kind: FailureOutput, Name: x.tool().Handler.Name, Err: output.Protocol})
		}
		if rep, e = x.failed(err); e != nil {
			return eng.appendFailure(dst, x, e)
		}
	}
	res := rep.Result
	if res != nil && result.Asks(res.InputRequests, res.RequestState, result.HasContents(res)) {
		return eng.requireInput(x, dst, res.InputRequests, res.RequestState, result.HasContents(res))
	}
	out, e := eng.results.AppendReply(dst, x.request(), rep)
	switch {
	case e != nil:
		return eng.appendFailure(dst, x, e)
	case res != nil && res.IsError:
		return out, call.EndedToolError
	}
	return out, call.EndedOK
}

// failed turns a handler's error into a protocol error, or into a result that tells the model.
func (x *Exchange) failed(err error) (result.Reply, *codec.Error) {
	if e := handler.ProtocolError(err); e != nil {
		return result.Reply{}, e
	}
	_, badArguments := err.(*handler.ArgumentError)
	switch {
	case badArguments && !x.Rev().ArgumentsAreResults:
		return result.Reply{}, &codec.Error{Code: codec.CodeInvalidParams, Message: err.Error()}
	case !badArguments && !x.tool().ErrorsAreResults:
		return result.Reply{}, &codec.Error{Code: codec.CodeInternal, Message: err.Error()}
	}
	content := []mcp.Content{&mcp.TextContent{Text: err.Error()}}
	return result.Reply{Result: &mcp.CallToolResult{Content: content, IsError: true}}, nil
}
