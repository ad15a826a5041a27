package clientreq

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/codec"
)

// client is a conversation, and the way to its client.
type client struct {
	unanswered atomic.Int32
	over       atomic.Bool

	mu   sync.Mutex
	sent []string
	deaf bool // it takes no messages
}

func (c *client) Unanswered() *atomic.Int32 { return &c.unanswered }
func (c *client) Over() bool                { return c.over.Load() }

func (c *client) Send(message []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.deaf {
		return false
	}
	c.sent = append(c.sent, string(message))
	return true
}

// take returns what was sent since the last time.
func (c *client) take() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	sent := c.sent
	c.sent = nil
	return sent
}

// forms asks for so many forms, by the keys a, b, c and so on.
func forms(n int) mcp.InputRequestMap {
	m := make(mcp.InputRequestMap, n)
	for i := range n {
		m[string(rune('a'+i))] = &mcp.ElicitParams{Message: "?", RequestedSchema: map[string]any{"type": "object"}}
	}
	return m
}

func newTable(change ...func(*Options)) *Table {
	o := Options{Max: 1000, MaxPerClient: 100, MaxBytes: 1 << 20, Timeout: time.Minute,
		Epoch: time.Now(), Metrics: metrics.NewSet()}
	for _, f := range change {
		f(&o)
	}
	return NewTable(o)
}

// call is a call that asks c for n forms; done gets what came of it.
func call(c *client, n int, done chan Result) Call {
	return Call{Client: c, Sender: c, Requests: forms(n), Bytes: 100, Done: func(r Result) { done <- r }}
}

var idMember = regexp.MustCompile(`"id":("weir-\d+")`)

// idOf is the id of a request that was sent.
func idOf(t testing.TB, message string) string {
	t.Helper()
	found := idMember.FindStringSubmatch(message)
	if found == nil {
		t.Fatalf("no request: %s", message)
	}
	return found[1]
}

var limit = codec.DefaultLimits().JSON

// answers gives the table a response of c.
func answers(t testing.TB, table *Table, c *client, id, rest string) bool {
	t.Helper()
	raw := []byte(`{"jsonrpc":"2.0","id":` + id + `,` + rest + `}`)
	var e codec.Envelope
	if err := codec.Scan(raw, &e, &limit); err != nil {
		t.Fatal(err)
	}
	taken := table.Answer(c, &e, raw)
	clear(raw) // nothing may alias it
	return taken
}

const accepts = `"result":{"action":"accept","content":{"name":"Ada"}}`

// empty checks that nothing is left on the books.
func empty(t testing.TB, table *Table, clients ...*client) {
	t.Helper()
	if open, bytes := table.open.Load(), table.bytes.Load(); open != 0 || bytes != 0 || len(table.of) != 0 {
		t.Errorf("%d requests, %d bytes and %d clients are left", open, bytes, len(table.of))
	}
	for _, c := range clients {
		if n := c.unanswered.Load(); n != 0 {
			t.Errorf("a client has %d requests left", n)
		}
	}
}

