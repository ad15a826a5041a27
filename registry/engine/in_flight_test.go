package engine_test

import (
	"encoding/json"
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"weir/codec"
	. "weir/registry/engine"
	"weir/registry/protocol"
)

func TestDuplicateIDs(t *testing.T) {
	r := newFixture(t)
	conv := new(Conversation)
	conv.Negotiate(protocol.LatestLegacy, 0, r.Events())
	begin := func(id string) (*Exchange, *codec.Error) {
		x := exchangeOf(t, strings.Replace(echoCall(0, "x"), `"id":0`, `"id":`+id, 1))
		x.Conv = conv
		r.Route(x)
		return x, r.Begin(x)
	}
	held := map[string]*Exchange{}
	for _, id := range []string{`1`, `"1"`, `-1`, `"a"`, `10000`} {
		x, e := begin(id)
		if e != nil {
			t.Fatal(id, e)
		}
		held[id] = x
	}
	for id := range held {
		if _, e := begin(id); e == nil || e.Code != codec.CodeInvalidRequest {
			t.Errorf("second request with id %s: %v", id, e)
		}
	}
	for id, x := range held {
		if out := r.Dispatch(x, nil); !strings.Contains(string(out), `"id":`+id+`,"result"`) {
			t.Errorf("the first request was answered %s", out)
		}
		r.End(x)
		if x, e := begin(id); e != nil {
			t.Errorf("id %s is not free again: %v", id, e)
		} else {
			r.End(x)
		}
	}
	if conv.Busy() {
		t.Error("something is left in flight")
	}
}

// A requestId that no request can have is kept nowhere.
func TestRecalledIsBounded(t *testing.T) {
	r := newFixture(t)
	f := func(id string, want bool) {
		t.Helper()
		x := exchangeOf(t, `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":`+id+`}}`)
		x.Conv = new(Conversation)
		if r.Route(x); (x.Recalled() != nil) != want {
			t.Errorf("%.40s... is recalled: %v", id, !want)
		}
	}
	f(`1774232524389123456`, true)
	f(`"`+strings.Repeat("x", 128)+`"`, true)
	f(`"`+strings.Repeat("x", 1<<20-100)+`"`, false)
	f(strings.Repeat("1", 1000), false)
	f(`{"a":"`+strings.Repeat("x", 1000)+`"}`, false)
}

// Over HTTP each POST has its own answer, so its id may be in flight already; the elements of batches are told apart by
// theirs.
func TestDuplicateIDsOverHTTP(t *testing.T) {
	r := newFixture(t)
	conv := new(Conversation)
	conv.Negotiate(protocol.LatestLegacy, 0, r.Events())
	begin := func(batch bool) (*Exchange, *codec.Error) {
		x := exchangeOf(t, echoCall(1, "x"))
		x.Conv, x.Transport, x.InBatch = conv, HTTP, batch
		return x, r.Begin(x)
	}
	var all []*Exchange
	for _, batch := range []bool{false, false, true, false} {
		x, e := begin(batch)
		if e != nil {
			t.Error(batch, e)
		}
		all = append(all, x)
	}
	if _, e := begin(true); e == nil || e.Code != codec.CodeInvalidRequest {
		t.Error("second element with the id:", e)
	}
	cancel := exchangeOf(t, `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`)
	cancel.Conv = conv
	ServeCancelled(r.Registry.Engine(), cancel, nil)
	for _, x := range all {
		if x.Cancelled() {
			t.Error("one of several was cancelled")
		}
		r.End(x)
	}
	if conv.Busy() {
		t.Error("something is left in flight")
	}
}

// The table follows the queue's bound per connection and goes when it is empty.
func TestManyInFlight(t *testing.T) {
	r := newFixture(t)
	conv := new(Conversation)
	conv.Negotiate(protocol.LatestLegacy, 0, r.Events())
	const n = 10_032
	xs := make([]*Exchange, n)
	for i := range xs {
		xs[i] = exchangeOf(t, echoCall(i, "x"))
		xs[i].Conv = conv
		if e := r.Begin(xs[i]); e != nil {
			t.Fatal(i, e)
		}
	}
	rand.Shuffle(n, func(i, j int) { xs[i], xs[j] = xs[j], xs[i] })
	for _, x := range xs[:n/2] {
		r.End(x)
	}
	if got := conv.CancelAll(); got != n/2 {
		t.Error("cancelled", got)
	}
	for i, x := range xs {
		if x.Cancelled() != (i >= n/2) {
			t.Fatal("cancelled the wrong ones")
		}
	}
	for _, x := range xs[n/2:] {
		r.End(x)
	}
	if conv.Busy() {
		t.Error("something is left in flight")
	}
}

