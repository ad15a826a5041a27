package reactor

import (
	"context"
	"fmt"
	"net"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/backpressure"
	"weir/registry"
)

// addJobs offers "job", which waits until the test goes on, and "askjob", which asks for a name, both as tasks.
func (s *server) addJobs() {
	type none struct{}
	registry.AddTool(s.registry, &mcp.Tool{Name: "job"}, func(ctx context.Context, _ *mcp.CallToolRequest,
		_ none) (*mcp.CallToolResult, any, error) {
		s.stuck <- struct{}{}
		select {
		case <-s.release:
		case <-ctx.Done():
		}
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: "worked"}}}, nil, nil
	}, registry.Tasks(registry.TaskOptional))
	registry.AddTool(s.registry, &mcp.Tool{Name: "askjob"},
		func(_ context.Context, req *mcp.CallToolRequest, _ none) (*mcp.CallToolResult, any, error) {
			name, _ := req.Params.InputResponses["name"].(*mcp.ElicitResult)
			if name == nil {
				form := &mcp.ElicitParams{Message: "your name?", RequestedSchema: map[string]any{"type": "object"}}
				return &mcp.CallToolResult{InputRequests: mcp.InputRequestMap{"name": form}}, nil, nil
			}
			text := &mcp.TextContent{Text: fmt.Sprint("hello ", name.Content["n"])}
			return &mcp.CallToolResult{Content: []mcp.Content{text}}, nil, nil
		}, registry.Tasks(registry.TaskOptional))
}

const taskMeta = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":` +
	`{"elicitation":{},"extensions":{"io.modelcontextprotocol/tasks":{}}}}`

// modernTask is a message of a client of 2026-07-28 that can have tasks.
func modernTask(id, method, params string) string {
	return `{"jsonrpc":"2.0","id":` + id + `,"method":"` + method + `","params":{` + params + `,` + taskMeta + `}}`
}

func legacyTask(id, method, params string) string {
	return `{"jsonrpc":"2.0","id":` + id + `,"method":"` + method + `","params":{` + params + `}}`
}

// postTask is modernTask over HTTP, with the headers that repeat name.
func postTask(id, method, params, name string) string {
	return post(modernTask(id, method, params), "MCP-Protocol-Version: 2026-07-28", "Mcp-Method: "+method,
		"Mcp-Name: "+name)
}

var taskIDMember = regexp.MustCompile(`"taskId":"((?:[a-z0-9]+\.)?[A-Z2-7]{26}(?:\.[a-z2-7]{16})?)"`)

func taskIn(t testing.TB, answer string) string {
	t.Helper()
	found := taskIDMember.FindStringSubmatch(answer)
	if found == nil {
		t.Fatalf("no task in %s", answer)
	}
	return found[1]
}

func named(id string) string { return `"taskId":"` + id + `"` }

// taskIs waits until a task of 2026-07-28 looks like that.
func (s *server) taskIs(id string, parts ...string) {
	s.t.Helper()
	p := s.dial("tcp")
	s.eventually(fmt.Sprint(parts), func() bool {
		p.send(modernTask("1", "tasks/get", named(id)) + "\n")
		answer := p.line()
		for _, part := range parts {
			if !strings.Contains(answer, part) {
				return false
			}
		}
		return true
	})
}

// A task runs on a worker while its handler does, and goes on when whoever began it is gone.
func TestTaskSurvivesItsClient(t *testing.T) {
	f := func(transport string, begin func(s *server, p *peer) string) {
		t.Run(transport, func(t *testing.T) {
			s := start(t)
			s.addJobs()
			p := s.dial(transport)
			p.t = t
			id := taskIn(t, begin(s, p))
			s.awaitStuck()
			if n := s.queue.Executing(backpressure.Blocking); n != 1 {
				t.Errorf("%d waiting tools run", n)
			}
			p.Close()
			s.eventually("the connection is gone", func() bool { return s.metric("weir_connections") == "0" })
			s.taskIs(id, `"status":"working"`)
			s.free()
			s.taskIs(id, `"status":"completed"`, `"text":"worked"`)
			if n := s.queue.Executing(backpressure.Blocking); n != 0 {
				t.Errorf("%d waiting tools run", n)
			}
		})
	}
	f("tcp", func(_ *server, p *peer) string {
		p.send(modernTask("1", "tools/call", `"name":"job","arguments":{}`) + "\n")
		return p.line()
	})
	f("http", func(_ *server, p *peer) string {
		p.send(postTask("1", "tools/call", `"name":"job","arguments":{}`, "job"))
		_, body := p.response()
		return body
	})
}

