package reactor

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"weir/backpressure"
	"weir/reactor/loop"
	"weir/registry"
)

// succession starts two servers of which the second gives back to the first what belongs there.
func succession(t *testing.T, tunes ...tune) (old, young *server) {
	t.Helper()
	tunes = append([]tune{func(o *Options, _ *backpressure.Options, _ *registry.Options) { o.HTTPSSEPath = "/sse" }},
		tunes...)
	old, young = start(t, tunes...), start(t, tunes...)
	old.addJobs()
	young.addJobs()
	young.Handover().GiveBack(func(fd int, read []byte) error {
		theirs, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0) // as a message between processes does
		if err == nil {
			old.Handover().Take(theirs, append([]byte(nil), read...), func() {})
		}
		return err
	})
	return old, young
}

func (p *peer) answers404(what string) {
	p.t.Helper()
	if r, body := p.response(); r.StatusCode != 404 {
		p.t.Errorf("%s: %s %s", what, r.Status, body)
	}
}

// chunked is a POST whose body comes in chunks of a few bytes.
func chunked(message string, headers ...string) string {
	text := "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" +
		"Accept: application/json, text/event-stream\r\nTransfer-Encoding: chunked\r\n" +
		strings.Join(append(headers, ""), "\r\n") + "\r\n"
	for len(message) > 0 {
		n := min(7, len(message))
		text += fmt.Sprintf("%x\r\n%s\r\n", n, message[:n])
		message = message[n:]
	}
	return text + "0\r\n\r\n"
}

// TestHandover: a request about a session, a stream or a task of the old server reaches it over the new one, however
// it is framed and cut, and what came behind it too. What the new one has, or nobody can have, stays.
func TestHandover(t *testing.T) {
	old, young := succession(t)
	session := old.dial("http").session()
	echo := strings.TrimSpace(toolCall("1", "echo", `{"message":"hello"}`))
	handed := 0
	f := func(what, request string, want ...string) {
		t.Helper()
		handed++
		p := young.dial("http")
		p.send(request)
		r, body := p.response()
		if r.StatusCode != 200 && r.StatusCode != 202 {
			t.Errorf("%s: %s", what, r.Status)
		}
		contains(t, body, want...)
		young.closedFor(loop.CloseHandedOver, fmt.Sprint(handed))
	}
	f("a call", post(echo, session), `"hello"`)
	f("empty lines before it", "\r\n\r\n"+post(echo, session), `"hello"`)
	f("in chunks", chunked(echo, session), `"hello"`)
	f("large", post(strings.TrimSpace(toolCall("1", "echo", `{"message":"`+strings.Repeat("x", 200<<10)+`"}`)), session),
		strings.Repeat("x", 200<<10))
	f("a notification", post(`{"jsonrpc":"2.0","method":"notifications/initialized"}`, session))
	f("a batch in a session without", post(`[`+echo+`]`, old.dial("http").sessionOf("2025-03-26")), `"hello"`)

	for _, request := range []string{post(echo, session), chunked(echo, session)} {
		handed++
		p := young.dial("http")
		p.send(request + post(echo, session)) // in a pipeline
		for range 2 {
			_, body := p.response()
			contains(t, body, `"hello"`)
		}
		p.serves() // the old one says whether it goes on
	}

	p := young.dial("http")
	p.send("GET /mcp HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n" + session + "\r\n\r\n")
	p.stream()
	old.eventually("the stream is the old one's", func() bool { return old.metric("weir_session_streams") == "1" })

	_, path := old.dial("http").sse()
	young.dial("http").asked(path, hello)

	holder := old.dial("http")
	holder.send(postTask("1", "tools/call", `"name":"job","arguments":{}`, "job"))
	_, body := holder.response()
	id := regexp.MustCompile(`"taskId":"([^"]+)"`).FindStringSubmatch(body)
	if id == nil {
		t.Fatal(body)
	}
	handed += 2
	f("a task", postTask("2", "tasks/get", `"taskId":"`+id[1]+`"`, id[1]), `"working"`)

	own := young.dial("http")
	own.session()
	own.send(post(hello, session)) // begins anew, whatever it still sends
	if r, body := own.response(); r.StatusCode != 200 {
		t.Errorf("%s %s", r.Status, body)
	}
	own.send(postDiscover(session)) // has no sessions
	own.response()
	own.send(post(echo)) // names none
	if r, body := own.response(); r.StatusCode != 400 {
		t.Errorf("%s %s", r.Status, body)
	}
	young.closedFor(loop.CloseHandedOver, fmt.Sprint(handed))

	ended := young.dial("http")
	ended.send("DELETE /mcp HTTP/1.1\r\nHost: localhost\r\n" + session + "\r\n\r\n")
	if r, _ := ended.response(); r.StatusCode != 204 && r.StatusCode != 200 {
		t.Errorf("DELETE: %s", r.Status)
	}
	if n := old.Status().Sessions; n != 1 {
		t.Errorf("%d sessions are left, want 1", n)
	}
}

