package loadtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"weir/loadtest/client"
	"weir/loadtest/hostile"
	"weir/loadtest/internal/fixture"
	"weir/loadtest/report"
	"weir/loadtest/wire"
)

// asWorker makes the test binary a worker process, as weir load's own binary is one.
const asWorker = "WEIR_LOADTEST_AS_WORKER"

func TestMain(m *testing.M) {
	if os.Getenv(asWorker) == "" {
		goleak.VerifyTestMain(m) // it exits
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
			return wire.MessagePrefix + fixture.ID(line) +
				`,"result":{"tools":[{"name":"echo","inputSchema":{"required":["message"]}}]}}` + "\n"
		}
		if strings.Contains(line, `"method":"tools/call"`) {
			return answer(line)
		}
		return fixture.Echo(line)
	}
}

// testRun is a run of a small scenario against a line server.
func testRun(t *testing.T, address, scenario string) *Run {
	t.Helper()
	s, err := ParseScenario("test", []byte(scenario))
	if err != nil {
		t.Fatal(err)
	}
	target, err := wire.ParseTarget(t.Context(), "tcp://"+address)
	if err != nil {
		t.Fatal(err)
	}
	return &Run{Scenario: s, Target: target, Admin: "off", Grace: 10 * time.Second}
}

// tolerable is how late a run may be that a test judges.
const tolerable = 100 * time.Millisecond

// lateness is how late the samples of a run were at most.
func lateness(r *Run, result *report.Report) (late time.Duration) {
	due := instants(r.Scenario)
	for i, p := range result.Series {
		late = max(late, time.Duration(p.At*float64(time.Second))-due[i])
	}
	return late
}

// timely makes runs until the machine gave one its time, which the run itself tells: its samples are of their instants,
// and of a server that serves its calls left when they were due. Of such a run a test may expect what is a matter of
// time.
func timely(t *testing.T, serves bool, run func() *Run) *report.Report {
	t.Helper()
	for range 5 {
		r := run()
		result, err := r.Do(fixture.Within(t))
		if err != nil {
			t.Fatal(err)
		}
		late := lateness(r, result)
		if serves {
			late = max(late, time.Duration(result.Generator.LateMax*float64(time.Millisecond)))
		}
		if late < tolerable {
			return result
		}
		t.Logf("the machine had no time: %v late", late)
	}
	t.Skip("the machine has no time for a run of a second: nothing that it says of time can be judged")
	return nil
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
		points := 0
		result := timely(t, true, func() *Run {
			r := testRun(t, fixture.LineServer(t, "tcp", offering(fixture.Echo)), smallScenario)
			r.Workers, r.WorkerCommand = workers, []string{os.Args[0]}
			points = 0
			r.Progress = func(e Event) {
				if e.Point != nil {
					points++
				}
			}
			return r
		})
		total := &result.Total.Tally
		if result.Outcome != report.Held || total.Sent != total.Results || total.Sent == 0 || total.Planned < total.Sent ||
			len(result.Phases) != 3 ||
			points != len(result.Series) || total.Opened < 8 || result.Generator.Workers != workers {
			t.Errorf("%d workers: %+v", workers, result)
		}
		// 0.3 s of 4 connections on average at 50 per second, 0.3 s of 8 at 75, 0.2 s of 5 at 50; the plan knows no luck, the
		// moments at which connections open do.
		if total.Planned < 100 || total.Planned > 400 {
			t.Errorf("%d workers planned %d calls", workers, total.Planned)
		}
	}
}

