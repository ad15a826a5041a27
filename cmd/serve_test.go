package cmd

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"weir/cmd/needs"
	"weir/reactor/auth"
	"weir/reactor/logwriter"
	"weir/registry"
)

// asMain makes the test binary behave as weir: so the tests of the process run the code under test, race detector and
// all, and not some binary that was built before.
const asMain = "WEIR_TEST_AS_MAIN"

// withHeld is its value for a weir that offers held beside the demonstration tools.
const withHeld = "held"

// plain is the program without anybody's tools: weir.
var plain = Program{Name: "weir", Version: "dev"}

// run is its command line.
func run(args []string, stdout, stderr io.Writer) int {
	return plain.run(args, os.Stdin, stdout, stderr)
}

func TestMain(m *testing.M) {
	switch os.Getenv(asMain) {
	case withTrouble:
		Main(Program{Name: "weir", Version: "dev", Offer: offerTrouble})
	case "1":
		os.Exit(plain.run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	case withHeld:
		child := plain
		child.Offer, child.Defaults = offerHeld, func(c *Config) { c.Demo = true }
		os.Exit(child.run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	case asChaos:
		os.Exit(chaotic.run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	case asCrashing:
		crashUpgraded()
		os.Exit(plain.run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	case asHoarding:
		os.Exit(hoarding.run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	// netpoll's pool lives as long as the process.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/cloudwego/netpoll.(*defaultPoll).Wait"))
}

type heldIn struct {
	Socket string `json:"socket"`
}

// offerHeld offers held, whose calls last as long as somebody listens on a Unix socket.
func offerHeld(r *registry.Registry) error {
	registry.AddTool(r, &mcp.Tool{Name: "held"}, func(ctx context.Context, _ *mcp.CallToolRequest,
		in heldIn) (*mcp.CallToolResult, any, error) {
		if holder, err := net.Dial("unix", in.Socket); err == nil {
			defer context.AfterFunc(ctx, func() { holder.Close() })()
			defer holder.Close()
			_, _ = holder.Read(make([]byte, 1)) // its end
		}
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: "let go"}}}, nil, nil
	})
	return nil
}

// heldCall is a call of held, and what lets it go.
func heldCall(t *testing.T) (line string, let func()) {
	path := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	call := strings.Replace(sleepCall, `"name":"sleep","arguments":{"ms":%d}`, `"name":"held","arguments":{"socket":%q}`,
		1)
	return fmt.Sprintf(call, path), func() { listener.Close() } // which ends who has dialled: nobody was accepted
}

// startTest runs the assembled server in this process, every listener on, on ports of the kernel's choice.
func startTest(t *testing.T, change func(*Config)) *server {
	t.Helper()
	return startTestLogging(t, zerolog.NewTestWriter(t), change)
}

// startTestLogging is the same with a log.
func startTestLogging(t *testing.T, log io.Writer, change func(*Config)) *server {
	t.Helper()
	config := plain.defaults()
	config.Server.HTTP, config.Server.TCP, config.Admin = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
	config.Server.Unix = filepath.Join(t.TempDir(), "weir.sock")
	config.ShutdownTimeout = 5 * time.Second
	// a busy machine is none of these tests' subject
	config.Queue.QueueTimeout, config.Queue.MaxExpectedWait, config.Queue.OverloadQueueTimeout = 0, 0, 0
	if change != nil {
		change(&config)
	}
	if errs := config.validate(openFileLimit()); errs != nil {
		t.Fatal(errs)
	}
	config.Queue = config.Queue.Resolve(openFileLimit())
	s, err := startServer(&config, &journal{Logger: zerolog.New(log).Level(zerolog.WarnLevel),
		lines: logwriter.New(io.Discard, nil)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.stop() })
	return s
}

// TestServeTryLines runs exactly the commands that the banner prints, without tokens and with.
func TestServeTryLines(t *testing.T) {
	needs.Programs(t, "the lines of the banner were not run", "curl", "nc", "bash")
	path, tokens := makeTokens(t, "alice")
	tryAll(t, startTest(t, nil), "")
	tryAll(t, startGuarded(t, path), tokens["alice"])
}

func tryAll(t *testing.T, s *server, token string) {
	t.Helper()
	want := [][]string{
		{`{"jsonrpc":"2.0","id":1,"result":{`, `"protocolVersion":"2025-11-25"`, `"name":"weir"`},
		{`{"jsonrpc":"2.0","id":2,"result":{`, `"text":"hello"`, `"resultType":"complete"`},
		{`{"jsonrpc":"2.0","id":1,"result":{`, `{"jsonrpc":"2.0","id":2,"result":{`, `"text":"hello"`},
	}
	lines := tryLines(s.addresses, s.config.Server.HTTPPath, token != "")
	if len(lines) != len(want) {
		t.Fatalf("%d lines, the test knows %d", len(lines), len(want))
	}
	for i, line := range lines {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		try := exec.CommandContext(ctx, "bash", "-c", line.command)
		try.Env = append(os.Environ(), "TOKEN="+token)
		out, err := try.CombinedOutput()
		cancel()
		for _, part := range want[i] {
			if err != nil || !strings.Contains(string(out), part) {
				t.Errorf("%s\n%s\n%v, no %s in:\n%s", line.about, line.command, err, part, out)
			}
		}
	}
}

// TestServeReadmeTryLines: README.md shows the lines of a server with the defaults, which the test above has run.
func TestServeReadmeTryLines(t *testing.T) {
	readme, err := os.ReadFile(repository + "/README.md")
	if err != nil {
		t.Fatal(err)
	}
	config := plain.defaults()
	addresses := map[string]string{"http": config.Server.HTTP, "tcp": config.Server.TCP}
	for _, line := range tryLines(addresses, config.Server.HTTPPath, false) {
		if !strings.Contains(string(readme), line.command) {
			t.Errorf("README.md lacks this command, as it stands here:\n%s", line.command)
		}
	}
}

func TestServeBanner(t *testing.T) {
	config := plain.defaults()
	var out strings.Builder
	printBanner(&out, &config, map[string]string{"http": "0.0.0.0:81", "tcp": "[::1]:82", "unix": "/run/w.sock",
		"admin": "127.0.0.1:83"})
	for _, want := range []string{"http://0.0.0.0:81/mcp", "/run/w.sock", "http://127.0.0.1:83/status",
		"http://127.0.0.1:81/mcp -H", "nc -N ::1 82"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in:\n%s", want, &out)
		}
	}
	var quiet strings.Builder
	printBanner(&quiet, &config, map[string]string{"unix": "/run/w.sock"})
	if strings.Contains(quiet.String(), "Try") {
		t.Errorf("nothing to try:\n%s", &quiet)
	}
	if strings.Contains(out.String(), "Bearer") {
		t.Errorf("tokens are spoken of where there are none:\n%s", &out)
	}
	config.tokens = &auth.Tokens{}
	printBanner(&out, &config, nil)
	if !strings.Contains(out.String(), "Authorization: Bearer TOKEN") {
		t.Errorf("nothing is said of tokens:\n%s", &out)
	}
	config.Demo = false // then there is no echo to try
	out.Reset()
	printBanner(&out, &config, map[string]string{"http": "127.0.0.1:81"})
	if strings.Contains(out.String(), "curl") {
		t.Errorf("lines to try without the demo tools:\n%s", &out)
	}
}

func TestServeStatus(t *testing.T) {
	s := startTest(t, nil)
	conn, err := net.Dial("tcp", s.addresses["tcp"])
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintln(conn, `{"jsonrpc":"2.0","id":1,"method":"ping"}`)
	if _, err := bufio.NewReader(conn).ReadString('\n'); err != nil {
		t.Fatal(err) // answered, so it is counted
	}
	var got status
	if err := json.Unmarshal(get(t, s, "/status", http.StatusOK), &got); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"http", "tcp", "unix", "admin"} {
		if got.Listeners[name] == "" || strings.HasSuffix(got.Listeners[name], ":0") {
			t.Errorf("listener %s: %q", name, got.Listeners[name])
		}
	}
	if got.Connections.Open != 1 || got.Refusing != "" || got.Memory.ResidentBytes == 0 ||
		got.Queue.WaitingLimit != 500_000 {
		t.Errorf("got %+v", got)
	}
}

// TestServeRefusesAtTheConnectionLimit: what /readyz says is what a newcomer meets.
func TestServeRefusesAtTheConnectionLimit(t *testing.T) {
	s := startTest(t, func(c *Config) { c.Queue.MaxConnections, c.Queue.SoftConnections = 1, 1 })
	get(t, s, "/readyz", http.StatusOK)
	first := dialTCP(t, s)
	fmt.Fprintln(first, `{"jsonrpc":"2.0","id":1,"method":"ping"}`)
	if _, err := bufio.NewReader(first).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	if text := get(t, s, "/readyz", http.StatusServiceUnavailable); !strings.Contains(string(text), `"connection_limit"`) {
		t.Errorf("readyz: %s", text)
	}
	told, err := io.ReadAll(dialTCP(t, s))
	if err != nil || !strings.Contains(string(told), `"reason":"connection_limit"`) {
		t.Errorf("the second connection was told %q, %v", told, err)
	}
}

// TestServeRefusesUnderPressure: the same for a queue that is too full.
func TestServeRefusesUnderPressure(t *testing.T) {
	s := startTest(t, func(c *Config) {
		c.Queue.MaxWaiting, c.Queue.RefuseAbove, c.Queue.ReopenBelow = 10, 0.5, 0.4
		c.Queue.MaxBlockingWorkers, c.Queue.QueueTimeout = 1, 0
		c.ShutdownTimeout = 50 * time.Millisecond // one call sleeps for minutes
	})
	for range 7 { // one runs, six wait
		fmt.Fprintf(dialTCP(t, s), sleepCall, 600_000)
	}
	eventually(t, "six calls wait", func() bool { return s.reactor.Status().WaitingMessages == 6 })
	if text := get(t, s, "/readyz", http.StatusServiceUnavailable); !strings.Contains(string(text), `"queue_pressure"`) {
		t.Errorf("readyz: %s", text)
	}
	told, err := io.ReadAll(dialTCP(t, s))
	if err != nil || !strings.Contains(string(told), `"reason":"queue_pressure"`) {
		t.Errorf("a newcomer was told %q, %v", told, err)
	}
}

func dialTCP(t *testing.T, s *server) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", s.addresses["tcp"])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return patientReader{conn}
}