// TestHandoverRefused: a request that cannot be given away is refused with a reason; once the old server is gone it is
// judged here.
func TestHandoverRefused(t *testing.T) {
	s := start(t)
	session := "Mcp-Session-Id: AAAAAAAAAAAAAAAAAAAAAAAAAA"
	echo := post(strings.TrimSpace(toolCall("7", "echo", `{"message":"hello"}`)), session)
	s.Handover().GiveBack(func(int, []byte) error { return unix.EAGAIN })
	refused := func(r *http.Response, body string) {
		t.Helper()
		contains(t, body, `"id":7`, `"reason":"handover_limit"`, `"executed":false`)
		if r.StatusCode != 503 || r.Header.Get("Retry-After") == "" || !r.Close {
			t.Errorf("%s %v", r.Status, r.Header)
		}
	}
	p := s.dial("http")
	p.send(echo)
	refused(p.response())
	p = s.dial("http")
	p.send(modernCall("1", "stuck", `{}`) + echo) // an answer is still to be given here
	s.awaitStuck()
	s.free()
	p.response()
	refused(p.response())
	s.Handover().GiveBack(func(int, []byte) error { return ErrPredecessorGone })
	p = s.dial("http")
	p.send(echo)
	p.answers404("gone")
	s.Handover().StopGiving()
	p.send(echo)
	p.answers404("nobody is there")
}

// TestHandoverIsCounted: what the other process has counts for max_connections, and what comes back is limited.
func TestHandoverIsCounted(t *testing.T) {
	old, young := succession(t, func(_ *Options, b *backpressure.Options, _ *registry.Options) { b.MaxConnections = 2 })
	holder := old.dial("http")
	session := holder.session()
	young.Handover().CountElsewhere(1)
	young.admitted()
	contains(t, young.dial("http").rest(), `"connection_limit"`)
	old.admitted() // now it has two
	young.Handover().CountElsewhere(0)
	p := young.admitted()
	p.send(post(`{"jsonrpc":"2.0","id":1,"method":"ping"}`, session))
	contains(t, p.rest(), "503 ", `"connection_limit"`)
	if n := old.metric(`weir_refusals_total{reason="connection_limit"}`); n == "0" {
		t.Error("the old one counted no refusal")
	}
}

// admitted is a connection that was let in: the ports of this machine are dialled by others, too, and a place may be
// taken for a moment.
func (s *server) admitted() (p *peer) {
	s.t.Helper()
	s.eventually("it is let in", func() bool {
		p = s.dial("http")
		p.send(postDiscover())
		r, _, err := p.readResponse()
		return err == nil && r.StatusCode == 200
	})
	return p
}

var postListen = post(`{"jsonrpc":"2.0","id":"l","method":"subscriptions/listen","params":{"notifications":`+
	`{"toolsListChanged":true},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",`+
	`"io.modelcontextprotocol/clientCapabilities":{}}}}`, "MCP-Protocol-Version: 2026-07-28",
	"Mcp-Method: subscriptions/listen")

// TestLeave: who leaves serves on, ends listens over HTTP with their result, and says close. Nobody gets in by itself.
func TestLeave(t *testing.T) {
	s := start(t, func(o *Options, _ *backpressure.Options, _ *registry.Options) { o.DrainSpread = 50 * time.Millisecond })
	listens := make([]*events, 20)
	for i := range listens {
		p := s.dial("http")
		p.send(postListen)
		listens[i] = p.stream()
		contains(t, listens[i].next().data, "acknowledged")
	}
	line, web := s.dial("tcp"), s.dial("http")
	line.answers()
	web.serves()
	h := s.Handover()
	h.Pause()
	waits := s.dial("tcp")
	line.answers()
	h.Resume()
	waits.answers()
	h.Leave(t.Context())
	for _, l := range listens {
		contains(t, l.next().data, "notifications/cancelled")
		contains(t, l.next().data, `"id":"l","result"`)
	}
	line.answers()
	web.send(postDiscover())
	if r, _ := web.response(); r.StatusCode != 200 || !r.Close {
		t.Errorf("%s, close %v", r.Status, r.Close)
	}
	if word := s.Status().Refusing; word != "draining" {
		t.Errorf("it says %q", word)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	h.AwaitNobody(ctx) // does not wait
	line.Close()
	waits.Close()
	for _, l := range listens {
		l.body.Close()
	}
}

// TestDrainDelay: a stop says so at once, serves as long, and ends then.
func TestDrainDelay(t *testing.T) {
	s := start(t, func(o *Options, _ *backpressure.Options, _ *registry.Options) { o.DrainDelay = time.Hour })
	ctx, cancel := context.WithCancel(t.Context())
	p, ended := s.dial("http"), make(chan struct{})
	p.serves()
	s.stopped = true
	go func() { s.Shutdown(ctx); close(ended) }()
	s.eventually("it says so", func() bool { return s.Status().Refusing == "draining" })
	p.send(postDiscover())
	if r, _ := p.response(); r.StatusCode != 200 || !r.Close {
		t.Errorf("%s, close %v", r.Status, r.Close)
	}
	s.dial("tcp").answers()
	cancel()
	<-ended
}

// TestDrainSpread: streams end a part of the connections after the other.
func TestDrainSpread(t *testing.T) {
	s := start(t)
	const all = 40
	ended := make(chan struct{}, all)
	for range all {
		p := s.dial("http")
		p.send(postListen)
		e := p.stream()
		e.next()
		go func() { e.next(); e.next(); ended <- struct{}{} }()
	}
	s.pipeline.Drain()
	for _, part := range []int{256, 512, 1024} {
		s.pipeline.Part(part)
		s.loops.VisitAll()
		want := int64(all - all*part/1024)
		within := func() bool { open := s.engine.Streams(); return open <= want+all/5 && open >= want-all/5 }
		s.eventually(fmt.Sprintf("about %d are left of %d", want, all), within)
	}
	for range all {
		<-ended
	}
}