func TestRunClosedAndOpenFirst(t *testing.T) {
	r := testRun(t, fixture.LineServer(t, "tcp", offering(fixture.Echo)), `
name: closed
question: How many?
closed: true
open_first: true
phases: [{name: all, duration: 200ms, connections: 10}]
marks: {unexplained: 0}
hostile: {never_read: 1, slow_drip: 1, half_request: 1, vanish: 1}
`)
	result, err := r.Do(fixture.Within(t))
	if err != nil {
		t.Fatal(err)
	}
	if result.Outcome != report.Held || result.Total.Tally.Planned != 0 || result.Total.Tally.Results == 0 ||
		result.Hostile.Counts.Opened < 4 ||
		!strings.Contains(strings.Join(result.Notes, "\n"), "10 connections were opened before the beginning") {
		t.Errorf("%+v", result)
	}
}

const halfScenario = `
name: over
question: What?
capacity: {connections: 2, duration: 200ms}
phases: [{name: half, duration: 200ms, connections: 2, capacity: 0.5}]
marks: {unexplained: 0}
`

func TestRunMeasuresCapacity(t *testing.T) {
	address := fixture.LineServer(t, "tcp", offering(fixture.Echo))
	result := timely(t, true, func() *Run { return testRun(t, address, halfScenario) })
	if rate := result.Phases[0].Tally.Planned; result.Capacity <= 0 || float64(rate) < 0.05*result.Capacity ||
		float64(rate) > 0.2*result.Capacity {
		t.Errorf("capacity %v, then planned %d in 0.2 s", result.Capacity, rate)
	}
}

// A server that dies in the middle of a run: what was measured is kept, and the report says what happened.
func TestRunOfAServerThatDies(t *testing.T) {
	result := timely(t, false, func() *Run {
		var calls atomic.Int64
		r := testRun(t, fixture.LineServer(t, "tcp", func(line string) string {
			if calls.Load() > 50 {
				return fixture.HangUp
			}
			return offering(func(line string) string { calls.Add(1); return fixture.Echo(line) })(line)
		}), `
name: long
question: Does it last?
phases: [{name: all, duration: 1h, connections: 4, rate: 200}]
marks: {unexplained: 0, lost: 0}
`)
		r.Scenario = r.Scenario.Scaled(1.0 / 900) // 4 s
		return r
	})
	if result.Outcome != report.Partial || !strings.Contains(result.Problem, "has held no connection for") ||
		result.Total.Tally.Results == 0 ||
		result.Seconds >= 4 || result.Total.Tally.Unexplained != 0 {
		t.Errorf("%+v", result)
	}
}

// A server that keeps its connections and stops answering: the calls are unexplained, and that mark is missed.
func TestRunOfAServerThatFallsSilent(t *testing.T) {
	result := timely(t, false, func() *Run {
		var calls atomic.Int64
		r := testRun(t, fixture.LineServer(t, "tcp", offering(func(line string) string {
			if calls.Add(1) > 50 {
				return ""
			}
			return fixture.Echo(line)
		})), `
name: silent
question: Does it answer?
window: 5
phases: [{name: all, duration: 500ms, connections: 4, rate: 200}]
marks: {unexplained: 0}
`)
		r.Grace = 50 * time.Millisecond
		return r
	})
	total := &result.Total.Tally
	if result.Outcome != report.Missed || total.Unexplained != 20 || total.Sent != total.Results+20 ||
		total.Planned <= total.Sent {
		t.Errorf("%+v", result)
	}
}

