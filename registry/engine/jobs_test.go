package engine_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/codec"
	"weir/registry"
	. "weir/registry/engine"
	"weir/registry/event"
)

// backstage is the transport of a peer whose requests may be suspended: it keeps what was sent ahead of answers, and
// dispatches again what was resumed, when the test says so.
type backstage struct {
	r *Registry

	mu        sync.Mutex
	sent      []string
	resumed   []*Exchange
	streams   []*event.Stream
	suspended int
}

// place is the Responder of one exchange.
type place struct {
	*backstage
	x *Exchange
}

func (b *backstage) Send(message []byte) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sent = append(b.sent, string(message))
	return true
}

func (b *backstage) Wake()            {}
func (b *backstage) Peer() event.Peer { return b }

func (p *place) Resume() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.resumed = append(p.resumed, p.x)
}

// dispatch is what a worker does with an exchange that is in flight.
func (b *backstage) dispatch(x *Exchange) answer {
	if x.Responder == nil {
		x.Responder = &place{b, x}
	}
	out := b.r.Dispatch(x, nil)
	switch {
	case x.Suspended():
		b.mu.Lock()
		b.suspended++
		b.mu.Unlock()
		x.LetGo()
		return answer{status: httpStatuses[x.Outcome]}
	case x.Stream() != nil:
		b.streams = append(b.streams, x.Stream())
	default:
		b.r.End(x)
	}
	return answer{status: httpStatuses[x.Outcome], body: string(out)}
}

// again dispatches what was resumed and returns the answers that came of it.
func (b *backstage) again() (answers []answer) {
	for {
		b.mu.Lock()
		if len(b.resumed) == 0 {
			b.mu.Unlock()
			return answers
		}
		x := b.resumed[0]
		b.resumed = b.resumed[1:]
		b.suspended--
		b.mu.Unlock()
		if x.Cancelled() {
			b.r.End(x)
		} else if a := b.dispatch(x); a.body != "" {
			answers = append(answers, a)
		}
	}
}

// early returns what was sent ahead of answers, and what the conversation and the listens are owed.
func (b *backstage) early(c *Conversation) []string {
	b.mu.Lock()
	all := b.sent
	b.sent = nil
	b.mu.Unlock()
	for message := b.r.AppendOwed(nil, c, b.r.Offer().Main().View); len(message) > 0; message = b.r.AppendOwed(nil, c, b.r.Offer().Main().View) {
		all = append(all, string(message))
	}
	for _, s := range b.streams {
		for message, _ := s.Next(nil); len(message) > 0; message, _ = s.Next(nil) {
			all = append(all, string(message))
		}
	}
	return all
}

// bench is a queue of tasks that the test empties.
type bench struct {
	mu    sync.Mutex
	more  *sync.Cond
	tasks []*TaskCall
	full  *codec.Error // what it says instead of taking any
	over  bool
}

func newBench(r *Registry) *bench {
	b := new(bench)
	b.more = sync.NewCond(&b.mu)
	if err := r.Attach(b); err != nil {
		panic(err)
	}
	return b
}

// QueueTask implements Server.
func (b *bench) QueueTask(c *TaskCall) *codec.Error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.full != nil {
		return b.full
	}
	b.tasks = append(b.tasks, c)
	b.more.Signal()
	return nil
}

// ListsChanged implements Server.
func (b *bench) ListsChanged() {}

// HandlerFailed implements Server.
func (b *bench) HandlerFailed(Failure) {}

// take is the next task to run; nil when there is none.
func (b *bench) take() *TaskCall {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.tasks) == 0 {
		return nil
	}
	t := b.tasks[0]
	b.tasks = b.tasks[1:]
	return t
}

// await is take for a worker: it waits for the next, and returns nil when the bench is closed and empty.
func (b *bench) await() *TaskCall {
	b.mu.Lock()
	for len(b.tasks) == 0 && !b.over {
		b.more.Wait()
	}
	b.mu.Unlock()
	return b.take()
}

func (b *bench) close() {
	b.mu.Lock()
	b.over = true
	b.mu.Unlock()
	b.more.Broadcast()
}

// run runs every task that waits, those that queue themselves again too.
func (b *bench) run() {
	for t := b.take(); t != nil; t = b.take() {
		t.Run(nil)
	}
}

type jobIn struct {
	Do string `json:"do"`
}

// addJobs registers a tool for each way in which a call can become a task.
func addJobs(r *Registry) {
	job := func(ctx context.Context, _ *mcp.CallToolRequest, in jobIn) (*mcp.CallToolResult, any, error) {
		switch in.Do {
		case "fail":
			return nil, nil, errors.New("it went wrong")
		case "refuse":
			return nil, nil, &jsonrpc.Error{Code: -31999, Message: "not today"}
		case "panic":
			panic("secret of the handler")
		case "leave":
			runtime.Goexit()
		case "tell":
			registry.Log(ctx, "error", "job", "not heard")
			registry.Progress(ctx, 1, 2, "half way")
			registry.Progress(ctx, 2, 2, "nearly there")
		case "wait":
			<-ctx.Done()
			return nil, nil, ctx.Err()
		}
		return textResult("did " + in.Do), nil, nil
	}
	AddTool(r, &mcp.Tool{Name: "job"}, job, registry.Tasks(registry.TaskOptional))
	AddTool(r, &mcp.Tool{Name: "must"}, job, registry.Tasks(registry.TaskRequired))
	ask := func(_ context.Context, req *mcp.CallToolRequest, in jobIn) (*mcp.CallToolResult, any, error) {
		form := func(text string) *mcp.ElicitParams {
			return &mcp.ElicitParams{Message: text, RequestedSchema: map[string]any{"type": "object"}}
		}
		who, _ := req.Params.InputResponses["who"].(*mcp.ElicitResult)
		switch {
		case who == nil && in.Do == "both":
			return &mcp.CallToolResult{InputRequests: mcp.InputRequestMap{"who": form("your name?"),
				"where": form("your town?")}}, nil, nil
		case who == nil, in.Do == "insist":
			return &mcp.CallToolResult{InputRequests: mcp.InputRequestMap{"who": form("your name?")},
				RequestState: req.Params.RequestState + "+"}, nil, nil
		}
		return textResult(fmt.Sprint("hello ", who.Content["name"], req.Params.RequestState)), nil, nil
	}
	AddTool(r, &mcp.Tool{Name: "askjob"}, ask, registry.Tasks(registry.TaskOptional))
	AddTool(r, &mcp.Tool{Name: "askfirst"}, ask, registry.Tasks(registry.TaskRequired), registry.AskFirst())
	AddTool(r, &mcp.Tool{Name: "again"}, func(_ context.Context, req *mcp.CallToolRequest,
		in jobIn) (*mcp.CallToolResult, any, error) {
		if in.Do == "once" && req.Params.RequestState != "" {
			return textResult("once more"), nil, nil
		}
		return &mcp.CallToolResult{RequestState: "again"}, nil, nil
	}, registry.Tasks(registry.TaskOptional))
}

// newJobs is a fixture with tasks, their queue, and a peer that can be suspended.
func newJobs(t testing.TB, change ...func(*registry.Options)) (*Registry, *bench, *peer) {
	r := newFixture(t, change...)
	addJobs(r)
	return r, newBench(r), &peer{r: r, back: &backstage{r: r}}
}
