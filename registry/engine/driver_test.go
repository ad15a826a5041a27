package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/codec"
	"weir/codec/http1"
	"weir/registry"
	. "weir/registry/engine"
)

var limits = codec.DefaultLimits()

// Registry is a registry and its engine, as one thing to drive.
type Registry struct {
	*registry.Registry
	answers
}

type answers struct{ *Engine }

// newRegistry makes an empty one.
func newRegistry(opt registry.Options) (*Registry, error) {
	r, err := registry.New(opt)
	if err != nil {
		return nil, err
	}
	return &Registry{r, answers{r.Engine()}}, nil
}

// AddTool is registry.AddTool.
func AddTool[In, Out any](r *Registry, t *mcp.Tool, h mcp.ToolHandlerFor[In, Out], opts ...registry.HandlerOption) {
	registry.AddTool(r.Registry, t, h, opts...)
}

// peer drives a registry as a transport does, one message at a time, in memory.
type peer struct {
	r         *Registry
	transport Transport
	principal string
	conv      Conversation // line, WebSocket
	buf       []byte       // reused, to show that nothing aliases it
	back      *backstage   // its transport; nil: it has none
}

// httpStatuses are the statuses that reactor gives to outcomes: the transcripts show what is on the wire.
var httpStatuses = [OutcomeCount]int{
	Answered: 200, Accepted: 202, Cancelled: 202, Ended: 204, Invalid: 400, UnknownMethod: 404, UnknownSession: 404,
	NoStream: 405, NeedsStream: 406, LimitReached: 503, Overloaded: 503,
}

// answer is what a transport would send.
type answer struct {
	status  int
	session string
	body    string
}

// send takes a message through Scan, Route, Begin, Dispatch and End.
func (p *peer) send(message string, h Header) answer {
	x := new(Exchange)
	p.buf = append(p.buf[:0], message...)
	x.Raw, x.Transport, x.Principal = p.buf, p.transport, p.principal
	if err := codec.Scan(x.Raw, &x.Env, &limits.JSON); err != nil {
		var e *codec.Error
		if !errors.As(err, &e) {
			panic(err)
		}
		return answer{status: 400, body: string(codec.AppendError(nil, x.ID(), e))}
	}
	if p.transport == HTTP {
		x.Header = &h
	} else {
		x.Conv = &p.conv
	}
	class := p.r.Route(x)
	x.Header = nil // valid during Route only
	if class != Inline {
		if e := p.r.Begin(x); e != nil {
			return answer{status: 400, body: string(codec.AppendError(nil, x.ID(), e))}
		}
		if p.back != nil {
			x.Raw = append([]byte(nil), p.buf...) // it may be suspended
			return p.back.dispatch(x)
		}
		defer p.r.End(x)
	}
	if p.back != nil {
		x.Responder = &place{p.back, x}
	}
	out := p.r.Dispatch(x, nil)
	clear(p.buf)
	return answer{status: httpStatuses[x.Outcome], session: x.SessionID, body: string(out)}
}

type weatherIn struct {
	City string `json:"city" jsonschema:"where"`
	Days int    `json:"days,omitempty"`
}

type weatherOut struct {
	City    string  `json:"city"`
	Celsius float64 `json:"celsius"`
}

type none struct{}

// newFixture is a registry with one tool for each way a call can end.
func newFixture(t testing.TB, change ...func(*registry.Options)) *Registry {
	t.Helper()
	opt := namedOptions()
	opt.Name, opt.Title, opt.Version, opt.Instructions = "fixture", "The Fixture", "1.0", "Call echo."
	for _, f := range change {
		f(&opt)
	}
	r, err := newRegistry(opt)
	if err != nil {
		t.Fatal(err)
	}
	addFixtureTools(r)
	return r
}

