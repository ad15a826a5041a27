package engine_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"weir/codec"
	"weir/registry"
	. "weir/registry/engine"
	"weir/registry/task"
)

// racing is a registry whose tasks run on goroutines while clients do to them whatever they can.
type racing struct {
	t     *testing.T
	r     *Registry
	bench *bench

	mu    sync.Mutex
	ids   []string
	ended map[string]string // terminal status by id, as it was first seen
}

func (c *racing) work() {
	for t := c.bench.await(); t != nil; t = c.bench.await() {
		t.Run(nil)
	}
}

// saw notes a status that a client was told. Nothing may follow a terminal one in what one client is told, and no other
// terminal one in what they all are: their looks may cross.
func (c *racing) saw(own map[string]bool, body string) {
	found := taskIDMember.FindStringSubmatch(body)
	if found == nil {
		return
	}
	status, _ := codec.StringOf(codec.Member(codec.Member([]byte(body), "result"), "status"))
	c.mu.Lock()
	defer c.mu.Unlock()
	was, terminal := c.ended[found[1]], false
	switch string(status) {
	case "completed", "failed", "cancelled":
		terminal = true
		c.ended[found[1]] = string(status)
	}
	if (terminal || own[found[1]]) && was != "" && was != string(status) {
		c.t.Errorf("task %s was %s and is %s", found[1], was, status)
	}
	own[found[1]] = own[found[1]] || terminal
}

func (c *racing) some(rnd *rand.Rand) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.ids) == 0 {
		return "none"
	}
	return c.ids[rnd.IntN(len(c.ids))]
}

// modern is a client of 2026-07-28, on a connection of its own.
func (c *racing) modern(seed uint64, turns int) {
	rnd := rand.New(rand.NewPCG(seed, 1))
	p, seen := &peer{r: c.r, back: &backstage{r: c.r}}, map[string]bool{}
	for range turns {
		id := c.some(rnd)
		switch rnd.IntN(8) {
		case 0, 1:
			do := []string{"this", "tell", "fail", "refuse", "both", "insist"}[rnd.IntN(6)]
			tool := []string{"job", "askjob"}[rnd.IntN(2)]
			if found := taskIDMember.FindStringSubmatch(p.send(modernJob(tool, do), Header{}).body); found != nil {
				c.mu.Lock()
				c.ids = append(c.ids, found[1])
				c.mu.Unlock()
			}
		case 2:
			p.send(taskRequest("cancel", id, ""), Header{})
		case 3, 4:
			key := []string{"who", "where", "who-2"}[rnd.IntN(3)]
			p.send(taskRequest("update", id, `,"inputResponses":{"`+key+`":{"action":"accept","content":{"name":"Ada"}}}`),
				Header{})
		case 5:
			if len(p.back.streams) > 0 {
				p.back.streams[0].Close()
				p.back.streams = nil
				p.conv.CancelAll()
				p.conv = Conversation{}
			}
			p.send(asking("subscriptions/listen", `"notifications":{"taskIds":["`+id+`"]}`, ownTasks), Header{})
		default:
			c.saw(seen, p.send(taskRequest("get", id, ""), Header{}).body)
		}
		p.back.early(&p.conv)
	}
	for _, s := range p.back.streams {
		s.Close()
	}
	p.conv.Close()
}

// legacy is a client of 2025-11-25 that waits for results, answers questions, takes requests back and goes.
func (c *racing) legacy(seed uint64, turns int) {
	rnd := rand.New(rand.NewPCG(seed, 2))
	p, seen := &peer{r: c.r, back: &backstage{r: c.r}}, map[string]bool{}
	p.send(legacyRequest(0, "initialize", `"protocolVersion":"2025-11-25","capabilities":{"elicitation":{}}`), Header{})
	var own []string
	for n := range turns {
		id := "none"
		if len(own) > 0 {
			id = own[rnd.IntN(len(own))]
		}
		named := `"taskId":"` + id + `"`
		switch rnd.IntN(7) {
		case 0, 1:
			tool := []string{"job", "askjob"}[rnd.IntN(2)]
			if found := taskIDMember.FindStringSubmatch(p.send(legacyJob(n, tool, "this"), Header{}).body); found != nil {
				own = append(own, found[1])
			}
		case 2, 3:
			p.send(legacyRequest(n, "tasks/result", named), Header{})
		case 4:
			c.saw(seen, p.send(legacyRequest(n, "tasks/cancel", named), Header{}).body)
		case 5:
			p.send(fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":%d}}`,
				rnd.IntN(n+1)), Header{})
		default:
			c.saw(seen, p.send(legacyRequest(n, "tasks/get", named), Header{}).body)
		}
		for _, message := range p.back.early(&p.conv) {
			if strings.Contains(message, "elicitation/create") && rnd.IntN(3) > 0 {
				p.send(`{"jsonrpc":"2.0","id":`+string(codec.Member([]byte(message), "id"))+
					`,"result":{"action":"accept","content":{"name":"Ada"}}}`, Header{})
			}
		}
		p.back.again()
	}
	p.conv.CancelAll()
	p.conv.Close()
	// A worker or the clock may be about to end one: it goes on when that has said its last word.
	for end := time.Now().Add(20 * time.Second); ; runtime.Gosched() {
		if p.back.again(); p.suspended() == 0 {
			return
		}
		if time.Now().After(end) {
			c.t.Errorf("%d requests of a client that is gone are suspended", p.suspended())
			return
		}
	}
}

