package reactor

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"weir/reactor/loop"
	"weir/reactor/mount"
)

// Mounts in a server, seen by its clients. A mount is played by the test over a Unix socket, or is this test binary
// (mountChild).

// played is the server of a mount, played line by line.
type played struct {
	t    *testing.T
	ln   net.Listener
	conn net.Conn
	in   *bufio.Reader
}

// mounted starts a server with a mount that the test plays.
func mounted(t *testing.T, change func(*mount.Options), more ...func(*Config)) (*server, *played) {
	t.Helper()
	path := t.TempDir() + "/m.sock"
	ln, err := net.Listen("unix", path)
	must(t, err)
	p := &played{t: t, ln: ln}
	t.Cleanup(func() { ln.Close() })
	one := mount.DefaultOptions()
	one.Unix = path
	if change != nil {
		change(&one)
	}
	s := startConfig(t, func(c *Config) {
		c.Mounts = map[string]*mount.Options{"m": &one}
		for _, f := range more {
			f(c)
		}
	})
	return s, p
}

// accept takes the next connection of the mount.
func (p *played) accept() {
	p.t.Helper()
	must(p.t, p.ln.(*net.UnixListener).SetDeadline(time.Now().Add(patience)))
	conn, err := p.ln.Accept()
	must(p.t, err)
	p.t.Cleanup(func() { conn.Close() })
	must(p.t, conn.SetDeadline(time.Now().Add(patience)))
	p.conn, p.in = conn, bufio.NewReader(conn)
}

// said is a message of the server's.
type said struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
}

// hear reads one.
func (p *played) hear(method string) said {
	p.t.Helper()
	line, err := p.in.ReadString('\n')
	if err != nil {
		p.t.Fatalf("no %s: %v", method, err)
	}
	var m said
	must(p.t, json.Unmarshal([]byte(line), &m))
	if m.Method != method {
		p.t.Fatalf("%s, want %s", line, method)
	}
	return m
}

func (p *played) say(format string, args ...any) {
	p.t.Helper()
	_, err := fmt.Fprintf(p.conn, format+"\n", args...)
	must(p.t, err)
}

// greet is a legacy greeting, and the list of tools.
func (p *played) greet(tools string) {
	p.t.Helper()
	p.greetOnly()
	p.list(tools)
}

func (p *played) greetOnly() {
	p.t.Helper()
	p.accept()
	m := p.hear("initialize")
	p.say(`{"jsonrpc":"2.0","id":%s,"result":{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},`+
		`"serverInfo":{"name":"p","version":"1"}}}`, m.ID)
	p.hear("notifications/initialized")
}

func (p *played) list(tools string) {
	p.t.Helper()
	m := p.hear("tools/list")
	p.say(`{"jsonrpc":"2.0","id":%s,"result":{"tools":[%s]}}`, m.ID, tools)
}

const (
	toolA = `{"name":"a","inputSchema":{"type":"object"}}`
	toolB = `{"name":"b","inputSchema":{"type":"object","properties":{"n":{"type":"number","maximum":12345678901234567890.10}}}}`
)

// up waits until the mount is there with so many tools, and returns a client that has greeted.
func up(t *testing.T, s *server, tools int) *lineClient {
	t.Helper()
	s.eventually("the mount is so", func() bool { m := s.Status().Mounts[0]; return m.Up && m.Tools == tools })
	return initialized(t, s)
}

// lineClient speaks lines in the legacy era.
type lineClient struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

