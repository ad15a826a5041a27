package sdk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/registry/protocol"
)

// Target is where the offer of an adopted server goes, and where what its handlers say to their clients does. All
// functions may be called concurrently.
type Target struct {
	Tools     Set[mcp.Tool, mcp.ToolHandler]
	Prompts   Set[mcp.Prompt, mcp.PromptHandler]
	Resources Set[mcp.Resource, mcp.ResourceHandler]
	Templates Set[mcp.ResourceTemplate, mcp.ResourceHandler]

	// Instructions takes what the server has clients told, and Completion its handler that completes arguments.
	Instructions func(text string)
	Completion   func(func(context.Context, *mcp.CompleteRequest) (*mcp.CompleteResult, error))

	// Client is what the client of the call to which ctx belongs said of itself: its revision, and its capabilities as
	// an object that nobody else holds. False when its request says so itself, and when it said nothing.
	Client func(ctx context.Context) (version string, capabilities map[string]any, ok bool)
	// Progress and Log tell the client of the call to which ctx belongs; they must not block.
	Progress func(ctx context.Context, progress, total float64, message string)
	Log      func(ctx context.Context, level, logger string, data any)
	// Ask sends that client a request and waits for its answer. ElicitationComplete tells it that one is over.
	// CloseStream closes the event stream of the call, for retry.
	Ask                 func(ctx context.Context, request mcp.InputRequest) (mcp.InputResponse, error)
	ElicitationComplete func(ctx context.Context, id string)
	CloseStream         func(ctx context.Context, retry time.Duration)
	// Sessions makes the table of the sessions that requests have; connect makes one of them.
	Sessions func(connect func(*mcp.ServerSessionOptions) (*mcp.ServerSession, error)) Sessions
	// OnError hears of what the server began to offer later and cannot be offered. nil hears nothing. It is called from
	// a goroutine of the SDK and must not block.
	OnError func(err error)
}

// Sessions is which session of the adopted server stands for which client.
type Sessions interface {
	// For is the session for the client of the call to which ctx belongs, or of no call.
	For(ctx context.Context) (*mcp.ServerSession, error)
	// Close closes them all; none is made any more.
	Close() error
}

// Set is where definitions of one kind go. An error of Add is that the definition cannot be served, or that there is no
// room. Remove returns how many there were.
type Set[D, H any] struct {
	Most   int // entries that it may hold
	Add    func(d *D, h H) error
	Remove func(names ...string) int
}

// Adopted is an SDK server whose offer was taken over. All methods are safe for concurrent use.
type Adopted struct {
	to       Target
	handle   mcp.MethodHandler  // the server's, with the middleware that it had
	sessions Sessions           // of the requests
	lists    *mcp.ServerSession // one of them, of which its lists are asked
	watch    *mcp.ServerSession // told of changed lists

	mu     sync.Mutex // held while the target is brought up to the server
	closed bool

	tools, prompts, resources, templates follower // set once; what they hold is guarded by mu
}

// Adopt offers everything that server offers to a target, and follows as the server adds and removes some. The server
// must have its middleware by now. The error says what cannot be offered; nothing is adopted then.
func Adopt(server *mcp.Server, to Target) (*Adopted, error) {
	a := &Adopted{to: to}
	a.sessions = to.Sessions(func(o *mcp.ServerSessionOptions) (*mcp.ServerSession, error) {
		return server.Connect(context.Background(), newQuietClient(a), o)
	})
	a.makeFollowers()
	// Middleware is the SDK's one door to the handler of its methods. This one looks and changes nothing.
	server.AddReceivingMiddleware(func(next mcp.MethodHandler) mcp.MethodHandler {
		a.handle = next
		return next
	})
	ctx := context.Background()
	var err error
	if a.lists, err = a.sessions.For(ctx); err != nil {
		return nil, fmt.Errorf("adopt: %w", err)
	}
	if a.watch, err = server.Connect(ctx, newQuietClient(a), watcherState()); err != nil {
		return nil, errors.Join(fmt.Errorf("adopt: %w", err), a.sessions.Close())
	}
	if err := a.Sync(); err != nil {
		return nil, errors.Join(fmt.Errorf("adopt: %w", err), a.Close())
	}
	said, err := Introduction(server)
	if err != nil {
		return nil, errors.Join(err, a.Close())
	}
	if said.Instructions != "" {
		to.Instructions(said.Instructions)
	}
	if said.Capabilities != nil && said.Capabilities.Completions != nil {
		to.Completion(a.complete)
	}
	return a, nil
}

