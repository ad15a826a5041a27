package reactor

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/backpressure"
	"weir/registry"
)

type pollIn struct {
	Before int  `json:"before,omitempty"` // steps before the stream is closed
	Twice  bool `json:"twice,omitempty"`  // close it again when it was resumed
	Length int  `json:"length,omitempty"` // of the answer
}

// addPoll offers "poll", which closes its stream, waits until the test lets it go on, and reports a step more.
func (s *server) addPoll() {
	registry.AddTool(s.registry, &mcp.Tool{Name: "poll"},
		func(ctx context.Context, _ *mcp.CallToolRequest, in pollIn) (*mcp.CallToolResult, any, error) {
			for i := range in.Before {
				registry.Progress(ctx, float64(i+1), 0, "")
			}
			closed := 0
			if registry.CloseStream(ctx, 0) {
				closed++
			}
			s.stuck <- struct{}{}
			<-s.release
			registry.Progress(ctx, float64(in.Before+1), 0, "")
			if in.Twice && registry.CloseStream(ctx, 5*time.Second) {
				closed++
			}
			text := fmt.Sprintf("closed %d %s", closed, strings.Repeat("x", in.Length))
			return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: text}}}, nil, nil
		})
}

func pollCall(id, arguments string) string {
	return `{"jsonrpc":"2.0","id":` + id + `,"method":"tools/call","params":{"name":"poll","arguments":` + arguments +
		`,"_meta":{"progressToken":"p"}}}`
}

func resumeFrom(session, id string) string { return get(session, "Last-Event-ID: "+id) }

// sessionOf is the header of a session in a revision.
func (p *peer) sessionOf(version string) string {
	p.t.Helper()
	p.send(post(strings.Replace(able, "2025-11-25", version, 1)))
	r, _ := p.response()
	return "Mcp-Session-Id: " + r.Header.Get("Mcp-Session-Id")
}

