package engine_test

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"weir/codec"
	"weir/registry"
	. "weir/registry/engine"
	"weir/registry/event"
	"weir/registry/task"
)

const ownTasks = `"extensions":{"io.modelcontextprotocol/tasks":{}},` + elicits

// modernJob is a call of a client of 2026-07-28 that can have tasks and be asked.
func modernJob(tool, do string) string {
	return asking("tools/call", fmt.Sprintf(`"name":%q,"arguments":{"do":%q}`, tool, do), ownTasks)
}

func taskRequest(method, id, more string) string {
	return asking("tasks/"+method, fmt.Sprintf(`"taskId":%q%s`, id, more), ownTasks)
}

func legacyRequest(id int, method, params string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":%q,"params":{%s}}`, id, method, params)
}

func legacyJob(id int, tool, do string) string {
	return legacyRequest(id, "tools/call", fmt.Sprintf(`"name":%q,"arguments":{"do":%q},"task":{}`, tool, do))
}

const saysAda = `,"inputResponses":{"who":{"action":"accept","content":{"name":"Ada"}}}`

var taskIDMember = regexp.MustCompile(`"taskId":"([A-Z2-7]{26})"`)

// begin sends a call that becomes a task and returns its id.
func (p *peer) begin(t testing.TB, message string) string {
	t.Helper()
	a := p.send(message, Header{})
	found := taskIDMember.FindStringSubmatch(a.body)
	if found == nil {
		t.Fatalf("no task: %s", a.body)
	}
	return found[1]
}

// says fails the test if the answer to a message lacks one of the parts.
func (p *peer) says(t testing.TB, message string, parts ...string) {
	t.Helper()
	a := p.send(message, Header{})
	for _, part := range parts {
		if !strings.Contains(a.body, part) {
			t.Errorf("%s\nis answered %s\nwithout %s", message, a.body, part)
		}
	}
}

// number is the value of a series.
func number(t testing.TB, r *Registry, series string) int {
	t.Helper()
	for line := range strings.Lines(scrape(r)) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), series+" "); ok {
			n, err := strconv.Atoi(value)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatal("no series ", series)
	return 0
}

// empty checks that nothing of any task is on the books.
func empty(t testing.TB, r *Registry) {
	t.Helper()
	for _, series := range []string{"weir_tasks", "weir_task_bytes", "weir_task_waits", "weir_client_requests",
		"weir_subscriptions"} {
		if n := number(t, r, series); n != 0 {
			t.Errorf("%s is %d at the end", series, n)
		}
	}
	if n := r.TaskTable().Clients(); n != 0 {
		t.Errorf("%d owners are left", n)
	}
}

// later lets every task expire, those that run or wait in two steps.
func later(r *Registry) {
	for _, after := range []time.Duration{r.Opt().Tasks.MaxTaskTTL, r.Opt().Tasks.MaxTaskTTL + 2*task.Grace} {
		r.ExpireTasks(time.Since(r.Epoch()) + after)
	}
}

func TestTaskWeight(t *testing.T) {
	if n := unsafe.Sizeof(TaskCall{}) + unsafe.Sizeof(task.Task{}); n > 784 {
		t.Errorf("a task is %d bytes", n) // its charge counts two watchers, the keys and the table's share besides
	}
}

