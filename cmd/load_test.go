package cmd

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/loadtest/report"
)

// loadRun is weir load with these arguments: its exit code and what it printed.
func loadRun(args ...string) (code int, stdout, stderr string) {
	var out, errs strings.Builder
	code = run(append([]string{"load"}, args...), &out, &errs)
	return code, out.String(), errs.String()
}

// loadReport is the report of weir load with these arguments. What was over before a busy machine had sent anything is
// run again.
func loadReport(t *testing.T, args ...string) (r *report.Report, said string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "r.json")
	for range 10 {
		code, stdout, stderr := loadRun(append(args, "--json", file)...)
		said = fmt.Sprintf("%v: exit %d\n%s%s", args, code, stdout, stderr)
		var err error
		if r, err = report.ReadReport(file); err != nil {
			t.Fatalf("%v: %s", err, said)
		}
		if r.Total.Tally.Sent > 0 {
			break
		}
	}
	return r, said
}

// TestLoadEveryTransport runs the smallest scenario against a real server, over each of its transports, in each era.
func TestLoadEveryTransport(t *testing.T) {
	s := startTest(t, nil)
	f := func(target string, args ...string) {
		t.Helper()
		report, said := loadReport(t, append([]string{"baseline", "--duration", "400ms", "--target", target,
			"--admin", s.addresses["admin"]}, args...)...)
		tally := &report.Total.Tally
		if tally.Sent == 0 || tally.Sent != tally.Results || tally.Unexplained != 0 || report.Server.PID != os.Getpid() ||
			report.Server.Goroutines == 0 {
			t.Error(said)
		}
	}
	f("http://" + s.addresses["http"] + "/mcp")
	f("http://"+s.addresses["http"]+"/mcp", "--era", "modern")
	f("ws://" + s.addresses["http"] + "/mcp")
	f("tcp://" + s.addresses["tcp"])
	f("unix:" + s.addresses["unix"])
	left := 100
	for runs := 0; left > 2 && runs < 10; runs++ { // the probe's, and none of the 25, which have two seconds to say goodbye
		before := s.registry.Engine().Sessions()
		f("http://" + s.addresses["http"] + "/mcp")
		left = s.registry.Engine().Sessions() - before
	}
	if left > 2 {
		t.Errorf("%d sessions are left", left)
	}
	if code, stdout, stderr := loadRun("fan-out", "--duration", "1s", "--target", "http://"+s.addresses["http"]+"/mcp",
		"-q"); code > exitRuntime ||
		!strings.Contains(stdout, "event streams: ") {
		t.Errorf("exit %d\n%s%s", code, stdout, stderr)
	}
}

// TestLoadHostile lets every kind of hostile client loose on a real server, and asks how each ended.
func TestLoadHostile(t *testing.T) {
	s := startTest(t, nil)
	run := func(target string) *report.Report {
		t.Helper()
		r, said := loadReport(t, "hostile", "--duration", "2s", "--target", target, "--admin", s.addresses["admin"], "-q")
		if tally := &r.Total.Tally; tally.Sent == 0 || tally.Sent != tally.Results {
			t.Errorf("the good ones suffer: %s", said)
		}
		return r
	}
	f := func(target string, want map[string]string) {
		t.Helper()
		missing := maps.Clone(want)
		missing["server"] = "message_too_large"
		for runs := 0; len(missing) > 0 && runs < 10; runs++ { // in two seconds a busy machine does not come to all of it
			report := run(target)
			for kind, ending := range missing {
				for word := range report.Hostile.Counts.Ended[kind] {
					if strings.HasPrefix(word, ending) {
						delete(missing, kind)
					}
				}
			}
			if report.Server.Closed["message_too_large"] > 0 {
				delete(missing, "server")
			}
		}
		if len(missing) > 0 {
			t.Errorf("%s: never seen: %v", target, missing)
		}
	}
	onLines := map[string]string{"garbage": "error: ", "oversize": "error: the message is longer",
		"duplicate":  "error: duplicate id",
		"half_close": "answered", "reset": "hung_up", "vanish": "hung_up", "never_read": "open at the end",
		"slow_read": "open at the end",
		"slow_drip": "open at the end", "half_request": "open at the end"}
	f("tcp://"+s.addresses["tcp"], onLines)
	f("unix:"+s.addresses["unix"], onLines)
	f("http://"+s.addresses["http"]+"/mcp", map[string]string{"garbage": "HTTP 400", "oversize": "HTTP 413",
		"half_close": "answered", "reset": "hung_up"})
	f("ws://"+s.addresses["http"]+"/mcp", map[string]string{"garbage": "HTTP 400", "oversize": "close: ",
		"duplicate": "error: duplicate id",
		"reset":     "hung_up"})
}