// 1,000 clients that all use id 1, with pooled exchanges and cancels from other goroutines: no answer reaches another
// client, and each call ends in exactly one way.
func TestConversationsAreApart(t *testing.T) {
	r := newFixture(t)
	const clients, calls, workers = 1000, 20, 16
	pool := sync.Pool{New: func() any { return new(Exchange) }}
	var answered, silent atomic.Int64
	var done sync.WaitGroup
	for worker := range workers {
		done.Go(func() {
			rng := rand.New(rand.NewPCG(1, uint64(worker)))
			conv := make([]Conversation, clients/workers)
			buf := []byte(nil)
			for i := range conv {
				conv[i].Negotiate(protocol.LatestLegacy, 0, r.Events())
			}
			for range calls {
				for i := range conv {
					secret := fmt.Sprintf("%d-%d-%d", worker, i, rng.Uint64())
					x := pool.Get().(*Exchange)
					buf = append(buf[:0], echoCall(1, secret)...)
					x.Raw, x.Conv = buf, &conv[i]
					if err := codec.Scan(x.Raw, &x.Env, &limits.JSON); err != nil {
						panic(err)
					}
					r.Route(x)
					if e := r.Begin(x); e != nil {
						panic(e)
					}
					var cancel sync.WaitGroup
					if rng.IntN(10) == 0 {
						cancel.Go(func() { conv[i].CancelAll() })
					}
					out := r.Dispatch(x, nil)
					cancelled := x.Cancelled()
					r.End(x)
					cancel.Wait()
					x.Reset()
					pool.Put(x)
					switch {
					case len(out) == 0 && cancelled:
						silent.Add(1)
					case strings.Contains(string(out), secret) && json.Valid(out):
						answered.Add(1)
					default:
						t.Errorf("client %s was answered %q", secret, out)
					}
				}
			}
		})
	}
	done.Wait()
	if got := answered.Load() + silent.Load(); got != clients/workers*workers*calls {
		t.Errorf("%d answered + %d cancelled", answered.Load(), silent.Load())
	}
}

// A call that ends while it is cancelled and its id is used again: either the cancellation comes too late, and the call
// is answered, or it frees the id, and the call is not. Never both.
func TestCancelledIDIsReused(t *testing.T) {
	r := newFixture(t)
	conv := new(Conversation)
	conv.Negotiate(protocol.LatestLegacy, 0, r.Events())
	begin := func(text string) *Exchange {
		x := exchangeOf(t, text)
		x.Conv = conv
		r.Route(x)
		if e := r.Begin(x); e != nil {
			t.Fatal(text, e)
		}
		return x
	}
	begin(echoCall(2, "beside it")) // so that there is a table
	id := []byte("1")
	answered := 0
	for i := range 10_000 {
		x := begin(echoCall(1, "first"))
		var done sync.WaitGroup
		done.Go(func() {
			if i%2 == 0 {
				r.Dispatch(x, nil)
			}
			r.End(x)
		})
		cancelled := conv.CancelID(maphash.Bytes(r.Seed(), id), id)
		if cancelled {
			second := begin(echoCall(1, "second"))
			done.Wait()
			if !x.Cancelled() || second.Cancelled() {
				t.Fatal("the wrong one is cancelled")
			}
			if e := r.Begin(exchangeLike(t, second)); e == nil {
				t.Fatal("the end of the first took the second out of the table")
			}
			r.End(second)
			r.End(second) // idempotent
			continue
		}
		done.Wait()
		answered++
		if x.Cancelled() {
			t.Fatal("not cancelled, but marked")
		}
	}
	t.Logf("%d of 10,000 were answered", answered)
	if got := conv.CancelAll(); got != 1 {
		t.Errorf("%d are in flight, want the one beside", got)
	}
}

func exchangeLike(t *testing.T, x *Exchange) *Exchange {
	same := exchangeOf(t, string(x.Raw))
	same.Conv = x.Conv
	return same
}
