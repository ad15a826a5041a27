package task

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/codec"
)

// call is a Call that notes what it is asked to do.
type call struct {
	full      *codec.Error // what Queue says
	queued    int
	cancelled int
	released  int
}

func (c *call) Queue() *codec.Error {
	if c.full == nil {
		c.queued++
	}
	return c.full
}
func (c *call) Cancel()  { c.cancelled++ }
func (c *call) Release() { c.released++ }

// heard is whoever waits, asks or watches, and what it was told.
type heard struct {
	said  []string
	bytes int
}

func (h *heard) TaskReady()              { h.said = append(h.said, "ready") }
func (h *heard) Bytes() int              { return h.bytes }
func (h *heard) TaskEnded()              { h.said = append(h.said, "ended") }
func (h *heard) Owe()                    { h.said = append(h.said, "changed") }
func (h *heard) OweAhead(message []byte) { h.said = append(h.said, string(message)) }
func (h *heard) Drop()                   { h.said = append(h.said, "forgotten") }

// take returns what it was told since the last time.
func (h *heard) take() string {
	said := strings.Join(h.said, " ")
	h.said = nil
	return said
}

func newTable(t testing.TB, change ...func(*Options)) *Table {
	t.Helper()
	o := DefaultOptions()
	for _, f := range change {
		f(&o)
	}
	if errs := o.Validate(); errs != nil {
		t.Fatal(errors.Join(errs...))
	}
	return NewTable(&o, 3, metrics.NewSet())
}

func (tt *Table) begin(t testing.TB, s Spec) *Task {
	t.Helper()
	if s.Call == nil {
		s.Call = new(call)
	}
	if s.TTL == 0 {
		s.TTL = time.Minute
	}
	one, e := tt.Add(s)
	if e != nil {
		t.Fatal(e)
	}
	if e := one.Begin(); e != nil {
		t.Fatal(e)
	}
	return one
}

// ends checks that nothing is left of any task when all are forgotten.
func (tt *Table) ends(t testing.TB) {
	t.Helper()
	for _, one := range tt.that(func(*Task) bool { return true }) {
		one.forget()
	}
	left := []int64{int64(tt.byID.Len()), tt.bytes.Load(), tt.waits.Load(), int64(tt.Clients())}
	if !slices.Equal(left, []int64{0, 0, 0, 0}) {
		t.Errorf("left of tasks, bytes, waits, clients: %v", left)
	}
}

func (t *Task) start(tb testing.TB) Inputs {
	tb.Helper()
	in, ok := t.Start()
	if !ok {
		tb.Fatal("it does not start")
	}
	return in
}

var asksWho = mcp.InputRequestMap{"who": &mcp.ElicitParams{Message: "your name?"}}

func answers(key string) mcp.InputResponseMap {
	return mcp.InputResponseMap{key: &mcp.ElicitResult{Action: "accept"}}
}

// Every way to a terminal status is one line: what its handler does, what else comes, and what its client sees.
func TestEndings(t *testing.T) {
	const result, failure = `{"content":[{"text":"hello"}]}`, `{"code":-1,"message":"no"}`
	f := func(modern bool, does func(*Table, *Task), status Status, how Ending, message string) {
		t.Helper()
		tt, c := newTable(t), new(call)
		one := tt.begin(t, Spec{Call: c, Modern: modern, RequestBytes: 10})
		one.start(t)
		does(tt, one)
		if one.Status() != status || one.message != message {
			t.Errorf("%s %q, want %s %q", one.Status(), one.message, status, message)
		}
		if one.running && one.Conclude(Result, []byte(result)) { // what comes of the handler that was told
			t.Error("it ended twice")
		}
		for e := range Endings {
			if n := tt.m.ended[e].Get(); n != 0 && e != how || n != 1 && e == how {
				t.Errorf("%d ended %s", n, e)
			}
		}
		if c.released != 1 || one.Status() != status {
			t.Errorf("released %d times, %s at the end", c.released, one.Status())
		}
		tt.ends(t)
	}
	conclude := func(a Answer, object string) func(*Table, *Task) {
		return func(_ *Table, one *Task) { one.Conclude(a, []byte(object)) }
	}
	f(true, conclude(Result, result), Completed, EndedDone, "")
	f(true, conclude(ToolError, result), Completed, EndedDone, "")
	f(true, conclude(Failure, failure), Failed, EndedError, "no")
	f(false, conclude(Result, result), Completed, EndedDone, "")
	f(false, conclude(ToolError, result), Failed, EndedError, "hello")
	f(false, conclude(Result, `{"content"`), Failed, EndedError, "the handler's result cannot be encoded: it has no place for what belongs to its task")
	f(true, conclude(Result, strconv.Quote(strings.Repeat("x", 1<<20))), Failed, EndedBytes,
		"what the task had to keep is too large: it has 1050626 bytes, and a task may have 1048576 (max_task_bytes)")
	f(true, func(_ *Table, one *Task) { one.Cancel() }, Cancelled, EndedByRequest, errCancelled.Message)
	f(true, func(_ *Table, one *Task) { one.Fail(errNoPlace) }, Failed, EndedError, errNoPlace.Message)
	f(true, func(tt *Table, _ *Task) { tt.Stop() }, Failed, EndedDraining, errStopped.Message)
	f(true, func(tt *Table, _ *Task) { tt.Expire(time.Now().Add(time.Hour)) }, Failed, EndedExpired, errExpired.Message)
}