// Every limit refuses the one after the last, under its name, and is given back.
func TestTaskLimits(t *testing.T) {
	r, b, p := newJobs(t, func(o *registry.Options) { o.Tasks.MaxTasks, o.Tasks.MaxTasksPerClient = 4, 2 })
	clients := []*peer{p, {r: r, back: p.back, principal: "ada"}, {r: r, back: p.back, principal: "bob"}}
	for _, c := range clients[:2] {
		c.begin(t, modernJob("job", "this"))
		c.begin(t, modernJob("job", "this"))
		c.says(t, modernJob("job", "this"), `"code":-32603`, `"reason":"task_limit_per_client"`, `"executed":false`)
	}
	clients[2].says(t, modernJob("job", "this"), `"reason":"task_limit"`)
	http := &peer{r: r, back: p.back, transport: HTTP}
	if a := http.send(modernJob("job", "this"), modernHeader("tools/call", "job")); a.status != 503 {
		t.Error("status", a.status)
	}
	// One that is refused is nothing that its client hears of either.
	legacy := &peer{r: r, back: p.back}
	legacy.initialize(t, "2025-11-25")
	legacy.says(t, legacyJob(1, "job", "this"), `"reason":"task_limit"`)
	legacy.says(t, legacyJob(1, "job", strings.Repeat("x", r.Opt().Tasks.MaxTaskBytes)), `"reason":"task_bytes"`)
	legacy.watchesNoTask(t)
	b.run()
	if n := number(t, r, "weir_tasks"); n != 4 {
		t.Error("tasks", n)
	}
	later(r)
	empty(t, r)
	clients[2].begin(t, modernJob("job", "this"))
	for series, want := range map[string]int{`weir_tasks_refused_total{reason="task_limit_per_client"}`: 2,
		`weir_tasks_refused_total{reason="task_limit"}`: 3, `weir_tasks_created_total`: 5, `weir_tasks_limit`: 4} {
		if n := number(t, r, series); n != want {
			t.Errorf("%s is %d, want %d", series, n, want)
		}
	}
}

func modernHeader(method, name string) Header {
	return Header{ProtocolVersion: []byte("2026-07-28"), Method: []byte(method), Name: []byte(name)}
}

// What a task keeps is bounded for one and for all: its request, its questions, its result.
func TestTaskBytes(t *testing.T) {
	long := strings.Repeat("x", 3000)
	r, b, p := newJobs(t, func(o *registry.Options) { o.Tasks.MaxTaskBytes, o.Tasks.MaxTaskTotalBytes = 5000, 12_000 })
	p.says(t, modernJob("job", long+long), `"reason":"task_bytes"`, `"executed":false`)
	// Its own request fits; with a result that repeats it, it does too, but not under a lower limit.
	id := p.begin(t, modernJob("job", long[:2400]))
	r.Opt().Tasks.MaxTaskBytes = 4500
	b.run()
	p.says(t, taskRequest("get", id, ""), `"status":"completed"`)
	r.Opt().Tasks.MaxTaskBytes = 5000
	id = p.begin(t, modernJob("askjob", long[:2400]))
	r.Opt().Tasks.MaxTaskBytes = 4096
	b.run()
	p.says(t, taskRequest("get", id, ""), `"status":"failed"`, `"reason":"task_bytes"`)
	r.Opt().Tasks.MaxTaskBytes = 5000
	p.begin(t, modernJob("job", "small"))
	p.begin(t, modernJob("job", "small"))
	p.says(t, modernJob("job", long[:2000]), `"reason":"task_bytes"`)
	if n := number(t, r, `weir_tasks_refused_total{reason="task_bytes"}`); n != 2 {
		t.Error("refused", n)
	}
	if n := number(t, r, `weir_tasks_ended_total{reason="task_bytes"}`); n != 1 {
		t.Error("ended", n)
	}
	b.run()
	later(r)
	empty(t, r)
}

// watchesNoTask checks that nothing of any task will be told.
func (p *peer) watchesNoTask(t testing.TB) {
	t.Helper()
	n := 0
	if s := p.conv.Subscriber(); s != nil {
		s.Remind(func(source event.Source) bool {
			if _, ok := source.(TaskSource); ok {
				n++
			}
			return false
		})
	}
	if n != 0 {
		t.Errorf("%d refused tasks are watched", n)
	}
}

