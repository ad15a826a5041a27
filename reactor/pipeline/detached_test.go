package pipeline

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"weir/backpressure"
	"weir/codec"
	"weir/reactor/loop"
	"weir/registry"
	"weir/registry/engine"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// recorder is a transport of which the test reads the answers.
type recorder struct {
	Transport // nothing else of it is called
	answers   chan string
}

func (r *recorder) Address(k *Call) { k.Transport = engine.Line }

func (r *recorder) Order() Order { return nil }

func (r *recorder) Answer(_ *Conn, k *Call, message, out []byte) []byte {
	r.answers <- string(message)
	k.Release()
	return out
}

// oneWorker is a pipeline without loops, whose queue has one worker and has not started. No deadline passes by itself.
func oneWorker(t *testing.T) (*Pipeline, *registry.Registry) {
	t.Helper()
	o := registry.DefaultOptions()
	o.Name, o.Version, o.HandlerTimeout, o.Metrics = "weir", "dev", 24*time.Hour, metrics.NewSet()
	reg, err := registry.New(o)
	must(t, err)
	b := backpressure.DefaultOptions()
	b.MaxConnections, b.Workers = 1, 1
	b.QueueTimeout, b.OverloadQueueTimeout = 0, 0
	queue, err := backpressure.NewQueue(b, metrics.NewSet())
	must(t, err)
	loops, err := loop.New(loop.Options{}, nil, metrics.NewSet(), zerolog.Nop())
	must(t, err)
	p := &Pipeline{Engine: reg.Engine(), Queue: queue}
	p.Init(loops, metrics.NewSet())
	return p, reg
}

// queueDetached queues a call of a tool as resume does when the call's connection has ended.
func (p *Pipeline) queueDetached(t *testing.T, c *Conn, id int, tool string) {
	t.Helper()
	k := NewSharedCall(c)
	k.own(fmt.Appendf(nil, `{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":%q,"arguments":{},`+
		`"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",`+
		`"io.modelcontextprotocol/clientCapabilities":{}}}}`, id, tool))
	limits := codec.DefaultLimits().JSON
	must(t, codec.Scan(k.Raw, &k.Env, &limits))
	if class := p.Engine.Route(&k.Exchange); class != engine.Compute {
		t.Fatalf("the call is of class %v", class)
	}
	if err := p.Engine.Begin(&k.Exchange); err != nil {
		t.Fatal(err)
	}
	lane := p.detached.laneOf(k)
	refusal := p.Queue.AdmitPatient(lane, &k.ticket, backpressure.Compute, k.Bytes(), backpressure.Now())
	if refusal != backpressure.Accepted {
		t.Fatal(refusal)
	}
	p.Queue.Schedule(lane)
}

// Detached calls do not wait for the handler of one before them that does not return in time. All are there before the
// worker starts, and cost nothing as far as the queue knows, so they are one batch.
func TestHandlerTimeoutFreesDetachedCalls(t *testing.T) {
	p, reg := oneWorker(t)
	stuck, release := make(chan struct{}, 3), make(chan struct{})
	registry.AddTool(reg, &mcp.Tool{Name: "deaf"},
		func(context.Context, *mcp.CallToolRequest, struct{}) (*mcp.CallToolResult, any, error) {
			stuck <- struct{}{}
			<-release
			return nil, nil, nil
		}, registry.Cheap())
	sent := &recorder{answers: make(chan string, 4)}
	c := NewConn(&Intake{p: p}, sent)
	for id := range 3 {
		p.queueDetached(t, c, id, "deaf")
	}
	p.Queue.Start()
	<-stuck
	if n := p.Queue.Executing(backpressure.Compute); n != 3 {
		t.Errorf("%d calls are with the worker, want all of them", n)
	}
	now := time.Now()
	p.Tick(now)
	p.Tick(now.Add(24 * time.Hour))
	// Who is late is answered when nobody waits for it any more.
	for _, want := range []string{`"id":1,`, `"id":2,`, `"id":0,`} {
		reason := "queue_timeout"
		if want == `"id":0,` {
			reason = "handler_timeout"
		}
		select {
		case answer := <-sent.answers:
			if !strings.Contains(answer, want) || !strings.Contains(answer, reason) {
				t.Errorf("answered is %s, want %s and %s", answer, want, reason)
			}
		case <-time.After(20 * time.Second):
			t.Errorf("in vain: %s %s", want, reason)
		}
	}
	close(release)
	if cut := p.Queue.Stop(t.Context()); cut != 0 || p.Queue.HeldBytes() != 0 || len(sent.answers) != 0 {
		t.Errorf("in the end %d calls are with the worker, with %d bytes, and %d were answered again", cut,
			p.Queue.HeldBytes(), len(sent.answers))
	}
}