// A task that asks has no worker, goes on with the last answer, and its handler gets what it remembered.
func TestAsksAndGoesOn(t *testing.T) {
	tt, c := newTable(t), new(call)
	one := tt.begin(t, Spec{Call: c, Modern: true})
	if in := one.start(t); in.Rounds != 0 || in.Responses != nil {
		t.Errorf("a first run gets %+v", in)
	}
	both := mcp.InputRequestMap{"who": asksWho["who"], "where": asksWho["who"]}
	if !one.Suspend(both, "state") || one.Status() != InputRequired {
		t.Fatal(one.Status())
	}
	if _, ok := one.Start(); ok {
		t.Error("it starts without its answers")
	}
	if e := one.Answer(answers("nobody"), 10, nil); e != nil || one.Status() != InputRequired {
		t.Error("an answer to nothing:", e, one.Status())
	}
	if e := one.Answer(answers("who"), 10, nil); e != nil || one.Status() != InputRequired || c.queued != 1 {
		t.Error("one of two:", e, one.Status(), c.queued)
	}
	c.full = errNoPlace
	e := one.Answer(answers("where"), 10, nil)
	if e != errNoPlace || one.Status() != InputRequired || len(one.open) != 1 {
		t.Error("without a place in line:", e, one.Status())
	}
	c.full = nil
	if e := one.Answer(answers("where"), 10, nil); e != nil || one.Status() != Working || c.queued != 2 {
		t.Error("the last:", e, one.Status(), c.queued)
	}
	if in := one.start(t); in.Rounds != 1 || in.State != "state" || len(in.Responses) != 2 {
		t.Errorf("the second run gets %+v", in)
	}
	// The same request again has another key; the handler's is the same.
	one.Suspend(asksWho, "")
	if one.open[0].key != "who-2" {
		t.Error("key", one.open[0].key)
	}
	one.Answer(answers("who-2"), 10, nil)
	if in := one.start(t); in.Rounds != 2 || in.Responses["who"] == nil {
		t.Errorf("the third run gets %+v", in)
	}
	// A handler that only wants to be called again is, at once.
	if !one.Suspend(nil, "again") || one.Status() != Working || c.queued != 4 {
		t.Error("again:", one.Status(), c.queued)
	}
	one.start(t)
	c.full = errNoPlace
	if one.Suspend(nil, "again") || one.Status() != Failed {
		t.Error("again without a place in line:", one.Status())
	}
	tt.ends(t)
}

// Requests for the result: one asks, the others wait, and all go on when there is more to do.
func TestWhoWaits(t *testing.T) {
	tt := newTable(t, func(o *Options) { o.MaxTaskWaitsPerTask = 2 })
	one := tt.begin(t, Spec{})
	var carrier, second, third, watcher heard
	one.Watch(&watcher)
	turn := func(w *heard, want Turn) {
		t.Helper()
		got, requests, e := one.Await(w)
		if got != want || (got == Carry) != (len(requests) == 1) || (got == Full) != (e != nil) {
			t.Errorf("turn %d with %v, %v, want %d", got, requests, e, want)
		}
	}
	told := func(w *heard, want string) {
		t.Helper()
		if got := w.take(); got != want {
			t.Errorf("told %q, want %q", got, want)
		}
	}
	turn(&carrier, Wait)
	turn(&second, Wait)
	turn(&third, Full)
	one.GiveUp(&second)
	one.GiveUp(&second)
	told(&second, "ready")
	one.start(t)
	one.Suspend(asksWho, "")
	told(&carrier, "ready")
	told(&watcher, "changed")
	turn(&carrier, Carry)
	turn(&second, Wait) // while the first is about to ask
	one.Carried(&carrier, false)
	told(&second, "ready")
	turn(&carrier, Carry)
	one.Carried(&carrier, true)
	turn(&second, Wait)
	one.Unanswered(&carrier)
	told(&second, "ready")
	turn(&second, Carry)
	one.Carried(&second, true)
	turn(&third, Wait)
	one.Cancel()
	told(&second, "ended")
	told(&third, "ready")
	told(&watcher, "changed")
	turn(&third, Ended)
	out, ok := one.AppendResult(nil, []byte("7"))
	if !ok || !strings.Contains(string(out), `"id":7,"error":{"code":-32603`) {
		t.Errorf("%s", out)
	}
	one.Carried(&carrier, true) // too late
	told(&carrier, "ended")
	if one.Progress([]byte("half")) {
		t.Error("progress of what has ended")
	}
	one.forget()
	one.forget()
	told(&watcher, "forgotten")
	if one.Watch(&watcher) {
		t.Error("a forgotten task is watched")
	}
	tt.ends(t)
}