func initialized(t *testing.T, s *server) *lineClient {
	t.Helper()
	conn, err := net.Dial("tcp", s.Addrs()["tcp"])
	must(t, err)
	t.Cleanup(func() { conn.Close() })
	must(t, conn.SetDeadline(time.Now().Add(patience)))
	c := &lineClient{t: t, conn: conn, in: bufio.NewReaderSize(conn, 8<<20)}
	c.say(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},` +
		`"clientInfo":{"name":"t","version":"1"}}}`)
	c.hear()
	c.say(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	return c
}

func (c *lineClient) say(line string) {
	c.t.Helper()
	_, err := io.WriteString(c.conn, line+"\n")
	must(c.t, err)
}

// hear reads the next line that is no change of a list.
func (c *lineClient) hear() string {
	c.t.Helper()
	for {
		line, err := c.in.ReadString('\n')
		must(c.t, err)
		if !strings.Contains(line, "list_changed") {
			return strings.TrimSuffix(line, "\n")
		}
	}
}

func (c *lineClient) want(line string) {
	c.t.Helper()
	if got := c.hear(); got != line {
		c.t.Errorf("got  %s\nwant %s", got, line)
	}
}

func callOf(id int, tool, rest string) string {
	return aimed(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":%q%s}}`, id, tool, rest))
}

const modernMeta = `"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}`

// TestMountPassesBytes: what a client sends reaches its mount as it is, and so does what comes back, in both eras.
func TestMountPassesBytes(t *testing.T) {
	s, p := mounted(t, nil)
	p.greet(toolA + "," + toolB)
	c := up(t, s, 2)

	c.say(callOf(1, "m_a", `,"arguments":{"x": 1.50, "y":"\u00e4\/"},"_meta":{"v":1,"io.modelcontextprotocol/x":2}`))
	m := p.hear("tools/call")
	if got, want := string(m.Params), `{"name":"a","arguments":{"x": 1.50, "y":"\u00e4\/"},"_meta":{"v":1}}`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	const result = `{"content":[ {"type":"text","text":"\u00e4"}],"structuredContent":{"n":1.00e2},"_meta":{"k":1},"new":[]}`
	p.say(`{"jsonrpc":"2.0","id":%s,"result":%s}`, m.ID, result)
	c.want(`{"jsonrpc":"2.0","id":1,"result":` + result + `}`)

	c.say(callOf(2, "m_b", ""))
	m = p.hear("tools/call")
	if string(m.Params) != `{"name":"b"}` {
		t.Errorf("%s", m.Params)
	}
	p.say(`{"jsonrpc":"2.0","id":%s,"error":{"code":-1,"message":"n\u00f6","data":{"n": 1.0}}}`, m.ID)
	c.want(`{"jsonrpc":"2.0","id":2,"error":{"code":-1,"message":"nö","data":{"n": 1.0}}}`)

	c.say(callOf(3, "m_a", `,"_meta":{`+modernMeta+`,"traceparent":"00"}`))
	m = p.hear("tools/call")
	if string(m.Params) != `{"name":"a","_meta":{"traceparent":"00"}}` {
		t.Errorf("%s", m.Params)
	}
	p.say(`{"jsonrpc":"2.0","id":%s,"result":{"content":[],"isError":true,"_meta":{"k":1,"io.modelcontextprotocol/z":1}}}`,
		m.ID)
	c.want(`{"jsonrpc":"2.0","id":3,"result":{"content":[],"isError":true,"resultType":"complete","_meta":` +
		`{"io.modelcontextprotocol/serverInfo":{"name":"weir","version":"dev"},"k":1}}}`)
	c.say(callOf(4, "m_a", `,"_meta":{`+modernMeta+`}`))
	m = p.hear("tools/call")
	p.say(`{"jsonrpc":"2.0","id":%s,"result":{"content":[]}}`, m.ID)
	c.want(`{"jsonrpc":"2.0","id":4,"result":{"content":[],"resultType":"complete","_meta":` +
		`{"io.modelcontextprotocol/serverInfo":{"name":"weir","version":"dev"}}}}`)

	c.say(callOf(5, "m_a", `,"arguments":[]`))
	c.want(`{"jsonrpc":"2.0","id":5,"error":{"code":-32602,"message":"params.arguments must be an object"}}`)
}

