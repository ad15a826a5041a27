package reactor

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"weir/backpressure"
	"weir/reactor/cluster"
	"weir/reactor/cluster/forward"
	"weir/reactor/cluster/loopback"
	"weir/reactor/loop"
	"weir/registry"
	"weir/registry/nodeid"
)

// callIn is a POST of a tools/call in a session.
func callIn(session, id, tool, arguments string) string {
	return post(strings.TrimSpace(toolCall(id, tool, arguments)), session)
}

func deleteOf(session string) string {
	return "DELETE /mcp HTTP/1.1\r\nHost: localhost\r\n" + session + "\r\n\r\n"
}

// settled waits until nothing is forwarded any more between the nodes that are left, and nothing is held for it.
func (j *joined) settled() {
	for _, s := range j.servers {
		s.t.Helper()
		for _, series := range []string{"weir_cluster_forwarded_open", "weir_cluster_forwarded_serving", "weir_input_bytes",
			"weir_outbox_bytes"} {
			s.eventually(series+" is 0", func() bool { return s.metric(series) == "0" })
		}
	}
}

// TestSessionOfAnotherNode: any node answers anyone; what no node has made does not leave.
func TestSessionOfAnotherNode(t *testing.T) {
	j := startCluster(t, 2)
	a, b := j.servers[0], j.servers[1]
	p, q := a.dial("http"), b.dial("http")
	session := p.session()
	contains(t, session, ": n0.")
	q.send(callIn(session, "1", "echo", `{"message":"there"}`))
	q.wantStatus(200, `"id":1`, "there")
	large := strings.Repeat("large ", 100_000)
	q.send(callIn(session, "2", "echo", `{"message":"`+large+`"}`))
	q.wantStatus(200, `"id":2`, large)
	body := strings.TrimSpace(toolCall("3", "echo", `{"message":"in chunks"}`))
	q.send(head("POST", "/mcp", session, "Content-Type: application/json", "Accept: application/json, text/event-stream",
		"Transfer-Encoding: chunked") + fmt.Sprintf("10\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n", body[:16], len(body)-16, body[16:]))
	q.wantStatus(200, `"id":3`, "in chunks")
	q.send(post(`{"jsonrpc":"2.0","method":"notifications/initialized"}`, session))
	q.wantStatus(202)
	if n := b.metric("weir_cluster_forwarded_requests_total"); n != "4" {
		t.Errorf("%s requests were forwarded", n)
	}
	q.send(callIn(session[:len(session)-1]+"_", "5", "echo", `{"message":"x"}`))
	q.wantStatus(404, "no such session")
	q.send(callIn("Mcp-Session-Id: "+strings.Repeat("x", 26), "6", "echo", `{"message":"x"}`))
	q.wantStatus(404, "no such session")
	elsewhere, err := nodeid.New("n9", bytes.Repeat([]byte("s"), 32))
	must(t, err)
	q.send(callIn("Mcp-Session-Id: "+elsewhere.Make(nodeid.Session), "7", "echo", `{"message":"x"}`))
	q.wantStatus(404, "no such session")
	if n := b.metric("weir_cluster_forwarded_served_total"); n != "0" {
		t.Errorf("%s requests were served for others", n)
	}
	if n := a.metric("weir_cluster_forwarded_served_total"); n != "4" {
		t.Errorf("%s requests were served for others", n)
	}
	q.send(deleteOf(session))
	q.wantStatus(204)
	q.send(callIn(session, "8", "echo", `{"message":"late"}`))
	q.wantStatus(404, "no such session")
	j.settled()
}

// TestForwardedInAPipeline: answers leave in the order of the requests, whichever node has made them.
func TestForwardedInAPipeline(t *testing.T) {
	j := startCluster(t, 3, roomy)
	p := j.servers[0].dial("http")
	sessions := []string{p.session(), j.servers[1].dial("http").session(), j.servers[2].dial("http").session()}
	large := strings.Repeat("large ", 50_000)
	var requests strings.Builder
	for i := range 30 {
		message := "short"
		if i%4 == 1 {
			message = large
		}
		requests.WriteString(callIn(sessions[(i/2)%3], strconv.Itoa(i), "echo", `{"message":"`+message+`"}`))
	}
	go func() { _, _ = p.Write([]byte(requests.String())) }()
	for i := range 30 {
		r, body := p.response()
		if r.StatusCode != 200 || !strings.Contains(body, `"id":`+strconv.Itoa(i)+`,`) {
			t.Fatalf("answer %d: %s %.200s", i, r.Status, body)
		}
	}
	j.settled()
}

