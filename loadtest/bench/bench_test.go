package main

import (
	"encoding/xml"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestMedian(t *testing.T) {
	f := func(want float64, in ...float64) {
		t.Helper()
		if got := median(in); got != want {
			t.Errorf("median(%v) = %v, want %v", in, got, want)
		}
	}
	f(0)
	f(5, 5)
	f(2, 3, 1, 2)
	f(2.5, 4, 1, 2, 3)
}

func TestSlope(t *testing.T) {
	if b, r2 := slope([]float64{1, 2, 3}, []float64{12, 14, 16}); b != 2 || r2 < 0.9999 {
		t.Errorf("a straight line: %v, %v", b, r2)
	}
	if b, r2 := slope([]float64{1, 2, 3, 4}, []float64{1, 3, 1, 3}); b < 0.39 || b > 0.41 || r2 > 0.3 {
		t.Errorf("hardly a line: %v, %v", b, r2)
	}
	if b, r2 := slope([]float64{1, 2}, []float64{7, 7}); b != 0 || r2 != 0 {
		t.Errorf("a level: %v, %v", b, r2)
	}
}

func TestNumber(t *testing.T) {
	f := func(in float64, want string) {
		t.Helper()
		if got := number(in); got != want {
			t.Errorf("number(%v) = %s, want %s", in, got, want)
		}
	}
	f(0, "0")
	f(0.0387123, "0.0387")
	f(15.349, "15.3")
	f(999.6, "1,000")
	f(1234567.8, "1,234,568")
	f(-1234, "-1,234")
	f(-123, "-123")
}

func TestReportReadsBack(t *testing.T) {
	tb := &table{Name: "x", Question: "Why?", Columns: []string{"a", "b"}}
	tb.sample("k", 3)
	tb.sample("k", 1)
	tb.row("weir", tb.text("k"))
	tb.atMost("cost", 2, 2, "us")
	tb.atLeast("rate", 1, 2, "calls/s")
	tb.note("by %s", "hand")
	if !tb.missed() {
		t.Error("1 is not at least 2")
	}
	path := filepath.Join(t.TempDir(), "r.json")
	r := &report{Commit: "abc", Runs: 2, Seconds: 3, Scale: 1, Tables: []*table{tb}}
	if err := r.write(path); err != nil {
		t.Fatal(err)
	}
	got, err := readReport(path)
	if err != nil {
		t.Fatal(err)
	}
	var page, plain strings.Builder
	got.print(&page, true)
	got.print(&plain, false)
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

// The page and the plots are what make bench-docs makes of docs/benchmarks.json.
func TestRecordIsInThePage(t *testing.T) {
	const docs = "../../docs"
	r, err := readReport(filepath.Join(docs, "benchmarks.json"))
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(docs, "BENCHMARKS.md"))
	if err != nil {
		t.Fatal(err)
	}
	want, err := r.inPage(string(page), "plots")
	if err != nil {
		t.Fatal(err)
	}
	if want != string(page) {
		t.Error("docs/BENCHMARKS.md does not show docs/benchmarks.json: run make bench-docs")
	}
	for name, svg := range r.drawn() {
		if found, err := os.ReadFile(filepath.Join(docs, "plots", name)); err != nil || string(found) != svg {
			t.Errorf("docs/plots/%s is not drawn from docs/benchmarks.json (%v): run make bench-docs", name, err)
		}
	}
	if _, err := r.inPage("no markers", "plots"); !errors.Is(err, errNoMarkers) {
		t.Errorf("got %v", err)
	}
}

// Every plot is drawn from the samples of its benchmark, as a whole file that needs no other.
func TestPlots(t *testing.T) {
	tables := map[string]*table{}
	for _, name := range []string{"cpu-http", "cpu-tcp", "ceiling", "memory", "peers-latency", "peers-memory", "peers-overload"} {
		tables[name] = &table{Name: name}
	}
	for i, name := range append(slices.Clone(entrants), "echo-epoll") {
		tables["cpu-http"].sample(name+" cpu us", 10*float64(i+1))
		tables["cpu-tcp"].sample(name+" cpu us", 10*float64(i+1))
		tables["peers-memory"].sample(name+" bytes", 1000*float64(i+1))
		tables["peers-overload"].sample(name+" share", 0.9)
		for _, rate := range peersRates {
			for k, q := range []string{" p50 ms", " p95 ms", " p99 ms"} {
				tables["peers-latency"].sample(at(name, rate)+q, float64(k+1))
			}
		}
	}
	tables["ceiling"].sample("tcp rate", 250_000)
	tables["memory"].sample("ws bytes", 600)
	r := &report{}
	if n := len(r.drawn()); n != 0 {
		t.Errorf("%d plots of nothing", n)
	}
	for _, one := range tables {
		r.Tables = append(r.Tables, one)
	}
	drawn := r.drawn()
	if len(drawn) != len(plots) {
		t.Errorf("%d plots, want %d", len(drawn), len(plots))
	}
	for name, svg := range drawn {
		if !strings.Contains(svg, "prefers-color-scheme:dark") || strings.Contains(svg, "href") || strings.Contains(svg, "url(") || strings.Contains(svg, "NaN") ||
			strings.Contains(svg, "Inf") {
			t.Errorf("%s: %s", name, svg)
		}
		if err := xml.Unmarshal([]byte(svg), new(struct{ XMLName xml.Name })); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestServerTellsAboutItself(t *testing.T) {
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/status":
			w.Write([]byte(`{"listeners":{"tcp":"127.0.0.1:1"},"goroutines":12,"queue":{"waiting_messages":3}}`))
		case "/metrics":
			w.Write([]byte("# HELP x\nweir_a 1\nweir_b{reason=\"write stalled\"} 2.5\n"))
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	defer h.Close()
	s := &server{admin: h.URL}
	if st, err := s.status(); err != nil || st.Listeners["tcp"] != "127.0.0.1:1" || st.Goroutines != 12 || st.Queue.Waiting != 3 {
		t.Errorf("%+v: %v", st, err)
	}
	if m, err := s.metrics(); err != nil || m["weir_a"] != 1 || m[`weir_b{reason="write stalled"}`] != 2.5 {
		t.Errorf("%v: %v", m, err)
	}
	if _, err := s.get("/other"); err == nil {
		t.Error("404 is no answer")
	}
}