// onFirst does something when the first line is written.
type onFirst struct {
	strings.Builder
	once sync.Once
	do   func()
}

func (w *onFirst) Write(b []byte) (int, error) {
	defer w.once.Do(w.do)
	return w.Builder.Write(b)
}

// TestLoadServerDies kills the server while it is being measured.
func TestLoadServerDies(t *testing.T) {
	c := startChild(t)
	file := filepath.Join(t.TempDir(), "r.html")
	kept := filepath.Join(t.TempDir(), "r.json")
	var stdout strings.Builder
	stderr := onFirst{do: func() { c.Process.Kill() }}
	code := run([]string{"load", "baseline", "--duration", "12s", "--target", "tcp://" + c.addresses["tcp"],
		"--admin", c.addresses["admin"], "--html", file, "--json", kept}, &stdout, &stderr)
	page, err := os.ReadFile(file)
	if err != nil || code != exitNotRun || !strings.Contains(stdout.String(), "ended early:") ||
		!strings.Contains(string(page), "partial") {
		t.Errorf("exit %d, %v\n%s%s", code, err, &stdout, &stderr)
	}
	if result, err := report.ReadReport(kept); err != nil || result.Outcome != report.Partial || len(result.Series) == 0 {
		t.Errorf("%v: %+v", err, result)
	}
}

// TestLoadAnotherServer needs no option to measure a server by others, over HTTP with sessions and event streams.
func TestLoadAnotherServer(t *testing.T) {
	other := mcp.NewServer(&mcp.Implementation{Name: "other", Version: "1"}, nil)
	type input struct {
		Message string `json:"message"`
	}
	mcp.AddTool(other, &mcp.Tool{Name: "echo"}, func(_ context.Context, _ *mcp.CallToolRequest,
		in input) (*mcp.CallToolResult, any, error) {
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: in.Message}}}, nil, nil
	})
	mux := http.NewServeMux()
	mux.Handle("/mcp", mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return other }, nil))
	s := httptest.NewServer(mux)
	defer s.Close()
	report, said := loadReport(t, "baseline", "--target", s.URL+"/mcp", "--duration", "1s")
	if tally := &report.Total.Tally; tally.Sent == 0 || tally.Sent != tally.Results || report.Target.Server != "other 1" ||
		report.Server.PID != os.Getpid() {
		t.Error(said)
	}
	f := func(target, want string) {
		t.Helper()
		if code, _, stderr := loadRun("baseline", "--target", target); code != exitNotRun || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit %d\n%s", target, code, stderr)
		}
	}
	f(s.URL+"/elsewhere", "there is no MCP over HTTP at this path")
	f("ws"+strings.TrimPrefix(s.URL, "http")+"/mcp",
		"it does not speak WebSocket there; check the path, or try --target http://")
	f("tcp"+strings.TrimPrefix(s.URL, "http"), "speaks HTTP, not lines: try --target http://")
	closed := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter,
		_ *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
	}))
	defer closed.Close()
	f(closed.URL, "say who asks with --token-file")
	full := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter,
		_ *http.Request) {
		w.WriteHeader(http.StatusTooManyRequests)
	}))
	defer full.Close()
	f(full.URL, "it is full, or stops")
	tls := httptest.NewUnstartedServer(mux)
	tls.Config.ErrorLog = log.New(io.Discard, "", 0)
	tls.StartTLS()
	defer tls.Close()
	f("http"+strings.TrimPrefix(tls.URL, "https"), "speaks TLS, which is not spoken here")
}

// TestLoadWorkers has the load come from two processes, which are this binary again.
func TestLoadWorkers(t *testing.T) {
	t.Setenv(asMain, "1")
	s := startTest(t, nil)
	report, said := loadReport(t, "baseline", "--duration", "400ms", "--workers", "2", "--target",
		"tcp://"+s.addresses["tcp"], "-q")
	if report.Generator.Workers != 2 || report.Total.Tally.Sent == 0 ||
		report.Total.Tally.Sent != report.Total.Tally.Results {
		t.Error(said)
	}
}