func TestRunThatIsInterrupted(t *testing.T) {
	r := testRun(t, fixture.LineServer(t, "tcp", offering(fixture.Echo)), smallScenario)
	r.Scenario = r.Scenario.Scaled(100)
	ctx, cancel := context.WithCancel(fixture.Within(t))
	r.Progress = func(e Event) {
		if e.Point != nil {
			cancel()
		}
	}
	result, err := r.Do(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if result.Outcome != report.Partial || result.Problem != "it was interrupted" || len(result.Series) == 0 ||
		result.Total.Tally.Unexplained != 0 {
		t.Errorf("%+v", result)
	}
}

func TestRunThatCannotBegin(t *testing.T) {
	f := func(answer func(string) string, want string) {
		t.Helper()
		r := testRun(t, fixture.LineServer(t, "tcp", answer), smallScenario)
		if result, err := r.Do(fixture.Within(t)); !errors.Is(err, ErrNotRun) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %+v, %v; want %q", result, err, want)
		}
	}
	f(func(string) string { return "HTTP/1.1 400 Bad Request\r\n\r\n" },
		"speaks HTTP, not lines: try --target http://127.0.0.1:")
	f(func(string) string { return "220 mail.example ESMTP\r\n" }, "does not seem to speak MCP over tcp")
	f(func(string) string { return fixture.HangUp }, "the server closed the connection")
	f(offering(func(line string) string {
		return wire.MessagePrefix + fixture.ID(line) + `,"result":{"content":[],"isError":true}}` + "\n"
	}), "choose another one with --tool and --arguments")
	r := testRun(t, "127.0.0.1:1", smallScenario)
	if _, err := r.Do(fixture.Within(t)); err == nil || !strings.Contains(err.Error(),
		"start the server, or say with --target where it listens") {
		t.Errorf("got %v", err)
	}
	r = testRun(t, fixture.LineServer(t, "tcp", offering(fixture.Echo)), smallScenario)
	r.Probe.Tool = "nope"
	if _, err := r.Do(fixture.Within(t)); err == nil || !strings.Contains(err.Error(),
		`the server has no tool "nope"; it lists echo`) {
		t.Errorf("got %v", err)
	}
}

