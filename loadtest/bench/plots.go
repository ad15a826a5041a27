package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"weir/loadtest/bench/cases"
	"weir/loadtest/bench/harness"
	"weir/loadtest/bench/record"
	"weir/loadtest/report"
)

// plot is one picture of recorded figures.
type plot struct {
	file    string // without .svg
	caption string
	chart   func(*record.Record) *report.BarChart // without bars where nothing of it was measured
}

var plots = []plot{
	{"cpu", "CPU of the server per call, beside the peers", plotCPU},
	{"ceiling", "The highest rate that is held, per transport", plotCeiling},
	{"memory", "Resident memory of a session or connection, beside the peers", plotMemory},
	{"latency", "Latency at equal load", plotLatency},
	{"overload", "Goodput at twice the ceiling", plotOverload},
}

// bar adds a row whose only figure is the median under a key, where there is one.
func bar(c *report.BarChart, t *record.Table, group, name, key, text string) {
	if t.Has(key) {
		c.Bars = append(c.Bars, report.Bar{Group: group, Name: name, Values: []float64{t.Median(key)}, Text: text,
			Own: name == cases.WeirName || group == "weir"})
	}
}

func plotCPU(r *record.Record) *report.BarChart {
	c := &report.BarChart{Title: "CPU of the server per call",
		Unit: "microseconds, the kernel's work included; closed loop", Format: record.Number}
	for _, name := range []string{cases.WeirName, "mcp-go", "go-sdk", "go-sdk -json"} {
		t := r.Named("cpu-http")
		bar(c, t, "HTTP, 100 sessions", name, name+" cpu us", t.Text(name+" cpu us")+" us")
	}
	for _, name := range []string{cases.WeirName, "echo-epoll"} {
		t := r.Named("cpu-tcp")
		bar(c, t, "lines over TCP, 1,000 connections", name, name+" cpu us", t.Text(name+" cpu us")+" us")
	}
	return c
}

func plotCeiling(r *record.Record) *report.BarChart {
	c := &report.BarChart{Title: "The highest rate that is held",
		Unit: "calls per second, open loop, p95 below 150 ms from the plan, nothing fails", Format: record.Number}
	t := r.Named("ceiling")
	for _, w := range cases.Ways {
		bar(c, t, "weir", w.Name, w.Name+" rate", fmt.Sprintf("%s/s, p95 %s ms", t.Text(w.Name+" rate"),
			t.Text(w.Name+" p95 ms")))
	}
	for _, name := range cases.Entrants[:3] {
		t := r.Named("peers-overload")
		bar(c, t, "HTTP sessions, beside the peers", name, name+" ceiling", t.Text(name+" ceiling")+"/s")
	}
	return c
}

func plotMemory(r *record.Record) *report.BarChart {
	c := &report.BarChart{Title: "What a client weighs",
		Unit: "resident bytes of the server per session or connection, idle after one call", Format: record.Number}
	for _, name := range cases.Entrants[:3] {
		t := r.Named("peers-memory")
		bar(c, t, "HTTP session", name, name+" bytes", fmt.Sprintf("%s bytes, goroutines: %s", t.Text(name+" bytes"),
			t.Text(name+" goroutines")))
	}
	for _, name := range []string{"tcp", "ws", "http"} {
		t := r.Named("memory")
		bar(c, t, "weir", name, name+" bytes", t.Text(name+" bytes")+" bytes")
	}
	return c
}

func plotLatency(r *record.Record) *report.BarChart {
	c := &report.BarChart{Title: "Latency at equal load",
		Unit: "milliseconds from the plan, logarithmic: p50, p95 and p99", Format: record.Number, Log: true}
	t := r.Named("peers-latency")
	for _, rate := range cases.PeersRates {
		for _, name := range cases.Entrants {
			key := cases.At(name, rate)
			if !t.Has(key + " p50 ms") {
				continue
			}
			text := fmt.Sprintf("p50 %s, p99 %s ms", t.Text(key+" p50 ms"), t.Text(key+" p99 ms"))
			if answered := t.Median(key + " answered/s"); answered < harness.HeldShare*rate {
				text += fmt.Sprintf(", answers %s/s", record.Number(answered))
			}
			c.Bars = append(c.Bars, report.Bar{Group: record.Number(rate) + " calls/s", Name: name, Text: text,
				Own:    name == cases.WeirName,
				Values: []float64{t.Median(key + " p50 ms"), t.Median(key + " p95 ms"), t.Median(key + " p99 ms")}})
		}
	}
	return c
}

func plotOverload(r *record.Record) *report.BarChart {
	c := &report.BarChart{Title: "Goodput at twice the ceiling",
		Unit: "calls answered with a result, as a share of each server's own ceiling", Format: record.Number}
	t := r.Named("peers-overload")
	for _, name := range cases.Entrants[:3] {
		bar(c, t, "", name, name+" share", fmt.Sprintf("%s of %s/s, p99 %s ms", t.Text(name+" answered/s"),
			t.Text(name+" ceiling"), t.Text(name+" p99 ms")))
	}
	return c
}

// drawn is the plots of which something was measured, by file name.
func drawn(r *record.Record) map[string]string {
	files := map[string]string{}
	for _, p := range plots {
		c := p.chart(r)
		if len(c.Bars) == 0 {
			continue
		}
		c.Note = fmt.Sprintf("%s, commit %s, %d cores of %s shared with the generator", r.Date.Format("2006-01-02"), r.Commit,
			r.Host.Cores, r.Host.CPU)
		files[p.file+".svg"] = c.SVG()
	}
	return files
}

// writePlots writes the pictures into a folder.
func writePlots(r *record.Record, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, svg := range drawn(r) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(svg), 0o644); err != nil {
			return err
		}
	}
	return nil
}

const (
	recordBegin = "<!-- recorded: begin. make bench-docs writes what is between, from docs/benchmarks.json -->\n"
	recordEnd   = "<!-- recorded: end -->\n"
)

// errNoMarkers says that a page has no place for the record.
var errNoMarkers = fmt.Errorf("the page lacks the lines %q and %q, between which the record belongs",
	strings.TrimSpace(recordBegin), strings.TrimSpace(recordEnd))

// inPage returns a page with the record between its markers: the plots, by their path from the page, and then the
// tables.
func inPage(r *record.Record, page, plotsFromPage string) (string, error) {
	before, rest, begins := strings.Cut(page, recordBegin)
	_, after, ends := strings.Cut(rest, recordEnd)
	if !begins || !ends {
		return "", errNoMarkers
	}
	var b strings.Builder
	drawn := drawn(r)
	for _, p := range plots {
		if file := p.file + ".svg"; plotsFromPage != "" && drawn[file] != "" {
			fmt.Fprintf(&b, "![%s](%s/%s)\n\n", p.caption, filepath.ToSlash(plotsFromPage), file)
		}
	}
	r.Print(&b, true)
	return before + recordBegin + "\n" + b.String() + "\n" + recordEnd + after, nil
}

// writePage writes the record into a page.
func writePage(r *record.Record, file, plotsDir string) error {
	page, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if plotsDir != "" {
		if plotsDir, err = filepath.Rel(filepath.Dir(file), plotsDir); err != nil {
			return err
		}
	}
	text, err := inPage(r, string(page), plotsDir)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return os.WriteFile(file, []byte(text), 0o644)
}