// Every way in which the waiting of a call ends, and what its client is told then.
func TestEndings(t *testing.T) {
	f := func(name string, end func(table *Table, c *client, r *Requests, ids []string), failed *codec.Error, answered int,
		told bool,
	) {
		t.Helper()
		table, c, done := newTable(), new(client), make(chan Result, 2)
		r, e := table.Open(call(c, 2, done))
		if e != nil {
			t.Fatal(name, e)
		}
		r.Send()
		var ids []string
		for _, message := range c.take() {
			ids = append(ids, idOf(t, message))
		}
		if len(ids) != 2 || c.unanswered.Load() != 2 {
			t.Fatalf("%s: %d of 2 were sent, %d are waited for", name, len(ids), c.unanswered.Load())
		}
		end(table, c, r, ids)
		result := <-done
		if result.Failed != failed || len(result.Answers) != answered {
			t.Errorf("%s: %d answers and %v, want %d and %v", name, len(result.Answers), result.Failed, answered, failed)
		}
		if cancelled := strings.Contains(strings.Join(c.take(), ""), `"notifications/cancelled"`); cancelled != told {
			t.Errorf("%s: the client is told so: %t", name, cancelled)
		}
		if len(done) != 0 {
			t.Error(name, "ended twice")
		}
		empty(t, table, c)
		if answers(t, table, c, ids[1], accepts) {
			t.Error(name, "and an answer was taken after it")
		}
	}
	f("answered", func(table *Table, c *client, _ *Requests, ids []string) {
		if !answers(t, table, c, ids[0], accepts) || answers(t, table, c, ids[0], accepts) ||
			answers(t, table, new(client), ids[1], accepts) || !answers(t, table, c, ids[1], accepts) {
			t.Error("an answer is taken once, from who was asked")
		}
	}, nil, 2, false)
	f("no answer", func(table *Table, c *client, _ *Requests, ids []string) {
		answers(t, table, c, ids[0], `"result":7`)
		answers(t, table, c, ids[1], accepts)
	}, ErrAnswer, 1, false)
	f("cancelled", func(_ *Table, _ *client, r *Requests, _ []string) { r.Cancel(); r.Cancel() }, ErrCancelled, 0, false)
	f("withdrawn", func(_ *Table, _ *client, r *Requests, _ []string) { r.Withdraw(ErrAnswer); r.Cancel() }, ErrAnswer, 0,
		true)
	f("late", func(table *Table, c *client, _ *Requests, ids []string) {
		answers(t, table, c, ids[0], accepts)
		table.Expire(time.Since(table.opt.Epoch))
		if table.open.Load() != 1 {
			t.Error("early")
		}
		table.Expire(time.Since(table.opt.Epoch) + table.opt.Timeout)
	}, ErrTimeout, 1, true)
	f("gone", func(table *Table, c *client, _ *Requests, _ []string) {
		table.PeerEnded(new(client))
		table.PeerEnded(c)
	}, ErrUnanswerable, 0, false)
	f("stopped", func(table *Table, c *client, _ *Requests, _ []string) {
		table.Stop()
		if _, e := table.Open(call(c, 1, nil)); e != ErrStopped {
			t.Error("after a stop:", e)
		}
		table.Resume()
	}, ErrStopped, 0, true)
}

// A client's own words for its refusal reach the call.
func TestClientRefuses(t *testing.T) {
	table, c, done := newTable(), new(client), make(chan Result, 1)
	r, _ := table.Open(call(c, 1, done))
	r.Send()
	answers(t, table, c, idOf(t, c.take()[0]), `"error":{"code":-1,"message":"not today"}`)
	if e := (<-done).Failed; e == nil || !strings.HasSuffix(e.Message, ": not today") {
		t.Error(e)
	}
	empty(t, table, c)
}

// What cannot be sent, and what is over before it is, ends too; a call that asks for nothing goes on at once.
func TestNothingToWaitFor(t *testing.T) {
	f := func(name string, n int, before func(*Table, *client, *Requests), failed *codec.Error, sent int) {
		t.Helper()
		table, c, done := newTable(), new(client), make(chan Result, 2)
		r, e := table.Open(call(c, n, done))
		if e != nil {
			t.Fatal(e)
		}
		before(table, c, r)
		if len(done) != 0 {
			t.Error(name, "is done before Send")
		}
		r.Send()
		if result := <-done; result.Failed != failed {
			t.Errorf("%s: %v", name, result.Failed)
		}
		if got := len(c.take()); got != sent {
			t.Errorf("%s: %d messages, want %d", name, got, sent)
		}
		empty(t, table, c)
	}
	f("nothing", 0, func(*Table, *client, *Requests) {}, nil, 0)
	f("deaf", 2, func(_ *Table, c *client, _ *Requests) { c.deaf = true }, ErrNoStream, 0)
	f("cancelled", 2, func(_ *Table, _ *client, r *Requests) { r.Cancel() }, ErrCancelled, 0)
	f("stopped", 2, func(table *Table, _ *client, _ *Requests) { table.stopped.Store(true) }, ErrStopped, 2)
	table, c := newTable(), new(client)
	c.over.Store(true)
	if _, e := table.Open(call(c, 1, nil)); e != ErrCancelled {
		t.Error("of a client that is gone:", e)
	}
	failing := call(new(client), 1, nil)
	failing.Amend = func([]byte) []byte { return nil }
	if _, e := table.Open(failing); e == nil {
		t.Error("what could not be encoded was opened")
	}
	empty(t, table)
}