func step(n int) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"p","progress":%d}}`,
		n)
}

// Every event of a POST's stream has an id of its own in the session, and since 2025-11-25 an event without data is
// first.
func TestPostStreamHasIDs(t *testing.T) {
	s := start(t)
	s.addTell()
	f := func(version string, ids bool, primed bool) {
		t.Run(version, func(t *testing.T) {
			p := s.dial("http")
			p.t = t
			session := p.sessionOf(version)
			for _, stream := range []string{"1", "2"} {
				p.send(postTell(stream, `{"times":2}`, `"progressToken":"p"`, session))
				e := p.stream()
				id := func(n int) string {
					if !ids {
						return ""
					}
					return fmt.Sprint(stream, "-", n)
				}
				step := func(full string) string {
					if version == "2024-11-05" {
						return wordless(full)
					}
					return full
				}
				if primed {
					if ev := e.next(); ev != (sseEvent{id: id(0)}) {
						t.Errorf("it begins with %+v", ev)
					}
				}
				e.wantEvent(id(1), step(step1))
				e.wantEvent(id(2), step(step2))
				e.wantEvent(id(3), logLine)
				if ev := e.next(); ev.id != id(4) || !strings.Contains(ev.data, endsWith) {
					t.Errorf("it ends with %+v", ev)
				}
				e.ends()
			}
		})
	}
	f("2024-11-05", false, false)
	f("2025-03-26", true, false)
	f("2025-06-18", true, false)
	f("2025-11-25", true, true)
}

// A lost connection does not cancel the call; who resumes its stream is sent the rest of it, and of no other, and its
// end.
func TestPostStreamResumes(t *testing.T) {
	s := start(t)
	s.addTell()
	p, q := s.dial("http"), s.dial("http")
	session := p.session()
	p.send(postTell("1", `{"times":2,"wait":true}`, `"progressToken":"p"`, session))
	e := p.stream()
	e.next()
	e.wantEvent("1-1", step1)
	s.awaitStuck()
	p.Close()
	q.send(postTell("2", `{"times":2}`, `"progressToken":"p"`, session))
	e = q.stream()
	for range 5 {
		e.next()
	}
	e.ends()
	q.send(resumeFrom(session, "1-1"))
	e = q.stream()
	e.wantEvent("1-1", "")
	e.wantEvent("1-2", step2)
	e.wantEvent("1-3", logLine)
	s.free()
	if ev := e.next(); ev.id != "1-4" || !strings.Contains(ev.data, endsWith) {
		t.Errorf("it ends with %+v", ev)
	}
	e.ends()
	// It is kept for who lost this connection too.
	q.send(resumeFrom(session, "1-3"))
	e = q.stream()
	e.next()
	contains(t, e.data(), endsWith)
	e.ends()
	q.send(resumeFrom(session, "1-4"))
	e = q.stream()
	e.wantEvent("1-4", "")
	e.ends()
	for _, bad := range []string{"1-5", "3-0"} {
		q.send(resumeFrom(session, bad))
		q.wantStatus(400, "names no event of this session")
	}
	q.send(resumeFrom(q.session(), "1-1"))
	q.wantStatus(400, "names no event of this session")
	if got := s.metric(`weir_stream_resumes_total{outcome="resumed"}`); got != "3" {
		t.Errorf("%s streams were resumed, want 3", got)
	}
	if got := s.metric(`weir_stream_resumes_total{outcome="unknown_event"}`); got != "3" {
		t.Errorf("%s resumes of nothing, want 3", got)
	}
}

// A message goes out on one stream: who resumes takes it over, from the POST and from who resumed before.
func TestPostStreamIsTakenOver(t *testing.T) {
	s := start(t)
	s.addTell()
	p, q, r := s.dial("http"), s.dial("http"), s.dial("http")
	session := p.session()
	p.send(postTell("1", `{"times":2,"wait":true}`, `"progressToken":"p"`, session) +
		post(`{"jsonrpc":"2.0","id":2,"method":"ping"}`, session))
	first := p.stream()
	s.awaitStuck()
	q.send(resumeFrom(session, "1-0"))
	second := q.stream()
	second.wantEvent("1-0", "")
	first.next()
	first.want(step1, step2, logLine)
	first.ends()
	p.wantStatus(200, `"id":2`) // and what was behind it has its turn
	second.want(step1, step2, logLine)
	r.send(resumeFrom(session, "1-3"))
	third := r.stream()
	third.next()
	second.ends()
	s.free()
	contains(t, third.data(), `"id":1`)
	third.ends()
}

// A stream that waited for its turn is sent what it was owed meanwhile, and one that was left for another ends then.
func TestStreamsThatWaitForTheirTurn(t *testing.T) {
	s := start(t)
	s.addTell()
	p, q, r := s.dial("http"), s.dial("http"), s.dial("http")
	session := p.session()
	p.send(postTell("1", `{"times":2}`, `"progressToken":"p"`, session))
	e := p.stream()
	for range 5 {
		e.next()
	}
	e.ends()
	before := post(strings.TrimSpace(toolCall("2", "stuck", `{}`)), session)
	p.send(before + resumeFrom(session, "1-1"))
	s.awaitStuck()
	q.send(strings.Replace(before, `"id":2`, `"id":3`, 1) + get(session))
	s.awaitStuck()
	r.send(strings.Replace(before, `"id":2`, `"id":4`, 1) + postTell("5", `{"times":2,"wait":true}`, `"progressToken":"p"`,
		session))
	s.awaitStuck()
	s.awaitStuck()
	s.eventually("the streams are open", func() bool {
		return s.metric(`weir_stream_resumes_total{outcome="resumed"}`) == "1" && s.metric("weir_session_streams") == "1"
	})
	s.change("new")
	other := s.dial("http")
	other.send(resumeFrom(session, "2-0"))
	e = other.stream()
	e.wantEvent("2-0", "")
	e.wantEvent("2-1", step1)
	s.free()
	contains(t, e.data()+e.data()+e.data(), step2, logLine, `"id":5`)
	e.ends()
	p.wantStatus(200, "free")
	e = p.stream()
	e.wantEvent("1-1", "")
	e.wantEvent("1-2", step2)
	q.wantStatus(200, "free")
	e = q.stream()
	e.next()
	e.wantEvent("0-1", toolsChanged)
}

// That the connection it broke on takes nothing any more does not keep a message from who has resumed the stream.
func TestPostStreamResumesBesideAFullOutbox(t *testing.T) {
	s := start(t, func(o *Options, _ *backpressure.Options, _ *registry.Options) {
		o.SendBufferBytes, o.MaxOutboxBytes = 4096, 8192
	})
	text := strings.Repeat("x", 1000)
	registry.AddTool(s.registry, &mcp.Tool{Name: "flood"},
		func(ctx context.Context, _ *mcp.CallToolRequest, _ struct{}) (*mcp.CallToolResult, any, error) {
			steps := 1.0
			for registry.Progress(ctx, steps, 0, text) {
				steps++
			}
			s.stuck <- struct{}{}
			<-s.release
			return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: fmt.Sprint("sent ",
				registry.Progress(ctx, steps+1, 0, text))}}}, nil, nil
		})
	p, q := s.dial("http"), s.dial("http")
	must(t, p.Conn.(*net.TCPConn).SetReadBuffer(4096))
	session := p.session()
	p.send(post(strings.Replace(pollCall("1", `{}`), "poll", "flood", 1), session))
	s.awaitStuck()
	q.send(resumeFrom(session, "1-0"))
	e := q.stream()
	e.next()
	s.free()
	for heard := ""; !strings.Contains(heard, `"id":1`); {
		if heard = e.data(); strings.Contains(heard, "sent false") {
			t.Error("it was dropped")
		}
	}
}

// A call closes its stream and goes on without a connection; its client comes back for the rest.
func TestCallClosesItsStream(t *testing.T) {
	s := start(t)
	s.addPoll()
	p, q := s.dial("http"), s.dial("http")
	session := p.session()
	p.send(post(pollCall("1", `{}`), session) + post(pollCall("2", `{"before":1}`), session) +
		post(`{"jsonrpc":"2.0","id":3,"method":"ping"}`, session))
	seen := map[string]bool{}
	for range 2 {
		e := p.stream()
		for ev, err := e.read(); err == nil; ev, err = e.read() {
			seen[fmt.Sprintf("%s retry %s %s", ev.id[2:], ev.retry, ev.data)] = true
		}
		e.body.Close()
	}
	for _, want := range []string{"0 retry 1000 ", "0 retry  ", "1 retry  " + step(1), "1 retry 1000 "} {
		if !seen[want] {
			t.Errorf("%q was not among %v", want, seen)
		}
	}
	p.wantStatus(200, `"id":3`)
	s.awaitStuck()
	s.awaitStuck()
	q.send(resumeFrom(session, "1-0"))
	e := q.stream()
	e.next()
	s.free()
	heard := e.data()
	for !strings.Contains(heard, `"result"`) { // it is the stream of either call
		heard += e.data()
	}
	contains(t, heard, step(1), "closed 1")
	e.ends()
}

func TestCallClosesItsStreamTwice(t *testing.T) {
	s := start(t)
	s.addPoll()
	p := s.dial("http")
	session := p.session()
	p.send(post(pollCall("1", `{"twice":true}`), session, "Connection: close"))
	e := p.stream()
	e.wantEvent("1-0", "")
	e.ends()
	p.gone() // it does not wait for the call
	s.awaitStuck()
	p = s.dial("http")
	p.send(resumeFrom(session, "1-0"))
	e = p.stream()
	e.next()
	s.free()
	e.wantEvent("1-1", step(1))
	if ev := e.next(); ev.retry != "5000" || ev.id != "1-1" {
		t.Errorf("it is closed with %+v", ev)
	}
	e.ends()
	p.send(resumeFrom(session, "1-1"))
	e = p.stream()
	e.next()
	contains(t, e.data(), "closed 2")
	e.ends()
}

// Where the client cannot know of it, a stream is not closed.
func TestCallCannotCloseItsStream(t *testing.T) {
	s := start(t)
	s.addPoll()
	s.free()
	p, line := s.dial("http"), s.dial("tcp").greet()
	line.send(pollCall("1", `{}`) + "\n")
	line.line()
	contains(t, line.line(), "closed 0")
	for _, version := range []string{"2024-11-05", "2025-03-26", "2025-06-18"} {
		p.send(post(pollCall("1", `{}`), p.sessionOf(version)))
		e := p.stream()
		contains(t, e.data()+e.data(), "closed 0")
		e.ends()
	}
	p.send(strings.Replace(post(pollCall("1", `{}`), p.session()), ", text/event-stream", "", 1))
	p.wantStatus(200, "closed 0")
}

// What does not fit is not kept, and nothing is sent over the gap: it is refused, or an error stands for the answer.
func TestPostStreamOverAGap(t *testing.T) {
	s := start(t, func(_ *Options, _ *backpressure.Options, r *registry.Options) {
		r.MaxEventStoreEvents, r.MaxEventStoreBytes = 3, 400
	})
	s.addPoll()
	p := s.dial("http")
	session := p.session()
	p.send(post(pollCall("1", `{"before":5,"length":500}`), session))
	e := p.stream()
	for range 7 {
		e.next()
	}
	e.ends()
	s.awaitStuck()
	s.free()
	p.send(resumeFrom(session, "1-1"))
	p.wantStatus(400, `"reason":"events_purged"`)
	p.send(resumeFrom(session, "1-5"))
	e = p.stream()
	e.next()
	contains(t, e.data()+e.data(), step(6), `"id":1,"error":{"code":-32603`, `"reason":"event_store_bytes"`,
		`"executed":true`)
	e.ends()
	for series, want := range map[string]string{
		`weir_stream_resumes_total{outcome="events_purged"}`:         "1",
		`weir_event_store_refused_total{reason="event_store_bytes"}`: "1",
		`weir_session_streams`: "0",
	} {
		if got := s.metric(series); got != want {
			t.Errorf("%s is %s, want %s", series, got, want)
		}
	}
	p.send("DELETE /mcp HTTP/1.1\r\nHost: localhost\r\n" + session + "\r\n\r\n")
	p.wantStatus(204)
	if got := s.metric("weir_event_store_bytes"); got != "0" {
		t.Errorf("%s bytes are kept for a session that ended", got)
	}
}

// A suspended call outlives its connection: it is answered by another POST, goes on, and its answer waits for who resumes.
func TestSuspendedCallOutlivesItsConnection(t *testing.T) {
	s := start(t)
	s.addAsk()
	for range 4 { // connections of each loop
		p, q := s.dial("http"), s.dial("http")
		session := p.ableSession()
		p.send(post(askCall("1", 1), session))
		e := p.stream()
		e.next()
		request := e.next()
		contains(t, request.data, `elicitation/create`)
		open := s.Connections()
		p.Close()
		s.eventually("its connection ends", func() bool { return s.Connections() < open })
		q.send(post(reply(t, request.data, ada), session))
		q.wantStatus(202)
		q.send(resumeFrom(session, request.id))
		e = q.stream()
		e.next()
		contains(t, e.data(), `"id":1`, greeted)
		e.ends()
		q.Close()
	}
	if got := s.metric(`weir_messages_dropped_total{reason="disconnected"}`); got != "0" {
		t.Errorf("%s calls were dropped", got)
	}
}

// A question that was asked while nobody listened is heard by who resumes.
func TestSuspendedCallAsksWhoResumes(t *testing.T) {
	s := start(t)
	asked := make(chan struct{})
	registry.AddTool(s.registry, &mcp.Tool{Name: "later"},
		func(ctx context.Context, req *mcp.CallToolRequest, _ struct{}) (*mcp.CallToolResult, any, error) {
			if req.Params.InputResponses == nil {
				if !registry.CloseStream(ctx, 0) {
					return nil, nil, fmt.Errorf("the stream was not closed")
				}
				<-asked
				//lint:ignore SA1019 still served
				return &mcp.CallToolResult{InputRequests: mcp.InputRequestMap{"roots": &mcp.ListRootsParams{}}}, nil, nil
			}
			return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: "thank you"}}}, nil, nil
		})
	p := s.dial("http")
	session := p.ableSession()
	p.send(post(strings.TrimSpace(toolCall("1", "later", `{}`)), session))
	e := p.stream()
	e.next()
	e.ends()
	close(asked)
	s.eventually("it asks", func() bool { return s.metric("weir_client_requests") == "1" })
	p.send(resumeFrom(session, "1-0"))
	e = p.stream()
	q := s.dial("http")
	q.send(post(reply(t, e.data(), `"result":{"roots":[]}`), session))
	q.wantStatus(202)
	contains(t, e.data(), "thank you")
	e.ends()
}

// A session that ends ends its calls and the streams that resumed them.
func TestPostStreamEndsWithItsSession(t *testing.T) {
	s := start(t)
	s.addTell()
	p, q := s.dial("http"), s.dial("http")
	session := p.session()
	p.send(postTell("1", `{"times":2,"wait":true}`, `"progressToken":"p"`, session))
	p.stream().next()
	s.awaitStuck()
	p.Close()
	q.send(resumeFrom(session, "1-3"))
	e := q.stream()
	e.next()
	r := s.dial("http")
	r.send("DELETE /mcp HTTP/1.1\r\nHost: localhost\r\n" + session + "\r\n\r\n")
	r.wantStatus(204)
	e.ends()
	r.send(resumeFrom(session, "1-3"))
	r.wantStatus(404)
	s.eventually("nothing is kept", func() bool {
		return s.metric("weir_event_store_bytes") == "0" && s.queue.Executing(backpressure.Blocking) == 0
	})
}

// A server that stops still answers on a stream that was resumed.
func TestResumedStreamIsAnsweredAtAStop(t *testing.T) {
	s := start(t)
	s.addTell()
	p := s.dial("http")
	session := p.session()
	p.send(postTell("1", `{"times":2,"wait":true}`, `"progressToken":"p"`, session))
	p.stream().next()
	s.awaitStuck()
	p.Close()
	q := s.dial("http")
	q.send(resumeFrom(session, "1-3"))
	e := q.stream()
	e.next()
	stopped := make(chan DrainReport)
	go func() { stopped <- s.stop(patience) }()
	s.eventually("it stops", func() bool { return s.queue.Draining() })
	s.free()
	contains(t, e.data(), endsWith)
	if _, err := e.read(); err != io.EOF && err != io.ErrUnexpectedEOF {
		t.Error(err)
	}
	q.Close() // or the stop waits for it
	if report := <-stopped; report.Messages != 0 {
		t.Errorf("%+v", report)
	}
}

// A call that wanted to close a stream in vain, and says nothing ahead of its answer, is answered with JSON as ever.
func TestCallThatCannotCloseItsStreamIsPlain(t *testing.T) {
	s := start(t)
	registry.AddTool(s.registry, &mcp.Tool{Name: "shy"}, func(ctx context.Context, _ *mcp.CallToolRequest,
		_ struct{}) (*mcp.CallToolResult, any, error) {
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: fmt.Sprint("closed ",
			registry.CloseStream(ctx, 0))}}}, nil, nil
	})
	p := s.dial("http")
	p.send(post(strings.TrimSpace(toolCall("1", "shy", `{}`)), p.sessionOf("2025-06-18")))
	p.wantStatus(200, "closed false")
	if got := s.metric("weir_event_store_bytes"); got != "0" {
		t.Errorf("%s bytes are kept of it", got)
	}
}
