package cmd

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/cmd/demo"
	"weir/cmd/needs"
	"weir/registry"
)

// The rule: with 18,000 connections at most and any traffic whatever, resident memory stays below 512 MiB. Each shape
// is one way of making the server hold something, played from a few connections and from many, against a process of its
// own with default options.

const (
	asHoarding   = "hoarding"
	residentMost = 512 << 20
)

// hoarding is the program: tools to hold things with.
var hoarding = Program{Name: "hoarding", Version: "dev", Offer: offerHoards}

func offerHoards(r *registry.Registry) error {
	demo.AddTools(r)
	type largeIn struct {
		Bytes int    `json:"bytes"`
		Pad   string `json:"pad,omitempty"`
	}
	large := func(_ context.Context, _ *mcp.CallToolRequest, in largeIn) (*mcp.CallToolResult, any, error) {
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: strings.Repeat("x", in.Bytes)}}}, nil, nil
	}
	registry.AddTool(r, &mcp.Tool{Name: "large", Description: "Answers at length"}, large, registry.Cheap())
	registry.AddTool(r, &mcp.Tool{Name: "job", Description: "The same, as a task too"}, large,
		registry.Tasks(registry.TaskOptional))
	registry.AddTool(r, &mcp.Tool{Name: "talk", Description: "Reports progress"},
		func(ctx context.Context, _ *mcp.CallToolRequest, in largeIn) (*mcp.CallToolResult, any, error) {
			for n := range 20 {
				registry.Progress(ctx, float64(n), 20, strings.Repeat("p", in.Bytes))
			}
			return &mcp.CallToolResult{}, nil, nil
		})
	registry.AddTool(r, &mcp.Tool{Name: "ask", Description: "Asks for a name"},
		func(_ context.Context, req *mcp.CallToolRequest, _ largeIn) (*mcp.CallToolResult, any, error) {
			if req.Params.InputResponses["name"] != nil {
				return &mcp.CallToolResult{}, nil, nil
			}
			return &mcp.CallToolResult{InputRequests: mcp.InputRequestMap{"name": &mcp.ElicitParams{Mode: "form",
				Message: "your name?", RequestedSchema: map[string]any{"type": "object"}}}}, nil, nil
		})
	return nil
}

// hoards is how much of a shape one connection plays.
type hoards struct {
	conns int
	few   bool // and so each as much as it may
}

// pick is what a connection does when there are few of them, or many.
func (h hoards) pick(few, many int) int {
	if h.few {
		return few
	}
	return many
}

// shape is a way of holding.
type shape struct {
	name string
	http bool
	// play writes what the server is to hold. The connection stays open, and mostly unread.
	play func(c *hoarder, h hoards)
}

// hoarder is one connection of a shape.
type hoarder struct {
	net.Conn
	number int
	from   *bufio.Reader
	say    io.Writer // to the connection; an error is its end, which is what some shapes come to
}

func (c *hoarder) send(format string, args ...any) { fmt.Fprintf(c.say, format, args...) }

// line reads one line, for shapes that need an answer to go on; "" when there is none.
func (c *hoarder) line() string {
	text, _ := c.from.ReadString('\n')
	return text
}

func (c *hoarder) greet(revision string) {
	c.send(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"%s","capabilities":{"elicitation":{}},`+
		`"clientInfo":{"name":"hoarder","version":"1"}}}`+"\n"+`{"jsonrpc":"2.0","method":"notifications/initialized"}`+"\n",
		revision)
	c.line()
}

const modernMeta = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",` +
	`"io.modelcontextprotocol/clientCapabilities":{"extensions":{"io.modelcontextprotocol/tasks":{}}}}`

// toolLine is a call on a line, in any era that needs nothing more.
func toolLine(id int, tool, arguments string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"%s","arguments":%s}}`, id, tool,
		arguments)
}

// posted is a message over HTTP.
func posted(body, headers string) string {
	return fmt.Sprintf("POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"+
		"Accept: application/json, text/event-stream\r\n%sContent-Length: %d\r\n\r\n%s", headers, len(body), body)
}

// postedCall is a call of 2026-07-28 over HTTP.
func postedCall(id int, tool, arguments string) string {
	return posted(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"%s","arguments":%s,%s}}`, id,
		tool, arguments, modernMeta),
		"MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: "+tool+"\r\n")
}

