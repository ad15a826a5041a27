package registry

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/codec"
	"weir/registry/protocol"
	"weir/registry/task"
)

// For a client of the legacy era, what a handler asks for (see mrtr.go) becomes requests of ours: elicitation/create,
// sampling/createMessage, roots/list, on the stream of the call that needs them. The call is parked meanwhile: it holds
// its message and its place among what is in flight, no worker and no goroutine. Answers are found by conversation and
// id, so nobody answers for somebody else. When the last one is here, or there will be none, the transport queues the
// call again (Back.Resume), and its handler runs with them.

// ask is a parked call and what it waits for.
type ask struct {
	x    *Exchange
	feed *Feed
	// behalf is the task that the requests are for (x is a tasks/result, which carries them); task is what a tasks/result
	// without requests waits for.
	behalf, task *task.Task
	// left is how many answers are missing, and one more until the worker that parked the call has let go of it: whoever
	// takes it to zero resumes the call.
	left   atomic.Int32
	bytes  int64         // of the call's message and of the answers, in Registry.askBytes; guarded as what is below
	expiry time.Duration // since Registry.epoch
	rounds int

	// Guarded by feed.mu until left is zero.
	open      map[string]string // the requests that were not answered: our id to the handler's key
	responses mcp.InputResponseMap
	size      int // of the messages they came in
	failed    *codec.Error
	state     string
}

// askRefusal is why a client could not be asked, askEnding how a request of ours ended.
type (
	askRefusal uint8
	askEnding  uint8
)

const (
	askClientLimit askRefusal = iota // Options.MaxAsksPerClient
	askTotalLimit                    // Options.MaxAsks
	askBytesLimit                    // Options.MaxAskBytes
	askNoStream                      // the client takes no messages ahead of an answer
	askRefusals
)

const (
	askAnswered  askEnding = iota
	askError               // the client answered with an error, or with something that is no answer
	askTimeout             // Options.AskTimeout
	askCancelled           // the call was cancelled, or its client is gone
	askStopped             // the server stops
	askTaskEnded           // the task that it was for has ended
	askEndings
)

var (
	askRefusalNames = [askRefusals]string{"client_request_limit", "request_limit", "request_bytes", "no_stream"}
	askEndingNames  = [askEndings]string{"answered", "error", "timeout", "cancelled", "stopped", "task_ended"}
)

// maxAskRounds is how often one call may ask, as in the SDK's client: a handler that is never satisfied ends here.
const maxAskRounds = 10

// parked are the calls that wait for their clients.
type parked struct {
	mu    sync.Mutex
	calls map[*ask]struct{}
}

func (p *parked) add(a *ask) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.calls == nil {
		p.calls = make(map[*ask]struct{})
	}
	p.calls[a] = struct{}{}
}

func (p *parked) remove(a *ask) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.calls, a)
}

// overdue returns those whose time is up, or all.
func (p *parked) overdue(at time.Duration, all bool) (late []*ask) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for a := range p.calls {
		if all || at >= a.expiry {
			late = append(late, a)
		}
	}
	return late
}

// Parked says, after Dispatch, that the call waits for its client: nothing was appended, and the transport must neither
// answer it nor End it but LetGo. It will be resumed (Back.Resume) and is then dispatched again.
func (x *Exchange) Parked() bool { return x.asking.Load() != nil }

// LetGo is the worker's last word on a parked call: from here on it may be resumed.
func (x *Exchange) LetGo() { x.asking.Load().settle(1) }

// park sends the requests of x's handler to its client.
func (r *Registry) park(x *Exchange, requests mcp.InputRequestMap, state string) *codec.Error {
	switch {
	case x.Conv == nil || x.Back == nil:
		return errInputRequests
	case r.stopped.Load():
		return errAskStopped
	}
	a := &ask{x: x, feed: r.feedOf(x.Conv), state: state, open: make(map[string]string, len(requests)),
		expiry: r.askExpiry(), rounds: 1, responses: mcp.InputResponseMap{}}
	if x.inputs != nil {
		a.rounds = x.inputs.rounds + 1
	}
	if a.rounds > maxAskRounds {
		return errAskRounds
	}
	return r.sendAsks(a, requests)
}