func TestLoadCommandLine(t *testing.T) {
	f := func(want int, words string, args ...string) {
		t.Helper()
		code, stdout, stderr := loadRun(args...)
		if code != want || !strings.Contains(stdout+stderr, words) {
			t.Errorf("%v: exit %d, want %d and %q:\n%s%s", args, code, want, words, stdout, stderr)
		}
	}
	scenario := filepath.Join(t.TempDir(), "s.yaml")
	if err := os.WriteFile(scenario, []byte("name: x\nquestion: y\nphases: 3\nmark: {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f(exitOK, "hundred-k", "list")
	f(exitOK, "--time-scale", "--help")
	f(exitOK, "Exit codes of weir load: 0 every mark held", "baseline", "--help")
	f(exitUsage, `"nosuch" is neither a file nor one of baseline`, "nosuch")
	f(exitUsage, ":4:1: unknown key \"mark\"", scenario)
	f(exitUsage, ":3:9: phases: 3 is not a list", scenario)
	f(exitUsage, "--connections: -1 is below 0: allowed is 0 (the scenario's) to 10000000 connections", "baseline",
		"--connections=-1", "--rate=-2")
	f(exitUsage, "--rate: -2 is below 0", "baseline", "--connections=-1", "--rate=-2")
	f(exitUsage, "give one of them", "baseline", "--duration=1s", "--time-scale=2")
	f(exitUsage, "is not a JSON object", "baseline", "--tool=x", "--arguments=[1]")
	f(exitUsage, "belongs to --tool", "baseline", "--arguments={}")
	f(exitUsage, "is not 'NAME: VALUE'", "baseline", "--header", "x")
	f(exitUsage, "unknown flag --nope", "baseline", "--nope")
	f(exitNotRun, "start the server, or say with --target where it listens", "baseline", "--target", "tcp://127.0.0.1:1")
	f(exitUsage, "no report can be written there", "baseline", "--json", filepath.Join(t.TempDir(), "no", "r.json"))
	f(exitUsage, "is a folder; name a file in it", "baseline", "--html", t.TempDir())
	f(exitUsage, "check the name, or give the address", "baseline", "--target", "http://nobody.invalid/mcp")
	f(exitUsage, "name: missing", os.DevNull)
	f(exitUsage, "is a directory", t.TempDir())
	f(exitUsage, "no such file", "compare", "none.json", "nor.json")
}

func TestLoadCompare(t *testing.T) {
	write := func(p95 float64) string {
		phase := report.PhaseReport{Name: "p", Seconds: 1, Answered: 100,
			Latency: report.Latency{Count: 9, P50: p95 / 2, P95: p95, P99: p95}}
		r := report.Report{Schema: report.Schema, Phases: []report.PhaseReport{phase}}
		for range 50 {
			r.Series = append(r.Series, report.Point{Answered: 100, P50: p95 / 2, P95: p95, P99: p95})
		}
		text, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "r.json")
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	fast, slow := write(1), write(2)
	if code, stdout, _ := loadRun("compare", fast, slow); code != exitMissed || !strings.Contains(stdout, "WORSE") {
		t.Errorf("exit %d\n%s", code, stdout)
	}
	if code, stdout, _ := loadRun("compare", slow, fast); code != exitOK || !strings.Contains(stdout, "better") {
		t.Errorf("exit %d\n%s", code, stdout)
	}
}

// TestLoadReportIsWritable: a place where no report can be written is found before the run, and nothing is left where
// one can.
func TestLoadReportIsWritable(t *testing.T) {
	dir := t.TempDir()
	code, _, stderr := loadRun("baseline", "--target", "tcp://127.0.0.1:1", "--json", filepath.Join(dir, "no", "r.json"),
		"--html", dir)
	if code != exitUsage || !strings.Contains(stderr, "--json: open ") || !strings.Contains(stderr, "--html: open ") {
		t.Errorf("exit %d, %s", code, stderr)
	}
	kept := filepath.Join(dir, "kept.html")
	if err := os.WriteFile(kept, []byte("before"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr = loadRun("baseline", "--target", "tcp://127.0.0.1:1", "--json", filepath.Join(dir, "r.json"),
		"--html", kept); code != exitNotRun {
		t.Errorf("exit %d, %s", code, stderr)
	}
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if text, _ := os.ReadFile(kept); err != nil || len(names) != 1 || string(text) != "before" {
		t.Errorf("%v: %q, %q", err, names, text)
	}
}
