package clientreq

import (
	"bytes"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/codec"
)

// MaxRounds is how often one call may ask, as in the SDK's client: a handler that is never satisfied ends here.
const MaxRounds = 10

// Client is a conversation whose client can be asked. It is comparable, as a pointer is. Its methods are called with
// the table locked, and without.
type Client interface {
	// Unanswered counts the requests that the client has not answered. Only this package changes it.
	Unanswered() *atomic.Int32
	// Over says whether the conversation has ended. It must not block.
	Over() bool
}

// Sender sends a message ahead of the answer to the call that asks; false: it did not reach the client. It must not
// block.
type Sender interface {
	Send(message []byte) bool
}

// Call is a call that asks its client.
type Call struct {
	Client Client
	Sender Sender
	// Requests is what it asks for, by keys of its own.
	Requests mcp.InputRequestMap
	// Bytes is how long the message is that the call keeps while it waits.
	Bytes int
	// Amend, if any, changes the params of each request, which may be nil, before it is sent; nil from it: it cannot.
	Amend func(params []byte) []byte
	// Passes: the answers are not read here. Result.Raw has the response, of the one request that there is then.
	Passes bool
	// Done is called once for a call that Open has taken, when nothing is waited for any more. Any goroutine, under no
	// lock of this package; it must not block. What it is told is its own.
	Done func(Result)
}

// Result is what came of the requests of a call.
type Result struct {
	// Answers are those that came, by the call's keys, and Bytes is how long their messages were.
	Answers mcp.InputResponseMap
	Bytes   int
	// Raw is the response, of a call that passes it on.
	Raw []byte
	// Failed is why there are not all of them; nil: there are.
	Failed *codec.Error
}

// Requests are what one call asks its client for. Safe for concurrent use.
type Requests struct {
	table    *Table
	call     Call
	messages [][]byte      // until they are sent
	expiry   time.Duration // since Options.Epoch

	// Guarded by Table.mu.
	next   *Requests         // of the same client
	open   map[string]string // those that were not answered: our id to the call's key
	left   int               // how many they are, how many answers are being read, and one until Send has sent them
	bytes  int               // that are held
	result Result
}

// Table holds the requests that wait for their answers. Safe for concurrent use.
type Table struct {
	opt     Options
	series  series
	last    atomic.Uint64 // id
	stopped atomic.Bool
	open    atomic.Int64 // changed under mu, as bytes is
	bytes   atomic.Int64

	mu sync.Mutex
	of map[Client]*Requests // a list for each client that is asked, newest first
}

// NewTable makes an empty table. The options are checked by who has them from outside.
func NewTable(opt Options) *Table {
	t := &Table{opt: opt, of: make(map[Client]*Requests)}
	t.series = newSeries(t, opt.Metrics)
	return t
}

// change is the gate of the table: f changes it under the lock and returns whose requests have all come to an end with
// that. Nobody hears of it before the lock is released.
func (t *Table) change(f func() (done *Requests)) {
	if r := t.locked(f); r != nil {
		r.call.Done(r.result)
	}
}

func (t *Table) locked(f func() *Requests) *Requests {
	t.mu.Lock()
	defer t.mu.Unlock()
	return f()
}

// Open takes the requests of a call into the table, within the limits. They are sent by Send, which has to follow: the
// caller makes itself ready for Call.Done in between.
func (t *Table) Open(c Call) (*Requests, *codec.Error) {
	if t.stopped.Load() {
		return nil, ErrStopped
	}
	r := &Requests{table: t, call: c, expiry: time.Since(t.opt.Epoch) + t.opt.Timeout,
		open: make(map[string]string, len(c.Requests)), left: len(c.Requests) + 1,
		result: Result{Answers: mcp.InputResponseMap{}}}
	for key, request := range c.Requests {
		id := `"weir-` + strconv.FormatUint(t.last.Add(1), 10) + `"`
		message, e := appendRequest(nil, id, request, c.Amend)
		if e != nil {
			return nil, e
		}
		r.open[id] = key
		r.messages = append(r.messages, message)
	}
	var e *codec.Error
	t.locked(func() *Requests {
		e = t.addLocked(r)
		return nil
	})
	if e != nil {
		return nil, e
	}
	return r, nil
}

func (t *Table) addLocked(r *Requests) *codec.Error {
	n, unanswered := len(r.open), r.call.Client.Unanswered()
	switch {
	case r.call.Client.Over():
		return ErrCancelled
	case int(unanswered.Load())+n > t.opt.MaxPerClient:
		t.series.refused[refusedClient].Inc()
		return ErrClientLimit
	case int(t.open.Load())+n > t.opt.Max:
		t.series.refused[refusedTotal].Inc()
		return ErrTotalLimit
	case !r.holdLocked(r.call.Bytes):
		return t.errBytes(r.call.Bytes)
	}
	unanswered.Add(int32(n))
	t.open.Add(int64(n))
	r.next = t.of[r.call.Client]
	t.of[r.call.Client] = r
	return nil
}

// holdLocked counts n more bytes that r keeps while it waits, or refuses them.
func (r *Requests) holdLocked(n int) bool {
	t := r.table
	if t.bytes.Load()+int64(n) > int64(t.opt.MaxBytes) {
		t.series.refused[refusedBytes].Inc()
		return false
	}
	t.bytes.Add(int64(n))
	r.bytes += n
	return true
}

// closeLocked notes that n requests of r are not waited for any more; it returns r if that was the last of it.
func (r *Requests) closeLocked(n int) (done *Requests) {
	if r.left -= n; r.left > 0 {
		return nil
	}
	t, c := r.table, r.call.Client
	t.bytes.Add(-int64(r.bytes))
	first := t.of[c]
	for at := &first; ; at = &(*at).next {
		if *at == r {
			*at, r.next = r.next, nil
			break
		}
	}
	if t.of[c] = first; first == nil {
		delete(t.of, c)
	}
	return r
}

