package engine_test

import (
	"context"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/codec"
	"weir/registry"
	"weir/registry/call"
	. "weir/registry/engine"
	"weir/registry/protocol"
)

// failureLog is a server that only hears of failures.
type failureLog []Failure

func (l *failureLog) QueueTask(*TaskCall) *codec.Error { return ErrNoTaskWorkers }
func (*failureLog) ResourceUpdated(string)             {}

func (*failureLog) Elsewhere(string) call.Forwarder { return nil }

func (l *failureLog) ListsChanged(protocol.List) {}
func (l *failureLog) HandlerFailed(f Failure)    { *l = append(*l, f) }

// TestFailuresAreReported with the tool's name and what is wrong, of which the peer learns little.
func TestFailuresAreReported(t *testing.T) {
	type number struct {
		N any `json:"n"`
	}
	minimum := map[string]any{"type": "object", "properties": map[string]any{"n": map[string]any{"type": "integer"}}}
	f := func(name string, want FailureKind, answer, reported string, add func(r *Registry)) {
		t.Run(name, func(t *testing.T) {
			r := newFixture(t, func(o *registry.Options) { o.MaxResultBytes = 4096 })
			add(r)
			var heard failureLog
			if err := r.Attach(&heard); err != nil {
				t.Fatal(err)
			}
			p := &peer{r: r}
			p.initialize(t, "2025-11-25")
			a := p.send(callOf("bad", `{}`), Header{})
			if !strings.Contains(a.body, answer) || strings.Contains(a.body, "nil pointer") {
				t.Errorf("the peer was told %s, want %s", a.body, answer)
			}
			if len(heard) != 1 {
				t.Fatalf("%d failures were reported: %+v", len(heard), heard)
			}
			got := heard[0]
			text := string(got.Stack)
			if got.Err != nil {
				text = got.Err.Error()
			}
			if got.Kind != want || got.Name != "bad" || !strings.Contains(text, reported) ||
				(got.Panic == nil) != (want != FailurePanic) {
				t.Errorf("reported %s of %s, panic %v: %s", got.Kind, got.Name, got.Panic, text)
			}
		})
	}
	f("panic", FailurePanic, `"message":"the handler panicked"`, "TestFailuresAreReported", func(r *Registry) {
		r.AddTool(&mcp.Tool{Name: "bad", InputSchema: map[string]any{"type": "object"}},
			func(_ context.Context, req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
				return textResult(req.Extra.TokenInfo.UserID), nil // of nobody: a nil pointer is a panic like any other
			})
	})
	f("too large", FailureTooLarge, "result too large", "mcp.max_result_bytes is 4096", func(r *Registry) {
		AddTool(r, &mcp.Tool{Name: "bad"}, func(context.Context, *mcp.CallToolRequest, struct{}) (*mcp.CallToolResult, any,
			error) {
			return textResult(strings.Repeat("x", 5000)), nil, nil
		})
	})
	f("no JSON", FailureEncoding, "cannot be encoded", "cannot be encoded", func(r *Registry) {
		AddTool(r, &mcp.Tool{Name: "bad"}, func(context.Context, *mcp.CallToolRequest, struct{}) (*mcp.CallToolResult, any,
			error) {
			return &mcp.CallToolResult{Meta: mcp.Meta{"x": math.NaN()}}, nil, nil
		})
	})
	f("against its schema", FailureOutput, "validating tool output", "validating tool output", func(r *Registry) {
		AddTool(r, &mcp.Tool{Name: "bad", OutputSchema: minimum}, func(context.Context, *mcp.CallToolRequest,
			struct{}) (*mcp.CallToolResult, number, error) {
			return nil, number{N: "one"}, nil
		})
	})
}

// A call whose handler does not return is reported when it is ended.
func TestTimeoutIsReported(t *testing.T) {
	r := newFixture(t)
	begun, leave := make(chan struct{}), make(chan struct{})
	defer close(leave)
	AddTool(r, &mcp.Tool{Name: "bad"}, func(context.Context, *mcp.CallToolRequest, struct{}) (*mcp.CallToolResult, any,
		error) {
		close(begun)
		<-leave
		return nil, nil, nil
	}, registry.Timeout(time.Minute))
	var heard failureLog
	if err := r.Attach(&heard); err != nil {
		t.Fatal(err)
	}
	x := exchangeOf(t, callOf("bad", `{}`))
	slots := make([]WorkerSlot, 1)
	x.Slot = &slots[0]
	r.Route(x)
	if e := r.Begin(x); e != nil {
		t.Fatal(e)
	}
	go r.Dispatch(x, nil)
	<-begun
	now := time.Now()
	endTimedOut(r, slots, now)
	endTimedOut(r, slots, now.Add(time.Minute))
	if len(heard) != 1 || heard[0].Kind != FailureTimeout || heard[0].Name != "bad" ||
		!strings.Contains(heard[0].Err.Error(), "1m0s") {
		t.Errorf("reported %+v", heard)
	}
}
