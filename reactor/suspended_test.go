package reactor

//lint:file-ignore SA1019 sampling and roots are deprecated and still served to those who have them

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/backpressure"
	"weir/registry"
)

type askIn struct {
	Things int `json:"things"`
}

// addAsk offers "ask", which asks for a name, and for more things if it is told to, and greets.
func (s *server) addAsk() {
	registry.AddTool(s.registry, &mcp.Tool{Name: "ask"},
		func(ctx context.Context, req *mcp.CallToolRequest, in askIn) (*mcp.CallToolResult, any, error) {
			name, _ := req.Params.InputResponses["name"].(*mcp.ElicitResult)
			if name == nil {
				wants := mcp.InputRequestMap{"name": &mcp.ElicitParams{Message: "your name?",
					RequestedSchema: map[string]any{"type": "object"}}}
				if in.Things > 1 {
					wants["roots"] = &mcp.ListRootsParams{}
				}
				if in.Things > 2 {
					wants["model"] = &mcp.CreateMessageParams{MaxTokens: 1}
				}
				registry.Progress(ctx, 1, 0, "asking")
				return &mcp.CallToolResult{InputRequests: wants, RequestState: "remembered"}, nil, nil
			}
			text := fmt.Sprintf("%s %v, %d answers", req.Params.RequestState, name.Content["n"], len(req.Params.InputResponses))
			return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: text}}}, nil, nil
		})
}

// able is an initialize of a client that can be asked for anything.
var able = strings.Replace(hello, `"capabilities":{}`, `"capabilities":{"elicitation":{},"sampling":{},"roots":{}}`, 1)