// While a task waits for its client it has no worker, no place in the queue and no bytes there.
func TestTaskThatAsksHoldsNothing(t *testing.T) {
	s := start(t)
	s.addJobs()
	p := s.dial("http")
	p.send(postTask("1", "tools/call", `"name":"askjob","arguments":{}`, "askjob"))
	_, body := p.response()
	id := taskIn(t, body)
	s.taskIs(id, `"status":"input_required"`, `"inputRequests":{"name":{"method":"elicitation/create"`)
	s.eventually("nothing is held", func() bool {
		return s.queue.Executing(backpressure.Blocking) == 0 && s.queue.Waiting() == 0 && s.queue.HeldBytes() == 0
	})
	answer := `,"inputResponses":{"name":{"action":"accept","content":{"n":"Ada"}}}`
	p.send(postTask("2", "tasks/update", named(id)+answer, id))
	p.wantStatus(200, `"id":2`, `"resultType":"complete"`)
	s.taskIs(id, `"status":"completed"`, `hello Ada`)
}

// Requests that wait for results cost no goroutine, and are answered when the task ends.
func TestTaskResultsAreSuspended(t *testing.T) {
	s := start(t, func(_ *Options, _ *backpressure.Options, r *registry.Options) { r.Tasks.MaxTaskWaitsPerTask = 1000 })
	s.addJobs()
	p := s.dial("tcp").greet()
	p.send(legacyTask("1", "tools/call", `"name":"job","arguments":{},"task":{}`) + "\n")
	id := taskIn(t, p.line())
	s.awaitStuck()
	before := runtime.NumGoroutine()
	const waits = 500
	for n := range waits {
		p.send(legacyTask(fmt.Sprint(n+2), "tasks/result", named(id)) + "\n")
	}
	s.eventually("all are suspended", func() bool { return s.metric("weir_task_waits") == fmt.Sprint(waits) })
	s.eventually("no worker has one", func() bool { return s.queue.Executing(backpressure.Compute) == 0 })
	if n := runtime.NumGoroutine() - before; n > 10 {
		t.Errorf("%d goroutines more than before", n)
	}
	s.free()
	answers := 0
	for answers < waits {
		line := p.line()
		if strings.Contains(line, "notifications/tasks/status") {
			continue
		}
		contains(t, line, `"text":"worked"`, `"io.modelcontextprotocol/related-task":{"taskId":"`+id)
		answers++
	}
	if got := s.metric("weir_task_waits"); got != "0" {
		t.Errorf("%s requests wait", got)
	}
}

