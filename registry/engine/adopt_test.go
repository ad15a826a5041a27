package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/codec"
	"weir/registry"
	. "weir/registry/engine"
)

//lint:file-ignore SA1019 sampling and log messages are deprecated and still served to those who have them

// sdkServer is an SDK server with one of everything, in pages of two.
func sdkServer() *mcp.Server {
	s := mcp.NewServer(&mcp.Implementation{Name: "theirs", Version: "1"}, &mcp.ServerOptions{PageSize: 2,
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	mcp.AddTool(s, &mcp.Tool{Name: "weather", Title: "Weather"},
		func(_ context.Context, _ *mcp.CallToolRequest, in weatherIn) (*mcp.CallToolResult, weatherOut, error) {
			if in.City == "Atlantis" {
				return nil, weatherOut{}, errors.New("no such city")
			}
			return nil, weatherOut{City: in.City, Celsius: 21.5}, nil
		})
	s.AddTool(&mcp.Tool{Name: "raw", InputSchema: json.RawMessage(`{"type":"object"}`)},
		func(_ context.Context, req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: "raw " +
				string(req.Params.Arguments)}}}, nil
		})
	mcp.AddTool(s, &mcp.Tool{Name: "panic"}, func(context.Context, *mcp.CallToolRequest, none) (*mcp.CallToolResult, any,
		error) {
		panic("secret of the handler")
	})
	mcp.AddTool(s, &mcp.Tool{Name: "refuse"}, func(context.Context, *mcp.CallToolRequest, none) (*mcp.CallToolResult, any,
		error) {
		return nil, nil, &jsonrpc.Error{Code: -31999, Message: "not today"}
	})
	mcp.AddTool(s, &mcp.Tool{Name: "nothing"}, func(context.Context, *mcp.CallToolRequest, none) (*mcp.CallToolResult, any,
		error) {
		return nil, nil, nil
	})
	s.AddPrompt(&mcp.Prompt{Name: "greet", Arguments: []*mcp.PromptArgument{{Name: "who", Required: true}}},
		func(_ context.Context, req *mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
			return &mcp.GetPromptResult{Description: "for " + req.Params.Arguments["who"]}, nil
		})
	read := func(_ context.Context, req *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
		if req.Params.URI == "test://item/0" {
			return nil, mcp.ResourceNotFoundError(req.Params.URI)
		}
		return &mcp.ReadResourceResult{Contents: []*mcp.ResourceContents{{Text: "read " + req.Params.URI}}}, nil
	}
	s.AddResource(&mcp.Resource{URI: "test://text", Name: "text", MIMEType: "text/plain"}, read)
	s.AddResourceTemplate(&mcp.ResourceTemplate{URITemplate: "test://item/{id}", Name: "item"}, read)
	return s
}