// Introduction is what server says of itself in initialize.
func Introduction(server *mcp.Server) (*mcp.InitializeResult, error) {
	ctx := context.Background()
	there, here := mcp.NewInMemoryTransports()
	session, err := server.Connect(ctx, there, nil)
	if err != nil {
		return nil, fmt.Errorf("adopt: %w", err)
	}
	client, err := mcp.NewClient(&mcp.Implementation{Name: "weir", Version: "1"}, nil).Connect(ctx, here,
		&mcp.ClientSessionOptions{ProtocolVersion: protocol.RevisionAt(protocol.LatestLegacy).Version})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("adopt: %w", err), session.Close())
	}
	said := client.InitializeResult()
	return said, errors.Join(client.Close(), session.Wait())
}

// watcherState is one of the era in which every session hears of changed lists, unasked.
func watcherState() *mcp.ServerSessionOptions {
	return &mcp.ServerSessionOptions{State: &mcp.ServerSessionState{
		InitializeParams:  &mcp.InitializeParams{ProtocolVersion: protocol.RevisionAt(protocol.LatestLegacy).Version},
		InitializedParams: new(mcp.InitializedParams),
	}}
}

// Sync compares the server's lists with what was adopted, and offers and removes what differs. It is only needed for a
// server that announces no changes (Capabilities without ListChanged). The error joins what cannot be offered.
func (a *Adopted) Sync() error { return a.follow(a.tools, a.prompts, a.resources, a.templates) }

func (a *Adopted) follow(lists ...follower) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	var errs []error
	for _, l := range lists {
		if !a.closed {
			errs = append(errs, l.follow())
		}
	}
	return errors.Join(errs...)
}

// Close takes what was adopted out of the offer and lets go of the server; calls that run finish.
func (a *Adopted) Close() error {
	a.mu.Lock()
	a.closed = true
	for _, l := range []follower{a.tools, a.prompts, a.resources, a.templates} {
		l.clear()
	}
	a.mu.Unlock()
	// Not under mu: closing waits for the notification that may be waiting for mu.
	return errors.Join(a.sessions.Close(), a.watch.Close())
}

// callTool, getPrompt, readResource and complete are the handlers that stand for those of the server.
func (a *Adopted) callTool(ctx context.Context, req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	if err := a.prepare(ctx, &req.Session, &req.Params.Meta, req.Extra); err != nil {
		return nil, err
	}
	return forward[*mcp.CallToolResult](ctx, a, "tools/call", req)
}

func (a *Adopted) getPrompt(ctx context.Context, req *mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
	if err := a.prepare(ctx, &req.Session, &req.Params.Meta, req.Extra); err != nil {
		return nil, err
	}
	return forward[*mcp.GetPromptResult](ctx, a, "prompts/get", req)
}

func (a *Adopted) readResource(ctx context.Context, req *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
	if err := a.prepare(ctx, &req.Session, &req.Params.Meta, req.Extra); err != nil {
		return nil, err
	}
	return forward[*mcp.ReadResourceResult](ctx, a, "resources/read", req)
}

func (a *Adopted) complete(ctx context.Context, req *mcp.CompleteRequest) (*mcp.CompleteResult, error) {
	if err := a.prepare(ctx, &req.Session, &req.Params.Meta, req.Extra); err != nil {
		return nil, err
	}
	return forward[*mcp.CompleteResult](ctx, a, "completion/complete", req)
}