// A client that is gone waits for nothing, over any transport and however it goes; the task goes on.
func TestTaskResultEndsWithItsClient(t *testing.T) {
	s := start(t)
	s.addJobs()
	p := s.dial("http")
	session := p.session()
	p.send(post(legacyTask("1", "tools/call", `"name":"job","arguments":{},"task":{}`), session))
	_, body := p.response()
	id := taskIn(t, body)
	wait := post(legacyTask("2", "tasks/result", named(id)), session)
	waits := func(n string) { s.eventually(n+" wait", func() bool { return s.metric("weir_task_waits") == n }) }
	for _, leave := range []func(q *peer){
		func(q *peer) { q.Close() },
		func(q *peer) { must(t, q.Conn.(*net.TCPConn).SetLinger(0)); q.Close() },
	} {
		q := s.dial("http")
		q.send(wait)
		waits("1")
		leave(q)
		waits("0")
	}
	// A line has no sign of its own for it; but a client that began the task is told how it stands, and its system
	// objects.
	line := s.dial("tcp").greet()
	line.send(legacyTask("2", "tools/call", `"name":"job","arguments":{},"task":{}`) + "\n")
	line.send(legacyTask("3", "tasks/result", named(taskIn(t, line.line()))) + "\n")
	waits("1")
	line.Close()
	waits("0")
	// One that only sends nothing more is told too, and gets its result.
	half := s.dial("tcp").greet()
	half.send(legacyTask("2", "tools/call", `"name":"job","arguments":{},"task":{}`) + "\n")
	half.send(legacyTask("3", "tasks/result", named(taskIn(t, half.line()))) + "\n")
	waits("1")
	half.closeWrite()
	contains(t, half.line(), `"status":"working"`)
	p.send(wait)
	e := p.stream()
	contains(t, e.data(), `notifications/tasks/status`, named(id), `"status":"working"`)
	s.free()
	contains(t, half.rest(), `"id":3`, `worked`)
	contains(t, e.data(), `"id":2`, `worked`)
	e.ends()
	p.send(wait)
	p.wantStatus(200, `"id":2`, `worked`)
}

// What a task asks goes out on the stream of the request that waits for its result.
func TestTaskAsksOverHTTP(t *testing.T) {
	s := start(t)
	s.addJobs()
	p, q := s.dial("http"), s.dial("http")
	session := p.ableSession()
	p.send(post(legacyTask("1", "tools/call", `"name":"askjob","arguments":{},"task":{}`), session))
	_, body := p.response()
	id := taskIn(t, body)
	p.send(post(legacyTask("2", "tasks/result", named(id)), session))
	e := p.stream()
	request := e.data()
	if strings.Contains(request, "notifications/tasks/status") { // it came before the task asked
		request = e.data()
	}
	contains(t, request, `elicitation/create`, `"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"`+id)
	q.send(post(reply(t, request, ada), session))
	q.wantStatus(202)
	last := e.data()
	for strings.Contains(last, "notifications/tasks/status") {
		last = e.data()
	}
	contains(t, last, `"id":2`, `hello Ada`)
	e.ends()
	// A client that takes no stream cannot be asked, and its task waits for one that does.
	p.send(post(legacyTask("3", "tools/call", `"name":"askjob","arguments":{},"task":{}`), session))
	_, body = p.response()
	id = taskIn(t, body)
	p.send(strings.Replace(post(legacyTask("4", "tasks/result", named(id)), session), ", text/event-stream", "", 1))
	p.wantStatus(200, `"id":4`, `"reason":"no_stream"`)
	p.send(post(legacyTask("5", "tasks/get", named(id)), session))
	p.wantStatus(200, `"status":"input_required"`)
}

// Who listens hears how a task ends: a session on its stream, a listen in its own words.
func TestTaskNotifications(t *testing.T) {
	s := start(t)
	s.addJobs()
	p, q := s.dial("http"), s.dial("http")
	session := p.session()
	p.send(post(legacyTask("1", "tools/call", `"name":"job","arguments":{},"task":{}`), session))
	_, body := p.response()
	legacy := taskIn(t, body)
	q.send(get(session))
	events := q.stream()
	events.next()

	l, m := s.dial("http"), s.dial("http")
	m.send(postTask("1", "tools/call", `"name":"job","arguments":{}`, "job"))
	_, body = m.response()
	modern := taskIn(t, body)
	l.send(post(modernTask("7", "subscriptions/listen", `"notifications":{"taskIds":["`+modern+`"]}`),
		"MCP-Protocol-Version: 2026-07-28", "Mcp-Method: subscriptions/listen"))
	listen := l.stream()
	contains(t, listen.data(), `notifications/subscriptions/acknowledged`, `"taskIds":["`+modern)
	contains(t, listen.data(), `"method":"notifications/tasks"`, `/subscriptionId":7`, `"status":"working"`)
	s.awaitStuck()
	s.awaitStuck()
	s.free()
	contains(t, events.data(), `"method":"notifications/tasks/status"`, named(legacy), `"status":"completed"`)
	contains(t, listen.data(), `"method":"notifications/tasks"`, named(modern), `"status":"completed"`,
		`"result":{"content"`, `worked`)
}