func padding(n int) string { return strings.Repeat("x", n) }

var shapes = []shape{
	{"unfinished line", false, func(c *hoarder, h hoards) {
		c.send(`{"pad":"%s`, padding(h.pick(1_000_000, 200_000)))
	}},
	{"unfinished HTTP head", true, func(c *hoarder, _ hoards) {
		c.send("POST /mcp HTTP/1.1\r\nHost: localhost\r\n")
		for n := range 8 {
			c.send("X-%d: %s\r\n", n, padding(3900))
		}
	}},
	{"unfinished HTTP body", true, func(c *hoarder, h hoards) {
		whole := posted(`{"pad":"`+padding(h.pick(1_000_000, 200_000))+`"}`, "")
		c.send("%s", whole[:len(whole)-2])
	}},
	{"small answers behind a stuck tool (HTTP)", true, func(c *hoarder, h hoards) {
		c.send("%s", postedCall(0, "sleep", `{"ms":60000}`))
		for id := range h.pick(3000, 300) {
			c.send("%s", postedCall(1+id, "echo", `{"message":"x"}`))
		}
	}},
	{"the loop's answers behind a stuck tool (HTTP)", true, func(c *hoarder, h hoards) {
		c.send("%s", postedCall(0, "sleep", `{"ms":60000}`))
		discover := posted(`{"jsonrpc":"2.0","id":1,"method":"server/discover","params":{`+modernMeta+`}}`,
			"MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: server/discover\r\n")
		for range h.pick(3000, 300) {
			c.send("%s", discover)
		}
	}},
	{"large answers behind a slow one (HTTP)", true, func(c *hoarder, h hoards) {
		c.send("%s", postedCall(0, "sleep", `{"ms":60000}`))
		for id := range h.pick(30, 4) {
			c.send("%s", postedCall(1+id, "large", `{"bytes":`+strconv.Itoa(h.pick(1_000_000, 200_000))+`}`))
		}
	}},
	{"suspended on a client request", false, func(c *hoarder, h hoards) {
		c.greet("2025-11-25")
		for id := range h.pick(100, 4) {
			c.send("%s\n", toolLine(1+id, "ask", `{"bytes":1,"pad":"`+padding(h.pick(33_000, 600))+`"}`))
		}
	}},
	{"kept in the event store", true, func(c *hoarder, h hoards) { hoardEvents(c, h) }},
	{"subscribed", false, func(c *hoarder, h hoards) {
		c.greet("2025-11-25")
		for n := range h.pick(1000, 50) {
			c.send(`{"jsonrpc":"2.0","id":%d,"method":"resources/subscribe","params":{"uri":"test://%d/%d/%s"}}`+"\n", 1+n, c.number,
				n, padding(1900))
		}
	}},
	{"subscribed with short names", false, func(c *hoarder, h hoards) {
		c.greet("2025-11-25")
		for n := range h.pick(1000, 100) {
			c.send(`{"jsonrpc":"2.0","id":%d,"method":"resources/subscribe","params":{"uri":"t:%d/%d"}}`+"\n", 1+n, c.number, n)
		}
	}},
	{"listens", false, func(c *hoarder, h hoards) {
		for id := range h.pick(1000, 50) {
			c.send(`{"jsonrpc":"2.0","id":%d,"method":"subscriptions/listen","params":{"notifications":{"toolsListChanged":true,`+
				`"resourceSubscriptions":["test://%d/%d/%s"]},%s}}`+"\n", 1+id, c.number, id, padding(h.pick(1900, 200)), modernMeta)
		}
	}},
	{"batched", false, func(c *hoarder, h hoards) {
		c.greet("2025-03-26")
		for batch := range 3 {
			var elements []string
			for n := range h.pick(30, 5) {
				elements = append(elements, toolLine(100*batch+n+1, "large",
					`{"bytes":`+strconv.Itoa(h.pick(1_000_000, 100_000))+`}`))
			}
			elements = append(elements, toolLine(100*batch+99, "sleep", `{"ms":60000}`))
			c.send("[%s]\n", strings.Join(elements, ","))
		}
	}},
	{"queued, small", false, func(c *hoarder, h hoards) {
		for id := range h.pick(10_000, 150) {
			c.send("%s\n", strings.Replace(toolLine(1+id, "sleep", `{"ms":1500}`), `"name"`, modernMeta+`,"name"`, 1))
		}
	}},
	{"queued, large", false, func(c *hoarder, h hoards) {
		for id := range h.pick(40, 4) {
			c.send("%s\n", strings.Replace(toolLine(1+id, "sleep", `{"ms":1500}`), `"name"`, modernMeta+`,"pad":"`+
				padding(33_000)+`","name"`, 1))
		}
	}},
	{"unread", false, func(c *hoarder, h hoards) {
		for id := range h.pick(40, 4) {
			c.send("%s\n", strings.Replace(toolLine(1+id, "large", `{"bytes":`+strconv.Itoa(h.pick(1_000_000, 150_000))+`}`),
				`"name"`, modernMeta+`,"name"`, 1))
		}
	}},
	{"unread, small", false, func(c *hoarder, h hoards) {
		for id := range h.pick(3000, 100) {
			c.send("%s\n", strings.Replace(toolLine(1+id, "large", `{"bytes":2000}`), `"name"`, modernMeta+`,"name"`, 1))
		}
	}},
	{"cancelled", false, func(c *hoarder, h hoards) {
		c.greet("2025-11-25")
		for id := range h.pick(400, 300) { // deep in the queue, where cancellations wait for their messages
			c.send("%s\n", toolLine(1+id, "sleep", `{"ms":1500}`))
		}
		for id := range 80 {
			c.send(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"%s%d"}}`+"\n", padding(120), id)
		}
		if h.few {
			c.send(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"%s"}}`+"\n", padding(1_000_000))
		}
	}},
	{"tasks", false, func(c *hoarder, h hoards) {
		for id := range h.pick(200, 5) {
			c.send("%s\n", strings.Replace(toolLine(1+id, "job", `{"bytes":`+strconv.Itoa(h.pick(900_000, 50_000))+`,"pad":"`+
				padding(h.pick(30_000, 1000))+`"}`), `"name"`, modernMeta+`,"task":{},"name"`, 1))
		}
	}},
}