// patientReader waits for each read: a conversation may be as long as the machine is slow.
type patientReader struct{ net.Conn }

func (r patientReader) Read(b []byte) (int, error) {
	if err := r.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		return 0, err
	}
	return r.Conn.Read(b)
}

func get(t *testing.T, s *server, path string, status int) []byte {
	t.Helper()
	response, err := http.Get("http://" + s.addresses["admin"] + path)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != status {
		t.Fatalf("%s: got %d %s, %v; want %d", path, response.StatusCode, text, err, status)
	}
	return text
}

// child is a weir process.
type child struct {
	*exec.Cmd
	t         *testing.T
	log       *bufio.Scanner // of its standard error, JSON lines
	stderr    io.Closer      // the reading end of it
	addresses map[string]string
}

// startChild runs weir serve and waits until it says where it listens.
func startChild(t *testing.T, args ...string) *child {
	t.Helper()
	return startChildOn(t, nil, args...)
}

// startChildOn is the same with a standard output; nil: nowhere.
func startChildOn(t *testing.T, stdout *os.File, args ...string) *child {
	t.Helper()
	return startChildAs(t, withHeld, stdout, args...)
}

// startChildAs is the same as the program that TestMain knows as this.
func startChildAs(t *testing.T, as string, stdout *os.File, args ...string) *child {
	t.Helper()
	return startProgram(t, os.Args[0], as, stdout, args...)
}

