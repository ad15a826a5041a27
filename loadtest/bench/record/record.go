package record

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

// Record is what one invocation has found, with everything that a reader needs to doubt it.
type Record struct {
	Date    time.Time    `json:"date"`
	Commit  string       `json:"commit"`
	Command string       `json:"command"`
	Host    observe.Host `json:"host"`
	Runs    int          `json:"runs"`
	Seconds float64      `json:"seconds"` // of one measured window
	Scale   float64      `json:"scale"`
	Tables  []*Table     `json:"tables"`
}

// Table answers one question.
type Table struct {
	Name     string     `json:"name"`
	Question string     `json:"question"`
	Columns  []string   `json:"columns"`
	Rows     [][]string `json:"rows"`
	Marks    []Mark     `json:"marks"`
	Notes    []string   `json:"notes,omitempty"`
	// Recorded is when and from what, where that is not what the report's head says.
	Recorded string `json:"recorded,omitempty"`
	// Samples are the single runs behind the medians, by row and unit.
	Samples map[string][]float64 `json:"samples,omitempty"`
}

// Mark is a figure with what it may be at most (or, with AtLeast, at least).
type Mark struct {
	Name    string  `json:"name"`
	Value   float64 `json:"value"`
	Limit   float64 `json:"limit"`
	Unit    string  `json:"unit"`
	AtLeast bool    `json:"at_least,omitempty"`
}

func (m Mark) passed() bool {
	if m.AtLeast {
		return m.Value >= m.Limit
	}
	return m.Value <= m.Limit
}

// String is the mark with its verdict.
func (m Mark) String() string {
	verdict, relation := "pass", "at most"
	if !m.passed() {
		verdict = "MISSED"
	}
	if m.AtLeast {
		relation = "at least"
	}
	return strings.TrimSpace(fmt.Sprintf("%s: %s: %s, %s %s %s", verdict, m.Name, Number(m.Value), relation,
		Number(m.Limit), m.Unit))
}

// Missed says whether any mark does not hold.
func (t *Table) Missed() bool {
	return slices.ContainsFunc(t.Marks, func(m Mark) bool { return !m.passed() })
}

// Row adds a row.
func (t *Table) Row(cells ...string) { t.Rows = append(t.Rows, cells) }

// Note adds a sentence below the table.
func (t *Table) Note(format string, args ...any) {
	t.Notes = append(t.Notes, fmt.Sprintf(format, args...))
}

// AtMost adds a mark that value holds when it is no more than limit.
func (t *Table) AtMost(name string, value, limit float64, unit string) {
	t.Marks = append(t.Marks, Mark{Name: name, Value: value, Limit: limit, Unit: unit})
}

// AtLeast adds a mark that value holds when it is no less than limit.
func (t *Table) AtLeast(name string, value, limit float64, unit string) {
	t.Marks = append(t.Marks, Mark{Name: name, Value: value, Limit: limit, Unit: unit, AtLeast: true})
}

// Sample keeps one run's figure and returns nothing: median reads them back.
func (t *Table) Sample(key string, value float64) {
	if t.Samples == nil {
		t.Samples = map[string][]float64{}
	}
	t.Samples[key] = append(t.Samples[key], value)
}

// DropSamples forgets what was kept under keys that begin like this.
func (t *Table) DropSamples(prefix string) {
	maps.DeleteFunc(t.Samples, func(key string, _ []float64) bool { return strings.HasPrefix(key, prefix) })
}

// Median of the samples under a key; 0 when there are none.
func (t *Table) Median(key string) float64 { return Median(t.Samples[key]) }

// Text is median as a cell.
func (t *Table) Text(key string) string { return Number(t.Median(key)) }

// New begins the record of an invocation on this machine, at this commit.
func New(ctx context.Context, runs int, seconds, scale float64) *Record {
	commit, err := exec.CommandContext(ctx, "git", "rev-parse", "--short=12", "HEAD").Output()
	if err != nil {
		commit = []byte("unknown")
	} else if dirty, _ := exec.CommandContext(ctx, "git", "status", "--porcelain").Output(); len(dirty) > 0 {
		commit = append([]byte(strings.TrimSpace(string(commit))), "+changes"...)
	}
	return &Record{Date: time.Now().UTC().Truncate(time.Second), Commit: strings.TrimSpace(string(commit)),
		Command: "go run ./loadtest/bench " + strings.Join(os.Args[1:], " "),
		Host:    observe.ThisHost(), Runs: runs, Seconds: seconds, Scale: scale}
}

// Read reads what Write wrote.
func Read(path string) (*Record, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	r := &Record{}
	if err := json.Unmarshal(b, r); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}

// Write writes the record as JSON into a file.
func (r *Record) Write(path string) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(b, '\n'), 0o644)
}

// Keep takes over the tables of an older record that were not measured now, each with where it comes from. No older
// record is none to keep.
func (r *Record) Keep(path string, order []string) error {
	old, err := Read(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, t := range old.Tables {
		if slices.ContainsFunc(r.Tables, func(now *Table) bool { return now.Name == t.Name }) {
			continue
		}
		if t.Recorded == "" {
			t.Recorded = fmt.Sprintf("%s, commit %s, %d runs, %gs each", old.Date.Format("2006-01-02"), old.Commit, old.Runs,
				old.Seconds)
		}
		r.Tables = append(r.Tables, t)
	}
	place := func(t *Table) int { return slices.Index(order, t.Name) }
	slices.SortStableFunc(r.Tables, func(a, b *Table) int { return cmp.Compare(place(a), place(b)) })
	return nil
}

// Print writes the tables for people; page chooses Markdown.
func (r *Record) Print(w io.Writer, page bool) {
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

func (t *Table) plain(w io.Writer) {
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

func (t *Table) markdown(w io.Writer) {
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

// Named returns a table that was measured, or one without samples.
func (r *Record) Named(name string) *Table {
	if i := slices.IndexFunc(r.Tables, func(t *Table) bool { return t.Name == name }); i >= 0 {
		return r.Tables[i]
	}
	return &Table{}
}

// Has says whether a figure was measured.
func (t *Table) Has(key string) bool { return len(t.Samples[key]) > 0 }