func (r *Registry) askExpiry() time.Duration { return time.Since(r.epoch) + r.opt.AskTimeout }

// sendAsks sends what a asks for and parks its exchange (errParked), or says why it cannot.
func (r *Registry) sendAsks(a *ask, requests mcp.InputRequestMap) *codec.Error {
	x := a.x
	messages := make([][]byte, 0, len(requests))
	for key, request := range requests {
		id := `"weir-` + strconv.FormatUint(r.lastAsk.Add(1), 10) + `"`
		message, e := appendAsk(id, key, request, a.behalf)
		if e != nil {
			return e
		}
		a.open[id] = key
		messages = append(messages, message)
	}
	if e := r.await(a); e != nil {
		return e
	}
	x.asking.Store(a)
	switch { // before it could be seen as parked
	case x.Cancelled():
		a.abort(askCancelled, errAskCancelled)
		return errParked
	case r.stopped.Load():
		a.abort(askStopped, errAskStopped)
		return errParked
	}
	for _, message := range messages {
		if !x.Back.Send(message) {
			r.m.askRefused[askNoStream].Inc()
			a.abort(askCancelled, errAskNoStream)
			break
		}
	}
	return errParked
}

// appendAsk encodes one request of ours, for a task if there is one.
func appendAsk(id, key string, request mcp.InputRequest, t *task.Task) ([]byte, *codec.Error) {
	encoded, err := json.Marshal(mcp.InputRequestMap{key: request})
	if err != nil {
		return nil, errResultEncoding
	}
	one := codec.Member(encoded, key)
	if one == nil { // a key that is escaped in JSON
		return nil, errResultEncoding
	}
	message := append([]byte(`{"jsonrpc":"2.0","id":`), id...)
	message = append(append(message, `,"method":`...), codec.Member(one, "method")...)
	params := codec.Member(one, "params")
	if t != nil {
		if params = t.Relate(params); params == nil {
			return nil, errResultEncoding
		}
	}
	if params != nil {
		message = append(append(message, `,"params":`...), params...)
	}
	return append(message, '}'), nil
}

// await makes a's requests known, within the limits, so that their answers are found.
func (r *Registry) await(a *ask) *codec.Error {
	f, n := a.feed, len(a.open)
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.end != streamOpen:
		return errAskCancelled
	case len(f.asks)+n > r.opt.MaxAsksPerClient:
		r.m.askRefused[askClientLimit].Inc()
		return errClientAsks
	case r.asks.Add(int64(n)) > int64(r.opt.MaxAsks):
		r.asks.Add(-int64(n))
		r.m.askRefused[askTotalLimit].Inc()
		return errTotalAsks
	case !a.hold(len(a.x.Raw)):
		r.asks.Add(-int64(n))
		return errAskBytes
	}
	if f.asks == nil {
		f.asks = make(map[string]*ask, n)
	}
	for id := range a.open {
		f.asks[id] = a
	}
	a.left.Store(int32(n) + 1)
	r.parked.add(a)
	return nil
}

// hold counts n more bytes that a keeps while it waits, or refuses them. Needs feed.mu.
func (a *ask) hold(n int) bool {
	r := a.feed.r
	if r.askBytes.Add(int64(n)) > int64(r.opt.MaxAskBytes) {
		r.askBytes.Add(-int64(n))
		r.m.askRefused[askBytesLimit].Inc()
		return false
	}
	a.bytes += int64(n)
	return true
}

// settle takes n off what a waits for and resumes the call when nothing is left.
func (a *ask) settle(n int) {
	if a.left.Add(int32(-n)) == 0 {
		if a.feed != nil {
			a.feed.r.parked.remove(a)
			a.feed.r.askBytes.Add(-a.bytes)
		}
		if a.behalf != nil {
			a.heardForTask()
		}
		a.x.Back.Resume()
	}
}