// startProgram is the same with another name of the file.
func startProgram(t *testing.T, program, as string, stdout *os.File, args ...string) *child {
	t.Helper()
	all := append([]string{"serve", "--http", "127.0.0.1:0", "--tcp", "127.0.0.1:0", "--admin", "127.0.0.1:0"}, args...)
	c := &child{Cmd: exec.Command(program, all...), t: t}
	c.Env = append(os.Environ(), asMain+"="+as)
	if stdout != nil {
		c.Stdout = stdout
	}
	stderr, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Process.Kill() })
	c.log, c.stderr = bufio.NewScanner(stderr), stderr
	var line struct{ Listeners map[string]string }
	c.await("serving", &line)
	c.addresses = line.Listeners
	return c
}

// await reads the log up to the line with this message.
func (c *child) await(message string, line any) {
	c.t.Helper()
	c.awaitLine(message, func(got string) bool { return got == message }, line)
}

// awaitPrefix is the same for a message that begins so.
func (c *child) awaitPrefix(beginning string) {
	c.t.Helper()
	c.awaitLine(beginning+"...", func(got string) bool { return strings.HasPrefix(got, beginning) }, nil)
}

func (c *child) awaitLine(message string, is func(message string) bool, line any) {
	c.t.Helper()
	var seen []string
	for c.log.Scan() {
		seen = append(seen, c.log.Text())
		var head struct{ Message string }
		if json.Unmarshal(c.log.Bytes(), &head) == nil && is(head.Message) {
			if line != nil {
				if err := json.Unmarshal(c.log.Bytes(), line); err != nil {
					c.t.Fatal(err)
				}
			}
			return
		}
	}
	c.t.Fatalf("the log ended without %q:\n%s", message, strings.Join(seen, "\n"))
}

