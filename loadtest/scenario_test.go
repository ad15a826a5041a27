package loadtest

import (
	"errors"
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
	f("", "f: want one YAML document with name, question, phases and marks")
	f("a: 1\n---\nb: 2\n", "f: want one YAML document with name, question, phases and marks")
	f("baseline", `f:1:1: the scenario: found "baseline", want a section of keys`)
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
f:1:7: name: found "", want text
f:3:1: the scenario: unknown key "phasess"; known are arguments, capacity, closed, hostile, marks, \
max_connecting, name, needs, open_first, pad_bytes, phases, question, tool, window
f:6:15: phases[0].duration: found 10, want a time from 100ms to 168h0m0s, such as 500ms, 30s or 5m
f:7:19: phases[0].connections: to is missing
f:8:11: phases[0].rate: found "fast", want a number from 0 to 1000000
f:9:5: phases[1]: name is missing
f:9:5: phases[1]: has more than one of rate, total_rate and capacity
f:9:5: phases[1].capacity: the scenario has no capacity section, so nothing measures it
f:10:18: phases[1].connections: found -1, want a number from 0 to 10000000
f:13:9: marks.goodput: the scenario has no capacity section to compare with
f:13:14: marks.p95: found 2, want a time from 1µs to 1h0m0s, such as 500ms, 30s or 5m
f:13:29: marks.error_rate: found 7, want a number from 0 to 1
f:13:46: marks.memory_bytes: found "3MB", want a number of bytes up to 1125899906842624, such as 65536 or 64KiB
f:13:51: marks: p95 is set twice
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
f:3:8: needs: found "luck", want streams
f:4:12: arguments: found "[1]", want a JSON object in quotes, such as '{"ms": 5}'
f:5:9: closed: found "maybe", want true or false
f:6:9: window: found 0.5, want a whole number from 1 to 1048576
f:7:19: hostile.vanish: found 1000000, want a whole number from 0 to 10000
f:7:28: hostile: unknown key "kill"; known are duplicate, garbage, half_close, half_request, \
never_read, oversize, reset, slow_drip, slow_read, vanish
f:8:20: capacity.window: found 0, want a whole number from 1 to 1048576
f:9:9: phases: want a list of 1 to 100 phases
f:10:8: marks: found nothing, want a section of keys
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
