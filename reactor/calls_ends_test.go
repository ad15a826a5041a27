package reactor

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/reactor/cluster/queue"
	"weir/reactor/cluster/queue/queuetest"
	"weir/registry"
)

// addHold offers "hold", and "hold_again", which is idempotent: they wait until the test goes on.
func (s *server) addHold() *server {
	for name, idempotent := range map[string]bool{"hold": false, "hold_again": true} {
		registry.AddTool(s.registry, &mcp.Tool{Name: name, Annotations: &mcp.ToolAnnotations{IdempotentHint: idempotent}},
			func(ctx context.Context, _ *mcp.CallToolRequest, in struct{ N int }) (*mcp.CallToolResult, any, error) {
				s.stuck <- struct{}{}
				select {
				case <-s.release:
				case <-ctx.Done():
				}
				return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: fmt.Sprint("held ", in.N)}}}, nil, nil
			})
	}
	return s
}

// opened joins the broker and keeps the link.
func opened(broker *queuetest.Broker, link **queuetest.Link) func(queue.Config) (queue.Queue, error) {
	return func(c queue.Config) (queue.Queue, error) {
		*link = broker.Join(c)
		return *link, nil
	}
}

// holdCall is a call of a tool of addHold.
func holdCall(n int, tool string) string {
	return toolCall(strconv.Itoa(n), tool, `{"N":`+strconv.Itoa(n)+`}`) + "\n"
}

// TestCallsFull: the call for which the queue has no room is refused at once and by name, over HTTP with 503 and a time.
func TestCallsFull(t *testing.T) {
	broker := queuetest.NewBroker()
	s := atBroker(t, broker.Open, "front", false, func(o *queue.Options) { o.MaxMessages = 2 }).isUp()
	p := s.dial("tcp").greet()
	p.send(holdCall(1, "echo") + holdCall(2, "echo"))
	s.eventually("both are in the queue", func() bool { return broker.Waiting() == 2 })
	p.send(holdCall(3, "echo"))
	contains(t, p.line(), `"id":3`, `"reason":"cluster_queue_full"`, `"retryAfterMs":1000`, `"executed":false`)
	h := s.dial("http")
	h.send(modernCall("4", "echo", `{"message":"x"}`))
	r, body := h.response()
	contains(t, body, `"reason":"cluster_queue_full"`)
	if r.StatusCode != 503 || r.Header.Get("Retry-After") != "1" {
		t.Errorf("%v", r)
	}
	worker := atBroker(t, broker.Open, "worker", true, nil) // and when somebody works
	for range 2 {
		contains(t, p.line(), `"result"`)
	}
	h.send(modernCall("5", "echo", `{"message":"x"}`))
	if r, body = h.response(); r.StatusCode != 200 {
		t.Errorf("%v %s", r, body)
	}
	_ = worker
}

// TestCallsInFlight: the bounds of a front end are met by name.
func TestCallsInFlight(t *testing.T) {
	broker := queuetest.NewBroker()
	s := atBroker(t, broker.Open, "front", false, func(o *queue.Options) {
		o.MaxInFlight, o.MaxInFlightBytes = 2, 64<<10
	}).isUp()
	p := s.dial("tcp").greet()
	p.send(toolCall("1", "echo", `{"message":"`+strings.Repeat("x", 40<<10)+`"}`) + "\n")
	contains(t, p.line(), `"id":1`, `"reason":"cluster_in_flight"`)
	p.send(holdCall(2, "echo") + holdCall(3, "echo") + holdCall(4, "echo"))
	contains(t, p.line(), `"reason":"cluster_in_flight"`, `"executed":false`)
	if n := s.metric("weir_cluster_queue_in_flight"); n != "2" {
		t.Errorf("%s calls in flight", n)
	}
	p.send(cancelled("2") + "\n" + cancelled("3") + "\n" + cancelled("4") + "\n")
	s.eventually("nothing is left of them", func() bool {
		return s.metric("weir_cluster_queue_in_flight") == "0" && s.metric("weir_cluster_queue_in_flight_bytes") == "0"
	})
}

