package engine_test

import (
	"context"
	"math"
	"slices"
	"sync"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/registry"
	. "weir/registry/engine"
	"weir/registry/event"
	"weir/registry/protocol"
)

// wire is a Responder that keeps what is sent.
type wire struct {
	mu   sync.Mutex
	sent []string
	full bool
}

func (w *wire) Send(message []byte) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.full {
		return false
	}
	w.sent = append(w.sent, string(message))
	return true
}

func (w *wire) Peer() event.Peer { return w }
func (w *wire) Wake()            {}
func (w *wire) Resume()          {}

// Progress only increases, and only while the call lasts.
func TestProgress(t *testing.T) {
	r := newFixture(t)
	w := &wire{}
	var kept context.Context
	var sent []bool
	AddTool(r, &mcp.Tool{Name: "tell"}, func(ctx context.Context, _ *mcp.CallToolRequest, _ none) (*mcp.CallToolResult,
		any, error) {
		child, stop := context.WithCancel(ctx)
		defer stop()
		kept = child
		f := func(progress, total float64, message string) {
			sent = append(sent, registry.Progress(child, progress, total, message))
		}
		f(0, 0, "")
		f(0, 0, "again")
		f(-1, 0, "back")
		f(math.NaN(), 0, "")
		f(1, math.Inf(1), "")
		f(0.25, 1.5, "é\n")
		f(1e300, 0, "")
		w.full = true
		f(math.MaxFloat64, 0, "dropped")
		return nil, nil, nil
	})
	call := func(meta string) {
		x := exchangeOf(t, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"tell","_meta":{`+meta+`}}}`)
		x.Responder = w
		r.Route(x)
		r.Dispatch(x, nil)
	}
	call(`"progressToken":7`)
	if want := []bool{true, false, false, false, false, true, true, false}; !slices.Equal(sent, want) {
		t.Errorf("sent %v, want %v", sent, want)
	}
	want := []string{
		`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":7,"progress":0}}`,
		`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":7,"progress":0.25,"total":1.5,"message":"é\n"}}`,
		`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":7,"progress":1e+300}}`,
	}
	if !slices.Equal(w.sent, want) {
		t.Errorf("got %q", w.sent)
	}
	w.full = false
	if registry.Progress(kept, math.MaxFloat64, 0, "") || registry.Log(kept, "error", "", 1) ||
		registry.Progress(context.Background(), 1, 0, "") {
		t.Error("sent for a call that is over, or is none")
	}
	for _, meta := range []string{``, `"progressToken":null`, `"progressToken":{}`} {
		sent = nil
		if call(meta); slices.Contains(sent, true) {
			t.Errorf("progress without a token: %s", meta)
		}
	}
}

// The message of progress came with 2025-03-26.
func TestProgressOfEachRevision(t *testing.T) {
	r := newFixture(t)
	AddTool(r, &mcp.Tool{Name: "tell"}, func(ctx context.Context, _ *mcp.CallToolRequest, _ none) (*mcp.CallToolResult,
		any, error) {
		registry.Progress(ctx, 1, 2, "half")
		return nil, nil, nil
	})
	for i := range protocol.RevisionCount - 1 {
		w, conv := &wire{}, new(Conversation)
		conv.Negotiate(i, 0, r.Events())
		x := exchangeOf(t, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"tell","_meta":{"progressToken":7}}}`)
		x.Responder, x.Conv = w, conv
		r.Route(x)
		r.Dispatch(x, nil)
		want := `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":7,"progress":1,"total":2,"message":"half"}}`
		if protocol.RevisionAt(i).Version == "2024-11-05" {
			want = `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":7,"progress":1,"total":2}}`
		}
		if !slices.Equal(w.sent, []string{want}) {
			t.Errorf("%s: %q", protocol.RevisionAt(i).Version, w.sent)
		}
	}
}

// A handler's goroutine that goes on talking while the call ends never reaches the next user of the exchange.
func TestProgressRacesWithTheEnd(t *testing.T) {
	r := newFixture(t)
	w := &wire{}
	var done sync.WaitGroup
	AddTool(r, &mcp.Tool{Name: "tell"}, func(ctx context.Context, _ *mcp.CallToolRequest, _ none) (*mcp.CallToolResult,
		any, error) {
		done.Go(func() {
			for i := 1; ctx.Err() == nil; i++ {
				registry.Progress(ctx, float64(i), 0, "")
			}
			registry.Progress(ctx, 1e9, 0, "")
		})
		return nil, nil, nil
	})
	x := new(Exchange)
	x.Responder = w
	conv := exchangeOf(t, callOf("tell", `{}`)).Conv
	for range 50 {
		message := exchangeOf(t, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"tell","_meta":{"progressToken":1}}}`)
		x.Raw, x.Env, x.Conv = message.Raw, message.Env, conv
		r.Route(x)
		r.Dispatch(x, nil)
		x.Reset()
		if x.Responder != w {
			t.Fatal("Reset took the Responder")
		}
	}
	done.Wait()
}

func TestLogLevels(t *testing.T) {
	r := newFixture(t)
	w := &wire{}
	var level string
	AddTool(r, &mcp.Tool{Name: "tell"}, func(ctx context.Context, _ *mcp.CallToolRequest, _ none) (*mcp.CallToolResult,
		any, error) {
		registry.Log(ctx, level, "", []string{"x"})
		registry.Log(ctx, level, "l", func() {}) // does not encode
		return nil, nil, nil
	})
	conv := exchangeOf(t, callOf("tell", `{}`)).Conv
	f := func(meta, at string, want bool) {
		t.Helper()
		w.sent, level = nil, at
		x := exchangeOf(t, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"tell","_meta":{`+meta+`}}}`)
		x.Responder, x.Conv = w, conv
		r.Route(x)
		r.Dispatch(x, nil)
		if (len(w.sent) == 1) != want || want &&
			w.sent[0] != `{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"`+at+`","data":["x"]}}` {
			t.Errorf("%s at %s: %q", meta, at, w.sent)
		}
	}
	f(``, "info", true)
	f(``, "debug", false)
	f(``, "shout", false)
	conv.SetLogLevel(4)
	f(``, "warning", false)
	f(``, "error", true)
	f(``, "emergency", true)
	if conv.Negotiated() == 0 {
		t.Error("the level overwrote the revision")
	}
	now := modernMeta[len(`"_meta":{`) : len(modernMeta)-1]
	f(now, "emergency", false)
	f(now+`,"io.modelcontextprotocol/logLevel":"notice"`, "info", false)
	f(now+`,"io.modelcontextprotocol/logLevel":"notice"`, "notice", true)
}