// TestOwnerFreezes: what belongs to a node that is not heard is told to come again, and is unknown when that is dead.
func TestOwnerFreezes(t *testing.T) {
	j := startCluster(t, 2)
	b := j.servers[1]
	session := j.servers[0].dial("http").session()
	p, q := b.dial("http"), b.dial("http")
	p.send(callIn(session, "1", "stuck", `{}`))
	b.awaitStuck()
	j.freeze(0)
	b.eventually("it is suspected", func() bool { return j.nodes[1].State("n0") == cluster.Suspected })
	q.send(callIn(session, "2", "echo", `{"message":"x"}`))
	r, body := q.response()
	if r.StatusCode != 503 || r.Header.Get("Retry-After") == "" {
		t.Error(r.Status, r.Header)
	}
	contains(t, body, `"id":2`, `"reason":"node_suspected"`, `"executed":false`)
	q.send(get(session))
	q.wantStatus(503, `"reason":"node_suspected"`)
	r, body = p.response() // when it is dead
	contains(t, body, `"id":1`, `"code":-32603`, `"reason":"node_lost"`, `"executed":"unknown"`)
	if r.StatusCode != 200 {
		t.Error(r.Status)
	}
	q.send(callIn(session, "3", "echo", `{"message":"x"}`))
	q.wantStatus(404, "no such session")
	p.send(post(hello)) // the client initializes anew, where it is
	p.wantStatus(200, `"protocolVersion"`)
}

// TestOwnerDies: each call has one answer, streams end, and what cannot be ended is cut.
func TestOwnerDies(t *testing.T) {
	j := startCluster(t, 2)
	a, b := j.servers[0], j.servers[1]
	a.addTell()
	j.told()
	session := a.dial("http").session()
	stream, told, silent, cut := b.dial("http"), b.dial("http"), b.dial("http"), b.dial("http").narrow()
	stream.send(get(session))
	e := stream.stream()
	e.next()
	told.send(postTell("1", `{"times":2,"wait":true}`, `"progressToken":"p"`, session))
	f := told.stream()
	f.next()
	f.want(step1, step2)
	silent.send(callIn(session, "2", "stuck", `{}`) + callIn(session, "3", "stuck", `{}`))
	for range 3 {
		a.awaitStuck()
	}
	cut.send(callIn(session, "4", "echo", `{"message":"`+strings.Repeat("x", 900_000)+`"}`))
	b.eventually("a part of the answer has come", func() bool { return b.metric("weir_outbox_bytes") != "0" })
	j.kill(0)
	e.ends()
	f.data() // the log line
	contains(t, f.data(), `"id":1`, `"reason":"node_lost"`, `"executed":"unknown"`)
	f.ends()
	silent.wantStatus(200, `"id":2`, `"reason":"node_lost"`)
	silent.wantStatus(200, `"id":3`, `"reason":"node_lost"`)
	b.closedFor(loop.CloseNodeLost, "1")
	stream.send(get(session))
	stream.wantStatus(404)
	if n := b.metric(`weir_cluster_forwarded_ended_total{fate="node_lost"}`); n != "5" {
		t.Errorf("%s were lost", n)
	}
	b.eventually("nothing is left", func() bool {
		return b.metric("weir_cluster_forwarded_open") == "0" && b.metric("weir_outbox_bytes") == "0"
	})
}

