package registry

import (
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/codec"
	"weir/registry/call"
	"weir/registry/feature"
	"weir/registry/handler"
	"weir/registry/result"
)

// AddTool offers a tool. The error is that there is no room, or that its name is taken (Handler.Replaces).
func (r *Registry) addTool(t *handler.Tool) error {
	if err := offer(r.tools, t, &t.Handler); err != nil { // its series is made by the set
		return err
	}
	if t.Handler.Tasks != call.TaskForbidden {
		r.declare(func(offered *result.Offered) { offered.Tasks = true })
		r.tasksOffered.Store(true)
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
	if x.Modern() && x.Transport == HTTP && t.Headers != nil {
		if e := x.Header.CheckParams(t.Headers, x.Env.Arguments.Of(x.Raw)); e != nil {
			return Inline, e
		}
	}
	x.tool = t
	if r.tasksOffered.Load() {
		return x.routeCall(t)
	}
	return classOf(&t.Handler), nil
}

// serveToolsList is tools/list.
func serveToolsList(r *Registry, x *Exchange, dst []byte) []byte {
	return result.AppendPage(r.results, dst, x.request(), x.Env.Cursor.Of(x.Raw), feature.Tools, r.tools)
}

// serveToolsCall is tools/call.
func serveToolsCall(r *Registry, x *Exchange, dst []byte) []byte {
	if x.asTask {
		return r.createTask(x, dst)
	}
	return r.serveHandled(x, x.tool.Handler.Series, dst, answerToolsCall)
}

// answerToolsCall runs the tool, appends the response and says how the call ended.
func answerToolsCall(r *Registry, x *Exchange, dst []byte) ([]byte, call.Ending) {
	rep, err := guarded(r, x, x.tool.Handler.Name, x.tool, (*handler.Tool).Invoke)
	var e *codec.Error
	if err != nil {
		if output, wrong := err.(*handler.OutputError); wrong {
			r.report(Failure{Kind: FailureOutput, Name: x.tool.Handler.Name, Err: output.Protocol})
		}
		if rep, e = x.failed(err); e != nil {
			return r.appendFailure(dst, x, e)
		}
	}
	res := rep.Result
	if res != nil && result.Asks(res.InputRequests, res.RequestState) {
		return r.requireInput(x, dst, res.InputRequests, res.RequestState)
	}
	out, e := r.results.AppendReply(dst, x.request(), rep)
	switch {
	case e != nil:
		return r.appendFailure(dst, x, e)
	case res != nil && res.IsError:
		return out, call.EndedToolError
	}
	return out, call.EndedOK
}

// failed turns a handler's error into a protocol error, or into a result that tells the model.
func (x *Exchange) failed(err error) (result.Reply, *codec.Error) {
	if e := protocolError(err); e != nil {
		return result.Reply{}, e
	}
	_, badArguments := err.(*handler.ArgumentError)
	switch {
	case badArguments && !x.Rev().ArgumentsAreResults:
		return result.Reply{}, &codec.Error{Code: codec.CodeInvalidParams, Message: err.Error()}
	case !badArguments && !x.tool.ErrorsAreResults:
		return result.Reply{}, &codec.Error{Code: codec.CodeInternal, Message: err.Error()}
	}
	content := []mcp.Content{&mcp.TextContent{Text: err.Error()}}
	return result.Reply{Result: &mcp.CallToolResult{Content: content, IsError: true}}, nil
}