// Each limit refuses what would exceed it and nothing less, under its name.
func TestLimits(t *testing.T) {
	f := func(change func(*Options), open []int, want, reason string) {
		t.Helper()
		table, clients, all := newTable(change), []*client{new(client), new(client)}, []*Requests(nil)
		done := make(chan Result, len(open))
		for i, n := range open {
			r, e := table.Open(call(clients[i%2], n, done))
			if last := i == len(open)-1; e != nil != last || last && !strings.Contains(e.Message, want) {
				t.Fatalf("%s: the call %d: %v", reason, i, e)
			}
			if r != nil {
				r.Send()
				all = append(all, r)
			}
		}
		for _, r := range all {
			r.Cancel()
		}
		empty(t, table, clients...)
		var text strings.Builder
		table.opt.Metrics.WritePrometheus(&text)
		series := fmt.Sprintf("weir_client_requests_refused_total{reason=%q} 1\n", reason)
		if !strings.Contains(text.String(), series) {
			t.Error("missing", series)
		}
	}
	f(func(o *Options) { o.MaxPerClient = 3 }, []int{1, 3, 2, 1}, "(max_client_requests_per_client)",
		"client_request_limit_per_client")
	f(func(o *Options) { o.Max = 4 }, []int{2, 1, 2}, "(max_client_requests)", "client_request_limit")
	f(func(o *Options) { o.MaxBytes = 250 }, []int{1, 1, 1},
		"100 bytes kept, for which there is no room: all such calls together may have 250 (max_client_request_bytes)",
		"client_request_bytes")
}

// An answer that does not fit fails its call.
func TestAnswerDoesNotFit(t *testing.T) {
	table, c, done := newTable(func(o *Options) { o.MaxBytes = 150 }), new(client), make(chan Result, 1)
	r, _ := table.Open(call(c, 1, done))
	r.Send()
	answers(t, table, c, idOf(t, c.take()[0]), accepts)
	if e := (<-done).Failed; e == nil || !strings.Contains(e.Message, "(max_client_request_bytes)") {
		t.Error(e)
	}
	empty(t, table, c)
}

// Whatever comes together, each call hears once what came of it.
func TestEndingsRace(t *testing.T) {
	table := newTable()
	var clients sync.WaitGroup
	var ended atomic.Int64
	const calls = 300
	for range 4 {
		clients.Go(func() {
			c := new(client)
			for range calls {
				done := make(chan Result, 2)
				r, e := table.Open(call(c, 2, done))
				if e != nil {
					t.Error(e)
					return
				}
				var race sync.WaitGroup
				race.Go(r.Send)
				race.Go(r.Cancel)
				race.Go(func() { table.PeerEnded(c) })
				race.Go(func() {
					for _, message := range c.take() {
						answers(t, table, c, idOf(t, message), accepts)
					}
				})
				race.Wait()
				<-done
				ended.Add(1)
				if len(done) != 0 {
					t.Error("ended twice")
				}
				c.take()
			}
			empty(t, newTable(), c)
		})
	}
	clients.Wait()
	if n := ended.Load(); n != 4*calls {
		t.Errorf("%d calls ended", n)
	}
	empty(t, table)
}