// TestMountModern: a mount of the modern era answers clients of the legacy one.
func TestMountModern(t *testing.T) {
	s, p := mounted(t, nil)
	p.accept()
	m := p.hear("initialize")
	p.say(`{"jsonrpc":"2.0","id":%s,"error":{"code":-32601,"message":"no"}}`, m.ID)
	m = p.hear("server/discover")
	const meta = `"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":` +
		`{"name":"weir","version":"dev"},"io.modelcontextprotocol/clientCapabilities":{}`
	if string(m.Params) != `{"_meta":{`+meta+`}}` {
		t.Errorf("%s", m.Params)
	}
	p.say(`{"jsonrpc":"2.0","id":%s,"result":{"resultType":"complete","supportedVersions":["2026-07-28"]}}`, m.ID)
	p.list(toolA)
	c := up(t, s, 1)
	c.say(callOf(1, "m_a", `,"arguments":{}`))
	m = p.hear("tools/call")
	if string(m.Params) != `{"name":"a","arguments":{},"_meta":{`+meta+`}}` {
		t.Errorf("%s", m.Params)
	}
	p.say(`{"jsonrpc":"2.0","id":%s,"result":{"resultType":"complete","content":[],"structuredContent":7,`+
		`"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"p","version":"1"}}}}`, m.ID)
	c.want(`{"jsonrpc":"2.0","id":1,"result":{"content":[]}}`)
	c.say(callOf(2, "m_a", ""))
	m = p.hear("tools/call")
	p.say(`{"jsonrpc":"2.0","id":%s,"result":{"resultType":"input_required","requestState":"x"}}`, m.ID)
	c.want(`{"jsonrpc":"2.0","id":2,"error":{"code":-32603,"message":"mount m asks for input in a form that is not passed on",` +
		`"data":{"reason":"mount_asks","mount":"m","executed":true}}}`)
}

