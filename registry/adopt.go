package registry

import (
	"context"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/registry/call"
	"weir/registry/handler"
	"weir/registry/sdk"
)

// Adoption says how an SDK server's offer is taken over.
type Adoption struct {
	// Handling returns the options of a tool or prompt by its name, of a resource by its URI, of a template by its
	// text; nil is none for all: each call runs on a goroutine that may wait, which is safe. SkipMeta also hides from a
	// handler what its request says about the client (ClientCapabilities and the like). Tasks and AskFirst are of tools
	// only, and left out for others of that name.
	Handling func(name string) []HandlerOption
	// Raw says whether a tool, by its name, was added with Server.AddTool and so takes and gives its JSON as it stands;
	// nil is none. The arguments of all others, and outputs that have a schema, go through float64 in the SDK: a number
	// that would change on the way is refused and its field named (decision 0026).
	Raw func(name string) bool
	// Returns says of a handler, by the name that Handling is given, that it asks its client by returning InputRequests
	// and never through its Session. Then its call holds no goroutine while a client up to 2025-11-25 is asked: the SDK
	// itself, which asks for the others, waits. nil is none. Clients of 2026-07-28 are never waited for.
	Returns func(name string) bool
	// OnError hears of what the SDK server began to offer later and cannot be offered here (a definition that cannot be
	// served, or max_tools and the like). What else changed is offered all the same. nil hears nothing. It is called
	// from a goroutine of the SDK and must not block.
	OnError func(err error)
}

// Adopted is an SDK server whose offer a registry has taken over: Sync brings the registry up to it, Close ends that.
type Adopted = sdk.Adopted

// Adopt offers the tools, prompts, resources and resource templates of an SDK server beside what is registered, or in
// place of what has the same name, and follows as the server adds and removes some. A call runs the server's own
// handler through the middleware that the server had by now, on a goroutine of the registry's caller; no session,
// connection or goroutine stands behind a client. The error says what cannot be offered; nothing is adopted then.
//
// A handler is given the context, the arguments and the Meta of the call. What its request says of the client
// (ProtocolVersion, ClientCapabilities) is the client's, for one of 2026-07-28 ClientInfo too. Session and Extra are as
// for Registry.AddTool, through the server's own middleware; Extra.Header is there without an option (WithHeader in
// Handling names other fields), and so is CloseSSEStream, which does nothing where there is no stream to close. In a
// handler with Cheap and in a task, Session is one of 2026-07-28.
//
// The server's instructions are told to clients unless Options.Instructions are there; of several servers, one after
// the other. Its completion is offered unless there is one. Its name, version and title are for OptionsFor. Definitions
// keep their annotations, icons, schemas and Meta.
//
// Not taken over: resources' updates (call ResourceUpdated here too), SubscribeHandler, experimental capabilities, and
// middleware that is added later. A panic is answered, not the end of the process.
func (r *Registry) Adopt(server *mcp.Server, how Adoption) (*Adopted, error) {
	options := func(name string, more ...HandlerOption) []HandlerOption {
		own := []HandlerOption{WithHeader()}
		if how.Handling != nil {
			own = append(own, how.Handling(name)...)
		}
		return append(append(own, more...), Replace())
	}
	noTool := handler.NoTool // Handling cannot tell a tool from a prompt of the same name
	return sdk.Adopt(server, sdk.Target{
		Tools: sdk.Set[mcp.Tool, mcp.ToolHandler]{Most: r.opt.MaxTools, Remove: r.RemoveTool,
			Add: func(t *mcp.Tool, h mcp.ToolHandler) error {
				if how.Raw == nil || !how.Raw(t.Name) {
					h = sdk.GuardNumbers(t, h)
				}
				return add(r.engine.AddTool)(handler.NewTool(t, h, r.engine.HandlerDefaults(), options(t.Name)))
			}},
		Prompts: sdk.Set[mcp.Prompt, mcp.PromptHandler]{Most: r.opt.MaxPrompts, Remove: r.RemovePrompt,
			Add: func(p *mcp.Prompt, h mcp.PromptHandler) error {
				return add(r.engine.AddPrompt)(handler.NewPrompt(p, h, r.engine.HandlerDefaults(), options(p.Name, noTool)))
			}},
		Resources: sdk.Set[mcp.Resource, mcp.ResourceHandler]{Most: r.opt.MaxResources, Remove: r.RemoveResource,
			Add: func(s *mcp.Resource, h mcp.ResourceHandler) error {
				return add(r.engine.AddResource)(handler.NewResource(s, h, r.engine.HandlerDefaults(),
					options(s.URI, noTool)))
			}},
		Templates: sdk.Set[mcp.ResourceTemplate, mcp.ResourceHandler]{
			Most: r.opt.MaxResourceTemplates, Remove: r.RemoveResourceTemplate,
			Add: func(t *mcp.ResourceTemplate, h mcp.ResourceHandler) error {
				return add(r.engine.AddResourceTemplate)(handler.NewTemplate(t, h, r.engine.HandlerDefaults(),
					options(t.URITemplate, noTool)))
			}},
		Instructions: r.engine.AddInstructions,
		Completion: func(h handler.Complete) {
			if c, err := handler.NewCompletion(h, r.engine.HandlerDefaults(), []HandlerOption{WithHeader()}); err == nil {
				r.engine.OfferCompletion(c)
			}
		},
		Client:              legacyClient,
		Progress:            func(ctx context.Context, p, total float64, message string) { Progress(ctx, p, total, message) },
		Log:                 func(ctx context.Context, level, logger string, data any) { Log(ctx, level, logger, data) },
		Ask:                 r.engine.Ask,
		ElicitationComplete: func(ctx context.Context, id string) { call.ElicitationComplete(ctx, id) },
		CloseStream:         func(ctx context.Context, retry time.Duration) { CloseStream(ctx, retry) },
		Sessions: func(connect func(*mcp.ServerSessionOptions) (*mcp.ServerSession, error)) sdk.Sessions {
			return call.NewSessions(connect, how.Returns)
		},
		OnError: how.OnError,
	})
}

// legacyClient is what the client of ctx's call said of itself in initialize.
func legacyClient(ctx context.Context) (version string, capabilities map[string]any, ok bool) {
	version, declared, ok := call.LegacyClient(ctx)
	if !ok {
		return "", nil, false
	}
	return version, declared.Declaration(), true
}

// OptionsFor is DefaultOptions with the name, version, title and instructions of an SDK server, for a registry that
// adopts it alone. The error is that the server does not say them: its middleware has failed.
func OptionsFor(server *mcp.Server) (Options, error) {
	o := DefaultOptions()
	said, err := sdk.Introduction(server)
	if err != nil {
		return o, err
	}
	o.Instructions = said.Instructions
	if who := said.ServerInfo; who != nil {
		o.Name, o.Version, o.Title = who.Name, who.Version, who.Title
	}
	return o, nil
}
