package reactor

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/backpressure"
	"weir/registry"
)

type tellIn struct {
	Times int  `json:"times"`
	Wait  bool `json:"wait,omitempty"`
}

// addTell offers "tell", which reports its progress, logs once, waits if it is asked to, and says how much was sent.
func (s *server) addTell() {
	registry.AddTool(s.registry, &mcp.Tool{Name: "tell"},
		func(ctx context.Context, _ *mcp.CallToolRequest, in tellIn) (*mcp.CallToolResult, any, error) {
			sent := 0
			for i := range in.Times {
				if registry.Progress(ctx, float64(i+1), float64(in.Times), "step") {
					sent++
				}
			}
			logged := registry.Log(ctx, "warning", "tell", map[string]int{"times": in.Times})
			if in.Wait {
				s.stuck <- struct{}{}
				select {
				case <-s.release:
				case <-ctx.Done():
				}
			}
			return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: fmt.Sprintf("sent %d, logged %v", sent,
				logged)}}}, nil, nil
		})
}

func tellCall(id, arguments, meta string) string {
	return `{"jsonrpc":"2.0","id":` + id + `,"method":"tools/call","params":{"name":"tell","arguments":` + arguments +
		`,"_meta":{` + meta + `}}}`
}

const (
	step1    = `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"p","progress":1,"total":2,"message":"step"}}`
	step2    = `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"p","progress":2,"total":2,"message":"step"}}`
	logLine  = `{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"warning","logger":"tell","data":{"times":2}}}`
	modernIs = `"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}`
	endsWith = `sent 2, logged true`
)

// wordless is a step as clients of 2024-11-05 hear of it.
func wordless(step string) string { return strings.Replace(step, `,"message":"step"`, "", 1) }

func postTell(id, arguments, meta string, headers ...string) string {
	return post(tellCall(id, arguments, meta), headers...)
}

var modernHeaders = []string{"MCP-Protocol-Version: 2026-07-28", "Mcp-Method: tools/call", "Mcp-Name: tell"}

// stream begins to read a response that is an event stream.
func (p *peer) stream() *events {
	p.t.Helper()
	r, err := http.ReadResponse(p.r, nil)
	if err != nil {
		p.t.Fatalf("read a response: %v", err)
	}
	if r.StatusCode != 200 || r.Header.Get("Content-Type") != "text/event-stream" {
		body, _ := io.ReadAll(r.Body)
		p.t.Fatalf("got %s %v\n%s", r.Status, r.Header, body)
	}
	if r.Header.Get("X-Accel-Buffering") != "no" {
		p.t.Errorf("a proxy would hold it back: %v", r.Header)
	}
	return newEvents(p.t, r.Body)
}

func newEvents(t testing.TB, body io.ReadCloser) *events {
	return &events{t: t, body: body, r: bufio.NewReader(body)}
}

// events reads an event stream.
type events struct {
	t    testing.TB
	body io.ReadCloser
	r    *bufio.Reader
}

// sseEvent is one event, or a comment, with its fields.
type sseEvent struct{ name, id, retry, data, comment string }

func (e *events) next() sseEvent {
	e.t.Helper()
	ev, err := e.read()
	if err != nil {
		e.t.Fatalf("read an event: %v (after %+v)", err, ev)
	}
	return ev
}

func (e *events) read() (ev sseEvent, err error) {
	for {
		line, err := e.r.ReadString('\n')
		if err != nil {
			return ev, err
		}
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		value = strings.TrimPrefix(value, " ")
		switch name {
		case "id":
			ev.id = value
		case "event":
			ev.name = value
		case "retry":
			ev.retry = value
		case "data":
			ev.data += value
		case "":
			if line == "\n" {
				return ev, nil
			}
			ev.comment = "comment"
		}
	}
}

// data reads the next event that is no comment and has data.
func (e *events) data() string {
	e.t.Helper()
	for {
		if ev := e.next(); ev.data != "" {
			return ev.data
		}
	}
}

func (e *events) ends() {
	e.t.Helper()
	if ev, err := e.read(); err != io.EOF {
		e.t.Fatalf("the stream did not end: %+v %v", ev, err)
	}
	e.body.Close()
}