// adopt takes the server over for the length of the test.
func adopt(t testing.TB, r *Registry, s *mcp.Server, how registry.Adoption) *registry.Adopted {
	t.Helper()
	a, err := r.Adopt(s, how)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

func emptyRegistry(t testing.TB) *Registry {
	t.Helper()
	r, err := newRegistry(namedOptions())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// modern is a request of a client of 2026-07-28 with these params, which end in a comma, and capabilities.
func modern(method, params, capabilities string) string {
	return `{"jsonrpc":"2.0","id":1,"method":"` + method + `","params":{` + params +
		`"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{` +
		capabilities + `}}}}`
}

// TestAdoptAnswersAsTheServer: what each handler says reaches clients of both eras in their form.
func TestAdoptAnswersAsTheServer(t *testing.T) {
	r := emptyRegistry(t)
	adopt(t, r, sdkServer(), registry.Adoption{})
	old := &peer{r: r}
	old.initialize(t, "2024-11-05")
	f := func(method, params string, want ...string) {
		t.Helper()
		legacy := `{"jsonrpc":"2.0","id":1,"method":"` + method + `","params":{` + strings.TrimSuffix(params, ",") + `}}`
		for era, got := range []answer{old.send(legacy, Header{}),
			(&peer{r: r}).send(modern(method, params, ""), Header{})} {
			// The SDK sets a result's type on the server's side: it must not come out twice, nor where nobody knows it.
			if n := strings.Count(got.body, `"resultType"`); n != era && strings.Contains(got.body, `"result":`) {
				t.Errorf("%s %s: %d times resultType in\n%s", method, params, n, got.body)
			}
			for _, part := range want {
				if !strings.Contains(got.body, part) {
					t.Errorf("%s %s: no %s in\n%s", method, params, part, got.body)
				}
			}
		}
	}
	f("tools/list", "", `"name":"weather"`, `"city":{"type":"string","description":"where"}`, `"name":"refuse"`)
	f("tools/call", `"name":"weather","arguments":{"city":"Oslo"},`, `\"celsius\":21.5`)
	f("tools/call", `"name":"weather","arguments":{"city":"Atlantis"},`, `"isError":true`, "no such city")
	f("tools/call", `"name":"weather","arguments":{"city":7},`, `"isError":true`, "validating")
	f("tools/call", `"name":"raw","arguments":{"a":1},`, `raw {\"a\":1}`)
	f("tools/call", `"name":"nothing",`, `"content":[]`)
	f("tools/call", `"name":"refuse",`, `"error":{"code":-31999,"message":"not today"}`)
	f("tools/call", `"name":"panic",`, `"code":-32603`, "the handler panicked")
	f("prompts/get", `"name":"greet","arguments":{"who":"Ada"},`, `"description":"for Ada"`)
	f("prompts/get", `"name":"greet",`, "-32602")
	f("resources/read", `"uri":"test://text",`, "read test://text", `"mimeType":"text/plain"`)
	f("resources/read", `"uri":"test://item/7",`, "read test://item/7")
	f("resources/read", `"uri":"test://item/0",`, "Resource not found", "test://item/0")
	f("resources/templates/list", "", "test://item/{id}")
}

// TestAdoptRunsMiddleware that the server had, and hands calls to the workers that Handling names.
func TestAdoptRunsMiddleware(t *testing.T) {
	s, r := sdkServer(), emptyRegistry(t)
	var seen []string
	s.AddReceivingMiddleware(func(next mcp.MethodHandler) mcp.MethodHandler {
		return func(ctx context.Context, method string, req mcp.Request) (mcp.Result, error) {
			if call, ok := req.(*mcp.CallToolRequest); ok {
				seen = append(seen, call.Params.Name)
				if call.Params.Name == "refuse" {
					return &mcp.GetPromptResult{}, nil
				}
			}
			return next(ctx, method, req)
		}
	})
	adopt(t, r, s, registry.Adoption{Handling: func(name string) []registry.HandlerOption {
		if name == "raw" {
			return []registry.HandlerOption{registry.Cheap()}
		}
		return nil
	}})
	p := &peer{r: r}
	p.send(modern("tools/call", `"name":"raw",`, ""), Header{})
	if got := p.send(modern("tools/call", `"name":"refuse",`, ""), Header{}); !strings.Contains(got.body,
		"answered with a *mcp.GetPromptResult") {
		t.Errorf("the wrong kind of result: %s", got.body)
	}
	if !slices.Equal(seen, []string{"raw", "refuse"}) {
		t.Errorf("the middleware saw %v", seen)
	}
	for name, want := range map[string]Class{"raw": Compute, "weather": Blocking} {
		x := exchangeOf(t, modern("tools/call", `"name":"`+name+`",`, ""))
		if got := r.Route(x); got != want {
			t.Errorf("%s is of class %v, want %v", name, got, want)
		}
	}
}

// TestAdoptShowsTheClient: a handler sees the client of its call, whoever else calls.
func TestAdoptShowsTheClient(t *testing.T) {
	s, r := sdkServer(), emptyRegistry(t)
	mcp.AddTool(s, &mcp.Tool{Name: "who"}, func(_ context.Context, req *mcp.CallToolRequest, _ none) (*mcp.CallToolResult,
		any, error) {
		c := req.ClientCapabilities()
		text := req.ProtocolVersion()
		if c.Elicitation != nil {
			text += fmt.Sprintf(" elicits form %v url %v", c.Elicitation.Form != nil, c.Elicitation.URL != nil)
		}
		if c.Sampling != nil {
			text += " samples"
		}
		return textResult(text), nil, nil
	})
	adopt(t, r, s, registry.Adoption{})
	f := func(body, want string) {
		t.Helper()
		if !strings.Contains(body, `"`+want+`"`) {
			t.Errorf("no %q in %s", want, body)
		}
	}
	f((&peer{r: r}).send(modern("tools/call", `"name":"who",`, `"sampling":{}`), Header{}).body, "2026-07-28 samples")
	legacy := &peer{r: r}
	legacy.send(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{"elicitation":{"form":{},"url":{}}}}}`, Header{})
	f(legacy.send(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"who"}}`, Header{}).body,
		"2025-06-18 elicits form true url true")
	plain := &peer{r: r}
	plain.initialize(t, "2025-11-25")
	f(plain.send(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"who"}}`, Header{}).body, "2025-11-25")
}

// TestAdoptSession: what a handler sends through its session reaches the caller of that handler, and what it asks
// through it fails, with the way out in the error.
func TestAdoptSession(t *testing.T) {
	s, r := sdkServer(), emptyRegistry(t)
	mcp.AddTool(s, &mcp.Tool{Name: "tell"}, func(ctx context.Context, req *mcp.CallToolRequest,
		_ none) (*mcp.CallToolResult, any, error) {
		told := errors.Join(
			req.Session.NotifyProgress(ctx, &mcp.ProgressNotificationParams{ProgressToken: req.Params.GetProgressToken(),
				Progress: 1, Total: 2, Message: "half"}),
			req.Session.Log(ctx, &mcp.LoggingMessageParams{Level: "warning", Logger: "me", Data: map[string]int{"n": 1}}),
			req.Session.Log(ctx, &mcp.LoggingMessageParams{Level: "debug", Data: "unasked"}),
			// nobody's
			req.Session.NotifyProgress(context.Background(), &mcp.ProgressNotificationParams{ProgressToken: "x", Progress: 2}),
		)
		if told != nil {
			return nil, nil, told
		}
		_, err := req.Session.Elicit(ctx, &mcp.ElicitParams{Message: "well?"})
		return nil, nil, errors.Join(err, req.Session.Ping(ctx, nil))
	})
	adopt(t, r, s, registry.Adoption{})
	w := &wire{}
	x := exchangeOf(t, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"tell","_meta":{"progressToken":"p"}}}`)
	x.Responder = w
	r.Route(x)
	answer := string(r.Dispatch(x, nil))
	for _, want := range []string{"client does not support elicitation", "there is no client behind this session"} {
		if !strings.Contains(answer, want) {
			t.Errorf("no %q in %s", want, answer)
		}
	}
	want := []string{
		`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"p","progress":1,"total":2,"message":"half"}}`,
		`{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"warning","logger":"me","data":{"n":1}}}`,
	}
	if !slices.Equal(w.sent, want) {
		t.Errorf("sent %q", w.sent)
	}
}