// What has ended is forgotten when its time is up; what has not fails first, and stays while a worker has it.
func TestExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tt := newTable(t)
		done, stuck := tt.begin(t, Spec{Modern: true}), tt.begin(t, Spec{Modern: true})
		done.start(t)
		done.Conclude(Result, []byte("{}"))
		stuck.start(t)
		found := func(want ...*Task) {
			t.Helper()
			for _, one := range []*Task{done, stuck} {
				if got := tt.Find([]byte(one.ID()), "", true) != nil; got != slices.Contains(want, one) {
					t.Errorf("found: %v", got)
				}
			}
		}
		time.Sleep(time.Minute - 1)
		tt.Expire(time.Now())
		found(done, stuck)
		time.Sleep(time.Nanosecond)
		tt.Expire(time.Now())
		found(stuck)
		time.Sleep(Grace)
		tt.Expire(time.Now())
		found(stuck)
		stuck.Conclude(Result, []byte("{}"))
		time.Sleep(Grace)
		tt.Expire(time.Now())
		found()
		tt.ends(t)
	})
}

// errNoPlace is any refusal of the queue.
var errNoPlace = &codec.Error{Code: codec.CodeInternal, Message: "no place in line"}

// Each limit refuses the one after the last, under its name.
func TestLimits(t *testing.T) {
	tt := newTable(t, func(o *Options) { o.MaxTasks, o.MaxTasksPerClient, o.MaxTaskTotalBytes = 3, 2, 12_000 })
	f := func(client string, bytes int, want string) {
		t.Helper()
		_, e := tt.Add(Spec{Call: new(call), Owner: Owner{Principal: client}, RequestBytes: bytes, TTL: time.Minute})
		if e == nil && want != "" || e != nil && (want == "" || !strings.Contains(e.Message, want)) {
			t.Errorf("%v, want %q", e, want)
		}
	}
	f("ada", 10, "")
	f("ada", 10, "")
	f("ada", 10, "has 2 tasks, and may have no more (max_tasks_per_client)")
	f("bob", 10_000, "has 12048 bytes, for which there is no room: all tasks together may have 12000 (max_task_total_bytes)")
	f("bob", 2<<20, "has 2099200 bytes, and a task may have 1048576 (max_task_bytes)")
	f("bob", 10, "")
	f("eve", 10, "are 3 tasks, and may be no more (max_tasks)")
	for why, want := range []uint64{refusedClient: 1, refusedTotal: 1, refusedBytes: 2, refusedWait: 0} {
		if n := tt.m.refused[why].Get(); n != want {
			t.Errorf("%s: %d, want %d", refusalNames[why], n, want)
		}
	}
	full := &call{full: errNoPlace}
	tt.that(func(*Task) bool { return true })[0].forget()
	one, e := tt.Add(Spec{Call: full, TTL: time.Minute})
	if e != nil || one.Begin() != errNoPlace || tt.Find([]byte(one.ID()), "", false) != nil {
		t.Error("a task without a place in line is kept:", e)
	}
	tt.ends(t)
}

// Whose a task is and of which era: to all others it is as unknown as one that never was.
func TestFind(t *testing.T) {
	tt := newTable(t)
	one := tt.begin(t, Spec{Owner: Owner{Principal: "ada"}, Modern: true})
	for _, who := range []string{"ada", "bob", ""} {
		for _, modern := range []bool{true, false} {
			if got := tt.Find([]byte(one.ID()), who, modern) != nil; got != (who == "ada" && modern) {
				t.Errorf("%q %v: %v", who, modern, got)
			}
		}
	}
	tt.ends(t)
}