// abort ends the wait: what is still open is not waited for any more, and the call fails with why. Any goroutine.
func (a *ask) abort(how askEnding, why *codec.Error) {
	if a.task != nil {
		a.task.GiveUp(a)
		return
	}
	f := a.feed
	f.mu.Lock()
	open := a.open
	a.open = nil
	for id := range open {
		delete(f.asks, id)
	}
	if len(open) > 0 {
		a.failed = why
	}
	f.mu.Unlock()
	if len(open) == 0 {
		return
	}
	if how == askTimeout || how == askStopped || how == askTaskEnded {
		for id := range open { // who asked in vain says so (MCP 2025-11-25, basic/lifecycle, timeouts)
			a.x.Back.Send([]byte(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":` + id + `}}`))
		}
	}
	f.r.asks.Add(-int64(len(open)))
	f.r.m.askEnded[how].Add(len(open))
	a.settle(len(open))
}

// takeResponse gives a response of the client to the call that waits for it; false when none does.
func (r *Registry) takeResponse(x *Exchange) bool {
	f := x.Conv.feed.Load()
	if f == nil {
		return false
	}
	id := x.id()
	f.mu.Lock()
	a := f.asks[string(id)]
	if a == nil {
		f.mu.Unlock()
		return false
	}
	how := askAnswered
	if e := a.take(a.open[string(id)], x); e != nil {
		how = askError
		if a.failed == nil {
			a.failed = e
		}
	}
	delete(f.asks, string(id))
	delete(a.open, string(id))
	f.mu.Unlock()
	r.asks.Add(-1)
	r.m.askEnded[how].Inc()
	a.settle(1)
	return true
}

// take keeps the answer to the request with this key. Needs feed.mu.
func (a *ask) take(key string, x *Exchange) *codec.Error {
	if failure := x.Env.Error.Of(x.Raw); failure != nil {
		message, _ := codec.StringOf(codec.Member(failure, "message"))
		return &codec.Error{Code: codec.CodeInternal, Message: "the client refused what the call asked for: " + protocol.Clip(string(message))}
	}
	if !a.hold(len(x.Raw)) {
		return errAskBytes
	}
	single, err := json.Marshal(map[string]json.RawMessage{key: x.Env.Result.Of(x.Raw)})
	var one mcp.InputResponseMap
	if err != nil || one.UnmarshalJSON(single) != nil {
		return errAskAnswer
	}
	a.responses[key] = one[key]
	a.size += len(x.Raw)
	return nil
}

// resume makes what a parked call got its inputs; an error when it got none.
func (x *Exchange) resume(a *ask) *codec.Error {
	x.asking.Store(nil)
	if a.failed != nil {
		return a.failed
	}
	x.inputs = &inputs{responses: a.responses, state: a.state, rounds: a.rounds}
	return nil
}

// expireAsks ends the waiting of calls whose clients do not answer.
func (r *Registry) expireAsks(at time.Duration) {
	for _, a := range r.parked.overdue(at, false) {
		a.abort(askTimeout, errAskTimeout)
	}
}

// StopAsking ends the waiting of every parked call, now and from now on: the server stops, and they are to end too. Any goroutine.
func (r *Registry) StopAsking() {
	r.stopped.Store(true)
	for _, a := range r.parked.overdue(0, true) {
		a.abort(askStopped, errAskStopped)
	}
}

// PeerEnded ends the waiting of the conversation's calls: its peer sends nothing more, so it cannot answer. It may still
// wait for the results of tasks, or be gone: telling it how they stand finds out, as its system resets what it does not want.
func (c *Conversation) PeerEnded() {
	f := c.feed.Load()
	if f == nil {
		return
	}
	f.mu.Lock()
	waiting := make(map[*ask]struct{}, len(f.asks))
	for _, a := range f.asks {
		waiting[a] = struct{}{}
	}
	tasks := slices.Collect(maps.Values(f.tasks))
	f.mu.Unlock()
	for a := range waiting {
		a.abort(askCancelled, errAskUnanswerable)
	}
	for _, w := range tasks {
		if w.task.Awaited() {
			f.owe(w)
		}
	}
}