func askCall(id string, things int) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"method":"tools/call","params":{"name":"ask","arguments":{"things":%d}}}`,
		id, things)
}

// reply answers a request of the server's.
func reply(t *testing.T, request, result string) string {
	t.Helper()
	var r struct{ ID json.RawMessage }
	if err := json.Unmarshal([]byte(request), &r); err != nil || len(r.ID) == 0 {
		t.Fatalf("%q is no request: %v", request, err)
	}
	return `{"jsonrpc":"2.0","id":` + string(r.ID) + `,` + result + `}`
}

const (
	ada     = `"result":{"action":"accept","content":{"n":"Ada"}}`
	greeted = `remembered Ada, 1 answers`
)

// greetAble begins a conversation of a client that can be asked.
func (p *peer) greetAble() *peer {
	p.t.Helper()
	p.send(able + "\n")
	contains(p.t, p.line(), "2025-11-25")
	return p
}

// ableSession is the header of a session whose client can be asked.
func (p *peer) ableSession() string {
	p.t.Helper()
	p.send(post(able))
	r, _ := p.response()
	return "Mcp-Session-Id: " + r.Header.Get("Mcp-Session-Id")
}

func TestAskOnALine(t *testing.T) {
	s := start(t)
	s.addAsk()
	p := s.dial("tcp").greetAble()
	p.send(askCall("1", 1) + "\n")
	request := p.line()
	contains(t, request, `"method":"elicitation/create","params":{`, `"message":"your name?"`)
	// While it is suspended it holds no worker, its id is taken, and others go on.
	s.eventually("no worker has it", func() bool { return s.queue.Executing(backpressure.Blocking) == 0 })
	p.send(askCall("1", 1) + "\n" + toolCall("2", "echo", `{"message":"meanwhile"}`))
	contains(t, p.line()+p.line(), `duplicate id`, `meanwhile`)
	// Nobody else's answer counts, and an answer to nothing is ignored.
	other := s.dial("tcp").greetAble()
	other.send(reply(t, request, ada) + "\n" + `{"jsonrpc":"2.0","id":9,"method":"ping"}` + "\n")
	contains(t, other.line(), `"id":9`)
	p.send(`{"jsonrpc":"2.0","id":"nothing","result":{}}` + "\n" + reply(t, request, ada) + "\n")
	contains(t, p.line(), `"id":1`, greeted)
	p.send(reply(t, request, ada) + "\n" + `{"jsonrpc":"2.0","id":9,"method":"ping"}` + "\n")
	contains(t, p.line(), `"id":9`)
	if got := s.metric("weir_client_requests"); got != "0" {
		t.Errorf("%s requests are left", got)
	}
}

func TestAskOnAWebSocket(t *testing.T) {
	s := start(t)
	s.addAsk()
	p := s.websocket()
	p.text(able)
	p.received()
	p.text(askCall("1", 3))
	for range 3 {
		request := string(p.received().Payload)
		switch {
		case strings.Contains(request, "elicitation/create"):
			p.text(reply(t, request, ada))
		case strings.Contains(request, "roots/list"):
			p.text(reply(t, request, `"result":{"roots":[]}`))
		default:
			contains(t, request, "sampling/createMessage")
			p.text(reply(t, request, `"result":{"role":"assistant","model":"m","content":{"type":"text","text":"t"}}`))
		}
	}
	contains(t, string(p.received().Payload), `"id":1`, `remembered Ada, 3 answers`)
}

func TestAskOverHTTP(t *testing.T) {
	s := start(t)
	s.addAsk()
	p, q := s.dial("http"), s.dial("http")
	session := p.ableSession()
	p.send(post(askCall("1", 1), session) + post(`{"jsonrpc":"2.0","id":2,"method":"ping"}`, session))
	e := p.stream()
	request := e.data()
	contains(t, request, `elicitation/create`)
	q.send(post(reply(t, request, ada), q.ableSession()))
	q.wantStatus(202)
	q.send(post(reply(t, request, ada), session))
	q.wantStatus(202)
	contains(t, e.data(), `"id":1`, greeted)
	e.ends()
	p.wantStatus(200, `"id":2`)

	// Who takes no stream cannot be asked, and who declared nothing is not.
	p.send(strings.Replace(post(askCall("3", 1), session), ", text/event-stream", "", 1))
	p.wantStatus(200, `"id":3`, `"reason":"no_stream"`)
	q.send(post(askCall("4", 1), q.session()))
	q.wantStatus(200, `"id":4`, `-32603`, `"requiredCapabilities":{"elicitation":{"form":{}}}`)
}

// However a wait ends, the call is answered or dropped once, and nothing is left behind.
func TestAskEnds(t *testing.T) {
	f := func(name, reason string, end func(s *server, p *peer, request string)) {
		t.Run(name, func(t *testing.T) {
			s := start(t, func(_ *Options, _ *backpressure.Options,
				r *registry.Options) {
				if reason == "client_request_timeout" {
					r.ClientRequestTimeout = time.Second
				}
			})
			s.addAsk()
			p := s.dial("tcp").greetAble()
			p.t = t
			p.send(askCall("1", 1) + "\n")
			end(s, p, p.line())
			series := `weir_client_requests_ended_total{reason="` + reason + `"}`
			s.eventually(series, func() bool { return s.metric(series) == "1" && s.metric("weir_client_requests") == "0" })
			s.eventually("nothing is pending", func() bool {
				return s.queue.Waiting() == 0 &&
					s.queue.Executing(backpressure.Blocking) == 0
			})
		})
	}
	f("answered", "answered", func(_ *server, p *peer, request string) {
		p.send(reply(t, request, ada) + "\n")
		contains(p.t, p.line(), greeted)
	})
	f("refused", "error", func(_ *server, p *peer, request string) {
		p.send(reply(t, request, `"error":{"code":-1,"message":"I will not"}`) + "\n")
		contains(p.t, p.line(), `"id":1`, `-32603`, `I will not`)
	})
	f("nonsense", "error", func(_ *server, p *peer, request string) {
		p.send(reply(t, request, `"result":7`) + "\n")
		contains(p.t, p.line(), `"id":1`, `-32603`)
	})
	f("timeout", "client_request_timeout", func(_ *server, p *peer, _ string) {
		contains(p.t, p.line(), `notifications/cancelled`, `"requestId":"weir-`)
		contains(p.t, p.line(), `"id":1`, `"reason":"client_request_timeout"`)
	})
	f("cancelled", "cancelled", func(_ *server, p *peer, _ string) {
		p.send(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}` + "\n")
	})
	f("half closed", "cancelled", func(_ *server, p *peer, _ string) {
		p.closeWrite()
		contains(p.t, p.rest(), `"id":1`, `stopped sending`)
	})
	f("disconnected", "cancelled", func(s *server, p *peer, _ string) {
		p.Close()
		s.eventually("its connection ends", func() bool { return s.metric("weir_connections") == "0" })
	})
	f("stopped", "draining", func(s *server, p *peer, _ string) {
		s.stop(patience)
		contains(p.t, p.line(), `notifications/cancelled`)
		contains(p.t, p.line(), `"id":1`, `"reason":"draining"`)
	})
}

func TestAskLimits(t *testing.T) {
	s := start(t, func(_ *Options, _ *backpressure.Options, r *registry.Options) {
		r.MaxClientRequestsPerClient, r.MaxClientRequests = 2, 3
	})
	s.addAsk()
	p, q := s.dial("tcp").greetAble(), s.dial("tcp").greetAble()
	p.send(askCall("1", 3) + "\n")
	contains(t, p.line(), `"id":1`, `"reason":"client_request_limit_per_client"`)
	p.send(askCall("2", 2) + "\n")
	p.line()
	p.line()
	q.send(askCall("3", 2) + "\n")
	contains(t, q.line(), `"id":3`, `"reason":"client_request_limit"`)
	if got := s.metric("weir_client_requests"); got != "2" {
		t.Errorf("%s requests, want 2", got)
	}
}

// The messages of the calls that wait are bounded together, and the answers that came to those that wait for more.
func TestAskBytes(t *testing.T) {
	s := start(t, func(_ *Options, _ *backpressure.Options, r *registry.Options) { r.MaxClientRequestBytes = 80 << 10 })
	s.addAsk()
	p := s.dial("tcp").greetAble()
	pad := `"_meta":{"pad":"` + strings.Repeat("x", 40_000) + `"}`
	big := func(id string) string {
		return strings.Replace(askCall(id, 1), `"arguments"`, pad+`,"arguments"`, 1) + "\n"
	}
	p.send(big("1"))
	request := p.line()
	p.send(big("2"))
	contains(t, p.line(), `"id":2`, `"reason":"client_request_bytes"`)
	if got := s.metric("weir_client_request_bytes"); len(got) != 5 {
		t.Errorf("%s bytes are held, want 64 KiB", got)
	}
	p.send(reply(t, request, ada) + "\n")
	contains(t, p.line(), `"id":1`, greeted)
	p.send(askCall("3", 2) + "\n")
	first, second := p.line(), p.line()
	long := `"result":{"action":"accept","roots":[],"content":{"n":"` + strings.Repeat("x", 70_000) + `"}}`
	p.send(reply(t, first, long) + "\n" + reply(t, second, long) + "\n")
	contains(t, p.line(), `"id":3`, `"reason":"client_request_bytes"`)
	for _, series := range []string{"weir_client_request_bytes", "weir_client_requests"} {
		if got := s.metric(series); got != "0" {
			t.Errorf("%s is %s at the end", series, got)
		}
	}
}

// The SDK's client answers over each transport and in both eras; the handler is the same.
func TestSDKClientAnswers(t *testing.T) {
	s := start(t)
	s.addAsk()
	for i, transport := range []string{"http", "tcp", "http", "tcp"} {
		version := []string{"2025-11-25", "2026-07-28"}[i/2]
		t.Run(transport+" "+version, func(t *testing.T) {
			client := mcp.NewClient(&mcp.Implementation{Name: "judge", Version: "1"}, &mcp.ClientOptions{
				ElicitationHandler: func(context.Context, *mcp.ElicitRequest) (*mcp.ElicitResult, error) {
					return &mcp.ElicitResult{Action: "accept", Content: map[string]any{"n": "Ada"}}, nil
				},
				CreateMessageHandler: func(context.Context, *mcp.CreateMessageRequest) (*mcp.CreateMessageResult, error) {
					return &mcp.CreateMessageResult{Role: "assistant", Model: "m", Content: &mcp.TextContent{Text: "t"}}, nil
				},
			})
			session := s.sdkClient(t, client, transport, version)
			for range 20 {
				result, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: "ask",
					Arguments: map[string]any{"things": 3}})
				must(t, err)
				if text := result.Content[0].(*mcp.TextContent).Text; text != "remembered Ada, 3 answers" {
					t.Fatal(text)
				}
			}
		})
	}
}

// The suspended calls of one client that go on without their connection do not hold up those of others.
func TestSuspendedCallsThatOutliveTheirConnectionsAreApart(t *testing.T) {
	s := start(t, func(_ *Options, b *backpressure.Options, _ *registry.Options) {
		b.MaxExecutingPerConnection = 1
	})
	registry.AddTool(s.registry, &mcp.Tool{Name: "ponder"},
		func(_ context.Context, req *mcp.CallToolRequest, in askIn) (*mcp.CallToolResult, any, error) {
			if req.Params.InputResponses == nil {
				return &mcp.CallToolResult{InputRequests: mcp.InputRequestMap{"roots": &mcp.ListRootsParams{}}}, nil, nil
			}
			if in.Things > 1 {
				s.stuck <- struct{}{}
				<-s.release
			}
			return nil, nil, nil
		})
	// detach leaves a call behind, answers what it asks, and returns the header of its session.
	detach := func(things int) string {
		p, q := s.dial("http"), s.dial("http")
		session := p.ableSession()
		p.send(post(strings.Replace(askCall("1", things), `"ask"`, `"ponder"`, 1), session))
		e := p.stream()
		e.next()
		request := e.data()
		open := s.Connections()
		p.Close()
		s.eventually("its connection ends", func() bool { return s.Connections() < open })
		q.send(post(reply(t, request, `"result":{"roots":[]}`), session))
		q.wantStatus(202)
		return session
	}
	detach(2)
	s.awaitStuck()
	var others []string
	for range 8 {
		others = append(others, detach(1))
	}
	s.eventually("others are served", func() bool {
		return s.queue.Executing(backpressure.Blocking) == 1 &&
			s.queue.Waiting() < len(others)/2
	})
	s.free()
	for _, session := range others { // those too with whom the first one's lane is shared
		p := s.dial("http")
		p.send(resumeFrom(session, "1-1"))
		e := p.stream()
		e.next()
		contains(t, e.data(), `"id":1`)
	}
}

// A call that asks while the server stops is not left waiting for an answer that nobody will wait for.
func TestAskDuringAStop(t *testing.T) {
	s := start(t)
	registry.AddTool(s.registry, &mcp.Tool{Name: "late"},
		func(context.Context, *mcp.CallToolRequest, askIn) (*mcp.CallToolResult, any, error) {
			s.stuck <- struct{}{}
			<-s.release
			return &mcp.CallToolResult{InputRequests: mcp.InputRequestMap{"roots": &mcp.ListRootsParams{}}}, nil, nil
		})
	p := s.dial("tcp").greetAble()
	p.send(strings.Replace(askCall("1", 1), `"ask"`, `"late"`, 1) + "\n")
	s.awaitStuck()
	stopped := make(chan DrainReport)
	go func() { stopped <- s.stop(patience) }()
	s.eventually("it stops", func() bool { return s.queue.Draining() })
	s.free()
	contains(t, p.rest(), `"id":1,"error"`, `"reason":"draining"`)
	<-stopped
}

// A suspended call that waits too long for its second turn is not told that nothing was executed.
func TestSuspendedCallThatWaitsTooLong(t *testing.T) {
	s := start(t, func(_ *Options, b *backpressure.Options, _ *registry.Options) {
		b.MaxExecutingPerConnection, b.QueueTimeout = 1, shortAge
	})
	s.addAsk()
	p := s.dial("tcp").greetAble()
	request := p.askedInTime()
	p.occupy(s, "2")
	p.send(reply(t, request, ada) + "\n")
	contains(t, p.line(), `"id":1,"error"`, `"reason":"queue_timeout"`, `"executed":true`)
	s.free()
	contains(t, p.line(), `"id":2,"result"`)
}

// A suspended call at the head of a pipeline goes on however many answers wait behind it.
func TestSuspendedCallGoesOnBeforeAnswersThatWaitForIt(t *testing.T) {
	s := start(t, func(o *Options, _ *backpressure.Options, _ *registry.Options) { o.MaxOutboxBytes = 8192 })
	s.addAsk()
	p, q := s.dial("http"), s.dial("http")
	session := p.ableSession()
	p.send(post(askCall("1", 1), session))
	e := p.stream()
	e.next()
	request := e.next()
	for id := 2; id < 100; id++ {
		p.send(post(strings.TrimSpace(toolCall(fmt.Sprint(id), "echo", `{"message":"`+strings.Repeat("x", 1000)+`"}`)),
			session))
	}
	s.eventually("the answers have no more room", func() bool { return s.metric("weir_outbox_full_total") == "1" })
	q.send(post(reply(t, request.data, ada), session))
	q.wantStatus(202)
	contains(t, e.data(), greeted)
	e.ends()
	for id := 2; id < 100; id++ {
		p.wantStatus(200, fmt.Sprintf(`"id":%d,`, id))
	}
}