// TestAdoptAsksForInput: an SDK handler's InputRequests and RequestState travel as those of a handler registered here.
func TestAdoptAsksForInput(t *testing.T) {
	s, r := sdkServer(), emptyRegistry(t)
	mcp.AddTool(s, &mcp.Tool{Name: "ask"}, func(_ context.Context, req *mcp.CallToolRequest, _ none) (*mcp.CallToolResult,
		weatherOut, error) {
		if e, ok := req.Params.InputResponses["who"].(*mcp.ElicitResult); ok {
			return textResult(fmt.Sprint(req.Params.RequestState, " ", e.Content["name"])), weatherOut{}, nil
		}
		return &mcp.CallToolResult{RequestState: "seven", InputRequests: mcp.InputRequestMap{
			"who": &mcp.ElicitParams{Message: "your name?",
				RequestedSchema: map[string]any{"type": "object"}}}}, weatherOut{}, nil
	})
	adopt(t, r, s, registry.Adoption{})
	p := &peer{r: r}
	keys, state := required(t, p.send(asking("tools/call", `"name":"ask"`, elicits), Header{}))
	if !slices.Equal(keys, []string{"who"}) {
		t.Errorf("asked for %v", keys)
	}
	got := p.send(asking("tools/call", `"name":"ask"`+answered+`,"requestState":"`+state+`"`, elicits), Header{})
	if !strings.Contains(got.body, "seven Ada") {
		t.Errorf("with the answer: %s", got.body)
	}
	if got := p.send(asking("tools/call", `"name":"ask"`, ""), Header{}); !strings.Contains(got.body, "-32021") {
		t.Errorf("a client that cannot be asked: %s", got.body)
	}
}

