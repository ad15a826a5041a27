package engine_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/registry"
	. "weir/registry/engine"
)

func endTimedOut(r *Registry, slots []WorkerSlot, now time.Time) (late []*Call) {
	r.EndTimedOut(slots, now, func(_ int, c *Call) { late = append(late, c) })
	return late
}

// What a handler sees of its deadline, and the transport of the handler.
func TestHandlerDeadline(t *testing.T) {
	const limit, none = time.Minute, time.Duration(0)
	f := func(name string, want time.Duration, opts ...registry.HandlerOption) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newFixture(t, func(o *registry.Options) { o.HandlerTimeout = limit })
				elapse(time.Second) // the bubble's clock; a registry is never used in the instant in which it was made
				given, leave := make(chan context.Context), make(chan struct{})
				AddTool(r, &mcp.Tool{Name: "deaf"}, func(ctx context.Context, _ *mcp.CallToolRequest,
					_ struct{}) (*mcp.CallToolResult, any, error) {
					given <- ctx
					<-leave
					return nil, nil, nil
				}, opts...)
				x := exchangeOf(t, `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"deaf","arguments":{}}}`)
				slots := make([]WorkerSlot, 3)
				x.Slot = &slots[1]
				answer := make(chan string)
				go func() {
					r.Route(x)
					if e := r.Begin(x); e != nil {
						panic(e)
					}
					answer <- string(r.Dispatch(x, nil))
				}()
				ctx := <-given
				deadline, told := ctx.Deadline()
				if told != (want != none) || told && !deadline.Equal(time.Now().Add(want)) {
					t.Fatalf("the deadline is %v %t, at %v", deadline, told, time.Now())
				}
				derived, cancel := context.WithCancel(ctx)
				defer cancel()
				elapse(want - 1)
				if late := endTimedOut(r, slots, time.Now()); len(late) != 0 || ctx.Err() != nil {
					t.Errorf("%d are timed out before the deadline, %v", len(late), ctx.Err())
				}
				elapse(1)
				late := endTimedOut(r, slots, time.Now())
				if want == none {
					if len(late) != 0 || ctx.Err() != nil {
						t.Errorf("timed out without a deadline")
					}
					close(leave)
					<-answer
					r.End(x)
					return
				}
				if len(late) != 1 || late[0] != &x.Call || x.Conv.Busy() {
					t.Fatalf("%d are timed out, in flight: %t", len(late), x.Conv.Busy())
				}
				got := string(r.AppendTimedOut(nil, x))
				if want := `{"jsonrpc":"2.0","id":7,"error":{"code":-32603,"message":"the handler did not return in time","data":{"reason":"handler_timeout","executed":true}}}`; got != want {
					t.Errorf("answered\n%s, want\n%s", got, want)
				}
				<-derived.Done()
				if !errors.Is(ctx.Err(), context.DeadlineExceeded) || context.Cause(derived) != context.DeadlineExceeded {
					t.Errorf("the context ended with %v, a derived one with %v", ctx.Err(), context.Cause(derived))
				}
				if again := endTimedOut(r, slots, time.Now().Add(time.Hour)); len(again) != 0 {
					t.Error("timed out twice")
				}
				close(leave)
				if late := <-answer; late != "" || !x.TimedOut() || r.Late() != 0 {
					t.Errorf("the late handler answered %q, known as timed out: %t, counted: %d", late, x.TimedOut(),
						r.Late())
				}
			})
		})
	}
	f("default", limit)
	f("longer", time.Hour, registry.Timeout(time.Hour))
	f("shorter", time.Second, registry.Timeout(time.Second), registry.Cheap())
	f("off", none, registry.Timeout(0))
}