// Before the first phase, too, a run that ends early says why.
func TestRunThatEndsBeforeItsBeginning(t *testing.T) {
	var err error
	for range 20 { // in which it may not have been called often enough in 200 ms to die
		var calls atomic.Int64
		dying := func(line string) string {
			if calls.Load() > 5 {
				return fixture.HangUp
			}
			return offering(func(line string) string { calls.Add(1); return fixture.Echo(line) })(line)
		}
		_, err = testRun(t, fixture.LineServer(t, "tcp", dying), halfScenario).Do(fixture.Within(t))
		if errors.Is(err, ErrNotRun) && strings.Contains(err.Error(), "2 of 2 connections ended meanwhile (peer_closed 2)") {
			break
		}
	}
	if !errors.Is(err, ErrNotRun) || !strings.Contains(err.Error(), "2 of 2 connections ended meanwhile (peer_closed 2)") {
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
	address := fixture.LineServer(t, "tcp", func(line string) string {
		if strings.Contains(line, `"method":"initialize"`) && greeted.Add(1) > 100 {
			return fixture.HangUp
		}
		return offering(fixture.Echo)(line)
	})
	r := testRun(t, address, opening)
	result, err := r.Do(fixture.Within(t))
	if err != nil || result.Outcome != report.Partial || !strings.Contains(result.Problem,
		"of 300 connections are open, and it gets no further (peer_closed") {
		t.Errorf("%v: %+v", err, result)
	}
	ctx, cancel := context.WithCancel(fixture.Within(t))
	silent := fixture.LineServer(t, "tcp", func(line string) string {
		if strings.Contains(line, `"method":"initialize"`) && greeted.Add(-1) < 0 {
			cancel()
			return ""
		}
		return offering(fixture.Echo)(line)
	})
	greeted.Store(20)
	r = testRun(t, silent, opening)
	if result, err = r.Do(ctx); err != nil || result.Outcome != report.Partial || result.Problem != "it was interrupted" {
		t.Errorf("%v: %+v", err, result)
	}
}

func TestInstantsEndWithTheirPhases(t *testing.T) {
	for _, s := range BuiltIn() {
		for _, scale := range []float64{1, 0.1, 0.003} {
			s := s.Scaled(scale)
			all := instants(s)
			end, i := time.Duration(0), 0
			for k := range s.Phases {
				for end += s.Phases[k].Duration; i < len(all) && all[i] < end; i++ {
				}
				if i == len(all) || all[i] != end {
					t.Fatalf("%s x %v: no step ends with phase %d at %v", s.Name, scale, k, end)
				}
			}
			if len(all) > 2*maxPoints {
				t.Errorf("%s x %v: %d steps", s.Name, scale, len(all))
			}
		}
	}
}

func TestJobsShareTheWhole(t *testing.T) {
	s := FindScenario("flood")
	s.Hostile = hostile.Clients{SlowDrip: 5}
	for workers := 1; workers < 8; workers++ {
		r := &Run{Scenario: s, Workers: workers}
		peak, drips := 0.0, 0
		for _, j := range r.jobs(client.DefaultOptions()) {
			peak += j.Connections[1].From
			drips += j.Hostile.SlowDrip
		}
		if peak != 500 || drips != 5 {
			t.Errorf("%d workers: %v connections and %d hostile ones", workers, peak, drips)
		}
	}
}

// A server that lets the probe in and nobody else: nothing was answered, and nothing held.
func TestRunWithoutAnAnswer(t *testing.T) {
	var greeted atomic.Int32
	address := fixture.LineServer(t, "tcp", offering(fixture.Echo))
	refusing := fixture.LineServer(t, "tcp", func(line string) string {
		if strings.Contains(line, `"method":"initialize"`) && greeted.Add(1) > 1 {
			return fixture.HangUp
		}
		return offering(fixture.Echo)(line)
	})
	f := func(address, outcome, problem string) {
		t.Helper()
		result, err := testRun(t, address, smallScenario).Do(fixture.Within(t))
		if err != nil {
			t.Fatal(err)
		}
		if string(result.Outcome) != outcome || !strings.Contains(result.Problem, problem) {
			t.Errorf("%s, %q: want %s, %q", result.Outcome, result.Problem, outcome, problem)
		}
	}
	f(address, "held", "")
	f(refusing, "partial", "no call was answered (peer_closed")
}

// A closed loop does not see how long a server stood still, so its latency is no proof of anything.
func TestClosedLoopIsNotJudgedByLatency(t *testing.T) {
	r := testRun(t, fixture.LineServer(t, "tcp", offering(fixture.Echo)), smallScenario)
	r.Scenario = r.Scenario.ClosedLoop()
	result, err := r.Do(fixture.Within(t))
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	result.Print(&text)
	i := slices.IndexFunc(result.Marks, func(m report.MarkReport) bool { return m.Name == "p95" })
	if result.Outcome != report.Held || !result.Marks[i].Unknown || result.Marks[i].Held ||
		!strings.Contains(text.String(), "closed loop") || !strings.Contains(result.HTML(), "closed loop") {
		t.Errorf("%s %+v\n%s", result.Outcome, result.Marks, &text)
	}
}

// A server that hangs up again and again: each planned call is sent or said to be never sent, and each lost one has a
// name.
func TestRunLosesNoCallInSilence(t *testing.T) {
	var calls atomic.Int32
	r := testRun(t, fixture.LineServer(t, "tcp", offering(func(line string) string {
		if calls.Add(1)%3 == 0 {
			return fixture.HangUp
		}
		return fixture.Echo(line)
	})), smallScenario)
	result, err := r.Do(fixture.Within(t))
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	result.Print(&text)
	total := &result.Total.Tally
	line := fmt.Sprintf("planned %d = sent %d + never sent %d\n", total.Planned, total.Sent, total.NeverSent)
	if total.Planned != total.Sent+total.NeverSent || !strings.Contains(text.String(), line) ||
		!strings.Contains(result.HTML(), line) || total.Sent != total.Results+total.Lost || total.Planned < 200 ||
		// A kernel resets what is closed with calls in it that were not read.
		total.LostReasons["the server closed the connection before the answer"]+
			total.LostReasons["the server reset the connection before the answer"] != total.Lost || total.Lost == 0 {
		t.Errorf("%+v\n%s", total, &text)
	}
}