// TestCallsWorkerGone: of a worker that vanishes the idempotent calls are answered by another, the others by name; each
// once, whatever the first one still says.
func TestCallsWorkerGone(t *testing.T) {
	broker := queuetest.NewBroker()
	s := atBroker(t, broker.Open, "front", false, nil).addHold().isUp()
	var link *queuetest.Link
	first := atBroker(t, opened(broker, &link), "first", true, nil).addHold()
	p := s.dial("tcp").greet()
	const calls = 20
	for n := range calls {
		p.send(holdCall(n, []string{"hold", "hold_again"}[n%2]))
	}
	for range calls {
		first.awaitStuck()
	}
	link.Cut(true)
	second := atBroker(t, broker.Open, "second", true, nil).addHold()
	for range calls / 2 {
		second.awaitStuck()
	}
	second.free()
	first.free()
	ends := map[string]int{}
	for range calls {
		line := p.line()
		var m struct {
			ID    int
			Error struct{ Data struct{ Reason string } }
		}
		must(t, json.Unmarshal([]byte(line), &m))
		ends[strconv.Itoa(m.ID)]++
		switch {
		case m.ID%2 == 1:
			contains(t, line, fmt.Sprint("held ", m.ID))
		default:
			contains(t, line, `"reason":"worker_lost"`, `"executed":true`)
		}
	}
	if len(ends) != calls {
		t.Errorf("answers: %v", ends)
	}
	link.Cut(false) // what the first had to say is late
	s.eventually("nothing is under way", func() bool { return first.metric("weir_cluster_queue_jobs") == "0" })
	p.send(`{"jsonrpc":"2.0","id":99,"method":"ping"}` + "\n")
	contains(t, p.line(), `"id":99`)
}

// TestCallsWorkerGoneUnderLoad: while clients call without a pause a worker vanishes. Each call has one end, a result or
// worker_lost, and those of an idempotent tool have results.
func TestCallsWorkerGoneUnderLoad(t *testing.T) {
	broker := queuetest.NewBroker()
	quick := func(s *server) *server {
		for name, idempotent := range map[string]bool{"once": false, "often": true} {
			tool := &mcp.Tool{Name: name, Annotations: &mcp.ToolAnnotations{IdempotentHint: idempotent}}
			registry.AddTool(s.registry, tool, func(context.Context, *mcp.CallToolRequest, struct{ N int }) (
				*mcp.CallToolResult, any, error) {
				return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: "done"}}}, nil, nil
			})
		}
		return s
	}
	s := quick(atBroker(t, broker.Open, "front", false, nil)).isUp()
	var link *queuetest.Link
	quick(atBroker(t, opened(broker, &link), "first", true, nil))
	second := quick(atBroker(t, broker.Open, "second", true, nil))
	const clients, rounds, window = 8, 20, 25
	var clientsOf sync.WaitGroup
	var lost atomic.Int64
	half := make(chan struct{}, clients)
	for range clients {
		p := s.dial("tcp").greet()
		clientsOf.Go(func() {
			for round := range rounds {
				ends := map[int]bool{}
				for n := range window {
					p.send(holdCall(round*window+n, []string{"once", "often"}[n%2]))
				}
				for range window {
					line := p.line()
					var m struct{ ID int }
					if json.Unmarshal([]byte(line), &m) != nil || ends[m.ID] || m.ID/window != round {
						t.Errorf("round %d: %s", round, line)
					}
					ends[m.ID] = true
					switch isResult := strings.Contains(line, `"done"`); {
					case !isResult && (m.ID%window)%2 == 1, !isResult && !strings.Contains(line, `"worker_lost"`):
						t.Errorf("round %d: %s", round, line)
					case !isResult:
						lost.Add(1)
					}
				}
				if round == rounds/2 {
					half <- struct{}{}
				}
			}
		})
	}
	<-half
	link.Cut(true)
	clientsOf.Wait()
	t.Logf("%d calls ended with worker_lost", lost.Load())
	second.eventually("nothing is under way", func() bool { return second.metric("weir_cluster_queue_jobs") == "0" })
}