// TestEntryDies: what the owner did for its clients ends as if they had gone.
func TestEntryDies(t *testing.T) {
	j := startCluster(t, 2)
	a, b := j.servers[0], j.servers[1]
	session := a.dial("http").session()
	p, q := b.dial("http"), b.dial("http")
	p.send(get(session))
	p.stream().next()
	q.send(callIn(session, "1", "stuck", `{}`))
	a.awaitStuck()
	a.eventually("both are served", func() bool { return a.metric("weir_cluster_forwarded_serving") == "2" })
	j.kill(1)
	a.eventually("neither is", func() bool { return a.metric("weir_cluster_forwarded_serving") == "0" })
	a.eventually("the stream has ended", func() bool { return a.engine.Streams() == 0 })
	if n := a.Connections(); n != 1 {
		t.Errorf("%d connections are left", n)
	}
}

// TestForwardedClientLeaves: a client that goes away is gone for its owner, too.
func TestForwardedClientLeaves(t *testing.T) {
	j := startCluster(t, 2)
	a, b := j.servers[0], j.servers[1]
	session := a.dial("http").session()
	p := b.dial("http")
	p.send(get(session))
	p.stream().next()
	a.eventually("it has a stream", func() bool { return a.engine.Streams() == 1 })
	p.reset()
	a.eventually("the stream has ended", func() bool { return a.engine.Streams() == 0 })
	q := b.dial("http") // one that closes only its sending side gets its answer
	q.send(callIn(session, "1", "stuck", `{}`))
	a.awaitStuck()
	q.closeWrite()
	a.free()
	for {
		r, err := http.ReadResponse(q.r, nil)
		must(t, err)
		if r.StatusCode == 100 {
			continue
		}
		if r.StatusCode != 200 {
			t.Error(r.Status)
		}
		break
	}
	q.Close()
	j.settled()
}

// TestForwardedSlowReader: a client that does not read holds up its owner, and what waits is bounded at both nodes.
func TestForwardedSlowReader(t *testing.T) {
	const size = 900_000
	j := startCluster(t, 2, roomy)
	a, b := j.servers[0], j.servers[1]
	session := a.dial("http").session()
	p := b.dial("http")
	must(t, p.Conn.(*net.TCPConn).SetReadBuffer(128<<10))
	go func() { // it is not read to its end before the client reads
		for id := range 10 {
			_, _ = p.Write([]byte(callIn(session, strconv.Itoa(id), "echo", `{"message":"`+strings.Repeat("x", size)+`"}`)))
		}
	}()
	a.eventually("its owner waits", func() bool { return a.metric("weir_cluster_forwarded_stalled_total") != "0" })
	if waits := b.loops.OutboxBytes(); waits > 2<<20 {
		t.Errorf("%d bytes wait at the entry", waits)
	}
	for id := range 10 {
		r, body := p.response()
		if r.StatusCode != 200 || len(body) < size || !strings.Contains(body, `"id":`+strconv.Itoa(id)) {
			t.Fatalf("answer %d: %s, %d bytes", id, r.Status, len(body))
		}
	}
	j.settled()
}

// TestForwardLimit: what is above the bound of either node is refused by name.
func TestForwardLimit(t *testing.T) {
	j := startClusterOf(t, 3, func(c *Config) {
		o := forward.DefaultOptions()
		o.MaxForwarded = 1
		c.Forward = &o
	})
	a, b := j.servers[0], j.servers[1]
	session := a.dial("http").session()
	p := b.dial("http")
	p.send(callIn(session, "1", "stuck", `{}`))
	a.awaitStuck()
	for i, entry := range j.servers[1:] {
		q := entry.dial("http")
		q.send(callIn(session, "2", "echo", `{"message":"x"}`))
		q.wantStatus(503, `"id":2`, `"reason":"forward_limit"`, `"executed":false`)
		if n := entry.metric(`weir_cluster_forwarded_ended_total{fate="forward_limit"}`); n != strconv.Itoa(i) {
			t.Errorf("node %d: its owner refused %s", i+1, n)
		}
	}
	a.free()
	p.wantStatus(200, `"id":1`)
	j.settled()
}

