package loadtest

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"
)

func TestBuiltInScenarios(t *testing.T) {
	for _, s := range BuiltIn() {
		if s.Name == "" || !strings.HasSuffix(s.Question, "?") || s.Length() <= 0 || s.Marks.Unexplained == nil ||
			s.MaxConnecting < 0 {
			t.Errorf("%+v", s)
		}
	}
	f := func(name string, length time.Duration, connections int, rate float64) {
		t.Helper()
		s := FindScenario(name)
		if c, r := s.Peak(); s.Length() != length || c != connections || r != rate {
			t.Errorf("%s: %v, %d connections, %v per second", name, s.Length(), c, r)
		}
	}
	f("baseline", 300*time.Second, 25, 2500)
	f("flood", 600*time.Second, 500, 25_000)
	f("bombing", 420*time.Second, 20, 200_000)
	f("hundred-k", 100*time.Second, 100_000, 5000)
}

func TestReadScenarioThatIsNone(t *testing.T) {
	_, err := ReadScenario("no-such-scenario")
	const want = `no such scenario: "no-such-scenario" is neither a file nor one of ` +
		`baseline, flood, bombing, overload, connect-storm, fan-out, hostile, soak, hundred-k`
	if !errors.Is(err, ErrNoScenario) || err.Error() != want {
		t.Errorf("got %v", err)
	}
	if _, err := ReadScenario(t.TempDir()); err == nil {
		t.Error("a folder was read")
	}
}

func TestScenarioMistakes(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		s, err := ParseScenario("f", []byte(strings.TrimPrefix(text, "\n")))
		if err == nil {
			t.Errorf("no mistake found: %+v", s)
			return
		}
		want = strings.ReplaceAll(strings.TrimSpace(want), "\\\n", "") // a long line goes on behind a backslash
		if err.Error() != want {
			t.Errorf("got\n%v\nwant\n%s", err, want)
		}
	}
	f("", `
f: name: missing: allowed is text in quotes of 1 or more bytes
f: question: missing: allowed is text in quotes of 1 or more bytes
f: phases: missing: allowed is a list of sections of 1 to 100 entries
f: marks: missing: allowed is a section of keys
`)
	f("a: 1\n---\nb: 2\n", `
f:1:1: unknown key "a": allowed here are name, question, needs, tool, arguments, window, \
pad_bytes, closed, max_connecting, open_first, capacity, phases, hostile, marks
f:1:1: name: missing: allowed is text in quotes of 1 or more bytes
f:1:1: question: missing: allowed is text in quotes of 1 or more bytes
f:1:1: phases: missing: allowed is a list of sections of 1 to 100 entries
f:1:1: marks: missing: allowed is a section of keys
f:2:1: a second document: allowed is one, so remove the --- here
`)
	f("baseline", `f:1:1: the file: "baseline" is not a section: allowed is a section of keys`)
	f("name: [", "f:1:7: sequence end token ']' not found")
	f(`
name: ""
question: x
phasess: []
phases:
  - name: a
    duration: 10
    connections: {from: 1}
    rate: fast
  - duration: 5s
    connections: -1
    capacity: 2
    total_rate: 4
marks: {p95: 2, error_rate: 7, memory_bytes: 3MB, p95: 1s, goodput: 0.5}
`, `
f:1:7: name: its length 0 is below 1: allowed is text in quotes of 1 or more bytes
f:3:1: unknown key "phasess"; did you mean "phases"?
f:6:15: phases[0].duration: 10 is not a time with its unit: allowed is 100ms to 168h, such as 500ms, 5s or 1m30s
f:7:19: phases[0].connections.to: missing: allowed is a number
f:8:11: phases[0].rate: "fast" is neither a number nor a section: allowed is 0 to 1000000 calls/s
f:9:5: phases[1].name: missing: allowed is text in quotes of 1 or more bytes
f:9:5: phases[1]: more than one of rate, total_rate and capacity: allowed is one of them
f:10:18: phases[1].connections: -1 is below 0: allowed is 0 to 10000000 connections
f:11:15: phases[1].capacity: nothing measures it: allowed is one with a capacity section in the scenario
f:13:14: marks.p95: 2 is not a time with its unit: allowed is 1us to 1h, such as 500ms, 5s or 1m30s
f:13:29: marks.error_rate: 7 is above 1: allowed is 0 to 1
f:13:46: marks.memory_bytes: "3MB" is not a number of bytes: allowed is 0 to 1024 TiB, such as 65536 or 64 KiB
f:13:51: marks.p95: set twice: allowed is once, and the first is in line 13
f:13:69: marks.goodput: nothing to compare with: allowed is one with a capacity section in the scenario
`)
	f(`
name: a
question: b
needs: luck
arguments: '[1]'
closed: maybe
window: 0.5
hostile: {vanish: 1000000, kill: 1}
capacity: {window: 0}
phases: 7
marks: ~
`, `
f:3:8: needs: "luck" is unknown: allowed is streams, "" is nothing special
f:4:12: arguments: "[1]" is not a JSON object: allowed is one in quotes, such as '{"ms": 5}'
f:5:9: closed: "maybe" is unknown: allowed is true or false
f:6:9: window: 0.5 is not a whole number: allowed is 0 (1 over HTTP, 1000 elsewhere), or 1 to 1048576 calls
f:7:19: hostile.vanish: 1000000 is above 10000: allowed is 0 to 10000 clients
f:7:28: unknown key "hostile.kill": allowed here are never_read, slow_read, slow_drip, half_request, \
half_close, garbage, oversize, duplicate, reset, vanish
f:8:20: capacity.window: 0 is below 1: allowed is 1 to 1048576 calls
f:9:9: phases: 7 is not a list: allowed is a list of sections of 1 to 100 entries
f:10:8: marks: an empty value is not a section: allowed is a section of keys
`)
}

func TestScenarioChanges(t *testing.T) {
	s := FindScenario("flood").Scaled(0.1).Sized(50, 5)
	if s.Length() != time.Minute || s.Phases[0].Connections != (Ramp{0, 50}) || s.Phases[1].Rate != (Ramp{5, 5}) {
		t.Errorf("%+v", s)
	}
	if FindScenario("flood").Phases[0].Duration != 300*time.Second {
		t.Error("the built-in scenario changed")
	}
	o := FindScenario("overload")
	o.settle(1000)
	if p := o.Phases[1]; p.TotalRate != 2000 || p.Rate != (Ramp{100, 100}) {
		t.Errorf("%+v", p)
	}
	h := FindScenario("hundred-k").Sized(1000, 0)
	h.settle(0)
	if p := h.Phases[1]; p.Rate.From != 0.05 || p.Connections.To != 1000 {
		t.Errorf("%+v", p)
	}
	c := FindScenario("baseline").ClosedLoop()
	if _, rate := c.Peak(); !c.Closed || rate != 0 {
		t.Errorf("%+v", c)
	}
}

func TestScenarioPlanned(t *testing.T) {
	s := &Scenario{Phases: []Phase{
		{Duration: 10 * time.Second, Connections: Ramp{5, 5}, Rate: Ramp{2, 2}},
		{Duration: 6 * time.Second, Connections: Ramp{0, 10}, Rate: Ramp{4, 1}}, // the integral of 10x * (4 - 3x), times 6
	}}
	if got := s.planned(); math.Abs(got-(100+60)) > 1e-9 {
		t.Errorf("%v calls", got)
	}
}
