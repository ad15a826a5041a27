package reactor

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/backpressure"
	"weir/codec/option"
	"weir/reactor/audit"
	"weir/reactor/trace"
	"weir/registry"
)

// told is a server whose requests are told to an audit log.
type told struct {
	*server
	log  *audit.Log
	file string
}

func startTold(t *testing.T, tunes ...tune) *told {
	s := &told{file: filepath.Join(t.TempDir(), "audit.log")}
	s.server = startConfig(t, func(c *Config) {
		var err error
		s.log, err = audit.Open(audit.Options{File: s.file}, io.Discard, c.Metrics)
		must(t, err)
		c.Audit = s.log
		t.Cleanup(func() { s.log.Close(patience) })
	}, tunes...)
	return s
}

// entry is a line of the audit log.
type entry struct {
	Time                                            time.Time
	Principal, Peer, Listener, Session              string
	Method, Tool, Prompt, Resource, Revision, Trace string
	ID                                              any
	Outcome, Reason                                 string
	Code                                            int
	MS                                              float64
}

// await waits until n requests of these methods have been told of, and returns them.
func (s *told) await(method string, n int) (entries []entry) {
	s.t.Helper()
	s.eventually(fmt.Sprintf("%d %s are told of", n, method), func() bool {
		text, err := os.ReadFile(s.file)
		must(s.t, err)
		entries = nil
		lines := bufio.NewScanner(strings.NewReader(string(text)))
		for lines.Scan() {
			var e entry
			if json.Unmarshal(lines.Bytes(), &e) == nil && e.Method == method { // the last may be half written
				entries = append(entries, e)
			}
		}
		return len(entries) >= n
	})
	if len(entries) > n {
		s.t.Errorf("%d %s are told of, want %d: %+v", len(entries), method, n, entries)
	}
	return entries
}

// addEndings adds a tool for each way to end.
func (s *told) addEndings() {
	type none struct{}
	add := func(name string, h func(context.Context) (*mcp.CallToolResult, error)) {
		registry.AddTool(s.registry, &mcp.Tool{Name: name}, func(ctx context.Context, _ *mcp.CallToolRequest, _ none) (
			*mcp.CallToolResult, any, error) {
			res, err := h(ctx)
			return res, nil, err
		})
	}
	add("fails", func(context.Context) (*mcp.CallToolResult, error) { return nil, fmt.Errorf("no") })
	add("panics", func(context.Context) (*mcp.CallToolResult, error) { panic("no") })
}

// TestRequestsAreTold: each request is told of once, with what became of it, on each transport.
func TestRequestsAreTold(t *testing.T) {
	for _, transport := range []string{"tcp", "websocket", "http"} {
		t.Run(transport, func(t *testing.T) {
			s := startTold(t, func(_ *Options, _ *backpressure.Options, r *registry.Options) {
				r.HandlerTimeout = 24 * time.Hour
			})
			s.addEndings()
			c := s.speaker(transport)
			n := 0
			f := func(tool, arguments, outcome, reason string, code int) {
				t.Helper()
				n++
				c(toolCall(fmt.Sprint(n), tool, arguments))
				e := s.await("tools/call", n)[n-1]
				if e.Tool != tool || e.Outcome != outcome || e.Reason != reason || e.Code != code || e.ID != float64(n) ||
					e.Peer != "127.0.0.1" || e.Revision != "2025-11-25" || e.MS <= 0 || time.Since(e.Time) > patience {
					t.Errorf("%s is told as %+v", tool, e)
				}
				if (e.Session != "") != (transport == "http") {
					t.Errorf("%s of session %q", tool, e.Session)
				}
			}
			f("echo", `{"message":"x"}`, "ok", "", 0)
			f("echo", `{"wrong":"x"}`, "tool_error", "", 0)
			f("fails", `{}`, "tool_error", "", 0)
			f("panics", `{}`, "panic", "", -32603)
			if !byCallTool {
				f("nobody", `{}`, "client_error", "", -32602)
			}
			e := s.await("initialize", 1)[0]
			if e.Outcome != "ok" || (e.Session != "") != (transport == "http") {
				t.Errorf("initialize is told as %+v", e)
			}
		})
	}
}

// speaker opens a conversation and returns how a message is sent in it and answered.
func (s *server) speaker(transport string) func(message string) {
	c, frame, session := client{}, func(text string) string { return text + "\n" }, ""
	switch transport {
	case "http":
		c, frame = sessionClient(&session)(s), func(text string) string { return post(text, session) }
	case "websocket":
		c, frame = s.webSocketClient(), clientFrame
	default:
		c = s.lineClient()
	}
	return func(message string) {
		s.t.Helper()
		c.send(frame(strings.TrimSpace(message)))
		_, err := c.answer()
		must(s.t, err)
	}
}

// TestLateHandlerIsTold: the call is told of when it is answered, and once.
func TestLateHandlerIsTold(t *testing.T) {
	s := startTold(t, func(_ *Options, _ *backpressure.Options, r *registry.Options) { r.HandlerTimeout = 24 * time.Hour })
	registry.AddTool(s.registry, &mcp.Tool{Name: "deaf"}, func(context.Context, *mcp.CallToolRequest, struct{}) (
		*mcp.CallToolResult, any, error) {
		s.stuck <- struct{}{}
		<-s.release
		return &mcp.CallToolResult{}, nil, nil
	})
	p := s.dial("tcp").greet()
	p.send(deafCall(1) + "\n")
	s.awaitStuck()
	s.passDeadlines()
	contains(t, p.line(), "handler_timeout")
	e := s.await("tools/call", 1)[0]
	if e.Tool != "deaf" || e.Outcome != "handler_timeout" || e.Reason != "handler_timeout" || e.Code != -32603 {
		t.Errorf("it is told as %+v", e)
	}
	s.free()
	s.timedOut("0")
	p.send(toolCall("2", "echo", `{"message":"x"}`))
	p.line()
	s.await("tools/call", 2)
}

