package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/registry/protocol"
)

// Adoption says how an SDK server's offer is taken over.
type Adoption struct {
	// Handling returns the options of a tool or prompt by its name, of a resource by its URI, of a template by its text;
	// nil is none for all: each call runs on a goroutine that may wait, which is safe. SkipMeta also hides from a handler
	// what its request says about the client (ClientCapabilities and the like).
	Handling func(name string) []HandlerOption
	// OnError hears of what the SDK server began to offer later and cannot be offered here (a definition that cannot be
	// served, or max_tools and the like). What else changed is offered all the same. nil hears nothing. It is called from
	// a goroutine of the SDK and must not block.
	OnError func(err error)
}

// Adopted is an SDK server whose offer a registry has taken over. All methods are safe for concurrent use.
type Adopted struct {
	r      *Registry
	how    Adoption
	handle mcp.MethodHandler  // the server's, with the middleware that it had
	calls  *mcp.ServerSession // of every request
	watch  *mcp.ServerSession // told of changed lists

	mu     sync.Mutex // held while the registry is brought up to the server
	closed bool

	tools, prompts, resources, templates follower // set once; what they hold is guarded by mu
}

// Adopt offers the tools, prompts, resources and resource templates of an SDK server beside what is registered, or in
// place of what has the same name, and follows as the server adds and removes some. A call runs the server's own handler
// through the middleware that the server had by now, on a goroutine of the registry's caller; no session, connection or
// goroutine stands behind a client. The error says what cannot be offered; nothing is adopted then.
//
// A handler is given the context, the arguments and the Meta of the call, and may return InputRequests. What its request
// says of the client (ProtocolVersion, ClientCapabilities) is the client's, for one of 2026-07-28 ClientInfo too.
// Session is one for all calls: NotifyProgress and Log reach the caller if they are given the handler's context, but
// Elicit, CreateMessage and ListRoots fail (return InputRequests), InitializeParams says nothing, and what is remembered
// by session is shared by all. Extra is nil.
//
// Not taken over: completion (give SetCompletion the same handler), resources' updates (call ResourceUpdated here too),
// SubscribeHandler, instructions, and middleware that is added later. A panic is answered, not the end of the process.
func (r *Registry) Adopt(server *mcp.Server, how Adoption) (*Adopted, error) {
	a := &Adopted{r: r, how: how}
	a.makeFollowers()
	// Middleware is the SDK's one door to the handler of its methods. This one looks and changes nothing.
	server.AddReceivingMiddleware(func(next mcp.MethodHandler) mcp.MethodHandler {
		a.handle = next
		return next
	})
	ctx := context.Background()
	var err error
	if a.calls, err = server.Connect(ctx, newQuietClient(a), callerState()); err != nil {
		return nil, fmt.Errorf("adopt: %w", err)
	}
	if a.watch, err = server.Connect(ctx, newQuietClient(a), watcherState()); err != nil {
		return nil, errors.Join(fmt.Errorf("adopt: %w", err), a.calls.Close())
	}
	if err := a.Sync(); err != nil {
		return nil, errors.Join(fmt.Errorf("adopt: %w", err), a.Close())
	}
	return a, nil
}

// callerState is a session of the stateless era, in which handlers return what they ask for instead of sending it. It
// lets every log message pass: who wants which is decided per call (Log).
func callerState() *mcp.ServerSessionOptions {
	params := &mcp.InitializeParams{ProtocolVersion: protocol.RevisionAt(protocol.LatestRevision).Version}
	return &mcp.ServerSessionOptions{State: &mcp.ServerSessionState{InitializeParams: params, LogLevel: "debug"}}
}

// watcherState is one of the era in which every session hears of changed lists, unasked.
func watcherState() *mcp.ServerSessionOptions {
	params := &mcp.InitializeParams{ProtocolVersion: protocol.RevisionAt(protocol.LatestLegacy).Version}
	return &mcp.ServerSessionOptions{State: &mcp.ServerSessionState{InitializeParams: params, InitializedParams: new(mcp.InitializedParams)}}
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

// Close takes what was adopted out of the registry and lets go of the server; calls that run finish.
func (a *Adopted) Close() error {
	a.mu.Lock()
	a.closed = true
	for _, l := range []follower{a.tools, a.prompts, a.resources, a.templates} {
		l.clear()
	}
	a.mu.Unlock()
	// Not under mu: closing waits for the notification that may be waiting for mu.
	return errors.Join(a.calls.Close(), a.watch.Close())
}

// callTool, getPrompt and readResource are the handlers that stand for those of the server.
func (a *Adopted) callTool(ctx context.Context, req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	req.Session = a.calls
	declareClient(ctx, &req.Params.Meta)
	return forward[*mcp.CallToolResult](ctx, a, "tools/call", req)
}

func (a *Adopted) getPrompt(ctx context.Context, req *mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
	req.Session = a.calls
	declareClient(ctx, &req.Params.Meta)
	return forward[*mcp.GetPromptResult](ctx, a, "prompts/get", req)
}

func (a *Adopted) readResource(ctx context.Context, req *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
	req.Session = a.calls
	declareClient(ctx, &req.Params.Meta)
	return forward[*mcp.ReadResourceResult](ctx, a, "resources/read", req)
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

// declareClient says in a legacy request's Meta what a modern one says there of its client, which is where the SDK looks
// before it asks the session.
func declareClient(ctx context.Context, meta *mcp.Meta) {
	c, ok := ctx.Value(callKey{}).(*callContext)
	if !ok {
		return
	}
	version, declared, ok := c.legacyClient()
	if !ok {
		return
	}
	if *meta == nil {
		*meta = mcp.Meta{}
	}
	(*meta)[mcp.MetaKeyProtocolVersion] = version
	(*meta)[mcp.MetaKeyClientCapabilities] = declared.Declaration()
}

// progressed, logged and listChanged are what an SDK server tells its sessions and this package passes on.
func (a *Adopted) progressed(ctx context.Context, params json.RawMessage) {
	var p mcp.ProgressNotificationParams
	if json.Unmarshal(params, &p) == nil { // the SDK has encoded it
		Progress(ctx, p.Progress, p.Total, p.Message)
	}
}

func (a *Adopted) logged(ctx context.Context, params json.RawMessage) {
	var p struct {
		Level, Logger string
		Data          json.RawMessage
	}
	if json.Unmarshal(params, &p) == nil {
		Log(ctx, p.Level, p.Logger, p.Data)
	}
}

func (a *Adopted) listChanged(lists ...follower) {
	if err := a.follow(lists...); err != nil && a.how.OnError != nil {
		a.how.OnError(err)
	}
}