// hoardEvents begins a session, and has calls report progress on event streams that can be resumed.
func hoardEvents(c *hoarder, h hoards) {
	for range h.pick(20, 2) {
		c.send("%s", posted(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25",`+
			`"capabilities":{},"clientInfo":{"name":"hoarder","version":"1"}}}`, ""))
		answer, err := http.ReadResponse(c.from, nil)
		if err != nil {
			return
		}
		io.Copy(io.Discard, answer.Body)
		session := "MCP-Protocol-Version: 2025-11-25\r\nMcp-Session-Id: " + answer.Header.Get("Mcp-Session-Id") + "\r\n"
		for id := range 4 {
			c.send("%s", posted(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"talk",`+
				`"arguments":{"bytes":%d},"_meta":{"progressToken":%d}}}`, 1+id, h.pick(3000, 1), id), session))
			if answer, err = http.ReadResponse(c.from, nil); err != nil {
				return
			}
			io.Copy(io.Discard, answer.Body)
		}
	}
}

// hoard plays a shape from all connections, some at a time, and returns them.
func hoard(t *testing.T, s shape, c *child, h hoards) {
	address := c.addresses["tcp"]
	if s.http {
		address = c.addresses["http"]
	}
	var all sync.WaitGroup
	slots := make(chan struct{}, 256)
	for n := range h.conns {
		all.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			conn, err := net.Dial("tcp", address)
			if err != nil {
				t.Error(err)
				return
			}
			t.Cleanup(func() { conn.Close() })
			conn.(*net.TCPConn).SetReadBuffer(4096)
			conn.SetDeadline(time.Now().Add(2 * time.Second)) // a connection that is not read any more is one that holds
			w := bufio.NewWriterSize(conn, 64<<10)
			player := &hoarder{Conn: conn, number: n, from: bufio.NewReader(conn), say: flushing{w}}
			s.play(player, h)
			w.Flush()
		})
	}
	all.Wait()
}

// flushing writes at once what is short, so that answers can be waited for.
type flushing struct{ *bufio.Writer }

func (f flushing) Write(p []byte) (int, error) {
	n, err := f.Writer.Write(p)
	if err == nil && f.Buffered() < 4096 {
		err = f.Flush()
	}
	return n, err
}

// resident is what a child holds (VmRSS) and held at most (VmHWM).
func (c *child) resident() (now, most int64) {
	c.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.Process.Pid))
	if err != nil {
		c.t.Fatal(err)
	}
	field := func(name string) int64 {
		found := regexp.MustCompile(name + `:\s*(\d+) kB`).FindSubmatch(text)
		if found == nil {
			c.t.Fatalf("/proc says nothing of %s", name)
		}
		kib, _ := strconv.ParseInt(string(found[1]), 10, 64)
		return kib << 10
	}
	return field("VmRSS"), field("VmHWM")
}

// served says whether somebody who comes now is: a ping, and 150 KB there and back.
func (c *child) served() bool {
	conn, err := net.Dial("tcp", c.addresses["tcp"])
	if err != nil {
		return false
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(5 * time.Second))
	from := bufio.NewReader(conn)
	player := &hoarder{Conn: conn, from: from, say: conn}
	player.greet("2025-11-25")
	player.send(`{"jsonrpc":"2.0","id":1,"method":"ping"}` + "\n")
	if !strings.Contains(player.line(), `"id":1,"result"`) {
		return false
	}
	player.send("%s\n", toolLine(2, "echo", `{"message":"`+padding(150_000)+`"}`))
	return len(player.line()) > 150_000
}

// heldSeries are the budgets in which something is, for the log.
var heldSeries = regexp.MustCompile(`(?m)^weir_(outbox|input|queue|subscription|event_store|client_request|task)_bytes [1-9].*$`)

func holds(t *testing.T, s shape, h hoards, wait time.Duration) {
	c := startChildAs(t, asHoarding, nil)
	go func() {
		for c.log.Scan() {
		}
	}()
	hoard(t, s, c, h)
	begun := time.Now()
	for time.Since(begun) < wait {
		if _, most := c.resident(); most > residentMost {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	now, most := c.resident()
	t.Logf("%d connections: %d MiB resident, %d at most\n%s", h.conns, now>>20, most>>20, strings.Join(
		heldSeries.FindAllString(c.httpGet("/metrics"), -1), " "))
	if most > residentMost && !raceEnabled {
		t.Errorf("%d connections: %d MiB resident at most, want at most %d", h.conns, most>>20, residentMost>>20)
	}
	eventually(t, "a newcomer is served", c.served)
}

// TestHolding plays each shape from few connections. Each has a server of its own, and some wait for it to stop reading,
// so that a few at once take half the time.
func TestHolding(t *testing.T) {
	for _, s := range shapes {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			holds(t, s, hoards{conns: 24, few: true}, 100*time.Millisecond)
		})
	}
}

// TestHoldingFull is the same with what few and many can do: docs/MEMORY.md has its figures.
func TestHoldingFull(t *testing.T) {
	needs.Slow(t)
	for _, h := range []hoards{{conns: 12, few: true}, {conns: 78, few: true}, {conns: 4000}} {
		for _, s := range shapes {
			t.Run(fmt.Sprintf("%s, %d", s.name, h.conns), func(t *testing.T) { holds(t, s, h, 3*time.Second) })
		}
	}
}