func TestAdoptCancels(t *testing.T) {
	s, r := sdkServer(), emptyRegistry(t)
	began := make(chan struct{})
	mcp.AddTool(s, &mcp.Tool{Name: "wait"}, func(ctx context.Context, _ *mcp.CallToolRequest, _ none) (*mcp.CallToolResult,
		any, error) {
		close(began)
		<-ctx.Done()
		return nil, nil, ctx.Err()
	})
	adopt(t, r, s, registry.Adoption{})
	x := exchangeOf(t, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"wait"}}`)
	r.Route(x)
	answer := make(chan []byte)
	go func() { answer <- r.Dispatch(x, nil) }()
	<-began
	x.Cancel()
	if got := <-answer; len(got) > 0 || x.Outcome != Cancelled {
		t.Errorf("a cancelled call was answered %d %s", x.Outcome, got)
	}
}

// TestAdoptFollows: what the server adds, replaces and removes is offered, not offered, and announced.
func TestAdoptFollows(t *testing.T) {
	s, r := sdkServer(), emptyRegistry(t)
	troubles := make(chan error, 10)
	adopt(t, r, s, registry.Adoption{OnError: func(err error) { troubles <- err }})
	p := &peer{r: r}
	p.initialize(t, "2025-11-25")
	lists := func(method, part string) func() bool {
		return func() bool {
			return strings.Contains(p.send(`{"jsonrpc":"2.0","id":1,"method":"`+method+`"}`, Header{}).body, part)
		}
	}
	not := func(f func() bool) func() bool { return func() bool { return !f() } }
	mcp.AddTool(s, &mcp.Tool{Name: "late"}, func(context.Context, *mcp.CallToolRequest, none) (*mcp.CallToolResult, any,
		error) {
		return nil, nil, nil
	})
	wait(t, "the new tool", lists("tools/list", `"late"`))
	mcp.AddTool(s, &mcp.Tool{Name: "late", Title: "Later"}, func(context.Context, *mcp.CallToolRequest,
		none) (*mcp.CallToolResult, any, error) {
		return nil, nil, nil
	})
	wait(t, "its new title", lists("tools/list", `"Later"`))
	s.RemoveTools("late", "raw")
	wait(t, "the removed tools", not(lists("tools/list", `"raw"`)))
	s.AddPrompt(&mcp.Prompt{Name: "late"}, func(context.Context, *mcp.GetPromptRequest) (*mcp.GetPromptResult,
		error) {
		return nil, nil
	})
	wait(t, "the new prompt", lists("prompts/list", `"late"`))
	read := func(context.Context, *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) { return nil, nil }
	s.AddResource(&mcp.Resource{URI: "test://late", Name: "late"}, read)
	s.AddResourceTemplate(&mcp.ResourceTemplate{URITemplate: "late://{x}", Name: "late"}, read)
	wait(t, "the new resource", lists("resources/list", `"test://late"`))
	wait(t, "the new template", lists("resources/templates/list", `"late://{x}"`))
	s.RemoveResources("test://late")
	wait(t, "the removed resource", not(lists("resources/list", `"test://late"`)))

	s.AddPrompt(&mcp.Prompt{Name: strings.Repeat("x", 200)}, func(context.Context,
		*mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
		return nil, nil
	})
	s.AddPrompt(&mcp.Prompt{Name: "later"}, func(context.Context, *mcp.GetPromptRequest) (*mcp.GetPromptResult,
		error) {
		return nil, nil
	})
	select {
	case err := <-troubles:
		if !strings.Contains(err.Error(), "200 bytes long") {
			t.Errorf("heard %v", err)
		}
	case <-time.After(5 * time.Second):
		t.Error("OnError heard nothing")
	}
	wait(t, "what else is new", lists("prompts/list", `"later"`))
}

// TestAdoptSync: a server that announces nothing is followed by hand; keep-alive does not end the sessions.
func TestAdoptSync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mcp.NewServer(&mcp.Implementation{Name: "theirs", Version: "1"}, &mcp.ServerOptions{KeepAlive: time.Second,
			Capabilities: &mcp.ServerCapabilities{Tools: &mcp.ToolCapabilities{}}, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
		var calls atomic.Int32
		r := emptyRegistry(t)
		a := adopt(t, r, s, registry.Adoption{})
		mcp.AddTool(s, &mcp.Tool{Name: "late"}, func(context.Context, *mcp.CallToolRequest, none) (*mcp.CallToolResult, any,
			error) {
			calls.Add(1)
			return nil, nil, nil
		})
		elapse(time.Minute)
		if err := a.Sync(); err != nil {
			t.Fatal(err)
		}
		if (&peer{r: r}).send(modern("tools/call", `"name":"late",`, ""), Header{}); calls.Load() != 1 {
			t.Error("the tool was not called")
		}
		if n := len(slices.Collect(s.Sessions())); n != 2 {
			t.Errorf("%d sessions", n)
		}
	})
}

// TestAdoptAllOrNothing: an offer that cannot be served leaves no trace in either.
func TestAdoptAllOrNothing(t *testing.T) {
	s, r := sdkServer(), emptyRegistry(t)
	s.AddPrompt(&mcp.Prompt{Name: "bad\nname"}, func(context.Context, *mcp.GetPromptRequest) (*mcp.GetPromptResult,
		error) {
		return nil, nil
	})
	if _, err := r.Adopt(s, registry.Adoption{}); err == nil || !strings.Contains(err.Error(), "control characters") {
		t.Errorf("got %v", err)
	}
	if len(r.Tools().All())+len(r.Prompts().All())+len(r.Resources().All())+len(r.ResourceTemplates().All()) > 0 {
		t.Error("something is offered")
	}
	wait(t, "the sessions", func() bool { return len(slices.Collect(s.Sessions())) == 0 })
	s.RemovePrompts("bad\nname")
	a, err := r.Adopt(s, registry.Adoption{})
	if err != nil || len(r.Tools().All()) != 5 {
		t.Fatalf("%d tools, %v", len(r.Tools().All()), err)
	}
	if err := errors.Join(a.Close(), a.Close(), a.Sync()); err != nil ||
		len(r.Tools().All())+len(r.Resources().All()) != 0 {
		t.Errorf("after Close: %d tools, %v", len(r.Tools().All()), err)
	}
	small, err := newRegistry(func() registry.Options { o := namedOptions(); o.MaxTools = 4; return o }())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := small.Adopt(s, registry.Adoption{}); err == nil || !strings.Contains(err.Error(), "max_tools (4)") {
		t.Errorf("five tools in a registry for four: %v", err)
	}
}

// rawClient feeds an SDK server bytes and takes bytes from it: what the server itself costs, without a client.
type rawClient struct {
	in, out chan []byte
	done    chan struct{}
}

func (c *rawClient) Connect(context.Context) (mcp.Connection, error) { return c, nil }
func (c *rawClient) SessionID() string                               { return "" }
func (c *rawClient) Close() error                                    { return nil }

func (c *rawClient) Read(context.Context) (jsonrpc.Message, error) {
	select {
	case b := <-c.in:
		return jsonrpc.DecodeMessage(b)
	case <-c.done:
		return nil, io.EOF
	}
}

func (c *rawClient) Write(_ context.Context, m jsonrpc.Message) error {
	b, err := jsonrpc.EncodeMessage(m)
	c.out <- b
	return err
}

// BenchmarkAdopted is one call of an SDK tool, bytes in, bytes out: by the SDK's own server, by this registry, and for
// comparison of the same typed handler registered here. The typed tool checks arguments and output against its schemas,
// the raw one does nothing.
func BenchmarkAdopted(b *testing.B) {
	call := func(tool, arguments string) []byte {
		return []byte(modern("tools/call", `"name":"`+tool+`","arguments":`+arguments+`,`, ""))
	}
	typed, raw := call("weather", `{"city":"Oslo","days":3}`), call("raw", `{"city":"Oslo","days":3}`)
	theirs := func(name string, message []byte) {
		b.Run(name, func(b *testing.B) {
			c := &rawClient{in: make(chan []byte), out: make(chan []byte), done: make(chan struct{})}
			session, err := sdkServer().Connect(context.Background(), c, nil)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				c.in <- message
				<-c.out
			}
			close(c.done)
			session.Close()
		})
	}
	ours := func(name string, message []byte, offer func(testing.TB, *Registry)) {
		b.Run(name, func(b *testing.B) {
			r := emptyRegistry(b)
			offer(b, r)
			x, dst := exchangeOf(b, string(message)), make([]byte, 0, 8<<10)
			b.ReportAllocs()
			for b.Loop() {
				x.Env = codec.Envelope{}
				if err := codec.Scan(x.Raw, &x.Env, &limits.JSON); err != nil {
					b.Fatal(err)
				}
				r.Route(x)
				dst = r.Dispatch(x, dst[:0])
			}
		})
	}
	adopted := func(b testing.TB, r *Registry) { adopt(b, r, sdkServer(), registry.Adoption{}) }
	theirs("typed/sdk", typed)
	ours("typed/adopted", typed, adopted)
	ours("typed/registered", typed, func(_ testing.TB, r *Registry) { addFixtureTools(r) })
	theirs("raw/sdk", raw)
	ours("raw/adopted", raw, adopted)
}

// A call that is cancelled before its handler looks at its client is no panic.
func TestAdoptedCallThatIsCancelled(t *testing.T) {
	r := newFixture(t)
	a, err := r.Adopt(sdkServer(), registry.Adoption{})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	p := &peer{r: r}
	p.initialize(t, "2025-11-25")
	x := exchangeOf(t, callOf("weather", `{"city":"Rome"}`))
	x.Conv = &p.conv
	r.Route(x)
	x.Cancel()
	if _, err := x.Tool().Invoke(&x.Call); err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
