package cmd

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// crowd are clients that call and listen over HTTP without a pause, each on a connection that it keeps until it is told
// to close it. What they lose is counted, and nothing is tried again behind their backs.
type crowd struct {
	t       *testing.T
	address string
	all     sync.WaitGroup
	over    context.Context
	end     context.CancelFunc

	calls, sessions, listens atomic.Int64 // answered; begun; ended with their result
	refused, lost            atomic.Int64 // connects; calls and listens
}

// crowdOf is the shape of the issue: 500 calls/s, a fifth of them in sessions, and 100 listens.
const (
	crowdCallers  = 50
	crowdEvery    = 100 * time.Millisecond
	crowdListens  = 100
	crowdSessions = 5 // every so many callers
)

func startCrowd(t *testing.T, address string) *crowd {
	c := &crowd{t: t, address: address}
	c.over, c.end = context.WithCancel(t.Context())
	for n := range crowdCallers {
		c.all.Go(func() { c.call(n%crowdSessions == 0) })
	}
	for range crowdListens {
		c.all.Go(c.listen)
	}
	t.Cleanup(c.leave)
	eventually(t, "everybody is served", func() bool { return c.calls.Load() > 2*crowdCallers })
	return c
}

// leave ends the clients.
func (c *crowd) leave() {
	c.end()
	c.all.Wait()
}

// judge fails unless nothing was lost.
func (c *crowd) judge(began time.Time) {
	c.t.Helper()
	c.t.Logf("%d calls (%.0f/s), %d sessions, %d listens ended, %d connects refused, %d lost", c.calls.Load(),
		float64(c.calls.Load())/time.Since(began).Seconds(), c.sessions.Load(), c.listens.Load(), c.refused.Load(), c.lost.Load())
	if c.refused.Load() != 0 || c.lost.Load() != 0 {
		c.t.Errorf("%d connects refused, %d calls or streams lost", c.refused.Load(), c.lost.Load())
	}
}

// caller is one client with its connection.
type caller struct {
	*crowd
	conn net.Conn
	from *bufio.Reader
	// session is the field of its session; "": it has none.
	session string
}

// lose counts a loss, unless everything ends.
func (c *crowd) lose(format string, args ...any) {
	if c.over.Err() == nil && c.lost.Add(1) < 5 {
		c.t.Errorf(format, args...)
	}
}

// dial connects.
func (c *caller) dial() bool {
	conn, err := (&net.Dialer{}).DialContext(c.over, "tcp", c.address)
	if err != nil {
		if c.over.Err() == nil && c.refused.Add(1) < 5 {
			c.t.Error(err)
		}
		return false
	}
	c.conn, c.from = conn, bufio.NewReader(conn)
	return true
}

// ask sends a request and returns the response with its body; nil: it is lost.
func (c *caller) ask(text string) (*http.Response, string) {
	if c.conn == nil && !c.dial() {
		return nil, ""
	}
	_ = c.conn.SetDeadline(time.Now().Add(patience))
	_, err := io.WriteString(c.conn, text)
	var response *http.Response
	if err == nil {
		response, err = http.ReadResponse(c.from, nil)
	}
	var body []byte
	if err == nil {
		body, err = io.ReadAll(response.Body)
	}
	if err != nil {
		c.lose("a request was lost: %v", err)
		c.close()
		return nil, ""
	}
	if response.Close {
		c.close()
	}
	return response, string(body)
}

func (c *caller) close() {
	if c.conn != nil {
		c.conn.Close()
		c.conn = nil
	}
}

const crowdMeta = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",` +
	`"io.modelcontextprotocol/clientCapabilities":{}}}}`

// call calls until everything ends.
func (c *crowd) call(inSession bool) {
	one := &caller{crowd: c}
	defer one.close()
	tick := time.NewTicker(crowdEvery)
	defer tick.Stop()
	modern := post(strings.TrimSuffix(echo("hello"), "}}")+","+crowdMeta, "MCP-Protocol-Version: 2026-07-28\r\n",
		"Mcp-Method: tools/call\r\n", "Mcp-Name: echo\r\n")
	for c.over.Err() == nil {
		text := modern
		if inSession {
			if one.session == "" && !one.begin() {
				continue
			}
			text = post(echo("hello"), one.session)
		}
		response, body := one.ask(text)
		switch {
		case response == nil:
		case response.StatusCode == 404 && inSession: // its process has ended: it was not executed
			one.session = ""
			continue
		case response.StatusCode != 200 || !strings.Contains(body, `"hello"`):
			c.lose("a call: %s %s", response.Status, body)
		default:
			c.calls.Add(1)
		}
		select {
		case <-tick.C:
		case <-c.over.Done():
		}
	}
}

// begin begins a session.
func (c *caller) begin() bool {
	response, body := c.ask(post(`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25",` +
		`"capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`))
	if response == nil {
		return false
	}
	if response.StatusCode != 200 {
		c.lose("initialize: %s %s", response.Status, body)
		return false
	}
	c.session = "Mcp-Session-Id: " + response.Header.Get("Mcp-Session-Id") + "\r\n"
	c.sessions.Add(1)
	return true
}

// listen listens until everything ends.
func (c *crowd) listen() {
	for c.over.Err() == nil {
		one := &caller{crowd: c}
		if !one.dial() {
			continue
		}
		conn := one.conn
		ends := context.AfterFunc(c.over, func() { conn.Close() })
		response, body := one.ask(post(fmt.Sprintf(`{"jsonrpc":"2.0","id":"l","method":"subscriptions/listen","params":`+
			`{"notifications":{"toolsListChanged":true},%s`, crowdMeta), "MCP-Protocol-Version: 2026-07-28\r\n",
			"Mcp-Method: subscriptions/listen\r\n"))
		switch {
		case response == nil:
		case response.StatusCode != 200 || !strings.Contains(body, `"id":"l","result"`):
			c.lose("a listen: %s %s", response.Status, body)
		default:
			c.listens.Add(1)
		}
		ends()
		one.close()
	}
}