// TestForwardedPrincipal: a session is its principal's on every node.
func TestForwardedPrincipal(t *testing.T) {
	j := startCluster(t, 2, guarded)
	a, b := j.servers[0], j.servers[1]
	p := a.dial("http")
	p.send(post(hello, bearing("alice")))
	r, _ := p.response()
	session := "Mcp-Session-Id: " + r.Header.Get("Mcp-Session-Id")
	call := strings.TrimSpace(toolCall("1", "echo", `{"message":"hers"}`))
	f := func(status int, text string, headers ...string) {
		t.Helper()
		q := b.dial("http")
		q.send(post(call, append(headers, session)...))
		q.wantStatus(status, text)
		q.Close()
	}
	f(200, "hers", bearing("alice"))
	f(404, "no such session", bearing("bob"))
	f(401, "")
	j.settled()
}

// TestForwardedRefusal: what the owner refuses reaches the client in the owner's words.
func TestForwardedRefusal(t *testing.T) {
	j := startCluster(t, 2, func(_ *Options, b *backpressure.Options, _ *registry.Options) { b.MaxConnections = 3 })
	a, b := j.servers[0], j.servers[1]
	session := a.dial("http").session()
	a.dial("http").session()
	p, q := b.dial("http"), b.dial("http")
	p.send(callIn(session, "1", "stuck", `{}`))
	a.awaitStuck()
	q.send(callIn(session, "2", "echo", `{"message":"x"}`))
	q.wantStatus(503, `"id":2`, `"reason":"connection_limit"`)
	a.free()
	p.wantStatus(200, `"id":1`)
	j.settled()
}

// TestForwardedOfAConnection: what one connection has other nodes do at once is bounded, or it were a way around the
// bounds that connections have at their own.
func TestForwardedOfAConnection(t *testing.T) {
	j := startCluster(t, 2, func(_ *Options, b *backpressure.Options, _ *registry.Options) {
		b.MaxExecutingPerConnection = 3
	})
	a, b := j.servers[0], j.servers[1]
	session := a.dial("http").session()
	p := b.dial("http")
	for id := range 5 {
		p.send(callIn(session, strconv.Itoa(id), "stuck", `{}`))
	}
	for range 3 {
		a.awaitStuck()
	}
	b.eventually("two are refused", func() bool {
		return b.metric(`weir_refusals_total{reason="connection_queue_full"}`) == "2"
	})
	a.free()
	for range 3 {
		p.wantStatus(200)
	}
	for range 2 {
		p.wantStatus(503, `"reason":"connection_queue_full"`, `"executed":false`)
	}
	j.settled()
}

// listener is an engine that hands what is sent to a test, too.
type listener struct {
	cluster.Engine
	hears func(data []byte)
}

func (l listener) Send(to string, kind cluster.Kind, id uint64, data []byte) error {
	l.hears(data)
	return l.Engine.Send(to, kind, id, data)
}

// TestForwardedWithoutItsToken: what a client proves itself with is for the node that it asks.
func TestForwardedWithoutItsToken(t *testing.T) {
	network := loopback.New()
	var heard atomic.Int32
	open := func(name string, h cluster.Handler) (cluster.Engine, error) {
		e, err := network.Open(name, h)
		return listener{e, func(data []byte) {
			if bytes.Contains(data, []byte("tools/call")) {
				heard.Add(1)
			}
			if bytes.Contains(data, []byte(tokenOf("alice"))) {
				t.Error("a token leaves its node")
			}
		}}, err
	}
	j := (&joined{Network: network, other: open}).start(t, 2, func(*Config) {}, guarded)
	session := j.servers[0].sessionAt("/mcp", bearing("alice"))
	call := strings.TrimSpace(toolCall("1", "echo", `{"message":"hers"}`))
	body := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(call), call)
	q := j.servers[1].dial("http")
	q.send(post(call, bearing("alice"), session))
	q.wantStatus(200, "hers")
	q.send(head("POST", "/mcp", session, bearing("alice"), "Content-Type: application/json",
		"Accept: application/json, text/event-stream", "Transfer-Encoding: chunked") + body)
	q.wantStatus(200, "hers")
	if n := heard.Load(); n != 2 {
		t.Errorf("%d requests were forwarded", n)
	}
	j.settled()
}
