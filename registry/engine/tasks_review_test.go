package engine_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"weir/codec"
	"weir/registry"
	. "weir/registry/engine"
)

// The least max_result_bytes is less than a task with the longest message may take, and still a page goes on.
func TestTaskListInSmallPages(t *testing.T) {
	r, _, p := newJobs(t, func(o *registry.Options) { o.MaxResultBytes = 4096 })
	p.initialize(t, "2025-11-25")
	want := map[string]bool{}
	for id := range 20 {
		want[p.begin(t, legacyJob(id+1, "job", "this"))] = true
	}
	cursor := ""
	for page := 0; ; page++ {
		a := p.send(legacyRequest(100+page, "tasks/list", cursor), Header{})
		if page > len(want) || len(a.body) > r.Opt().Results.MaxBytes {
			t.Fatalf("page %d: %s", page, a.body)
		}
		for _, found := range taskIDMember.FindAllStringSubmatch(a.body, -1) {
			delete(want, found[1])
		}
		next := codec.Member(codec.Member([]byte(a.body), "result"), "nextCursor")
		if next == nil {
			break
		}
		cursor = `"cursor":` + string(next)
	}
	if len(want) != 0 {
		t.Errorf("%d tasks are on no page", len(want))
	}
}

// A task that ended in the queue keeps its place among the tasks until it is out of there: else a client could fill
// the queue with tasks that the table has forgotten.
func TestExpiredTaskInTheQueue(t *testing.T) {
	r, b, p := newJobs(t, func(o *registry.Options) { o.Tasks.MaxTasks = 1 })
	p.begin(t, modernJob("job", "this"))
	later(r)
	p.says(t, modernJob("job", "this"), `"reason":"task_limit"`)
	b.run()
	r.ExpireTasks(time.Since(r.Epoch()) + 2*r.Opt().Tasks.MaxTaskTTL)
	p.begin(t, modernJob("job", "this"))
	b.run()
	later(r)
	empty(t, r)
}

// What a client has answered is kept, so it counts.
func TestTaskAnswersAreCounted(t *testing.T) {
	r, b, p := newJobs(t, func(o *registry.Options) { o.Tasks.MaxTaskBytes = 8192 })
	id := p.begin(t, modernJob("askjob", "both"))
	b.run()
	before := number(t, r, "weir_task_bytes")
	answer := func(n int) string {
		return taskRequest("update", id, fmt.Sprintf(`,"inputResponses":{"who":{"action":"accept","content":{"name":%q}}}`,
			strings.Repeat("x", n)))
	}
	p.says(t, answer(8192), `"reason":"task_bytes"`)
	p.says(t, taskRequest("get", id, ""), `"status":"input_required"`, `"who"`, `"where"`)
	if n := number(t, r, "weir_task_bytes"); n != before {
		t.Errorf("%d bytes after a refused answer, %d before", n, before)
	}
	p.says(t, answer(2000), `"result"`)
	if n := number(t, r, "weir_task_bytes"); n < before+2000 {
		t.Errorf("%d bytes with an answer of 2000, %d before", n, before)
	}
	p.says(t, taskRequest("update", id, `,"inputResponses":{"where":{"action":"accept","content":{"town":"x"}}}`),
		`"result"`)
	b.run()
	p.says(t, taskRequest("get", id, ""), `"completed"`)
	later(r)
	empty(t, r)
}

// A filter that names many tasks, again and again, takes no longer per name than one that names few.
func TestListenToManyTasks(t *testing.T) {
	r, b, p := newJobs(t, func(o *registry.Options) { o.MaxSubscriptionsPerClient, o.MaxListenBytes = 100_000, 4<<20 })
	const n = 900
	ids := make([]string, 0, 30*n)
	for range n {
		ids = append(ids, `"`+p.begin(t, modernJob("job", "this"))+`"`)
	}
	last := ids[n-1]
	for range 30 * n {
		ids = append(ids, last)
	}
	began := time.Now()
	a := p.send(asking("subscriptions/listen", `"notifications":{"taskIds":[`+strings.Join(ids, ",")+`]}`, ownTasks),
		Header{})
	t.Log(time.Since(began))
	if found := strings.Count(a.body, last); found != 1 || strings.Count(a.body, `"`) < 2*n {
		t.Errorf("the last is honoured %d times in %.200s", found, a.body)
	}
	if got := number(t, r, "weir_subscriptions"); got != n+1 {
		t.Errorf("%d subscriptions", got)
	}
	b.run()
	later(r)
	for _, s := range p.back.streams {
		s.Close()
	}
	empty(t, r)
}

// Clients of every kind of ttl get one within bounds, or are refused.
func TestTaskTTLs(t *testing.T) {
	r, b, p := newJobs(t)
	p.initialize(t, "2025-11-25")
	most := fmt.Sprintf(`"ttl":%d,`, r.Opt().Tasks.MaxTaskTTL.Milliseconds())
	for ttl, want := range map[string]string{"null": fmt.Sprintf(`"ttl":%d,`, r.Opt().Tasks.TaskTTL.Milliseconds()),
		"0": `"ttl":1000,`, "-0": `"ttl":1000,`,
		"1e4": `"ttl":10000,`, "9007199254740991": most, "-1": `-32602`, "1.5": `-32602`, "1e300": `-32602`,
		"9007199254740993e9": `-32602`, `"60"`: `-32602`, "true": `-32602`,
	} {
		p.says(t, legacyRequest(1, "tools/call", `"name":"job","arguments":{"do":"this"},"task":{"ttl":`+ttl+`}`), want)
	}
	b.run()
	later(r)
	empty(t, r)
}
