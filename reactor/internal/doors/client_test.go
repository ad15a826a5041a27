package doors

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
)

// client speaks MCP over HTTP to whatever stands at url, as clients do: on connections that it keeps.
type client struct {
	t    *testing.T
	url  string
	http http.Client
	// accept is what it takes; "": both.
	accept string
	// patience is how long a call may take.
	patience time.Duration
	// chunked has bodies in chunks, so that who passes them on has seen their ends before the server has.
	chunked bool
}

func newClient(t *testing.T, address string) *client {
	transport := &http.Transport{MaxIdleConnsPerHost: 1000}
	t.Cleanup(transport.CloseIdleConnections)
	return &client{t: t, url: "http://" + address + "/mcp", http: http.Client{Transport: transport},
		patience: patience}
}

// do sends a request; body "" is none.
func (c *client) do(ctx context.Context, method, body string, fields ...string) (*http.Response, error) {
	var text io.Reader = strings.NewReader(body)
	if c.chunked && body != "" {
		text = io.MultiReader(text) // of no known length
	}
	r, err := http.NewRequestWithContext(ctx, method, c.url, text)
	if err != nil {
		return nil, err
	}
	r.Host = "localhost"
	r.Header.Set("Accept", "application/json, text/event-stream")
	if c.accept != "" {
		r.Header.Set("Accept", c.accept)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(fields); i += 2 {
		r.Header.Set(fields[i], fields[i+1])
	}
	return c.http.Do(r)
}

const modernMeta = `"_meta":{"progressToken":1,"io.modelcontextprotocol/protocolVersion":"2026-07-28",` +
	`"io.modelcontextprotocol/clientCapabilities":{}}`

// modern begins a tools/call of 2026-07-28.
func (c *client) modern(ctx context.Context, tool, arguments string) (*http.Response, error) {
	return c.do(ctx, "POST", fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":%q,`+
		`"arguments":%s,%s}}`, tool, arguments, modernMeta),
		"MCP-Protocol-Version", "2026-07-28", "Mcp-Method", "tools/call", "Mcp-Name", tool)
}

// call is a modern call with the whole of its answer: of an event stream all that its events say, a line each.
func (c *client) call(tool, arguments string) (status int, text string) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), c.patience)
	defer cancel()
	r, err := c.modern(ctx, tool, arguments)
	if err != nil { // and no end of the test: it may be one of many goroutines
		c.t.Errorf("%s: %v", tool, err)
		return 0, ""
	}
	defer r.Body.Close()
	return r.StatusCode, whole(c.t, r)
}

func whole(t *testing.T, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Errorf("the answer breaks off: %v", err)
	}
	return string(b)
}

// session opens one of 2025-11-25 and returns its fields.
func (c *client) session() []string {
	c.t.Helper()
	r, err := c.do(c.t.Context(), "POST", hello)
	must(c.t, err)
	defer r.Body.Close()
	wants(c.t, "initialize", whole(c.t, r), `"protocolVersion":"2025-11-25"`)
	fields := []string{"Mcp-Session-Id", r.Header.Get("Mcp-Session-Id"), "MCP-Protocol-Version", "2025-11-25"}
	told, err := c.do(c.t.Context(), "POST", `{"jsonrpc":"2.0","method":"notifications/initialized"}`, fields...)
	must(c.t, err)
	told.Body.Close()
	if told.StatusCode != 202 {
		c.t.Errorf("initialized: %s", told.Status)
	}
	return fields
}

// stream is an open event stream; its messages come one by one.
type stream struct {
	t      *testing.T
	events chan string // closed at its end
	signs  chan struct{}
	ended  error
	close  func()
}

// follow reads an event stream until it ends or the test does.
func follow(t *testing.T, r *http.Response, stop func()) *stream {
	t.Helper()
	if r.StatusCode != 200 || !strings.HasPrefix(r.Header.Get("Content-Type"), "text/event-stream") {
		t.Fatalf("no stream: %s %v %s", r.Status, r.Header, whole(t, r))
	}
	s := &stream{t: t, events: make(chan string, 100), signs: make(chan struct{}, 1000), close: stop}
	go func() {
		defer close(s.events)
		defer r.Body.Close()
		in := bufio.NewScanner(r.Body)
		in.Buffer(nil, 64<<20)
		for in.Scan() {
			if data, ok := strings.CutPrefix(in.Text(), "data: "); ok {
				s.events <- data
			} else if strings.HasPrefix(in.Text(), ":") {
				s.signs <- struct{}{}
			}
		}
		s.ended = in.Err()
	}()
	t.Cleanup(stop)
	return s
}

// next is the next event; "" is the stream's end.
func (s *stream) next() string {
	s.t.Helper()
	select {
	case e := <-s.events:
		return e
	case <-time.After(patience):
		s.t.Fatal("the stream says nothing")
		return ""
	}
}

// listen opens a stream: a session's GET, or a listen of 2026-07-28 if there are no fields.
func (c *client) listen(fields ...string) *stream {
	c.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	method, body := "GET", ""
	if len(fields) == 0 {
		method, body = "POST", `{"jsonrpc":"2.0","id":9,"method":"subscriptions/listen","params":{"notifications":`+
			`{"toolsListChanged":true},`+modernMeta+`}}`
		fields = []string{"MCP-Protocol-Version", "2026-07-28", "Mcp-Method", "subscriptions/listen"}
	}
	r, err := c.do(ctx, method, body, fields...)
	must(c.t, err)
	return follow(c.t, r, cancel)
}

// talk says messages over a WebSocket at address, and returns the answer to each.
func talk(address string, patience time.Duration, messages ...string) (answers []string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	dialer := ws.Dialer{Protocols: []string{"mcp"}, Host: "localhost"}
	conn, _, _, err := dialer.Dial(ctx, "ws://"+address+"/mcp")
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	for _, m := range messages {
		if err := wsutil.WriteClientText(conn, []byte(m)); err != nil {
			return answers, err
		}
		answer, err := wsutil.ReadServerText(conn)
		if err != nil {
			return answers, err
		}
		answers = append(answers, string(answer))
	}
	return answers, nil
}

func wants(t *testing.T, what, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%s: no %s in %.500s", what, part, text)
		}
	}
}

// textIn is the text of the first content of a call's answer.
func textIn(t *testing.T, answer string) string {
	t.Helper()
	var message struct {
		Result struct{ Content []struct{ Text string } }
	}
	if err := json.Unmarshal([]byte(answer), &message); err != nil || len(message.Result.Content) != 1 {
		t.Errorf("no answer of a call: %v %.500s", err, answer)
		return ""
	}
	return message.Result.Content[0].Text
}