// prepare makes a request one of the adopted server's.
func (a *Adopted) prepare(ctx context.Context, session **mcp.ServerSession, meta *mcp.Meta,
	extra *mcp.RequestExtra) (err error) {
	extra.CloseSSEStream = func(args mcp.CloseSSEStreamArgs) { a.to.CloseStream(ctx, args.RetryAfter) }
	a.declareClient(ctx, meta)
	*session, err = a.sessions.For(ctx)
	return err
}

// forward runs the server's handler; its middleware is somebody's code and may answer with anything.
func forward[R mcp.Result](ctx context.Context, a *Adopted, method string, req mcp.Request) (result R, err error) {
	answer, err := a.handle(ctx, method, req)
	if err != nil {
		return result, err
	}
	result, ok := answer.(R)
	if !ok {
		return result, fmt.Errorf("%s: the server's middleware answered with a %T", method, answer)
	}
	return result, nil
}

// declareClient says in a legacy request's Meta what a modern one says there of its client, which is where the SDK
// looks before it asks the session.
func (a *Adopted) declareClient(ctx context.Context, meta *mcp.Meta) {
	version, capabilities, ok := a.to.Client(ctx)
	if !ok {
		return
	}
	if *meta == nil {
		*meta = mcp.Meta{}
	}
	(*meta)[mcp.MetaKeyProtocolVersion] = version
	(*meta)[mcp.MetaKeyClientCapabilities] = capabilities
}

// progressed, logged, elicited and listChanged are what an SDK server tells its sessions and this package passes on.
func (a *Adopted) progressed(ctx context.Context, params json.RawMessage) {
	var p mcp.ProgressNotificationParams
	if json.Unmarshal(params, &p) == nil { // the SDK has encoded it
		a.to.Progress(ctx, p.Progress, p.Total, p.Message)
	}
}

func (a *Adopted) logged(ctx context.Context, params json.RawMessage) {
	var p struct {
		Level, Logger string
		Data          json.RawMessage
	}
	if json.Unmarshal(params, &p) == nil {
		a.to.Log(ctx, p.Level, p.Logger, p.Data)
	}
}

func (a *Adopted) elicited(ctx context.Context, params json.RawMessage) {
	var p mcp.ElicitationCompleteParams
	if json.Unmarshal(params, &p) == nil {
		a.to.ElicitationComplete(ctx, p.ElicitationID)
	}
}

// asked answers a request that the server sends through a session.
func (a *Adopted) asked(ctx context.Context, req *jsonrpc.Request) *jsonrpc.Response {
	answer := &jsonrpc.Response{ID: req.ID}
	var requests mcp.InputRequestMap
	if err := survives(req.Params); err != nil {
		answer.Error = &jsonrpc.Error{Code: jsonrpc.CodeInternalError, Message: err.Error()}
		return answer
	}
	one, err := json.Marshal(map[string]any{req.Method: map[string]any{"method": req.Method, "params": req.Params}})
	if err == nil {
		err = requests.UnmarshalJSON(one)
	}
	if err != nil { // such as the ping of a server that keeps its sessions alive, which then stops asking
		answer.Error = &jsonrpc.Error{Code: jsonrpc.CodeMethodNotFound, Message: "there is no client behind this session"}
		return answer
	}
	response, err := a.to.Ask(ctx, requests[req.Method])
	if err == nil {
		answer.Result, err = json.Marshal(response)
	}
	if err == nil {
		err = survives(answer.Result)
	}
	if err != nil {
		answer.Error = &jsonrpc.Error{Code: jsonrpc.CodeInternalError, Message: err.Error()}
	}
	return answer
}

func (a *Adopted) listChanged(lists ...follower) {
	if err := a.follow(lists...); err != nil && a.to.OnError != nil {
		a.to.OnError(err)
	}
}