// TestCancelledAndLeftAreTold: who takes a call back, and who goes away, is told of too.
func TestCancelledAndLeftAreTold(t *testing.T) {
	s := startTold(t, func(_ *Options, b *backpressure.Options, _ *registry.Options) { b.MaxBlockingWorkers = 1 })
	p := s.dial("tcp").greet()
	p.send(toolCall("1", "stuck", `{}`))
	s.awaitStuck()
	p.send(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}` + "\n")
	if e := s.await("tools/call", 1)[0]; e.Outcome != "cancelled" || e.Code != 0 {
		t.Errorf("it is told as %+v", e)
	}
	p.send(toolCall("2", "stuck", `{}`))
	s.awaitStuck()
	p.send(toolCall("3", "sleep", `{"ms":0}`)) // no worker comes for it
	s.eventually("it waits", func() bool { return s.metric("weir_queue_waiting_messages") == "1" })
	must(t, p.Conn.(*net.TCPConn).SetLinger(0)) // a reset: who only closes gets its answers
	must(t, p.Close())
	of := map[any]string{}
	for _, e := range s.await("tools/call", 3) {
		of[e.ID] = e.Outcome
	}
	if of[2.0] != "cancelled" || of[3.0] != "disconnected" {
		t.Errorf("they are told as %v", of)
	}
}

// TestRefusedAndCompactAreTold: a burst that is refused in part is told of whole, though most of it was kept compact.
func TestRefusedAndCompactAreTold(t *testing.T) {
	s := startTold(t, func(_ *Options, b *backpressure.Options, _ *registry.Options) {
		b.MaxWaitingPerConnection, b.MaxBlockingWorkers = 600, 1
	})
	p := s.dial("tcp").greet()
	p.send(toolCall("0", "stuck", `{}`))
	s.awaitStuck()
	const burst = 1000
	for i := range burst {
		p.send(toolCall(fmt.Sprint(i+1), "sleep", `{"ms":0}`))
	}
	for range burst - 600 {
		p.line() // the refusals
	}
	s.free()
	for range 600 + 1 {
		p.line()
	}
	count := map[string]int{}
	for _, e := range s.await("tools/call", burst+1) {
		count[e.Outcome+" "+e.Reason]++
	}
	if count["ok "] != 601 || count["refused connection_queue_full"] != burst-600 {
		t.Errorf("they are told as %v", count)
	}
}

// TestBatchIsTold: each element of a JSON-RPC batch is a request of its own.
func TestBatchIsTold(t *testing.T) {
	s := startTold(t)
	p := s.dial("tcp")
	p.send(strings.Replace(hello, "2025-11-25", "2025-03-26", 1) + "\n")
	p.line()
	one, two := strings.TrimSpace(toolCall("1", "echo", `{"message":"x"}`)), strings.TrimSpace(toolCall("2", "echo", `{}`))
	p.send("[" + one + "," + two + `,{"jsonrpc":"2.0","id":3,"method":"tools/list"}]` + "\n")
	p.line()
	calls := s.await("tools/call", 2)
	s.await("tools/list", 1)
	if calls[0].Outcome == calls[1].Outcome || calls[0].Revision != "2025-03-26" {
		t.Errorf("they are told as %+v", calls)
	}
}

// TestTraceContext: a handler finds where in the trace it is, with what it should pass on; and nothing once it is off,
// or when nobody traces.
func TestTraceContext(t *testing.T) {
	bodies := make(chan []byte, 100)
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		bodies <- b
	}))
	defer collector.Close()
	var o trace.Options
	option.SetDefaults(&o)
	o.Endpoint, o.Interval = collector.URL, time.Millisecond
	f := func(name string, o trace.Options, want string) {
		t.Run(name, func(t *testing.T) {
			s := startConfig(t, func(c *Config) {
				c.Trace = trace.New(o, nil, trace.Identity{Name: "weir"}, c.Metrics, func(error) {})
				t.Cleanup(func() { c.Trace.Stop(time.Minute) })
			})
			kept := make(chan context.Context, 10)
			registry.AddTool(s.registry, &mcp.Tool{Name: "where"}, func(ctx context.Context, _ *mcp.CallToolRequest,
				_ struct{}) (*mcp.CallToolResult, any, error) {
				parent, state := registry.TraceContext(ctx)
				kept <- ctx
				return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: parent + " " + state}}}, nil, nil
			})
			p := s.dial("tcp").greet()
			p.send(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"where","arguments":{},"_meta":{` +
				`"traceparent":"00-11111111111111111111111111111111-2222222222222222-01","tracestate":"a=b"}}}` + "\n")
			answer := p.line()
			contains(t, answer, want)
			if strings.Contains(answer, "2222222222222222") {
				t.Error("the handler is given its parent's place and not its own")
			}
			if parent, state := registry.TraceContext(<-kept); parent+state != "" {
				t.Errorf("after the call there is %s %s", parent, state)
			}
		})
	}
	f("off", trace.Options{}, `"text":" "`)
	f("on", o, `"text":"00-11111111111111111111111111111111-`)
	close(bodies) // the tracer has stopped
	var got []byte
	for body := range bodies {
		got = append(got, body...)
	}
	if !bytes.Contains(got, []byte("tools/call where")) {
		t.Errorf("the collector got %q", got)
	}
}