// TestCallsTwiceGone: an idempotent call that has ended two workers does not end a third.
func TestCallsTwiceGone(t *testing.T) {
	broker := queuetest.NewBroker()
	s := atBroker(t, broker.Open, "front", false, nil).addHold().isUp()
	p := s.dial("tcp").greet()
	var worker *server
	for n := range 2 {
		var link *queuetest.Link
		worker = atBroker(t, opened(broker, &link), fmt.Sprint("worker", n), true, nil).addHold()
		if n == 0 {
			p.send(holdCall(1, "hold_again"))
		}
		worker.awaitStuck()
		link.Cut(true)
	}
	atBroker(t, broker.Open, "third", true, nil).addHold()
	contains(t, p.line(), `"reason":"worker_lost"`)
}

// TestCallsBrokerGone: without a broker calls are refused by name, and those under way end within broker_timeout.
func TestCallsBrokerGone(t *testing.T) {
	broker := queuetest.NewBroker()
	var link *queuetest.Link
	s := atBroker(t, opened(broker, &link), "front", false, nil).addHold().isUp()
	worker := atBroker(t, broker.Open, "worker", true, nil).addHold()
	p := s.dial("tcp").greet()
	p.send(holdCall(1, "hold"))
	worker.awaitStuck()
	link.Cut(true)
	contains(t, p.line(), `"id":1`, `"reason":"cluster_queue_down"`, `"executed":true`)
	p.send(holdCall(2, "hold"))
	contains(t, p.line(), `"id":2`, `"reason":"cluster_queue_down"`, `"executed":false`)
	link.Cut(false)
	s.isUp()
	p.send(holdCall(3, "echo"))
	contains(t, p.line(), `"id":3`, `"result"`)
}