// TestMountProgressAndCancellation: progress comes under the client's token, a cancellation goes to the mount, and what
// it answers late is nobody's.
func TestMountProgressAndCancellation(t *testing.T) {
	s, p := mounted(t, nil)
	p.greet(toolA)
	c := up(t, s, 1)
	c.say(callOf(1, "m_a", `,"_meta":{"progressToken":"mine"}`))
	m := p.hear("tools/call")
	if string(m.Params) != `{"name":"a","_meta":{"progressToken":`+string(m.ID)+`}}` {
		t.Errorf("%s", m.Params)
	}
	p.say(`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":%s,"progress":0.50,"message":"x"}}`,
		m.ID)
	c.want(`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"mine","progress":0.50,"message":"x"}}`)
	p.say(`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":99,"progress":1}}`)
	c.say(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`)
	gone := p.hear("notifications/cancelled")
	if string(gone.Params) != `{"requestId":`+string(m.ID)+`}` {
		t.Errorf("%s", gone.Params)
	}
	p.say(`{"jsonrpc":"2.0","id":%s,"result":{"content":[]}}`, m.ID)
	c.say(callOf(2, "m_a", ""))
	second := p.hear("tools/call")
	if string(second.ID) == string(m.ID) {
		t.Errorf("the id %s is used again", m.ID)
	}
	p.say(`{"jsonrpc":"2.0","id":%s,"result":{"content":[]}}`, second.ID)
	c.want(`{"jsonrpc":"2.0","id":2,"result":{"content":[]}}`)
	if n := s.metric(`weir_mount_lines_dropped_total{mount="m",reason="late"}`); n != "2" {
		t.Errorf("%v late lines", n)
	}
	if m := s.Status().Mounts[0]; m.InFlight+m.Waiting+m.RequestBytes+m.AnswerBytes != 0 {
		t.Errorf("%+v", m)
	}
}

// TestMountDuration: a forwarded call lasts until its mount has answered, is one call, and is none that only computes.
func TestMountDuration(t *testing.T) {
	s, p := mounted(t, nil)
	p.greet(toolA)
	c := up(t, s, 1)
	const calls, pause = 2, 60 * time.Millisecond
	for i := range calls {
		c.say(callOf(i+1, "m_a", ""))
		m := p.hear("tools/call")
		time.Sleep(pause)
		p.say(`{"jsonrpc":"2.0","id":%s,"result":{"content":[]}}`, m.ID)
		c.hear()
	}
	for series, most := range map[string]float64{
		`weir_tool_duration_seconds_%s{tool="m_a"}`:                                                     60,
		`weir_call_duration_seconds_%s{class="blocking"}`:                                               60,
		`weir_call_duration_seconds_%s{class="compute"}`:                                                0,
		`mcp_server_operation_duration_seconds_%s{mcp_method_name="tools/call",gen_ai_tool_name="m_a"}`: 60,
	} {
		n, least := strconv.Itoa(calls), calls*pause.Seconds()
		if most == 0 {
			n, least = "0", 0
		}
		// A call is counted when its answer is made: it has been heard by then.
		if got := s.metric(fmt.Sprintf(series, "count")); got != n {
			t.Errorf("%s: %s calls, want %s", series, got, n)
		}
		sum, err := strconv.ParseFloat(s.metric(fmt.Sprintf(series, "sum")), 64)
		if err != nil || sum < least || sum > most {
			t.Errorf("%s: %v s (%v), want %v to %v", series, sum, err, least, most)
		}
	}
}

// TestMountFull: calls beyond max_in_flight wait in order, the next is refused, and so is one that waits too long; one
// that is not answered in time ends and is cancelled there.
func TestMountFull(t *testing.T) {
	s, p := mounted(t, func(o *mount.Options) {
		o.MaxInFlight, o.MaxWaiting, o.MaxShare = 1, 2, 100
		o.WaitTimeout, o.CallTimeout = 500*time.Millisecond, 1500*time.Millisecond
	})
	p.greet(toolA)
	c := up(t, s, 1)
	status := func() mount.Status { return s.Status().Mounts[0] }
	c.say(callOf(1, "m_a", ""))
	first := p.hear("tools/call")
	c.say(callOf(2, "m_a", `,"arguments":{"n":2}`))
	s.eventually("the mount is so", func() bool { return status().Waiting == 1 })
	c.say(callOf(3, "m_a", ""))
	s.eventually("the mount is so", func() bool { return status().Waiting == 2 })
	c.say(callOf(4, "m_a", ""))
	c.want(`{"jsonrpc":"2.0","id":4,"error":{"code":-32603,"message":"mount m has as many calls as it may have ` +
		`(max_in_flight, max_connections, max_waiting, max_bytes)","data":{"reason":"mount_full","mount":"m","retryAfterMs":1000,"executed":false}}}`)
	p.say(`{"jsonrpc":"2.0","id":%s,"result":{"content":[]}}`, first.ID)
	c.want(`{"jsonrpc":"2.0","id":1,"result":{"content":[]}}`)
	second := p.hear("tools/call")
	if string(second.Params) != `{"name":"a","arguments":{"n":2}}` {
		t.Errorf("%s", second.Params)
	}
	if got := c.hear(); !strings.Contains(got, `"id":3,`) || !strings.Contains(got, `"mount_wait_timeout"`) {
		t.Error(got)
	}
	if got := c.hear(); !strings.Contains(got, `"id":2,`) || !strings.Contains(got, `"mount_timeout"`) ||
		!strings.Contains(got, `"executed":true`) {
		t.Error(got)
	}
	if gone := p.hear("notifications/cancelled"); string(gone.Params) != `{"requestId":`+string(second.ID)+`}` {
		t.Errorf("%s", gone.Params)
	}
}

// TestMountShare: a client that asks for more than its share of a mount leaves the rest to others, has its own calls
// sent in their order as its others end, is refused beyond its share of the line, and one that is gone has nothing.
func TestMountShare(t *testing.T) {
	s, p := mounted(t, func(o *mount.Options) { o.MaxInFlight, o.MaxWaiting, o.MaxShare = 4, 4, 50 })
	p.greet(toolA)
	greedy, other := up(t, s, 1), initialized(t, s)
	status := func() mount.Status { return s.Status().Mounts[0] }
	number := func(n int) string { return fmt.Sprintf(`,"arguments":{"n":%d}`, n) }
	for n := 1; n <= 5; n++ {
		greedy.say(callOf(n, "m_a", number(n)))
	}
	if got := greedy.hear(); !strings.Contains(got, `"id":5,`) || !strings.Contains(got, `"reason":"mount_share"`) {
		t.Error(got)
	}
	first, second := p.hear("tools/call"), p.hear("tools/call")
	s.eventually("two are held", func() bool { return status().Waiting == 2 && status().ClientInFlight == 2 })
	other.say(callOf(6, "m_a", number(6)))
	sixth := p.hear("tools/call")
	if string(sixth.Params) != `{"name":"a","arguments":{"n":6}}` {
		t.Errorf("%s, want the other client's", sixth.Params)
	}
	p.say(`{"jsonrpc":"2.0","id":%s,"result":{"content":[]}}`, second.ID)
	greedy.want(`{"jsonrpc":"2.0","id":2,"result":{"content":[]}}`)
	third := p.hear("tools/call")
	if string(third.Params) != `{"name":"a","arguments":{"n":3}}` {
		t.Errorf("%s, want the third", third.Params)
	}
	must(t, greedy.conn.(*net.TCPConn).SetLinger(0)) // a reset: who only closes may still read
	greedy.conn.Close()
	gone := string(p.hear("notifications/cancelled").Params) + string(p.hear("notifications/cancelled").Params)
	for _, id := range []string{string(first.ID), string(third.ID)} { // in any order
		if !strings.Contains(gone, `{"requestId":`+id+`}`) {
			t.Errorf("%s, want %s", gone, id)
		}
	}
	s.eventually("only the other's is left", func() bool { return status().InFlight == 1 && status().Waiting == 0 })
	p.say(`{"jsonrpc":"2.0","id":%s,"result":{"content":[]}}`, sixth.ID)
	other.want(`{"jsonrpc":"2.0","id":6,"result":{"content":[]}}`)
	s.eventually("nothing is left", func() bool {
		return status().InFlight+status().Waiting+status().RequestBytes+status().ClientInFlight == 0
	})
}

// TestMountErrorsAreCounted: an error of a mount is on its account as a result is, and given back.
func TestMountErrorsAreCounted(t *testing.T) {
	s, p := mounted(t, func(o *mount.Options) { o.MaxBytes = 64 << 10 })
	p.greet(toolA)
	c := up(t, s, 1)
	c.say(callOf(1, "m_a", ""))
	m := p.hear("tools/call")
	p.say(`{"jsonrpc":"2.0","id":%s,"error":{"code":1,"message":%q}}`, m.ID, strings.Repeat("x", 64<<10))
	if got := c.hear(); !strings.Contains(got, `"reason":"mount_answer"`) || !strings.Contains(got, "max_bytes") {
		t.Errorf("%.300s", got)
	}
	c.say(callOf(2, "m_a", ""))
	m = p.hear("tools/call")
	p.say(`{"jsonrpc":"2.0","id":%s,"error":{"code":1,"message":%q}}`, m.ID, strings.Repeat("x", 60<<10))
	if got := c.hear(); !strings.Contains(got, `"code":1,`) {
		t.Errorf("%.300s", got)
	}
	s.eventually("nothing is left", func() bool { return s.Status().Mounts[0].AnswerBytes == 0 })
}

// TestMountLost: what was sent to a mount that ends is answered once and by name, what comes meanwhile at once, and the
// mount is there again.
func TestMountLost(t *testing.T) {
	s, p := mounted(t, func(o *mount.Options) { o.MaxInFlight = 1 })
	p.greet(toolA)
	c := up(t, s, 1)
	c.say(callOf(1, "m_a", ""))
	p.hear("tools/call")
	c.say(callOf(2, "m_a", ""))
	s.eventually("the mount is so", func() bool { return s.Status().Mounts[0].Waiting == 1 })
	p.conn.Close()
	answers := c.hear() + c.hear()
	for _, part := range []string{`"id":1,`, `"id":2,`, `"reason":"mount_lost","mount":"m","executed":true`,
		`"reason":"mount_down"`} {
		if !strings.Contains(answers, part) {
			t.Errorf("no %s in %s", part, answers)
		}
	}
	c.say(callOf(3, "m_a", ""))
	if got := c.hear(); !strings.Contains(got, `"mount_down"`) || !strings.Contains(got, "mount m is not there") {
		t.Error(got)
	}
	p.greet(toolA)
	up(t, s, 1)
	c.say(callOf(4, "m_a", ""))
	m := p.hear("tools/call")
	p.say(`{"jsonrpc":"2.0","id":%s,"result":{"content":[]}}`, m.ID)
	c.want(`{"jsonrpc":"2.0","id":4,"result":{"content":[]}}`)
}

// TestMountOddities: lines that are no messages, too long, or answer nothing harm nobody but whom they answer.
func TestMountOddities(t *testing.T) {
	s, p := mounted(t, func(o *mount.Options) { o.MaxLineBytes = 4096 })
	p.accept()
	m := p.hear("initialize")
	p.say("Server is starting ...")
	p.say(`{"jsonrpc":"2.0","id":%s,"result":{"protocolVersion":"2024-11-05","capabilities":{}}}`, m.ID)
	p.hear("notifications/initialized")
	p.list(toolA)
	c := up(t, s, 1)
	long := strings.Repeat("x", 8000)
	for _, form := range []string{
		`{"jsonrpc":"2.0","id":%s,"result":{"content":[],"x":"` + long + `"}}`,
		`{"result":{"content":[],"x":"` + long + `"},"jsonrpc":"2.0","id":%s}`,
	} {
		c.say(callOf(1, "m_a", ""))
		m = p.hear("tools/call")
		p.say(form, m.ID)
		if got := c.hear(); !strings.Contains(got, `"mount_answer"`) || !strings.Contains(got, "max_line_bytes") {
			t.Error(got)
		}
	}
	c.say(callOf(2, "m_a", ""))
	m = p.hear("tools/call")
	p.say(`{"jsonrpc":"2.0","id":%s,"result":{"content":[],"content":[]}}`, m.ID)
	if got := c.hear(); !strings.Contains(got, `"mount_answer"`) {
		t.Error(got)
	}
	c.say(callOf(3, "m_a", ""))
	m = p.hear("tools/call")
	p.say(`{"jsonrpc":"2.0","id":%s,"result":[]}`, m.ID)
	if got := c.hear(); !strings.Contains(got, `"mount_answer"`) {
		t.Error(got)
	}
	p.say(`[{"jsonrpc":"2.0","id":1,"result":{}}]`)
	p.say(`{"jsonrpc":"2.0","id":"weir-1","result":{}}`)
	p.say(`{"jsonrpc":"2.0","id":7,"method":"roots/list"}`)
	if line, err := p.in.ReadString('\n'); err != nil || !strings.Contains(line, "cannot be told which call asks") {
		t.Error(line, err)
	}
	p.say(`{"jsonrpc":"2.0","id":8,"method":"tasks/list"}`)
	if line, err := p.in.ReadString('\n'); err != nil || !strings.Contains(line, `"id":8,"error":{"code":-32601`) {
		t.Error(line, err)
	}
	p.say(`{"jsonrpc":"2.0","id":"p","method":"ping"}`)
	if line, err := p.in.ReadString('\n'); err != nil || line != `{"jsonrpc":"2.0","id":"p","result":{}}`+"\n" {
		t.Error(line, err)
	}
	for reason, want := range map[string]string{"not_mcp": "2", "line_too_long": "2", "late": "1", "not_passed_on": "2"} {
		if n := s.metric(`weir_mount_lines_dropped_total{mount="m",reason="` + reason + `"}`); n != want {
			t.Errorf("%v %s, want %v", n, reason, want)
		}
	}
}

// TestMountLists: a list is asked for again when it has changed; what is denied, too long or of another mount is left
// out, and the log names it.
func TestMountLists(t *testing.T) {
	var log safeLog
	logger := zerolog.New(&log)
	path := t.TempDir() + "/m.sock"
	ln, err := net.Listen("unix", path)
	must(t, err)
	p := &played{t: t, ln: ln}
	t.Cleanup(func() { ln.Close() })
	one := mount.DefaultOptions()
	one.Unix, one.Prefix, one.Tools.Deny = path, "", []string{"no*"}
	s := startConfig(t, func(c *Config) {
		c.Mounts, c.Log = map[string]*mount.Options{"m": &one}, &logger
	})
	p.greet(toolA + `,{"name":"nothing","inputSchema":{"type":"object"}},{"name":"echo","inputSchema":{"type":"object"}},` +
		`{"name":"` + strings.Repeat("n", 65) + `","inputSchema":{"type":"object"}},{"name":"bad"}`)
	c := up(t, s, 1)
	names := func() string {
		c.say(`{"jsonrpc":"2.0","id":9,"method":"tools/list"}`)
		return c.hear()
	}
	if got := names(); !strings.Contains(got, `"name":"a"`) || strings.Contains(got, "nothing") {
		t.Error(got)
	}
	for _, part := range []string{`"echo\": the name is registered already`, "models take 64",
		"the input schema is missing"} {
		if !strings.Contains(log.String(), part) {
			t.Errorf("no %q in the log:\n%s", part, log.String())
		}
	}
	p.say(`{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}`)
	p.say(`{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}`)
	p.list(strings.Replace(toolA, `"a",`, `"a","description":"new",`, 1) + "," + toolB)
	s.eventually("the mount is so", func() bool { return s.Status().Mounts[0].Tools == 2 })
	contains(t, names(), `"description":"new"`, `"maximum":12345678901234567890.10`)
	p.say(`{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}`)
	p.list(toolB)
	s.eventually("the mount is so", func() bool { return s.Status().Mounts[0].Tools == 1 })
	if got := names(); strings.Contains(got, `"name":"a"`) {
		t.Error(got)
	}
}

// safeLog is a log that a test reads while it is written.
type safeLog struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *safeLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *safeLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// TestMountInFlight: 10,000 calls in flight cost no goroutine, and at most 3 KB each. All are answered.
func TestMountInFlight(t *testing.T) {
	const clients, each = 10, 1000
	s, p := mounted(t, func(o *mount.Options) { o.MaxInFlight, o.MaxWaiting = clients*each, clients*each })
	p.greet(toolA)
	var all []*lineClient
	for range clients {
		all = append(all, up(t, s, 1))
	}
	goroutines, heap := runtime.NumGoroutine(), heapNow()
	for _, c := range all {
		go func() {
			for id := range each {
				c.say(callOf(id+1, "m_a", `,"arguments":{"text":"some words to make it as long as calls are"}`))
			}
		}()
	}
	ids := make([]string, 0, clients*each)
	for range clients * each {
		ids = append(ids, string(p.hear("tools/call").ID))
	}
	s.eventually("all are in flight", func() bool { return s.Status().Mounts[0].InFlight == clients*each })
	if more := runtime.NumGoroutine() - goroutines; more > 20 {
		t.Errorf("%d goroutines more", more)
	}
	perCall := (heapNow() - heap) / (clients * each)
	t.Logf("%d bytes for each call", perCall)
	if perCall > 3<<10 && !raceEnabled {
		t.Errorf("%d bytes for each call", perCall)
	}
	go func() {
		for _, id := range ids {
			p.say(`{"jsonrpc":"2.0","id":%s,"result":{"content":[]}}`, id)
		}
	}()
	for _, c := range all {
		seen := map[string]bool{}
		for range each {
			if line := c.hear(); !strings.HasSuffix(line, `"result":{"content":[]}}`) || seen[line] {
				t.Fatal(line)
			} else {
				seen[line] = true
			}
		}
	}
	if m := s.Status().Mounts[0]; m.InFlight+m.Waiting+m.RequestBytes != 0 {
		t.Errorf("%+v", m)
	}
	s.eventually("all answers were passed on", func() bool { return s.Status().Mounts[0].AnswerBytes == 0 })
}

// heapNow is what the heap holds that is in use.
func heapNow() int {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// TestMountDrains: a server that stops lets its mounts answer what they were sent, and takes no more.
// jobFunc is a loop's job.
type jobFunc func(*loop.Loop)

func (f jobFunc) OnLoop(l *loop.Loop) { f(l) }

// A call whose answer has come while the server stops is answered, though it is on its way back into its queue when
// everything else has ended: here the loop, which is to bring it there, does something else first.
func TestMountAnswersAsItDrains(t *testing.T) {
	s, p := mounted(t, nil, func(c *Config) { c.Options.Loops = 1 })
	p.greet(toolA)
	c := up(t, s, 1)
	c.say(callOf(1, "m_a", ""))
	m := p.hear("tools/call")
	went := make(chan struct{})
	var before func(*loop.Loop) // the loop does it before it brings the call back, which is asked of it later
	before = func(l *loop.Loop) {
		if s.metric(`weir_mount_in_flight{mount="m"}`) != "0" {
			l.Do(jobFunc(before))
			return
		}
		defer close(went)
		for end := time.Now().Add(50 * time.Millisecond); !s.queue.Draining() && time.Now().Before(end); {
			runtime.Gosched()
		}
	}
	s.loops.LeastLoaded().Do(jobFunc(before))
	report := make(chan DrainReport, 1)
	go func() { report <- s.stop(patience) }()
	s.eventually("it drains", func() bool { return s.pipeline.Draining() })
	p.say(`{"jsonrpc":"2.0","id":%s,"result":{"content":[]}}`, m.ID)
	<-went
	c.want(`{"jsonrpc":"2.0","id":1,"result":{"content":[]}}`)
	c.conn.Close()
	go func() { // as programs do
		_, _ = io.Copy(io.Discard, p.in)
		p.conn.Close()
	}()
	if r := s.report(report); r.Messages != 0 {
		t.Errorf("%+v", r)
	}
}

func TestMountDrains(t *testing.T) {
	s, p := mounted(t, nil)
	p.greet(toolA)
	c := up(t, s, 1)
	c.say(callOf(1, "m_a", ""))
	m := p.hear("tools/call")
	report := make(chan DrainReport, 1)
	s.stopped = true
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		report <- s.Shutdown(ctx)
	}()
	s.eventually("it drains", func() bool { return s.pipeline.Draining() })
	c.say(callOf(2, "m_a", ""))
	if got := c.hear(); !strings.Contains(got, `"id":2,`) || !strings.Contains(got, `"draining"`) {
		t.Error(got)
	}
	p.say(`{"jsonrpc":"2.0","id":%s,"result":{"content":[]}}`, m.ID)
	c.want(`{"jsonrpc":"2.0","id":1,"result":{"content":[]}}`)
	c.conn.Close()
	go func() { // as programs do
		_, _ = io.Copy(io.Discard, p.in)
		p.conn.Close()
	}()
	if r := s.report(report); r.Messages != 0 {
		t.Errorf("%+v", r)
	}
}
