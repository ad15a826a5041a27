package loadtest

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the golden files anew instead of comparing with them")

func compareWithFile(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (-update writes it):\n%s", file, got)
	}
}

// sampleBook is a run of the flood scenario, 6 s long, that saw what no server would do twice.
func sampleBook(t *testing.T, slower float64) *Report {
	t.Helper()
	s := FindScenario("flood").Scaled(0.01)
	s.settle(0)
	r := &Run{Scenario: s, Version: "v1", Commit: "0123456789abcdef", Command: "weir load flood",
		Target: Target{URL: "tcp://127.0.0.1:7777", Network: "tcp", Address: "127.0.0.1:7777"}}
	b := newBook(r, &Probe{Revision: "2025-11-25", Server: "weir <v1>", Method: methodCall, Tool: "echo", Args: `{}`})
	b.report.Started = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	b.report.Machine = Host{CPU: "a CPU", Cores: 2, MemoryBytes: 8 << 30, Kernel: "6.1", Go: "go1.26", OpenFiles: 20_000}
	b.watch = &watcher{admin: "127.0.0.1:1", limits: ServerLimits{Version: "v1", Commit: "fedcba9876543210", Connections: 100, QueueMessages: 1000, QueueBytes: 1 << 20}}
	b.watch.latest = Vitals{ResidentBytes: 20 << 20, CPUSeconds: 1}
	b.before = b.watch.now()
	b.describeGenerator(r.jobs(DefaultOptions()))
	c := newCounters()
	for i := range b.instants {
		n := uint64(100 + i)
		c.Planned += n
		c.Sent += n
		c.Results += n - 3
		c.Refused += 2
		c.Errors++
		c.Reasons["queue_full"] += 2
		c.Reasons["no <luck>"]++
		c.Open = uint64(10 * i)
		c.Opened = c.Open
		sample := Sample{Index: i, Counters: c, CPU: time.Duration(i) * 10 * time.Millisecond}
		sample.Counters = newCounters()
		sample.Counters.add(&c)
		for k := range n - 3 {
			record(sample.Counters.Latency, time.Duration(slower*float64(k+1))*100*time.Microsecond)
			record(sample.Counters.Late, 20*time.Microsecond)
		}
		b.watch.latest.ResidentBytes += 1 << 20
		b.watch.latest.CPUSeconds += 0.05
		b.take(&sample)
	}
	c.InFlight = 1
	c.Sent++
	last := Sample{Index: len(b.instants), Counters: c}
	b.take(&last)
	b.watch.admin = ""
	end := b.watch.now()
	b.conclude(false, nil, &end)
	return &b.report
}

func TestReportText(t *testing.T) {
	var out strings.Builder
	sampleBook(t, 1).Print(&out)
	compareWithFile(t, "report.txt", out.String())
}

// The page must be whole: every tag closed, every name from outside escaped.
func TestReportPage(t *testing.T) {
	r := sampleBook(t, 1)
	page := r.HTML()
	for _, want := range []string{"weir &lt;v1&gt;", "no &lt;luck&gt;", "<svg", "mark 150 ms", ">missed<"} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q in the page", want)
		}
	}
	for _, foreign := range []string{"<script", "http-equiv", "src=", "href=", "@import", "url("} {
		if strings.Contains(page, foreign) {
			t.Errorf("the page needs something else: %s", foreign)
		}
	}
	d := xml.NewDecoder(strings.NewReader(strings.TrimPrefix(page, "<!doctype html>")))
	d.Entity = xml.HTMLEntity
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	r.Series = nil
	r.Outcome, r.Problem = Skipped, "it <was> not there"
	if page := r.HTML(); !strings.Contains(page, "it &lt;was&gt; not there") || strings.Contains(page, "<svg") {
		t.Errorf("%s", page)
	}
}

func TestReportTravels(t *testing.T) {
	r := sampleBook(t, 1)
	file := filepath.Join(t.TempDir(), "r.json")
	if err := r.Write(file); err != nil {
		t.Fatal(err)
	}
	again, err := ReadReport(file)
	if err != nil {
		t.Fatal(err)
	}
	a, _ := json.Marshal(r)
	b, _ := json.Marshal(again)
	if string(a) != string(b) {
		t.Errorf("wrote\n%s\nread\n%s", a, b)
	}
	for text, want := range map[string]string{"{": "not a report of weir load", `{"schema":"x"}`: `schema "x"`} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadReport(file); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", text, err)
		}
	}
}