func (e *events) want(messages ...string) {
	e.t.Helper()
	for _, want := range messages {
		if got := e.data(); got != want {
			e.t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestMessagesAheadOfTheAnswerOnALine(t *testing.T) {
	s := start(t)
	s.addTell()
	p := s.dial("tcp").greet()
	p.send(tellCall("1", `{"times":2}`, `"progressToken":"p"`) + "\n")
	for _, want := range []string{step1, step2, logLine} {
		if got := p.line(); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	contains(t, p.line(), `"id":1`, endsWith)

	p.send(`{"jsonrpc":"2.0","id":2,"method":"logging/setLevel","params":{"level":"error"}}` + "\n")
	contains(t, p.line(), `"id":2,"result":{}`)
	p.send(tellCall("3", `{"times":2}`, `"x":1`) + "\n")
	contains(t, p.line(), `"id":3`, `sent 0, logged false`)
}

func TestMessagesAheadOfTheAnswerOnAWebSocket(t *testing.T) {
	s := start(t)
	s.addTell()
	p := s.websocket()
	p.text(tellCall("1", `{"times":2}`, `"progressToken":"p",`+modernIs+`,"io.modelcontextprotocol/logLevel":"info"`))
	for _, want := range []string{step1, step2, logLine} {
		if got := string(p.received().Payload); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	contains(t, string(p.received().Payload), `"id":1`, endsWith)
}

func TestHTTPStream(t *testing.T) {
	s := start(t)
	s.addTell()
	p := s.dial("http")
	answers := func(e *events, id string) {
		e.want(step1, step2, logLine)
		contains(t, e.data(), `"id":`+id, endsWith)
		e.ends()
	}
	session := p.session()
	p.send(postTell("1", `{"times":2}`, `"progressToken":"p"`, session))
	answers(p.stream(), "1")
	p.send(postTell("2", `{"times":2}`, `"progressToken":"p",`+modernIs+`,"io.modelcontextprotocol/logLevel":"debug"`,
		modernHeaders...))
	answers(p.stream(), "2")

	// Without anything to say first, the answer is plain JSON.
	p.send(postTell("3", `{"times":2}`, modernIs, modernHeaders...))
	r, body := p.response()
	contains(t, body, `sent 0, logged false`)
	if r.Header.Get("Content-Type") != "application/json" {
		t.Error(r.Header)
	}
	if got := s.metric("weir_streams_opened_total"); got != "2" {
		t.Errorf("%s streams were opened, want 2", got)
	}
}

// Who did not offer to take a stream gets one answer as ever.
func TestHTTPStreamsOnlyToThoseWhoAccept(t *testing.T) {
	s := start(t)
	s.addTell()
	p := s.dial("http")
	request := postTell("1", `{"times":2}`, `"progressToken":"p",`+modernIs, modernHeaders...)
	p.send(strings.Replace(request, "application/json, text/event-stream", "application/json", 1))
	_, body := p.response()
	contains(t, body, `sent 0, logged false`)
	p.send(strings.Replace(request, "application/json, text/event-stream", "*/*", 1))
	_, body = p.response()
	contains(t, body, `sent 0, logged false`)
}

// Only the head of the line streams; what the others say is kept for their turn.
func TestHTTPStreamsInAPipeline(t *testing.T) {
	s := start(t)
	s.addTell()
	p := s.dial("http")
	session := p.session()
	p.send(post(strings.TrimSpace(toolCall("1", "stuck", `{}`)), session) +
		postTell("2", `{"times":2,"wait":true}`, `"progressToken":"p"`, session) +
		postTell("3", `{"times":2}`, `"progressToken":"p"`, session) +
		post(`{"jsonrpc":"2.0","id":4,"method":"ping"}`, session))
	s.awaitStuck()
	s.awaitStuck()
	s.free()
	_, body := p.response()
	contains(t, body, `"id":1`)
	for _, id := range []string{"2", "3"} {
		e := p.stream()
		e.want(step1, step2, logLine)
		contains(t, e.data(), `"id":`+id, endsWith)
		e.ends()
	}
	_, body = p.response()
	contains(t, body, `"id":4,"result":{}`)
	s.eventually("nothing is held any more", func() bool { return s.metric("weir_outbox_bytes") == "0" })
}

func TestHTTPStreamOfABatch(t *testing.T) {
	s := start(t)
	s.addTell()
	p := s.dial("http")
	p.send(post(strings.Replace(hello, "2025-11-25", "2025-03-26", 1)))
	r, _ := p.response()
	p.send(post(`[`+tellCall("1", `{"times":2}`, `"progressToken":"p"`)+`,{"jsonrpc":"2.0","id":2,"method":"ping"}]`,
		"Mcp-Session-Id: "+r.Header.Get("Mcp-Session-Id")))
	e := p.stream()
	e.want(step1, step2, logLine)
	contains(t, e.data(), `[{`, `"id":1`, endsWith, `"id":2`)
	e.ends()
}

// A peer that does not read loses notifications, not the answer, and holds nobody up.
func TestMessagesAheadAreDroppedForAPeerThatDoesNotRead(t *testing.T) {
	s := start(t, func(o *Options, _ *backpressure.Options, _ *registry.Options) {
		o.SendBufferBytes, o.MaxOutboxBytes = 4096, 4096
	})
	s.addTell()
	p := s.dial("tcp").greet()
	p.send(tellCall("1", `{"times":300000}`, `"progressToken":"p"`) + "\n")
	s.eventually("some are dropped",
		func() bool { return s.metric(`weir_notifications_dropped_total{reason="outbox_full"}`) != "0" })
	for {
		if line := p.line(); strings.Contains(line, `"id":1`) {
			break
		}
	}
}

func TestHTTPStreamKeepAlive(t *testing.T) {
	s := start(t, func(o *Options, _ *backpressure.Options, _ *registry.Options) { o.SSEKeepAlive = time.Millisecond })
	s.addTell()
	p := s.dial("http")
	p.send(postTell("1", `{"times":2,"wait":true}`, `"progressToken":"p",`+modernIs, modernHeaders...))
	e := p.stream()
	e.want(step1, step2)
	if ev := e.next(); ev.comment == "" || ev.data != "" {
		t.Errorf("got %+v, want a comment", ev)
	}
	s.free()
	contains(t, e.data(), `"id":1`)
	e.ends()
}

// A peer that closed its connection cancels what it streamed, in the modern era; one that only stopped sending does
// not.
func TestHTTPStreamOfAPeerThatEnds(t *testing.T) {
	s := start(t)
	s.addTell()
	request := postTell("1", `{"times":2,"wait":true}`, `"progressToken":"p",`+modernIs, modernHeaders...)
	half := s.dial("http")
	half.send(request)
	e := half.stream()
	e.want(step1, step2)
	s.awaitStuck()
	half.closeWrite()

	whole := s.dial("http")
	whole.send(request)
	whole.stream().want(step1, step2)
	s.awaitStuck()
	whole.Close()
	s.eventually("the call is cancelled",
		func() bool { return s.metric(`weir_messages_dropped_total{reason="cancelled"}`) == "1" })
	s.free()
	contains(t, e.data(), `"id":1`)
	e.ends()
}

// The SDK's client hears progress and log messages over each transport.
func TestSDKClientHearsNotifications(t *testing.T) {
	s := start(t)
	s.addTell()
	for _, transport := range []string{"http", "tcp"} {
		for _, version := range []string{"2025-11-25", "2026-07-28"} {
			t.Run(transport+" "+version, func(t *testing.T) {
				heard := make(chan string, 8)
				client := mcp.NewClient(&mcp.Implementation{Name: "judge", Version: "1"}, &mcp.ClientOptions{
					ProgressNotificationHandler: func(_ context.Context, r *mcp.ProgressNotificationClientRequest) {
						heard <- fmt.Sprint("progress ", r.Params.Progress)
					},
					//lint:ignore SA1019 deprecated, and served to those who have it
					LoggingMessageHandler: func(_ context.Context, r *mcp.LoggingMessageRequest) {
						heard <- "log " +
							string(r.Params.Level)
					},
				})
				session := s.sdkClient(t, client, transport, version)
				params := &mcp.CallToolParams{Name: "tell", Arguments: map[string]any{"times": 2}}
				params.SetProgressToken("p")
				if version == "2026-07-28" {
					params.Meta["io.modelcontextprotocol/logLevel"] = "info"
				}
				result, err := session.CallTool(t.Context(), params)
				must(t, err)
				if text := result.Content[0].(*mcp.TextContent).Text; text != endsWith {
					t.Error(text)
				}
				for _, want := range []string{"progress 1", "progress 2", "log warning"} {
					select {
					case got := <-heard:
						if got != want {
							t.Errorf("heard %s, want %s", got, want)
						}
					case <-time.After(patience):
						t.Fatalf("never heard %s", want)
					}
				}
			})
		}
	}
}

// connect gives the SDK's client a session with the server.
func (s *server) sdkClient(t *testing.T, client *mcp.Client, transport, version string) *mcp.ClientSession {
	t.Helper()
	var via mcp.Transport
	if transport == "tcp" {
		conn := s.dial("tcp")
		via = &mcp.IOTransport{Reader: conn, Writer: conn}
	} else {
		via = &mcp.StreamableClientTransport{Endpoint: "http://" + s.Addrs()["http"] + "/mcp",
			HTTPClient: &http.Client{Transport: &http.Transport{}}}
	}
	session, err := client.Connect(t.Context(), via, &mcp.ClientSessionOptions{ProtocolVersion: version})
	must(t, err)
	t.Cleanup(func() {
		session.Close()
		if h, ok := via.(*mcp.StreamableClientTransport); ok {
			h.HTTPClient.CloseIdleConnections()
		}
	})
	return session
}
