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

	"weir/cmd/orders"
	"weir/reactor/upgrade"
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

// notUpgraded has c try an upgrade that fails, and returns what the log says.
func (c *child) notUpgraded() string {
	c.t.Helper()
	if err := c.Process.Signal(syscall.SIGUSR2); err != nil {
		c.t.Fatal(err)
	}
	var line struct{ Error string }
	c.await("not upgraded, this process goes on: the new one did not begin", &line)
	const ping = `{"jsonrpc":"2.0","id":1,"method":"ping"}` + "\n"
	if answer := ask(c.t, "tcp", c.addresses["tcp"], ping); !strings.Contains(answer, `"result"`) {
		c.t.Errorf("%s, and it answers %s", line.Error, answer)
	}
	return line.Error
}

// TestUpgradeFails: whatever a new process does instead of serving, the old one goes on, says why, and can be upgraded
// afterwards.
func TestUpgradeFails(t *testing.T) {
	program := filepath.Join(t.TempDir(), "weir")
	link := func(to string) {
		t.Helper()
		_ = os.Remove(program)
		if err := os.Symlink(to, program); err != nil {
			t.Fatal(err)
		}
	}
	self, err := filepath.Abs(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	link(self)
	file := filepath.Join(t.TempDir(), "weir.yaml")
	rewrite(t, file, "upgrade_timeout: 1s\n")
	hasty := startProgram(t, program, withHeld, nil, "--config", file)
	rewrite(t, file, "upgrade_timeout: 1m\n")
	c := startProgram(t, program, withHeld, nil, "--config", file)
	says := func(c *child, want string) {
		t.Helper()
		if got := c.notUpgraded(); !strings.Contains(got, want) {
			t.Errorf("it says %q, want %q", got, want)
		}
	}
	f := func(want string) { t.Helper(); says(c, want) }
	rewrite(t, file, "upgrade_timeout: 1m\nworkers: -1\nno_such_key: 1\n")
	f(`no_such_key`)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	rewrite(t, file, "upgrade_timeout: 1m\n")
	link("/bin/false")
	f("it ended before it was ready: exit status 1")
	link("/nowhere")
	f("no such file")
	script := filepath.Join(t.TempDir(), "slow")
	if err := os.WriteFile(script, []byte("#!/bin/sh\nexec sleep 60\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	link(script)
	says(hasty, "it was not ready within upgrade_timeout (1s), and was ended")
	link(self)
	rewrite(t, file, "unix: /nowhere/weir.sock\n") // its address is new, and cannot be bound
	f("the folder /nowhere does not exist")
	rewrite(t, file, "handover_timeout: 0s\n")
	successor := c.upgrade()
	c.await("the process that was upgraded has ended", nil)
	if err := successor.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	c.await("stopped", nil)
}

// TestUpgradeIsStopped: a stop that comes while a new process begins ends that one too.
func TestUpgradeIsStopped(t *testing.T) {
	folder := t.TempDir()
	program := filepath.Join(folder, "weir")
	self, err := filepath.Abs(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, program); err != nil {
		t.Fatal(err)
	}
	c := startProgram(t, program, withHeld, nil)
	if err := os.Remove(program); err != nil {
		t.Fatal(err)
	}
	began := filepath.Join(folder, "began")
	if err := os.WriteFile(program, []byte("#!/bin/sh\n: > "+began+"\nexec sleep 60\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := c.Process.Signal(syscall.SIGUSR2); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the new process has begun", func() bool { _, err := os.Stat(began); return err == nil })
	if err := c.Process.Signal(syscall.SIGUSR2); err != nil {
		t.Fatal(err)
	}
	var refusal struct{ Reason string }
	if c.await("not upgraded", &refusal); !strings.Contains(refusal.Reason, "has begun already") {
		t.Errorf("a second one: %s", refusal.Reason)
	}
	if err := c.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	c.await("not upgraded, this process stops: the new one did not begin", nil)
	if code := c.exitCode(); code != exitOK { // the log ends when the new process has ended, too
		t.Errorf("exit %d", code)
	}
}

// TestReload: what SIGHUP reads again takes effect, and the rest is named.
func TestReload(t *testing.T) {
	c, file := startUpgradable(t, "max_connections: 3\nsoft_connections: 2\nlog: {level: info}\n")
	reload := func(text string) (others []string) {
		t.Helper()
		rewrite(t, file, text)
		if err := c.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		var line struct {
			Changed []string `json:"changed_keys_that_need_a_restart"`
		}
		c.await("configuration reloaded", &line)
		return line.Changed
	}
	if others := reload("max_connections: 1\nsoft_connections: 1\nlog: {level: debug}\n"); others != nil {
		t.Errorf("needs a restart: %q", others)
	}
	conn, err := net.Dial("tcp", c.addresses["tcp"])
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	const ping = `{"jsonrpc":"2.0","id":1,"method":"ping"}` + "\n"
	askOn(t, conn, ping)
	if answer := ask(t, "tcp", c.addresses["tcp"], ping); !strings.Contains(answer, `"connection_limit"`) {
		t.Errorf("the second connection: %s", answer)
	}
	conn.Close()
	c.await("connection closed", nil) // which is at debug
	others := reload("max_connections: 4\nmax_connections_per_address: 1\nqueue_timeout: 4s\n")
	if got := strings.Join(others, ", "); got != "queue_timeout, max_connections (above 3, those of the start), "+
		"max_connections_per_address (on or off)" {
		t.Errorf("needs a restart: %s", got)
	}
}

// TestStopIsHeldByNobody: a tool that ignores its context, a peer that does not read and a log that nobody reads do not
// keep the process longer than it says.
func TestStopIsHeldByNobody(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "weir.yaml")
	rewrite(t, file, "shutdown_timeout: 1s\nlog: {level: debug}\nmax_outbox_bytes: 8 MiB\n")
	c := startChild(t, "--config", file)
	stuck, _ := c.callHeld()
	defer stuck.Close()
	slow, err := net.Dial("tcp", c.addresses["tcp"])
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Close()
	if err := slow.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	const calls, size = 40, 100_000
	for n := range calls {
		fmt.Fprintf(slow, `{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"echo","arguments":`+
			`{"message":%q},%s`+"\n", n, padding(size), crowdMeta)
	}
	unread := func() bool { return !strings.Contains(c.page("/metrics"), "\nweir_outbox_bytes 0\n") }
	eventually(t, "answers wait for it", unread)
	for c.lost("buffer_full") == "0" { // the log's pipe is full, and so is what waits for it
		for range 500 {
			c.chatter()
		}
	}
	began := time.Now()
	if err := c.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	state, err := c.Process.Wait()
	if took := time.Since(began); err != nil || took > c.promised(time.Second) {
		t.Errorf("%v, %v after %v", state, err, took)
	}
}

// promised is how long a stop may take in all, and a busy machine's share.
func (c *child) promised(shutdown time.Duration) time.Duration {
	return shutdown + orders.LateAfter + lastWords + patience/2
}

// asCrashing is a weir that crashes, if it was started for an upgrade, once it is to serve.
const asCrashing = "crashing"

func crashUpgraded() {
	if heir, err := upgrade.Inherit(); heir != nil && err == nil {
		_, err = heir.Ready()
		fmt.Fprintln(os.Stderr, "crashes:", err)
		os.Exit(3)
	}
}

// TestUpgradeCrashes: the new process ends when the old one does not accept any more. Who came meanwhile is served by
// the old one.
func TestUpgradeCrashes(t *testing.T) {
	c := startChildAs(t, asCrashing, nil)
	if got := c.notUpgraded(); !strings.Contains(got, "exit status 3") {
		t.Errorf("it says %q", got)
	}
}

// TestUpgradeToAnotherPath: the file of a Unix socket that the new process is not configured to is gone once that
// serves. A new process that ends while the old one drains is told of, because nobody accepts then.
func TestUpgradeToAnotherPath(t *testing.T) {
	folder := t.TempDir()
	before, after := filepath.Join(folder, "before.sock"), filepath.Join(folder, "after.sock")
	file := filepath.Join(folder, "weir.yaml")
	rewrite(t, file, "unix: "+before+"\nhandover_timeout: 1h\n")
	c := startChild(t, "--config", file)
	line, err := net.Dial("tcp", c.addresses["tcp"]) // the old one stays for it
	if err != nil {
		t.Fatal(err)
	}
	defer line.Close()
	const ping = `{"jsonrpc":"2.0","id":1,"method":"ping"}` + "\n"
	askOn(t, line, ping)
	rewrite(t, file, "unix: "+after+"\nhandover_timeout: 1h\n")
	successor := c.upgrade()
	eventually(t, "the file of the former path is gone", func() bool { // which is just after it serves
		_, err := os.Lstat(before)
		return err != nil
	})
	if answer := ask(t, "unix", after, ping); !strings.Contains(answer, `"result"`) {
		t.Errorf("the new path: %s", answer)
	}
	if err := successor.Kill(); err != nil {
		t.Fatal(err)
	}
	c.await("the new process has ended while this one drains, nobody accepts: start the server again", nil)
	if answer := askOn(t, line, ping); !strings.Contains(answer, `"result"`) {
		t.Errorf("who is connected: %s", answer)
	}
	if err := c.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := c.exitCode(); code != exitOK {
		t.Errorf("exit %d", code)
	}
}