func TestMarksAreJudged(t *testing.T) {
	r := sampleBook(t, 1)
	want := map[string]bool{"p95": true, "error_rate": false, "connect_success": true, "memory_bytes": true, "lost": true, "unexplained": false}
	for _, m := range r.Marks {
		if held, ok := want[m.Name]; !ok || held != m.Held {
			t.Errorf("%+v", m)
		}
		delete(want, m.Name)
	}
	if len(want) > 0 || r.Outcome != Missed {
		t.Errorf("%s, and not judged: %v", r.Outcome, want)
	}
}

func TestStreamsAreJudged(t *testing.T) {
	f := func(s *StreamCounts, held, unknown bool) {
		t.Helper()
		b := &book{run: &Run{Scenario: &Scenario{Phases: []Phase{{}, {Streams: 4}}}}}
		b.report.Streams = s
		b.judgeStreams(&judging{report: &b.report}, 1)
		if m := b.report.Marks[0]; m.Held != held || m.Unknown != unknown {
			t.Errorf("%+v: %+v", s, m)
		}
	}
	f(&StreamCounts{Open: 4, Events: 9}, true, false)
	f(&StreamCounts{Open: 3}, false, false)
	f(&StreamCounts{Open: 4, Ended: 1}, false, false) // and opened again
	f(&StreamCounts{Open: 4, Bad: 5}, false, false)
	f(nil, true, true)
}

func TestCompare(t *testing.T) {
	a, b := sampleBook(t, 1), sampleBook(t, 3)
	c := Compare(a, a)
	if c.Worse() || len(c.Differences) < 10 || len(c.Warnings) > 0 {
		t.Errorf("with itself: %+v", c)
	}
	c = Compare(a, b)
	verdictOf := func(c *Comparison, name string) Verdict {
		i := slices.IndexFunc(c.Differences, func(d Difference) bool { return d.Phase == "hold" && d.Name == name })
		return c.Differences[i].Verdict
	}
	if !c.Worse() || verdictOf(c, "p95") != Worse || verdictOf(c, "answered/s") != Same {
		t.Errorf("slower: %+v", c.Differences)
	}
	if c := Compare(b, a); c.Worse() || verdictOf(c, "p95") != Better {
		t.Errorf("faster: %+v", c.Differences)
	}
	b.Scenario, b.Machine.Kernel, b.Seconds, b.Outcome, b.Problem = "other", "6.2", 60, Partial, "it died"
	b.Generator.Bottleneck, b.Target.Call = true, "ping"
	if c := Compare(a, b); len(c.Warnings) != 6 {
		t.Errorf("%q", c.Warnings)
	}
	var out strings.Builder
	Compare(a, sampleBook(t, 3)).Print(&out)
	compareWithFile(t, "compare.txt", out.String())
}

func TestCountersTravel(t *testing.T) {
	a, b := newCounters(), newCounters()
	for i := range 10_000 {
		record(a.Latency, time.Duration(i)*time.Microsecond)
		record(b.Latency, time.Duration(i)*time.Millisecond)
	}
	record(a.Late, time.Hour) // counts as ten minutes
	a.Sent, b.Sent, a.Reasons["x"], b.Reasons["x"], a.Ended[EndRefused] = 1, 2, 3, 4, 5
	sum := newCounters()
	for _, c := range []Counters{a, b} {
		text, err := json.Marshal(Sample{Counters: c})
		if err != nil {
			t.Fatal(err)
		}
		var s Sample
		if err := json.Unmarshal(text, &s); err != nil {
			t.Fatal(err)
		}
		sum.add(&s.Counters)
	}
	want := newCounters()
	want.add(&a)
	want.add(&b)
	if sum.Sent != 3 || sum.Reasons["x"] != 7 || sum.Ended != want.Ended || !sum.Latency.Equals(want.Latency) || !sum.Late.Equals(want.Late) {
		t.Errorf("%+v", sum)
	}
	if err := new(Counters).UnmarshalJSON([]byte(`{"Histograms":["AAAA"]}`)); err == nil {
		t.Error("half of the histograms were taken")
	}
}