// The queue's refusal reaches whoever asked for the place, and nothing is lost by it.
func TestTaskQueueIsFull(t *testing.T) {
	r, b, p := newJobs(t)
	full := &codec.Error{Code: codec.CodeInternal, Message: "full",
		Data: []byte(`{"reason":"queue_full","executed":false}`)}
	b.full = full
	p.says(t, modernJob("job", "this"), `"reason":"queue_full"`)
	b.full = nil
	empty(t, r)
	id := p.begin(t, modernJob("askjob", "this"))
	b.run()
	b.full = full
	p.says(t, taskRequest("update", id, saysAda), `"reason":"queue_full"`, `"executed":false`)
	p.says(t, taskRequest("get", id, ""), `"status":"input_required"`, `"who":`)
	b.full = nil
	p.says(t, taskRequest("update", id, saysAda), `"resultType":"complete"`)
	b.run()
	p.says(t, taskRequest("get", id, ""), `"status":"completed"`)
	// One that only wants to be called again ends there.
	id = p.begin(t, modernJob("again", "ever"))
	b.full = full
	b.run()
	p.says(t, taskRequest("get", id, ""), `"status":"failed"`, `"reason":"queue_full"`, `"executed":true`)
	// A legacy client's answers are not lost either: it is asked again.
	b.full = nil
	l := &peer{r: r, back: &backstage{r: r}}
	l.send(legacyRequest(0, "initialize", `"protocolVersion":"2025-11-25","capabilities":{"elicitation":{}}`), Header{})
	b.full = full
	l.says(t, legacyJob(1, "askjob", "this"), `"reason":"queue_full"`)
	l.watchesNoTask(t)
	b.full = nil
	id = l.begin(t, legacyJob(1, "askjob", "this"))
	b.run()
	l.says(t, legacyRequest(2, "tasks/result", fmt.Sprintf(`"taskId":%q`, id)))
	ask := l.back.early(&l.conv)[0]
	b.full = full
	l.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":{"action":"accept","content":{"name":"Ada"}}}`,
		codec.Member([]byte(ask), "id")), Header{})
	if a := l.back.again(); len(a) != 1 || !strings.Contains(a[0].body, `"reason":"queue_full"`) {
		t.Errorf("answers: %v", a)
	}
	l.says(t, legacyRequest(3, "tasks/get", fmt.Sprintf(`"taskId":%q`, id)), `"status":"input_required"`)
	later(r)
	l.back.again()
	empty(t, r)
}

// A registry that no transport runs tasks for has none, and says so.
func TestTasksNeedWorkers(t *testing.T) {
	r := newFixture(t)
	addJobs(r)
	(&peer{r: r}).says(t, modernJob("job", "this"), `"reason":"task_workers"`)
	empty(t, r)
}

