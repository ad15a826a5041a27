package main

import (
	"encoding/xml"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"weir/loadtest/bench/cases"
	"weir/loadtest/bench/record"
)

// The page and the plots are what make bench-docs makes of docs/benchmarks.json.
func TestRecordIsInThePage(t *testing.T) {
	const docs = "../../docs"
	r, err := record.Read(filepath.Join(docs, "benchmarks.json"))
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(docs, "BENCHMARKS.md"))
	if err != nil {
		t.Fatal(err)
	}
	want, err := inPage(r, string(page), "plots")
	if err != nil {
		t.Fatal(err)
	}
	if want != string(page) {
		t.Error("docs/BENCHMARKS.md does not show docs/benchmarks.json: run make bench-docs")
	}
	for name, svg := range drawn(r) {
		if found, err := os.ReadFile(filepath.Join(docs, "plots", name)); err != nil || string(found) != svg {
			t.Errorf("docs/plots/%s is not drawn from docs/benchmarks.json (%v): run make bench-docs", name, err)
		}
	}
	if _, err := inPage(r, "no markers", "plots"); !errors.Is(err, errNoMarkers) {
		t.Errorf("got %v", err)
	}
}

// Every plot is drawn from the samples of its benchmark, as a whole file that needs no other.
func TestPlots(t *testing.T) {
	tables := map[string]*record.Table{}
	for _, name := range []string{"cpu-http", "cpu-tcp", "ceiling", "memory", "peers-latency", "peers-memory",
		"peers-overload"} {
		tables[name] = &record.Table{Name: name}
	}
	for i, name := range append(slices.Clone(cases.Entrants), "echo-epoll") {
		tables["cpu-http"].Sample(name+" cpu us", 10*float64(i+1))
		tables["cpu-tcp"].Sample(name+" cpu us", 10*float64(i+1))
		tables["peers-memory"].Sample(name+" bytes", 1000*float64(i+1))
		tables["peers-overload"].Sample(name+" share", 0.9)
		for _, rate := range cases.PeersRates {
			for k, q := range []string{" p50 ms", " p95 ms", " p99 ms"} {
				tables["peers-latency"].Sample(cases.At(name, rate)+q, float64(k+1))
			}
		}
	}
	tables["ceiling"].Sample("tcp rate", 250_000)
	tables["memory"].Sample("ws bytes", 600)
	r := &record.Record{}
	if n := len(drawn(r)); n != 0 {
		t.Errorf("%d plots of nothing", n)
	}
	for _, one := range tables {
		r.Tables = append(r.Tables, one)
	}
	drawn := drawn(r)
	if len(drawn) != len(plots) {
		t.Errorf("%d plots, want %d", len(drawn), len(plots))
	}
	for name, svg := range drawn {
		if !strings.Contains(svg, "prefers-color-scheme:dark") || strings.Contains(svg, "href") || strings.Contains(svg,
			"url(") || strings.Contains(svg, "NaN") ||
			strings.Contains(svg, "Inf") {
			t.Errorf("%s: %s", name, svg)
		}
		if err := xml.Unmarshal([]byte(svg), new(struct{ XMLName xml.Name })); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
