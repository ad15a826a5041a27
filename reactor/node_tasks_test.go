package reactor

import (
	"strings"
	"testing"
)

// TestTaskOfAnotherNode: whoever names a task may do so at any node, on any transport, in both eras.
func TestTaskOfAnotherNode(t *testing.T) {
	j := startCluster(t, 2)
	for _, s := range j.servers {
		s.addJobs()
	}
	j.told()
	a, b := j.servers[0], j.servers[1]
	p, h := b.dial("tcp"), b.dial("http")
	w := b.websocket()
	begin := func() string {
		q := a.dial("http")
		q.send(postTask("1", "tools/call", `"name":"job","arguments":{}`, "job"))
		_, body := q.response()
		q.Close()
		a.awaitStuck()
		return taskIn(t, body)
	}
	id := begin()
	contains(t, id, "n0.")
	p.send(modernTask("1", "tasks/get", named(id)) + "\n")
	contains(t, p.line(), `"id":1`, `"status":"working"`)
	w.text(modernTask("2", "tasks/get", named(id)))
	contains(t, string(w.received().Payload), `"id":2`, `"status":"working"`)
	h.send(postTask("3", "tasks/get", named(id), id))
	h.wantStatus(200, `"id":3`, `"status":"working"`)
	p.send(modernTask("4", "tasks/cancel", named(id)) + "\n")
	contains(t, p.line(), `"id":4`, `"resultType":"complete"`)
	h.send(postTask("5", "tasks/get", named(id), id))
	h.wantStatus(200, `"id":5`, `"status":"cancelled"`)
	p.send(modernTask("6", "tasks/get", named(id[:len(id)-1]+"_")) + "\n")
	contains(t, p.line(), `"id":6`, `"code":-32602`)

	// What waits for its end is suspended here, and there.
	l, q := a.dial("tcp").greet(), b.dial("tcp").greet()
	session := h.session()
	l.send(legacyTask("1", "tools/call", `"name":"job","arguments":{},"task":{}`) + "\n")
	id = taskIn(t, l.line())
	a.awaitStuck()
	q.send(legacyTask("1", "tasks/result", named(id)) + "\n")
	q.send(legacyTask("2", "tasks/get", named(id)) + "\n")
	contains(t, q.line(), `"id":2`, `"status":"working"`)
	r := b.dial("http")
	r.send(post(legacyTask("3", "tasks/result", named(id)), session))
	b.eventually("both wait", func() bool { return b.metric("weir_cluster_forwarded_open") == "2" })
	q.send(legacyTask("4", "tasks/result", named(id)) + "\n")
	b.eventually("three wait", func() bool { return b.metric("weir_cluster_forwarded_open") == "3" })
	q.send(cancelled("4") + "\n")
	b.eventually("one was taken back", func() bool { return b.metric("weir_cluster_forwarded_open") == "2" })
	a.eventually("also there", func() bool { return a.metric("weir_task_waits") == "2" })
	a.free()
	contains(t, q.line(), `"id":1`, `"text":"worked"`)
	r.wantStatus(200, `"id":3`, `"text":"worked"`)
	j.settled()

	// A node that ends takes its tasks with it.
	p.send(modernTask("7", "tools/call", `"name":"askjob","arguments":{}`) + "\n")
	id = taskIn(t, p.line())
	b.taskIs(id, `"status":"input_required"`)
	x := a.dial("tcp")
	x.send(modernTask("8", "tasks/get", named(id)) + "\n")
	contains(t, x.line(), `"id":8`, `"status":"input_required"`)
	x.send(modernTask("9", "tasks/update", named(id)+`,"inputResponses":{"name":{"action":"accept","content":{"n":"Ada"}}}`) +
		"\n")
	contains(t, x.line(), `"id":9`, `"resultType":"complete"`)
	b.taskIs(id, `"status":"completed"`, "hello Ada")
	j.kill(1)
	x.send(modernTask("10", "tasks/get", named(id)) + "\n")
	contains(t, strings.ToLower(x.line()), `"id":10`, `"code":-32602`, "no such task")
}