// Requests for results wait within their limits, and end with their client.
func TestTaskWaits(t *testing.T) {
	r, b, p := newJobs(t, func(o *registry.Options) { o.Tasks.MaxTaskWaits, o.Tasks.MaxTaskWaitsPerTask = 3, 2 })
	p.initialize(t, "2025-11-25")
	one, two := p.begin(t, legacyJob(1, "job", "this")), p.begin(t, legacyJob(2, "job", "this"))
	result := func(n int, id string) string {
		return legacyRequest(n, "tasks/result", fmt.Sprintf(`"taskId":%q`, id))
	}
	p.send(result(3, one), Header{})
	p.send(result(4, one), Header{})
	p.says(t, result(5, one), `"reason":"task_wait_limit"`)
	p.send(result(6, two), Header{})
	p.says(t, result(7, two), `"reason":"task_wait_limit"`)
	if p.suspended() != 3 || number(t, r, "weir_task_waits") != 3 {
		t.Error("suspended", p.suspended())
	}
	// One is taken back, the client of the others goes; the tasks go on.
	p.send(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":3}}`, Header{})
	if n := number(t, r, "weir_task_waits"); n != 2 || len(p.back.again()) != 0 {
		t.Error("waits after a cancellation", n)
	}
	p.send(result(5, one), Header{})
	p.conv.CancelAll()
	p.conv.Close()
	if got := p.back.again(); len(got) != 0 || p.suspended() != 0 || number(t, r, "weir_task_waits") != 0 {
		t.Error("left when the client is gone:", got, p.suspended())
	}
	b.run()
	other := &peer{r: r}
	other.initialize(t, "2025-11-25")
	other.says(t, result(1, two), `did this`)
	if n := number(t, r, `weir_tasks_refused_total{reason="task_wait_limit"}`); n != 2 {
		t.Error("refused", n)
	}
	later(r)
	empty(t, r)
}

// A task's time: what has ended is forgotten, what has not fails first, and its handler is told.
func TestTasksExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, b, p := newJobs(t, func(o *registry.Options) { o.Tasks.TaskTTL = time.Minute })
		done, stuck, asks := p.begin(t, modernJob("job", "this")), p.begin(t, modernJob("job", "wait")),
			p.begin(t, modernJob("askjob", "this"))
		b.take().Run(nil)
		running := b.take()
		go running.Run(nil)
		b.run()
		status := func(id, want string) {
			t.Helper()
			p.says(t, taskRequest("get", id, ""), want)
		}
		time.Sleep(time.Minute - time.Second)
		r.ExpireSessions(time.Now())
		status(done, `"status":"completed"`)
		status(stuck, `"status":"working"`)
		status(asks, `"status":"input_required"`)
		time.Sleep(time.Second)
		r.ExpireSessions(time.Now())
		synctest.Wait()
		status(done, `Task not found`)
		status(stuck, `"reason":"task_expired"`)
		p.says(t, taskRequest("update", asks, saysAda), `"resultType":"complete"`)
		b.run()
		status(asks, `"status":"failed","statusMessage":"the task did not end in its time"`)
		time.Sleep(task.Grace)
		r.ExpireSessions(time.Now())
		status(stuck, `Task not found`)
		empty(t, r)
		if n := number(t, r, `weir_tasks_ended_total{reason="task_expired"}`); n != 2 {
			t.Error("expired", n)
		}
		if n := number(t, r, `weir_tool_calls_total{tool="job",outcome="cancelled"}`); n != 1 {
			t.Error("cancelled", n)
		}
	})
}

// Another principal's task is as unknown as one that never was, by whatever method.
func TestTasksBelongToTheirPrincipal(t *testing.T) {
	r, b, _ := newJobs(t)
	of := func(principal string) *peer { return &peer{r: r, back: &backstage{r: r}, principal: principal} }
	ada, bob, nobody := of("ada"), of("bob"), of("")
	id := ada.begin(t, modernJob("askjob", "this"))
	b.run()
	unknown := `"error":{"code":-32602,"message":"Task not found: it expired or never was"}`
	for _, p := range []*peer{bob, nobody} {
		p.says(t, taskRequest("get", id, ""), unknown)
		p.says(t, taskRequest("cancel", id, ""), unknown)
		p.says(t, taskRequest("update", id, saysAda), unknown)
		p.says(t, asking("subscriptions/listen", `"notifications":{"taskIds":["`+id+`"]}`, ownTasks), `"notifications":{}`)
		p.back.streams[0].Close()
	}
	ada.says(t, taskRequest("get", id, ""), `"status":"input_required"`)
	// In 2025-11-25 a principal finds its tasks from any of its conversations.
	one, two, other := of("ada"), of("ada"), of("bob")
	for _, p := range []*peer{one, two, other} {
		p.initialize(t, "2025-11-25")
	}
	legacy := one.begin(t, legacyJob(1, "job", "this"))
	two.says(t, legacyRequest(2, "tasks/list", ``), `"tasks":[{"taskId":"`+legacy)
	other.says(t, legacyRequest(2, "tasks/list", ``), `"tasks":[]`)
	for _, method := range []string{"get", "result", "cancel"} {
		other.says(t, legacyRequest(3, "tasks/"+method, `"taskId":"`+legacy+`"`), unknown)
	}
	one.conv.Close() // the task does not need who began it
	b.run()
	two.says(t, legacyRequest(4, "tasks/result", `"taskId":"`+legacy+`"`), `did this`)
	later(r)
	empty(t, r)
}

