package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"weir/loadtest/observe"
)

// record is what one invocation has found, with everything that a reader needs to doubt it.
type record struct {
	Date    time.Time    `json:"date"`
	Commit  string       `json:"commit"`
	Command string       `json:"command"`
	Host    observe.Host `json:"host"`
	Runs    int          `json:"runs"`
	Seconds float64      `json:"seconds"` // of one measured window
	Scale   float64      `json:"scale"`
	Tables  []*table     `json:"tables"`
}

// table answers one question.
type table struct {
	Name     string     `json:"name"`
	Question string     `json:"question"`
	Columns  []string   `json:"columns"`
	Rows     [][]string `json:"rows"`
	Marks    []mark     `json:"marks"`
	Notes    []string   `json:"notes,omitempty"`
	// Recorded is when and from what, where that is not what the report's head says.
	Recorded string `json:"recorded,omitempty"`
	// Samples are the single runs behind the medians, by row and unit.
	Samples map[string][]float64 `json:"samples,omitempty"`
}

// mark is a figure with what it may be at most (or, with AtLeast, at least).
type mark struct {
	Name    string  `json:"name"`
	Value   float64 `json:"value"`
	Limit   float64 `json:"limit"`
	Unit    string  `json:"unit"`
	AtLeast bool    `json:"at_least,omitempty"`
}

func (m mark) passed() bool {
	if m.AtLeast {
		return m.Value >= m.Limit
	}
	return m.Value <= m.Limit
}

func (m mark) String() string {
	verdict, relation := "pass", "at most"
	if !m.passed() {
		verdict = "MISSED"
	}
	if m.AtLeast {
		relation = "at least"
	}
	return strings.TrimSpace(fmt.Sprintf("%s: %s: %s, %s %s %s", verdict, m.Name, number(m.Value), relation, number(m.Limit), m.Unit))
}

func (t *table) missed() bool {
	return slices.ContainsFunc(t.Marks, func(m mark) bool { return !m.passed() })
}

func (t *table) row(cells ...string) { t.Rows = append(t.Rows, cells) }

func (t *table) note(format string, args ...any) {
	t.Notes = append(t.Notes, fmt.Sprintf(format, args...))
}

// atMost and atLeast add a mark.
func (t *table) atMost(name string, value, limit float64, unit string) {
	t.Marks = append(t.Marks, mark{Name: name, Value: value, Limit: limit, Unit: unit})
}

func (t *table) atLeast(name string, value, limit float64, unit string) {
	t.Marks = append(t.Marks, mark{Name: name, Value: value, Limit: limit, Unit: unit, AtLeast: true})
}

// sample keeps one run's figure and returns nothing: median reads them back.
func (t *table) sample(key string, value float64) {
	if t.Samples == nil {
		t.Samples = map[string][]float64{}
	}
	t.Samples[key] = append(t.Samples[key], value)
}

// dropSamples forgets what was kept under keys that begin like this.
func (t *table) dropSamples(prefix string) {
	maps.DeleteFunc(t.Samples, func(key string, _ []float64) bool { return strings.HasPrefix(key, prefix) })
}

// median of the samples under a key; 0 when there are none.
func (t *table) median(key string) float64 { return median(t.Samples[key]) }

// text is median as a cell.
func (t *table) text(key string) string { return number(t.median(key)) }

func newRecord(ctx context.Context, c config) *record {
	commit, err := exec.CommandContext(ctx, "git", "rev-parse", "--short=12", "HEAD").Output()
	if err != nil {
		commit = []byte("unknown")
	} else if dirty, _ := exec.CommandContext(ctx, "git", "status", "--porcelain").Output(); len(dirty) > 0 {
		commit = append([]byte(strings.TrimSpace(string(commit))), "+changes"...)
	}
	return &record{Date: time.Now().UTC().Truncate(time.Second), Commit: strings.TrimSpace(string(commit)),
		Command: "go run ./loadtest/bench " + strings.Join(os.Args[1:], " "),
		Host:    observe.ThisHost(), Runs: c.runs, Seconds: c.seconds, Scale: c.scale}
}

func readRecord(path string) (*record, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	r := &record{}
	if err := json.Unmarshal(b, r); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}

func (r *record) write(path string) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(b, '\n'), 0o644)
}

// keep takes over the tables of an older record that were not measured now, each with where it comes from. No older record is none to keep.
func (r *record) keep(path string) error {
	old, err := readRecord(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, t := range old.Tables {
		if slices.ContainsFunc(r.Tables, func(now *table) bool { return now.Name == t.Name }) {
			continue
		}
		if t.Recorded == "" {
			t.Recorded = fmt.Sprintf("%s, commit %s, %d runs, %gs each", old.Date.Format("2006-01-02"), old.Commit, old.Runs, old.Seconds)
		}
		r.Tables = append(r.Tables, t)
	}
	place := func(t *table) int {
		return slices.IndexFunc(benchmarks, func(b benchmark) bool { return b.name == t.Name })
	}
	slices.SortStableFunc(r.Tables, func(a, b *table) int { return cmp.Compare(place(a), place(b)) })
	return nil
}

func (r *record) print(w io.Writer, page bool) {
	h := r.Host
	fmt.Fprintf(w, "%s, commit %s, %s; %d cores of %s, %.0f GiB, Linux %s, %d open files; median of %d runs, %gs each",
		r.Date.Format("2006-01-02"), r.Commit, h.Go, h.Cores, h.CPU, float64(h.MemoryBytes)/(1<<30), h.Kernel, h.OpenFiles,
		r.Runs, r.Seconds)
	if r.Scale != 1 {
		fmt.Fprintf(w, "; SCALED to %g, the marks do not apply", r.Scale)
	}
	fmt.Fprintln(w)
	for _, t := range r.Tables {
		if page {
			t.markdown(w)
		} else {
			t.plain(w)
		}
	}
}

func (t *table) plain(w io.Writer) {
	fmt.Fprintf(w, "\n%s: %s\n", t.Name, t.Question)
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range append([][]string{t.Columns}, t.Rows...) {
		fmt.Fprintln(tw, "  "+strings.Join(row, "\t"))
	}
	_ = tw.Flush() // w is a terminal or a file; if it is gone nobody reads this
	for _, m := range t.Marks {
		fmt.Fprintln(w, " ", m)
	}
	if t.Recorded != "" {
		fmt.Fprintln(w, "  recorded:", t.Recorded)
	}
	for _, n := range t.Notes {
		fmt.Fprintln(w, "  note:", n)
	}
}

func (t *table) markdown(w io.Writer) {
	fmt.Fprintf(w, "\n### %s\n\n%s\n\n", t.Name, t.Question)
	line := func(cells []string) { fmt.Fprintf(w, "| %s |\n", strings.Join(cells, " | ")) }
	if len(t.Columns) > 0 {
		line(t.Columns)
		line(append([]string{"---"}, slices.Repeat([]string{"---:"}, len(t.Columns)-1)...))
	}
	for _, row := range t.Rows {
		line(row)
	}
	fmt.Fprintln(w)
	for _, m := range t.Marks {
		fmt.Fprintf(w, "- %s\n", m)
	}
	if t.Recorded != "" {
		fmt.Fprintf(w, "- Recorded %s\n", t.Recorded)
	}
	for _, n := range t.Notes {
		fmt.Fprintf(w, "- Note: %s\n", n)
	}
}
