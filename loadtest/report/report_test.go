package report

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"weir/loadtest/internal/fixture"
	"weir/loadtest/table"
)

// sample reads a report of testdata: "even", or "slower", the same with three times the latency. The test of the
// recorder that made them writes them anew.
func sample(t *testing.T, name string) *Report {
	t.Helper()
	r, err := ReadReport(filepath.Join("testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestReportText(t *testing.T) {
	var out strings.Builder
	sample(t, "even").Print(&out)
	fixture.Golden(t, "testdata/report.txt", out.String())
}

// The page must be whole: every tag closed, every name from outside escaped.
func TestReportPage(t *testing.T) {
	r := sample(t, "even")
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
	r := sample(t, "even")
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

func TestCompare(t *testing.T) {
	a, b := sample(t, "even"), sample(t, "slower")
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
	Compare(a, sample(t, "slower")).Print(&out)
	fixture.Golden(t, "testdata/compare.txt", out.String())
}

// TestDocsTableCounters holds the table of counters in docs/LOAD.md to that of the code.
func TestDocsTableCounters(t *testing.T) {
	page, err := os.ReadFile("../../docs/LOAD.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range table.Rows(&Tally{}) {
		ended := row.Ended
		if ended == "" {
			ended = "-"
		}
		if line := fmt.Sprintf("| `%s` | %s | %s | %s |\n", row.Name, row.Unit, ended,
			row.Help); !strings.Contains(string(page), line) {
			t.Errorf("docs/LOAD.md lacks the row:\n%s", line)
		}
	}
}

func TestCommittedReportsAreRead(t *testing.T) {
	files, err := filepath.Glob("../../docs/reports/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal(len(files), err)
	}
	for _, file := range files {
		if filepath.Base(file) == "scoreboard.json" {
			continue // a record of benches, which loadtest/bench reads
		}
		r, err := ReadReport(file)
		if err != nil {
			t.Error(err)
			continue
		}
		text, err := os.ReadFile(strings.TrimSuffix(file, ".json") + ".txt")
		if err != nil {
			t.Fatal(err)
		}
		var now strings.Builder
		r.Print(&now)
		if !strings.Contains(string(text), strings.TrimSpace(now.String())) {
			t.Errorf("%s says now:\n%s", file, &now)
		}
	}
}