// A stop ends every task, under one name, and what comes late too.
func TestStopTasks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, b, p := newJobs(t)
		running, asks, queued := p.begin(t, modernJob("job", "wait")), p.begin(t, modernJob("askjob", "this")), ""
		first := b.take()
		go first.Run(nil)
		b.run()
		queued = p.begin(t, modernJob("job", "this"))
		r.StopTasks()
		late := p.begin(t, modernJob("job", "this"))
		b.run()
		synctest.Wait()
		for _, id := range []string{running, asks, queued, late} {
			p.says(t, taskRequest("get", id, ""), `"status":"failed","statusMessage":"the server stops"`, `"reason":"draining"`)
		}
		if n := number(t, r, `weir_tasks_ended_total{reason="draining"}`); n != 4 {
			t.Error("ended", n)
		}
		later(r)
		empty(t, r)
	})
}

// Listens of tasks count as subscriptions and are given back with the task or with the listen, whichever goes first.
func TestTaskListens(t *testing.T) {
	r, b, p := newJobs(t, func(o *registry.Options) { o.MaxSubscriptionsPerClient = 3 })
	ids := []string{p.begin(t, modernJob("job", "a")), p.begin(t, modernJob("job", "b")),
		p.begin(t, modernJob("job", "c")), p.begin(t, modernJob("job", "d"))}
	listen := func(ids ...string) string {
		return asking("subscriptions/listen", `"notifications":{"taskIds":["`+strings.Join(ids, `","`)+`"]}`, ownTasks)
	}
	p.says(t, asking("subscriptions/listen", `"notifications":{"taskIds":"all"}`, ownTasks), `-32602`, `taskIds`)
	p.says(t, listen(ids...), `"reason":"subscription_limit_per_client"`)
	if n := number(t, r, "weir_subscriptions"); n != 0 {
		t.Error("a refused listen holds", n)
	}
	p.says(t, listen(ids[:2]...), `"taskIds":["`+ids[0])
	if n := number(t, r, "weir_subscriptions"); n != 3 {
		t.Error("a listen of two tasks holds", n)
	}
	b.run()
	if heard := p.back.early(&p.conv); len(heard) != 2 || !strings.Contains(heard[0], `"status":"completed"`) {
		t.Errorf("heard %q", heard) // once each, however often they changed
	}
	later(r)
	if n := number(t, r, "weir_subscriptions"); n != 1 {
		t.Error("without its tasks a listen holds", n)
	}
	p.back.streams[0].Close()
	empty(t, r)
}

// A call that is cancelled before it has become a task becomes none.
func TestCancelledBeforeItIsATask(t *testing.T) {
	r, b, _ := newJobs(t)
	x := exchangeOf(t, asking("tools/call", `"name":"askjob","arguments":{"do":"this"}`+saysAda, ownTasks))
	if class := r.Route(x); class != Compute {
		t.Fatal("class", class)
	}
	x.Cancel()
	if out := r.Dispatch(x, nil); len(out) != 0 || x.Outcome != Cancelled || b.take() != nil {
		t.Errorf("%d %s", x.Outcome, out)
	}
	empty(t, r)
}

// A handler that ends its goroutine ends its task.
func TestTaskWhoseHandlerLeaves(t *testing.T) {
	r, b, p := newJobs(t)
	id := p.begin(t, modernJob("job", "leave"))
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.run()
	}()
	<-done
	p.says(t, taskRequest("get", id, ""), `"status":"failed","statusMessage":"the handler panicked"`)
	later(r)
	empty(t, r)
}
