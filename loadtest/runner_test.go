package loadtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// asWorker makes the test binary a worker process, as weir load's own binary is one.
const asWorker = "WEIR_LOADTEST_AS_WORKER"

func TestMain(m *testing.M) {
	if os.Getenv(asWorker) == "" {
		os.Exit(m.Run())
	}
	if err := Work(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// offering makes a server of answer that lists the tool echo.
func offering(answer func(line string) string) func(line string) string {
	return func(line string) string {
		if strings.Contains(line, `"method":"tools/list"`) {
			return messagePrefix + id(line) + `,"result":{"tools":[{"name":"echo","inputSchema":{"required":["message"]}}]}}` + "\n"
		}
		if strings.Contains(line, `"method":"tools/call"`) {
			return answer(line)
		}
		return echo(line)
	}
}

// testRun is a run of a small scenario against a line server.
func testRun(t *testing.T, address, scenario string) *Run {
	t.Helper()
	s, err := ParseScenario("test", []byte(scenario))
	if err != nil {
		t.Fatal(err)
	}
	target, err := ParseTarget(t.Context(), "tcp://"+address)
	if err != nil {
		t.Fatal(err)
	}
	return &Run{Scenario: s, Target: target, Admin: "off", Grace: 10 * time.Second}
}

const smallScenario = `
name: small
question: Does it work?
phases:
  - {name: grow, duration: 300ms, connections: {from: 0, to: 8}, rate: 50}
  - {name: hold, duration: 300ms, connections: 8, rate: {from: 50, to: 100}}
  - {name: shrink, duration: 200ms, connections: {from: 8, to: 2}, rate: 50}
marks: {p95: 1h, error_rate: 0, connect_success: 1, lost: 0, unexplained: 0}
`

func TestRun(t *testing.T) {
	t.Setenv(asWorker, "1")
	for _, workers := range []int{1, 3} {
		r := testRun(t, testServer(t, "tcp", offering(echo)), smallScenario)
		r.Workers, r.WorkerCommand = workers, []string{os.Args[0]}
		points := 0
		r.Progress = func(e Event) {
			if e.Point != nil {
				points++
			}
		}
		report, err := r.Do(within(t))
		if err != nil {
			t.Fatal(err)
		}
		total := &report.Total.Tally
		if report.Outcome != Held || total.Sent != total.Results || total.Sent == 0 || total.Planned < total.Sent || len(report.Phases) != 3 ||
			points != len(report.Series) || total.Opened < 8 || report.Generator.Workers != workers {
			t.Errorf("%d workers: %+v", workers, report)
		}
		// 0.3 s of 4 connections on average at 50 per second, 0.3 s of 8 at 75, 0.2 s of 5 at 50; the plan knows no luck, the
		// moments at which connections open do.
		if total.Planned < 100 || total.Planned > 400 {
			t.Errorf("%d workers planned %d calls", workers, total.Planned)
		}
	}
}

func TestRunClosedAndOpenFirst(t *testing.T) {
	r := testRun(t, testServer(t, "tcp", offering(echo)), `
name: closed
question: How many?
closed: true
open_first: true
phases: [{name: all, duration: 200ms, connections: 10}]
marks: {unexplained: 0}
hostile: {never_read: 1, slow_drip: 1, half_request: 1, vanish: 1}
`)
	report, err := r.Do(within(t))
	if err != nil {
		t.Fatal(err)
	}
	if report.Outcome != Held || report.Total.Tally.Planned != 0 || report.Total.Tally.Results == 0 || report.Hostile.Counts.Opened < 4 ||
		!strings.Contains(strings.Join(report.Notes, "\n"), "10 connections were opened before the beginning") {
		t.Errorf("%+v", report)
	}
}

func TestRunMeasuresCapacity(t *testing.T) {
	r := testRun(t, testServer(t, "tcp", offering(echo)), `
name: over
question: What?
capacity: {connections: 2, duration: 200ms}
phases: [{name: half, duration: 200ms, connections: 2, capacity: 0.5}]
marks: {unexplained: 0}
`)
	report, err := r.Do(within(t))
	if err != nil {
		t.Fatal(err)
	}
	if rate := report.Phases[0].Tally.Planned; report.Capacity <= 0 || float64(rate) < 0.05*report.Capacity || float64(rate) > 0.2*report.Capacity {
		t.Errorf("capacity %v, then planned %d in 0.2 s", report.Capacity, rate)
	}
}

// A server that dies in the middle of a run: what was measured is kept, and the report says what happened.
func TestRunOfAServerThatDies(t *testing.T) {
	var calls atomic.Int64
	r := testRun(t, testServer(t, "tcp", func(line string) string {
		if calls.Load() > 50 {
			return hangUpNow
		}
		return offering(func(line string) string { calls.Add(1); return echo(line) })(line)
	}), `
name: long
question: Does it last?
phases: [{name: all, duration: 1h, connections: 4, rate: 200}]
marks: {unexplained: 0, lost: 0}
`)
	r.Scenario = r.Scenario.Scaled(1.0 / 900) // 4 s
	report, err := r.Do(within(t))
	if err != nil {
		t.Fatal(err)
	}
	if report.Outcome != Partial || !strings.Contains(report.Problem, "has held no connection for") || report.Total.Tally.Results == 0 ||
		report.Seconds >= 4 || report.Total.Tally.Unexplained != 0 {
		t.Errorf("%+v", report)
	}
}

// A server that keeps its connections and stops answering: the calls are unexplained, and that mark is missed.
func TestRunOfAServerThatFallsSilent(t *testing.T) {
	var calls atomic.Int64
	r := testRun(t, testServer(t, "tcp", offering(func(line string) string {
		if calls.Add(1) > 50 {
			return ""
		}
		return echo(line)
	})), `
name: silent
question: Does it answer?
window: 5
phases: [{name: all, duration: 500ms, connections: 4, rate: 200}]
marks: {unexplained: 0}
`)
	r.Grace = 50 * time.Millisecond
	report, err := r.Do(within(t))
	if err != nil {
		t.Fatal(err)
	}
	total := &report.Total.Tally
	if report.Outcome != Missed || total.Unexplained != 20 || total.Sent != total.Results+20 || total.Planned <= total.Sent {
		t.Errorf("%+v", report)
	}
}

func TestRunThatIsInterrupted(t *testing.T) {
	r := testRun(t, testServer(t, "tcp", offering(echo)), smallScenario)
	r.Scenario = r.Scenario.Scaled(100)
	ctx, cancel := context.WithCancel(within(t))
	r.Progress = func(e Event) {
		if e.Point != nil {
			cancel()
		}
	}
	report, err := r.Do(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if report.Outcome != Partial || report.Problem != "it was interrupted" || len(report.Series) == 0 || report.Total.Tally.Unexplained != 0 {
		t.Errorf("%+v", report)
	}
}

func TestRunThatCannotBegin(t *testing.T) {
	f := func(answer func(string) string, want string) {
		t.Helper()
		r := testRun(t, testServer(t, "tcp", answer), smallScenario)
		if report, err := r.Do(within(t)); !errors.Is(err, ErrNotRun) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %+v, %v; want %q", report, err, want)
		}
	}
	f(func(string) string { return "HTTP/1.1 400 Bad Request\r\n\r\n" }, "speaks HTTP, not lines: try --target http://127.0.0.1:")
	f(func(string) string { return "220 mail.example ESMTP\r\n" }, "does not seem to speak MCP over tcp")
	f(func(string) string { return hangUpNow }, "the server closed the connection")
	f(offering(func(line string) string {
		return messagePrefix + id(line) + `,"result":{"content":[],"isError":true}}` + "\n"
	}), "choose another one with --tool and --arguments")
	r := testRun(t, "127.0.0.1:1", smallScenario)
	if _, err := r.Do(within(t)); err == nil || !strings.Contains(err.Error(), "start the server, or say with --target where it listens") {
		t.Errorf("got %v", err)
	}
	r = testRun(t, testServer(t, "tcp", offering(echo)), smallScenario)
	r.Wish.Tool = "nope"
	if _, err := r.Do(within(t)); err == nil || !strings.Contains(err.Error(), `the server has no tool "nope"; it lists echo`) {
		t.Errorf("got %v", err)
	}
}

// Before the first phase, too, a run that ends early says why.
func TestRunThatEndsBeforeItsBeginning(t *testing.T) {
	var calls atomic.Int64
	dying := func(line string) string {
		if calls.Load() > 5 {
			return hangUpNow
		}
		return offering(func(line string) string { calls.Add(1); return echo(line) })(line)
	}
	r := testRun(t, testServer(t, "tcp", dying), `
name: over
question: What?
capacity: {connections: 2, duration: 200ms}
phases: [{name: half, duration: 200ms, connections: 2, capacity: 0.5}]
marks: {unexplained: 0}
`)
	if _, err := r.Do(within(t)); !errors.Is(err, ErrNotRun) || !strings.Contains(err.Error(), "2 of 2 connections ended meanwhile (peer_closed 2)") {
		t.Errorf("got %v", err)
	}
	const opening = `
name: wide
question: How many?
open_first: true
phases: [{name: all, duration: 1s, connections: 300, rate: 1}]
marks: {unexplained: 0}
`
	var greeted atomic.Int64
	address := testServer(t, "tcp", func(line string) string {
		if strings.Contains(line, `"method":"initialize"`) && greeted.Add(1) > 100 {
			return hangUpNow
		}
		return offering(echo)(line)
	})
	r = testRun(t, address, opening)
	report, err := r.Do(within(t))
	if err != nil || report.Outcome != Partial || !strings.Contains(report.Problem, "of 300 connections are open, and it gets no further (peer_closed") {
		t.Errorf("%v: %+v", err, report)
	}
	ctx, cancel := context.WithCancel(within(t))
	silent := testServer(t, "tcp", func(line string) string {
		if strings.Contains(line, `"method":"initialize"`) && greeted.Add(-1) < 0 {
			cancel()
			return ""
		}
		return offering(echo)(line)
	})
	greeted.Store(20)
	r = testRun(t, silent, opening)
	if report, err = r.Do(ctx); err != nil || report.Outcome != Partial || report.Problem != "it was interrupted" {
		t.Errorf("%v: %+v", err, report)
	}
}

func TestParseTarget(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		got, err := ParseTarget(t.Context(), text)
		s := fmt.Sprintf("%s %s %s %s", got.transportName(), got.Address, got.Path, got.Host)
		if err != nil {
			s = err.Error()
		}
		if !strings.Contains(s, want) {
			t.Errorf("%s: got %s, want %s", text, s, want)
		}
	}
	f("http://127.0.0.1:8080/x?y=z", "http 127.0.0.1:8080 /x?y=z 127.0.0.1:8080")
	f("http://localhost", "http 127.0.0.1:80 /mcp localhost")
	f("ws://[::1]:9/mcp", "ws [::1]:9 /mcp [::1]:9")
	f("tcp://127.0.0.1:7", "tcp 127.0.0.1:7")
	f("unix:/a/b", "unix /a/b")
	f("unix:///a/b", "unix /a/b")
	f("unix:", "names no socket")
	f("tcp://127.0.0.1", "lacks a host or a port")
	f("https://a.example/", "TLS is not spoken here")
	f("127.0.0.1:7", "want http://HOST:PORT/mcp")
	f("ftp://x/", "want http://HOST:PORT/mcp")
}

func TestWatchReadsMetrics(t *testing.T) {
	var before, after Vitals
	before.takeMetrics(`weir_refusals_total{reason="a"} 1
go_gc_pauses_seconds_bucket{le="0.001"} 5
go_gc_pauses_seconds_bucket{le="0.002"} 5
go_gc_pauses_seconds_bucket{le="+Inf"} 5
`)
	after.takeMetrics(`# a comment
weir_refusals_total{reason="a"} 2
weir_refusals_total{reason="b"} 3.5
weir_queue_waiting_peak_messages 7
go_gc_pauses_seconds_bucket{le="0.001"} 6
go_gc_pauses_seconds_bucket{le="0.002"} 105
go_gc_pauses_seconds_bucket{le="+Inf"} 105
nonsense
`)
	if after.Refusals != 5.5 || after.QueuePeak != 7 || pauseQuantile(&before, &after, 0.99) != 2 || pauseQuantile(&before, &after, 0.01) != 1 ||
		pauseQuantile(&after, &after, 1) != 0 || pauseQuantile(&Vitals{}, &after, 1) != 0 {
		t.Errorf("%+v", after)
	}
}

func TestWatchFindsTheListener(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		address := testServer(t, network, echo)
		if pid := listenerPID(&Target{Network: network, Address: address}); pid != os.Getpid() {
			t.Errorf("%s: got process %d, this one is %d", network, pid, os.Getpid())
		}
	}
	if pid := listenerPID(&Target{Network: "tcp", Address: "127.0.0.1:1"}); pid != 0 {
		t.Errorf("somebody listens on port 1: %d", pid)
	}
}