// Tasks stand in the queue like everything else: they wait for a slot, whatever their age, and are refused without
// room.
func TestTasksQueue(t *testing.T) {
	s := start(t, func(_ *Options, b *backpressure.Options, _ *registry.Options) {
		b.MaxBlockingWorkers, b.MaxWaiting, b.QueueTimeout = 1, 2, time.Nanosecond
	})
	s.addJobs()
	p := s.dial("http")
	begin := func() { p.send(postTask("1", "tools/call", `"name":"job","arguments":{}`, "job")) }
	begin()
	_, body := p.response()
	taskIn(t, body)
	s.awaitStuck()
	var ids []string
	for range 2 {
		begin()
		_, body = p.response()
		ids = append(ids, taskIn(t, body))
	}
	begin()
	p.wantStatus(503, `"id":1`, `"reason":"queue_full"`, `"executed":false`)
	if n := s.queue.Waiting(); n != 2 {
		t.Errorf("%d wait", n)
	}
	s.free()
	s.eventually("connections are taken again", func() bool { return s.queue.Waiting() == 0 })
	for _, id := range ids {
		s.taskIs(id, `"status":"completed"`)
	}
}

// A stop ends the tasks, tells their handlers, and cuts nothing.
func TestTasksAtDrain(t *testing.T) {
	s := start(t)
	s.addJobs()
	p := s.dial("tcp").greetAble()
	p.send(legacyTask("1", "tools/call", `"name":"job","arguments":{},"task":{}`) + "\n")
	running := taskIn(t, p.line())
	s.awaitStuck()
	p.send(legacyTask("2", "tools/call", `"name":"askjob","arguments":{},"task":{}`) + "\n")
	contains(t, p.line(), `"id":2`)
	contains(t, p.line(), `"status":"input_required"`)
	p.send(legacyTask("3", "tasks/result", named(running)) + "\n")
	s.eventually("it waits", func() bool { return s.metric("weir_task_waits") == "1" })
	if report := s.stop(patience); report != (DrainReport{Connections: report.Connections}) {
		t.Errorf("cut: %+v", report)
	}
	contains(t, p.rest(), `"id":3`, `"reason":"draining"`)
	if got := s.metric(`weir_tasks_ended_total{reason="draining"}`); got != "2" {
		t.Errorf("%s tasks ended", got)
	}
}

// A handler that ends its goroutine takes no task of its batch with it.
func TestTaskThatExitsInABatch(t *testing.T) {
	s := start(t, func(_ *Options, b *backpressure.Options, _ *registry.Options) { b.Workers, b.TaskLanes = 1, 1 })
	addQuick := func(name string, do func()) {
		registry.AddTool(s.registry, &mcp.Tool{Name: name}, func(context.Context, *mcp.CallToolRequest,
			struct{}) (*mcp.CallToolResult, any, error) {
			do()
			return &mcp.CallToolResult{}, nil, nil
		}, registry.Tasks(registry.TaskOptional), registry.Cheap())
	}
	addQuick("hold", func() { s.stuck <- struct{}{}; <-s.release })
	addQuick("exit", runtime.Goexit)
	addQuick("quick", func() {})
	p := s.dial("tcp")
	begin := func(tool string) string {
		p.send(modernTask("1", "tools/call", `"name":"`+tool+`","arguments":{}`) + "\n")
		return taskIn(t, p.line())
	}
	begin("hold")
	s.awaitStuck()
	exits := []string{begin("exit"), begin("exit")}
	rest := []string{begin("quick"), begin("quick")}
	s.free()
	for _, id := range exits {
		s.taskIs(id, `"status":"failed"`)
	}
	for _, id := range rest {
		s.taskIs(id, `"status":"completed"`)
	}
	s.eventually("the queue is empty", func() bool { return s.queue.Waiting() == 0 && s.queue.HeldBytes() == 0 })
}
