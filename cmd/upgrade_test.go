package cmd

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// startUpgradable runs weir with a Unix socket and a configuration.
func startUpgradable(t *testing.T, config string) (c *child, file string) {
	t.Helper()
	folder := t.TempDir()
	file = filepath.Join(folder, "weir.yaml")
	rewrite(t, file, config)
	return startChild(t, "--config", file, "--unix", filepath.Join(folder, "weir.sock")), file
}

func rewrite(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// upgrade has c upgraded and returns the new process, whose log goes where the old one's goes.
func (c *child) upgrade() (successor *os.Process) {
	c.t.Helper()
	if err := c.Process.Signal(syscall.SIGUSR2); err != nil {
		c.t.Fatal(err)
	}
	var line struct {
		Successor              int
		Message, Reason, Error string
	}
	c.awaitLine("the upgrade", func(got string) bool {
		return got == "upgraded, this process drains" || strings.HasPrefix(got, "not upgraded")
	}, &line)
	if line.Successor == 0 {
		c.t.Fatalf("%s: %s%s", line.Message, line.Reason, line.Error)
	}
	successor, err := os.FindProcess(line.Successor)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = successor.Kill() }) // it may have ended
	return successor
}

// page is a page of the admin listener, on a connection of its own.
func (c *child) page(path string) string {
	c.t.Helper()
	return c.request("admin", "GET "+path+" HTTP/1.0\r\nHost: localhost\r\n\r\n")
}

// request sends a request on a connection of its own, and returns the response up to the end of the connection.
func (c *child) request(listener, text string) string {
	c.t.Helper()
	conn, err := net.Dial("tcp", c.addresses[listener])
	if err != nil {
		c.t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(conn, text); err != nil {
		c.t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil {
		c.t.Fatalf("%s: %v", answer, err)
	}
	return string(answer)
}

// post is a POST with the message and these fields, each with its line end; the connection ends with the answer unless
// the fields say otherwise.
func post(message string, fields ...string) string {
	return fmt.Sprintf("POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"+
		"Accept: application/json, text/event-stream\r\n%sContent-Length: %d\r\n\r\n%s", strings.Join(fields, ""),
		len(message), message)
}

const closing = "Connection: close\r\n"

// session begins a session and returns its field.
func (c *child) session() string {
	c.t.Helper()
	answer := c.request("http", post(`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25",`+
		`"capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`, closing))
	_, rest, _ := strings.Cut(answer, "Mcp-Session-Id: ")
	id, _, ok := strings.Cut(rest, "\r\n")
	if !ok {
		c.t.Fatalf("no session: %s", answer)
	}
	return "Mcp-Session-Id: " + id + "\r\n"
}

// echo is a call in a session.
func echo(text string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"echo","arguments":{"message":%q}}}`,
		text)
}

// listen opens a listen over HTTP and returns it when it is acknowledged.
func (c *child) listen() *bufio.Reader {
	c.t.Helper()
	conn, err := net.Dial("tcp", c.addresses["http"])
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(2 * patience))
	io.WriteString(conn, post(`{"jsonrpc":"2.0","id":"l","method":"subscriptions/listen","params":{"notifications":`+
		`{"toolsListChanged":true},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",`+
		`"io.modelcontextprotocol/clientCapabilities":{}}}}`,
		"MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: subscriptions/listen\r\n"))
	reader := bufio.NewReader(conn)
	for {
		line, err := reader.ReadString('\n')
		if err != nil {
			c.t.Fatal(err)
		}
		if strings.Contains(line, "acknowledged") {
			return reader
		}
	}
}

// TestUpgrade: the new process accepts on every socket of the old one, which serves its connections and what belongs
// to its sessions until it ends; then they are unknown. The Unix socket's file stays until the last one ends.
func TestUpgrade(t *testing.T) {
	c, _ := startUpgradable(t, "handover_timeout: 1h\ndrain_spread: 100ms\n")
	path := c.addresses["unix"]
	before := c.session()
	line, err := net.Dial("tcp", c.addresses["tcp"])
	if err != nil {
		t.Fatal(err)
	}
	defer line.Close()
	const ping = `{"jsonrpc":"2.0","id":1,"method":"ping"}` + "\n"
	askOn(t, line, ping)
	kept, err := net.Dial("tcp", c.addresses["http"])
	if err != nil {
		t.Fatal(err)
	}
	defer kept.Close()
	askKept := func() *http.Response {
		t.Helper()
		io.WriteString(kept, post(echo("kept"), before))
		response, err := http.ReadResponse(bufio.NewReader(kept), nil)
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, response.Body)
		return response
	}
	if r := askKept(); r.StatusCode != 200 || r.Close {
		t.Fatalf("got %+v", r)
	}
	listen := c.listen()

	successor := c.upgrade()
	said := ""
	for !strings.HasSuffix(said, "\r\n0\r\n\r\n") {
		text, err := listen.ReadString('\n')
		if said += text; err != nil {
			t.Fatalf("the listen says %q, %v", said, err)
		}
	}
	if !strings.Contains(said, `"id":"l","result"`) {
		t.Errorf("the listen ended with %q", said)
	}
	var now struct {
		PID         int
		Predecessor *struct {
			PID, Connections int
			Version          string
			DrainingSince    time.Time `json:"draining_since"`
		}
	}
	_, body, _ := strings.Cut(c.page("/status"), "\r\n\r\n")
	if err := json.Unmarshal([]byte(body), &now); err != nil || now.PID != successor.Pid || now.Predecessor == nil ||
		now.Predecessor.PID != c.Process.Pid || now.Predecessor.Version != "dev" || now.Predecessor.DrainingSince.IsZero() {
		t.Errorf("%v, %s", err, body)
	}
	if answer := askOn(t, line, ping); !strings.Contains(answer, `"result"`) {
		t.Errorf("a connection of before: %s", answer)
	}
	if r := askKept(); r.StatusCode != 200 || !r.Close {
		t.Errorf("an HTTP connection of before: %+v", r)
	}
	after := c.session()
	for _, fields := range []string{before, after} {
		if answer := c.request("http", post(echo("hello"), fields, closing)); !strings.Contains(answer, `"hello"`) {
			t.Errorf("a session: %s", answer)
		}
	}
	handed := `weir_connections_closed_total{reason="handed_over"} 1` + "\n"
	if page := c.page("/metrics"); !strings.Contains(page, handed) {
		t.Errorf("no %s", handed)
	}
	if answer := ask(t, "unix", path, ping); !strings.Contains(answer, `"result"`) {
		t.Errorf("the Unix socket: %s", answer)
	}
	if err := successor.Signal(syscall.SIGUSR2); err != nil {
		t.Fatal(err)
	}
	var refusal struct{ Reason string }
	if c.await("not upgraded", &refusal); !strings.Contains(refusal.Reason, "still drains") {
		t.Errorf("a second upgrade: %s", refusal.Reason)
	}

	if err := c.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	c.await("the process that was upgraded has ended", nil)
	if state, err := c.Process.Wait(); err != nil || state.ExitCode() != exitOK {
		t.Error(state, err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
	for fields, want := range map[string]string{before: "HTTP/1.1 404 ", after: "HTTP/1.1 200 "} {
		if answer := c.request("http", post(echo("hello"), fields, closing)); !strings.HasPrefix(answer, want) {
			t.Errorf("got %s, want %s", answer, want)
		}
	}
	if err := successor.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for c.log.Scan() { // until nobody has its log any more
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("the file of the Unix socket is still there")
	}
}