// takeLocked takes n requests out of those that the client can answer.
func (r *Requests) takeLocked(n int) {
	r.call.Client.Unanswered().Add(-int32(n))
	r.table.open.Add(-int64(n))
}

// Send sends the requests, unless they were cancelled. Call.Done may be called before it returns.
func (r *Requests) Send() {
	t := r.table
	if t.stopped.Load() { // after they were opened: either Stop has seen them, or this sees that they came too late
		r.abort(endedStopped, ErrStopped)
	}
	for _, message := range r.toSend() {
		if !r.call.Sender.Send(message) {
			t.series.refused[refusedNoStream].Inc()
			r.abort(endedCancelled, ErrNoStream)
			break
		}
	}
	t.change(func() *Requests { return r.closeLocked(1) })
}

func (r *Requests) toSend() [][]byte {
	r.table.mu.Lock()
	defer r.table.mu.Unlock()
	messages := r.messages
	r.messages = nil
	if len(r.open) == 0 {
		return nil
	}
	return messages
}

// Cancel ends the waiting: the call was cancelled. Any goroutine; idempotent.
func (r *Requests) Cancel() { r.abort(endedCancelled, ErrCancelled) }

// Withdraw ends the waiting, because what the requests were for has ended otherwise. Any goroutine; idempotent.
func (r *Requests) Withdraw(why *codec.Error) { r.abort(endedWithdrawn, why) }

// abort ends the waiting for what is still open, and has the call fail with why. Any goroutine. The call goes on only
// when its client has been told: whoever goes on first, its Sender may be another call's by then.
func (r *Requests) abort(how ending, why *codec.Error) {
	var open map[string]string
	r.table.locked(func() *Requests {
		if len(r.open) > 0 {
			open, r.open = r.open, nil
			r.result.Failed = why
			r.takeLocked(len(open))
		}
		return nil
	})
	if len(open) == 0 {
		return
	}
	if how == endedTimeout || how == endedStopped || how == endedWithdrawn {
		for id := range open { // who asked in vain says so (MCP 2025-11-25, basic/lifecycle, timeouts)
			r.call.Sender.Send([]byte(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":` + id + `}}`))
		}
	}
	r.table.series.ended[how].Add(len(open))
	r.table.change(func() *Requests { return r.closeLocked(len(open)) })
}

// Answer gives a response of the client to the call that waits for it; false when none does. It costs no lock while the
// client was not asked for anything.
func (t *Table) Answer(c Client, e *codec.Envelope, raw []byte) bool {
	if c.Unanswered().Load() == 0 {
		return false
	}
	id := string(e.ID.Of(raw))
	var r *Requests
	var key string
	fits := false
	t.locked(func() *Requests {
		if r, key = t.findLocked(c, id); r != nil {
			delete(r.open, id) // nobody else answers it, while it is read without the lock
			r.takeLocked(1)
			fits = e.Error.Of(raw) != nil || r.holdLocked(len(raw))
		}
		return nil
	})
	if r == nil {
		return false
	}
	var answer mcp.InputResponse
	var failed *codec.Error
	switch {
	case fits && r.call.Passes:
		r.result.Raw = bytes.Clone(raw) // nobody else has r.result while a request is left
	case fits:
		answer, failed = readAnswer(key, r.call.Requests[key], e, raw)
	default:
		failed = t.errBytes(len(raw))
	}
	how := endedAnswered
	if failed != nil {
		how = endedError
	}
	t.series.ended[how].Inc()
	t.change(func() *Requests {
		switch {
		case failed == nil:
			r.result.Answers[key] = answer
			r.result.Bytes += len(raw)
		case r.result.Failed == nil:
			r.result.Failed = failed
		}
		return r.closeLocked(1)
	})
	return true
}

// HeldBytes is how many bytes of messages the calls hold that wait for c.
func (t *Table) HeldBytes(c Client) (bytes int) {
	if c.Unanswered().Load() == 0 {
		return 0
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for r := t.of[c]; r != nil; r = r.next {
		bytes += r.bytes
	}
	return bytes
}

func (t *Table) findLocked(c Client, id string) (*Requests, string) {
	for r := t.of[c]; r != nil; r = r.next {
		if key, ok := r.open[id]; ok {
			return r, key
		}
	}
	return nil, ""
}

// PeerEnded ends the waiting for a client that sends nothing more, so that it cannot answer.
func (t *Table) PeerEnded(c Client) {
	if c.Unanswered().Load() == 0 {
		return
	}
	for _, r := range t.those(func(r *Requests) bool { return r.call.Client == c }) {
		r.abort(endedCancelled, ErrUnanswerable)
	}
}

// Expire ends the waiting of calls whose clients do not answer, at a time since Options.Epoch. About once a second.
func (t *Table) Expire(at time.Duration) {
	for _, r := range t.those(func(r *Requests) bool { return at >= r.expiry }) {
		r.abort(endedTimeout, ErrTimeout)
	}
}

// Stop ends the waiting of every call, now and from now on: the server stops, and they are to end too. Any goroutine.
func (t *Table) Stop() {
	t.stopped.Store(true)
	for _, r := range t.those(func(*Requests) bool { return true }) {
		r.abort(endedStopped, ErrStopped)
	}
}

// Resume lets calls ask again after a Stop.
func (t *Table) Resume() { t.stopped.Store(false) }

// those returns the requests for which is says so, to work with them outside the lock.
func (t *Table) those(is func(*Requests) bool) (found []*Requests) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range t.of {
		for ; r != nil; r = r.next {
			if is(r) {
				found = append(found, r)
			}
		}
	}
	return found
}