// TestCallsTakenBack: a call that nobody waits for any more is cancelled at its worker, or never begun.
func TestCallsTakenBack(t *testing.T) {
	broker := queuetest.NewBroker()
	s := atBroker(t, broker.Open, "front", false, func(o *queue.Options) { o.CallTimeout = 300 * time.Millisecond }).
		addHold().isUp()
	worker := atBroker(t, broker.Open, "worker", true, func(o *queue.Options) { o.Credit = 1 }).addHold()
	p := s.dial("tcp").greet()
	p.send(holdCall(1, "hold")) // nobody frees it
	worker.awaitStuck()
	contains(t, p.line(), `"id":1`, `"reason":"worker_timeout"`, `"executed":true`)
	worker.eventually("its handler has heard", func() bool { return worker.metric("weir_cluster_queue_jobs") == "0" })
	q := s.dial("tcp").greet()
	q.send(holdCall(2, "hold"))
	worker.awaitStuck()
	q.send(holdCall(3, "hold")) // waits in the queue
	s.eventually("both are under way", func() bool {
		return s.metric("weir_cluster_queue_in_flight") == "2" && broker.Waiting() == 1
	})
	// The one that waits is taken back first: when the other one ends, the worker has heard of it.
	q.send(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":3}}` + "\n")
	s.eventually("one is not", func() bool { return s.metric("weir_cluster_queue_in_flight") == "1" })
	q.Close()
	worker.eventually("neither is under way", func() bool {
		return worker.metric("weir_cluster_queue_jobs") == "0" && broker.Waiting() == 0
	})
	select {
	case <-worker.stuck:
		t.Error("a call was begun that nobody waits for")
	default:
	}
}

// TestCallsToolsDiffer: a worker without the tool says so.
func TestCallsToolsDiffer(t *testing.T) {
	broker := queuetest.NewBroker()
	s := atBroker(t, broker.Open, "front", false, nil).addHold().isUp()
	atBroker(t, broker.Open, "worker", true, nil)
	p := s.dial("tcp").greet()
	p.send(holdCall(1, "hold"))
	contains(t, p.line(), `"reason":"tools_differ"`, `"executed":false`)
	p.send(holdCall(2, "none"))
	contains(t, p.line(), `"id":2`, `"error"`)
}

// TestCallsWhenTheyStop: a worker that stops leaves its calls answered and the queue to others; a front end that stops
// waits for its answers.
func TestCallsWhenTheyStop(t *testing.T) {
	broker := queuetest.NewBroker()
	s := atBroker(t, broker.Open, "front", false, nil).addHold().isUp()
	first := atBroker(t, broker.Open, "first", true, nil).addHold()
	p := s.dial("tcp").greet()
	p.send(holdCall(1, "hold"))
	first.awaitStuck()
	stops := func(s *server) chan DrainReport {
		stopped := make(chan DrainReport, 1)
		go func() { stopped <- s.stop(patience) }()
		return stopped
	}
	stopped := stops(first)
	first.free()
	contains(t, p.line(), `"id":1`, `held 1`)
	if cut := first.report(stopped); cut.Messages != 0 {
		t.Errorf("%+v", cut)
	}
	second := atBroker(t, broker.Open, "second", true, nil).addHold()
	p.send(holdCall(2, "hold"))
	second.awaitStuck()
	stopped = stops(s)
	second.free()
	contains(t, p.line(), `"id":2`, `held 2`)
	if cut := s.report(stopped); cut.Messages != 0 {
		t.Errorf("%+v", cut)
	}
}

// TestCallsFrontGone: the answers of a front end that has vanished are dropped and counted, and nobody is held up.
func TestCallsFrontGone(t *testing.T) {
	broker := queuetest.NewBroker()
	var link *queuetest.Link
	s := atBroker(t, opened(broker, &link), "front", false, nil).addHold().isUp()
	worker := atBroker(t, broker.Open, "worker", true, nil).addHold()
	p := s.dial("tcp").greet()
	p.send(holdCall(1, "hold"))
	worker.awaitStuck()
	link.Cut(true)
	worker.free()
	worker.eventually("its answer is known to be lost", func() bool {
		return worker.metric("weir_cluster_queue_answers_unheard_total") == "1"
	})
	contains(t, p.line(), `"reason":"cluster_queue_down"`)
}

// TestCallsOfPrincipals: a handler sees who calls, what the head of the request says, and results of any length come
// back.
func TestCallsOfPrincipals(t *testing.T) {
	broker := queuetest.NewBroker()
	offer := func(s *server) *server {
		registry.AddTool(s.registry, &mcp.Tool{Name: "head"},
			func(_ context.Context, req *mcp.CallToolRequest, in struct{ Bytes int }) (*mcp.CallToolResult, any, error) {
				return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{
					Text: req.Extra.Header.Get("X-Mine") + strings.Repeat("y", in.Bytes)}}}, nil, nil
			}, registry.WithHeader())
		return s
	}
	s := offer(atBroker(t, broker.Open, "front", false, nil, guarded)).isUp()
	worker := offer(atBroker(t, broker.Open, "worker", true, nil))
	h := s.dial("http")
	for _, n := range []int{1, 100_000} {
		h.send(strings.Replace(modernCall("1", "head", fmt.Sprintf(`{"Bytes":%d}`, n)), "Host:", "X-Mine: hello\r\n"+
			bearing("alice")+"\r\nHost:", 1))
		r, body := h.response()
		if contains(t, body, `"hello`+strings.Repeat("y", n)+`"`); r.StatusCode != 200 {
			t.Errorf("%v", r)
		}
	}
	if n := worker.metric("weir_cluster_queue_taken_total"); n != "2" {
		t.Errorf("%s calls were taken", n)
	}
}