func addFixtureTools(r *Registry) {
	AddTool(r, &mcp.Tool{Name: "echo", Description: "Returns the message it was sent."}, echo, registry.Cheap(),
		registry.SkipMeta())
	AddTool(r, limited[sleepIn](&mcp.Tool{Name: "sleep"}, "ms", maxSleepMillis), sleep)
	AddTool(r, &mcp.Tool{Name: "weather", Title: "Weather", Annotations: &mcp.ToolAnnotations{ReadOnlyHint: true},
		Icons: []mcp.Icon{{Source: "data:,"}}},
		func(_ context.Context, _ *mcp.CallToolRequest, in weatherIn) (*mcp.CallToolResult, weatherOut, error) {
			if in.City == "" {
				return nil, weatherOut{}, errors.New("no such city")
			}
			return nil, weatherOut{City: in.City, Celsius: 21.5}, nil
		})
	AddTool(r, &mcp.Tool{Name: "panic"}, func(context.Context, *mcp.CallToolRequest, none) (*mcp.CallToolResult, any,
		error) {
		panic("secret of the handler")
	})
	AddTool(r, &mcp.Tool{Name: "refuse"}, func(context.Context, *mcp.CallToolRequest, none) (*mcp.CallToolResult, any,
		error) {
		return nil, nil, fmt.Errorf("wrapped: %w", &jsonrpc.Error{Code: -31999, Message: "not today",
			Data: json.RawMessage(`{"day":1}`)})
	})
	AddTool(r, &mcp.Tool{Name: "list"}, func(context.Context, *mcp.CallToolRequest, none) (*mcp.CallToolResult, []int,
		error) {
		return nil, []int{1, 2}, nil
	})
	AddTool(r, &mcp.Tool{Name: "query", InputSchema: &jsonschema.Schema{Type: "object",
		Properties: map[string]*jsonschema.Schema{
			"region": {Type: "string", Extra: map[string]any{"x-mcp-header": "Region"}},
			"limit":  {Type: "integer", Extra: map[string]any{"x-mcp-header": "Limit"}},
		}}}, func(_ context.Context, _ *mcp.CallToolRequest, in map[string]any) (*mcp.CallToolResult, any, error) {
		return textResult(fmt.Sprint(in["region"])), nil, nil
	})
	r.AddTool(&mcp.Tool{Name: "raw", InputSchema: json.RawMessage(`{"type":"object"}`)},
		func(_ context.Context, req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			if len(req.Params.Arguments) == 0 {
				return nil, errors.New("raw error")
			}
			return &mcp.CallToolResult{
				Meta: mcp.Meta{"token": req.Params.Meta["progressToken"]},
				Content: []mcp.Content{
					&mcp.TextContent{Text: string(req.Params.Arguments)},
					&mcp.ImageContent{Data: []byte{1, 2, 3}, MIMEType: "image/png"},
				}}, nil
		})
}

// initialize begins a legacy conversation of the revision and returns the session, if any.
func (p *peer) initialize(t testing.TB, version string) string {
	t.Helper()
	a := p.send(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"`+version+
		`","capabilities":{},"clientInfo":{"name":"test","version":"1"}}}`, Header{})
	if !strings.Contains(a.body, `"serverInfo"`) {
		t.Fatalf("initialize: %+v", a)
	}
	return a.session
}

const modernMeta = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}`

func echoCall(id int, message string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"echo","arguments":{"message":%q}}}`, id, message)
}

// wait polls for something another goroutine does; it is only used where virtual time is not.
func wait(t testing.TB, what string, f func() bool) {
	t.Helper()
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !f() {
		select {
		case <-deadline.C:
			t.Fatal("waited too long for ", what)
		case <-tick.C:
		}
	}
}

// elapse lets a bubble's clock go on (testing/synctest), which takes no time.
func elapse(d time.Duration) { time.Sleep(d) }

func httpParam(name string, value []byte) http1.Param {
	return http1.Param{Name: []byte(name), Value: value}
}

// namedOptions are the defaults under a name.
func namedOptions() registry.Options {
	o := registry.DefaultOptions()
	o.Name, o.Version = "weir", "dev"
	return o
}