// exitCode waits for the end; the log must have been read.
func (c *child) exitCode() int {
	for c.log.Scan() {
	}
	c.Wait() // its error is the code
	return c.ProcessState.ExitCode()
}

const sleepCall = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"sleep","arguments":{"ms":%d},` +
	`"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}` +
	"\n"

// callHeld starts a call that lasts until let is called, and returns when a worker has it.
func (c *child) callHeld() (conn net.Conn, let func()) {
	c.t.Helper()
	call, let := heldCall(c.t)
	var err error
	if conn, err = net.Dial("tcp", c.addresses["tcp"]); err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	fmt.Fprint(conn, call)
	running := regexp.MustCompile(`"executing_blocking": 1\b`)
	eventually(c.t, "the call runs", func() bool { return running.MatchString(c.httpGet("/status")) })
	return conn, let
}

// httpGet is a page of the admin listener, whatever its status.
func (c *child) httpGet(path string) string {
	c.t.Helper()
	response, err := http.Get("http://" + c.addresses["admin"] + path)
	if err != nil {
		c.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return string(text)
}

// TestServeDrains: SIGTERM finishes the call that runs, says so on /readyz meanwhile, and exits 0.
func TestServeDrains(t *testing.T) {
	c := startChild(t)
	conn, let := c.callHeld()
	if err := c.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	c.await("draining", nil)
	// The log line comes a moment before the first step.
	eventually(t, "/readyz says draining", func() bool { return strings.Contains(c.httpGet("/readyz"), `"draining"`) })
	let()
	answer, err := io.ReadAll(conn)
	if err != nil || !strings.Contains(string(answer), `"let go"`) {
		t.Errorf("the running call got %q, %v", answer, err)
	}
	var line struct {
		Cut int `json:"messages_cut"`
	}
	c.await("stopped", &line)
	if code := c.exitCode(); code != exitOK || line.Cut != 0 {
		t.Errorf("exit %d, %d messages cut", code, line.Cut)
	}
}

func TestServeDrainIsBounded(t *testing.T) {
	config := filepath.Join(t.TempDir(), "weir.yaml")
	if err := os.WriteFile(config, []byte("shutdown_timeout: 100ms\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := startChild(t, "--config", config)
	c.callHeld()
	c.Process.Signal(syscall.SIGINT)
	var line struct {
		Cut int `json:"messages_cut"`
	}
	c.await("stopped", &line)
	if code := c.exitCode(); code != exitOK || line.Cut != 1 {
		t.Errorf("exit %d, %d messages cut, want 0 and 1", code, line.Cut)
	}
}

func TestServeSecondSignalStopsAtOnce(t *testing.T) {
	c := startChild(t)
	c.callHeld()
	c.Process.Signal(syscall.SIGTERM)
	c.await("draining", nil)
	c.insist(syscall.SIGTERM)
	c.await("stopped at once, the drain was not finished", nil)
	if code := c.exitCode(); code != exitRuntime {
		t.Errorf("exit %d", code)
	}
}

// insist signals until the process has ended: only what comes a second after the first counts.
func (c *child) insist(s os.Signal) {
	done := make(chan struct{})
	c.t.Cleanup(func() { close(done) })
	go func() {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for c.Process.Signal(s) == nil {
			select {
			case <-tick.C:
			case <-done:
				return
			}
		}
	}()
}

func TestServePortTaken(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	f := func(flag string) {
		t.Helper()
		args := []string{"serve", "--http", "127.0.0.1:0", "--tcp", "", "--admin", "", flag, taken.Addr().String()}
		var errs strings.Builder
		if code := run(args, io.Discard, &errs); code != exitRuntime ||
			!strings.Contains(errs.String(), "address already in use") ||
			!strings.Contains(errs.String(), "ss -ltnp names it") {
			t.Errorf("%s: exit %d, %s", flag, code, &errs)
		}
	}
	f("--http")
	f("--tcp")
	f("--admin")
}
