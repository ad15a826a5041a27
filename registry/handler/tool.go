package handler

import (
	"unsafe"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/registry/call"
	"weir/registry/feature"
	"weir/registry/result"
)

// Tool is one tool. Immutable once it is registered, but for its counters.
type Tool struct {
	feature.Tool
	Handler call.Handler
	// ErrorsAreResults: an ordinary error of the handler becomes a result with isError (mcp.ToolHandlerFor) and not a
	// protocol error (mcp.ToolHandler).
	ErrorsAreResults bool
	// Forward sends its calls to another server; nil: they are run here.
	Forward call.Forwarder
	// Idempotent: to call it twice does what calling it once does, by its annotations.
	Idempotent bool

	invoke func(c *call.Call, t *Tool) (result.Reply, error)
}

// Invoke checks the arguments, runs the handler and says what came of it. An error is an *ArgumentError, an
// *OutputError, a *codec.Error or the handler's.
func (t *Tool) Invoke(c *call.Call) (result.Reply, error) { return t.invoke(c, t) }

// NewTool makes a tool whose handler checks its own arguments. The error says why d cannot be served.
func NewTool(d *mcp.Tool, h mcp.ToolHandler, defaults Defaults, opts []Option) (*Tool, error) {
	if h == nil {
		return nil, errNoHandler
	}
	return define(d, &Tool{invoke: untyped(h)}, defaults, opts)
}

// define completes a tool.
func define(d *mcp.Tool, t *Tool, defaults Defaults, opts []Option) (*Tool, error) {
	t.Handler = defaults.handler(d.Name, opts)
	switch h := &t.Handler; {
	case h.Concurrency < call.Adaptive:
		return nil, errMaxConcurrent
	case h.Concurrency == call.Adaptive && h.Cheap:
		return nil, errAdaptiveCheap
	}
	if a := d.Annotations; a != nil {
		t.Idempotent = a.IdempotentHint || a.ReadOnlyHint
	}
	tasks := ""
	if t.Handler.Tasks != call.TaskForbidden {
		tasks = t.Handler.Tasks.String()
	}
	var err error
	t.Tool, err = feature.DefineTool(d, tasks, defaults.MaxBytes)
	return t, err
}

// toolCall is what a tool's handler is given.
type toolCall struct {
	frame
	req    mcp.CallToolRequest
	params mcp.CallToolParamsRaw
}

// begin fills the request.
func (c *toolCall) begin(of *call.Call, t *Tool, args string) error {
	c.params.Name = t.Handler.Name
	if args != "" {
		c.params.Arguments = unsafe.Slice(unsafe.StringData(args), len(args))
	}
	c.req.Params = &c.params
	c.req.Session, c.req.Extra = c.from(of, &t.Handler)
	of.Inputs.Give(&c.params.InputResponses, &c.params.RequestState)
	return c.frame.begin(of, &c.params.Meta, &t.Handler)
}

// untyped runs a handler that checks its own arguments.
func untyped(h mcp.ToolHandler) func(*call.Call, *Tool) (result.Reply, error) {
	return func(of *call.Call, t *Tool) (result.Reply, error) {
		args, err := arguments(of)
		if err != nil {
			return result.Reply{}, err
		}
		c := new(toolCall)
		if err := c.begin(of, t, args); err != nil {
			return result.Reply{}, err
		}
		res, err := h(&c.ctx, &c.req)
		return result.Reply{Result: res}, err
	}
}
