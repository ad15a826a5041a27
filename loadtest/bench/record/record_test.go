package record

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestReportReadsBack(t *testing.T) {
	tb := &Table{Name: "x", Question: "Why?", Columns: []string{"a", "b"}}
	tb.Sample("k", 3)
	tb.Sample("k", 1)
	tb.Row("weir", tb.Text("k"))
	tb.AtMost("cost", 2, 2, "us")
	tb.AtLeast("rate", 1, 2, "calls/s")
	tb.Note("by %s", "hand")
	if !tb.Missed() {
		t.Error("1 is not at least 2")
	}
	path := filepath.Join(t.TempDir(), "r.json")
	r := &Record{Commit: "abc", Runs: 2, Seconds: 3, Scale: 1, Tables: []*Table{tb}}
	if err := r.Write(path); err != nil {
		t.Fatal(err)
	}
	got, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	var page, plain strings.Builder
	got.Print(&page, true)
	got.Print(&plain, false)
	for _, want := range []string{"### x", "| a | b |", "| --- | ---: |", "| weir | 2 |", "- pass: cost: 2, at most 2 us",
		"- MISSED: rate: 1, at least 2 calls/s", "- Note: by hand", "commit abc"} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("the page lacks %q:\n%s", want, page.String())
		}
	}
	if !strings.Contains(plain.String(), "weir  2") {
		t.Errorf("plain:\n%s", plain.String())
	}
}

// A record can be made in parts: what is not measured anew stays, in the order of the benchmarks, and says where it is
// from.
func TestReportKeeps(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r.json")
	old := &Record{Commit: "old", Runs: 3, Seconds: 2, Tables: []*Table{{Name: "cpu-tcp"}, {Name: "storm",
		Notes: []string{"old"}}, {Name: "refusal"}}}
	now := &Record{Commit: "new", Tables: []*Table{{Name: "storm"}}}
	if err := now.Keep(path, []string{"cpu-tcp", "storm", "refusal"}); err != nil || len(now.Tables) != 1 {
		t.Errorf("nothing was there to keep: %v", err)
	}
	if err := old.Write(path); err != nil {
		t.Fatal(err)
	}
	for range 2 { // what was kept once is not taken for new the second time
		if err := now.Keep(path, []string{"cpu-tcp", "storm", "refusal"}); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, one := range now.Tables {
			got = append(got, one.Name+" "+one.Recorded)
		}
		const from = " 0001-01-01, commit old, 3 runs, 2s each"
		if want := []string{"cpu-tcp" + from, "storm ", "refusal" + from}; !slices.Equal(got, want) ||
			len(now.Tables[1].Notes) != 0 {
			t.Errorf("%q", got)
		}
		if err := now.Write(path); err != nil {
			t.Fatal(err)
		}
		now = &Record{Commit: "newer", Tables: []*Table{now.Tables[1]}}
	}
}
