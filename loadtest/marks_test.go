package loadtest

import (
	"testing"

	"weir/loadtest/client"
	"weir/loadtest/hostile"
	"weir/loadtest/report"
)

func TestMarksAreJudged(t *testing.T) {
	r := sampleRun(t, 1)
	want := map[string]bool{"p95": true, "error_rate": false, "connect_success": true, "memory_bytes": true, "lost": true,
		"unexplained": false}
	for _, m := range r.Marks {
		if held, ok := want[m.Name]; !ok || held != m.Held {
			t.Errorf("%+v", m)
		}
		delete(want, m.Name)
	}
	if len(want) > 0 || r.Outcome != report.Missed {
		t.Errorf("%s, and not judged: %v", r.Outcome, want)
	}
}

func TestStreamsAreJudged(t *testing.T) {
	f := func(s *report.StreamCounts, held, unknown bool) {
		t.Helper()
		j := judging{scenario: &Scenario{Phases: []Phase{{}, {Streams: 4}}}, report: &report.Report{Streams: s}}
		j.judgeStreams(1)
		if m := j.report.Marks[0]; m.Held != held || m.Unknown != unknown {
			t.Errorf("%+v: %+v", s, m)
		}
	}
	f(&report.StreamCounts{Open: 4, Events: 9}, true, false)
	f(&report.StreamCounts{Open: 3}, false, false)
	f(&report.StreamCounts{Open: 4, Ended: 1}, false, false) // and opened again
	f(&report.StreamCounts{Open: 4, Bad: 5}, false, false)
	f(nil, false, true) // what could not be seen is not held, and does not fail the run
}

func TestHostileEndedIsJudged(t *testing.T) {
	clients := hostile.Clients{NeverRead: 7, Garbage: 2, Reset: 1}
	f := func(never uint64, want string, held bool) {
		t.Helper()
		counts := hostile.Counts{Ended: map[string]map[string]uint64{
			"garbage": {"HTTP 400": 3}, "never_read": {client.EndPeerReset.String(): never},
		}}
		j := judging{report: &report.Report{Hostile: &report.HostileReport{Clients: clients, Counts: counts}}}
		j.judgeHostile(1)
		if m := j.report.Marks[0]; m.Got != want || m.Held != held {
			t.Errorf("%+v", m)
		}
	}
	f(6, "1 of 2 kinds, not never_read", false)
	f(7, "2 of 2 kinds", true)
}