// Whatever comes together, every task ends once, in one status, and everything is given back.
func TestTasksEndOnce(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r, b, _ := newJobs(t, func(o *registry.Options) { o.Tasks.MaxTasks, o.Tasks.MaxTaskTotalBytes = 300, 1<<20 })
	c := &racing{t: t, r: r, bench: b, ended: map[string]string{}}
	var workers, clients sync.WaitGroup
	for range 4 {
		workers.Go(c.work)
	}
	for i := range uint64(3) {
		clients.Go(func() { c.modern(seed+i, 400) })
		clients.Go(func() { c.legacy(seed+i, 400) })
	}
	var clock sync.WaitGroup
	over := make(chan struct{})
	clock.Go(func() { // time passes meanwhile, now and then far
		rnd := rand.New(rand.NewPCG(seed, 3))
		for n := time.Duration(1); ; n++ {
			select {
			case <-over:
				return
			default:
				r.ExpireTasks(time.Since(r.Epoch()) + time.Duration(rnd.Int64N(int64(2*r.Opt().Tasks.TaskTTL))))
			}
		}
	})
	clients.Wait()
	close(over)
	clock.Wait()
	r.StopTasks()
	r.StopAsking()
	b.close()
	workers.Wait()
	later(r)
	empty(t, r)
	created, ended := number(t, r, "weir_tasks_created_total"), 0
	for reason := range task.Endings {
		n := number(t, r, `weir_tasks_ended_total{reason="`+reason.String()+`"}`)
		t.Logf("%s: %d", reason, n)
		ended += n
	}
	if created != ended || created == 0 {
		t.Errorf("%d tasks were created, %d ended", created, ended)
	}
}

// A cancellation and a result that come at the same time make one ending, and who asked for the cancellation knows
// which.
func TestCancelWhileItEnds(t *testing.T) {
	r, b, p := newJobs(t)
	p.initialize(t, "2025-11-25")
	for n := range 200 {
		id := p.begin(t, legacyJob(n, "job", "this"))
		task := b.take()
		done := make(chan struct{})
		go func() {
			task.Run(nil)
			close(done)
		}()
		a := p.send(legacyRequest(n, "tasks/cancel", `"taskId":"`+id+`"`), Header{})
		<-done
		want := "completed"
		if strings.Contains(a.body, `"status":"cancelled"`) {
			want = "cancelled"
		}
		p.says(t, legacyRequest(n, "tasks/get", `"taskId":"`+id+`"`), `"status":"`+want+`"`)
	}
	later(r)
	p.conv.Close()
	empty(t, r)
}

// An update and the end of the task's time that come at the same time leave one that runs to its end or one that
// failed.
func TestUpdateWhileItExpires(t *testing.T) {
	r, b, p := newJobs(t)
	for range 200 {
		id := p.begin(t, modernJob("askjob", "this"))
		b.run()
		done := make(chan struct{})
		go func() {
			r.ExpireTasks(time.Since(r.Epoch()) + r.Opt().Tasks.TaskTTL)
			close(done)
		}()
		p.says(t, taskRequest("update", id, saysAda), `"resultType":"complete"`)
		b.run()
		<-done
		b.run()
		a := p.send(taskRequest("get", id, ""), Header{})
		if !strings.Contains(a.body, `"status":"completed"`) && !strings.Contains(a.body, `"reason":"task_expired"`) &&
			!strings.Contains(a.body, "Task not found") {
			t.Fatal(a.body)
		}
	}
	later(r)
	empty(t, r)
}
