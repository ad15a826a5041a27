package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"weir/loadtest/report"
)

// plot is one picture of recorded figures.
type plot struct {
	file    string // without .svg
	caption string
	chart   func(*record) *report.BarChart // without bars where nothing of it was measured
}

var plots = []plot{
	{"cpu", "CPU of the server per call, beside the peers", plotCPU},
	{"ceiling", "The highest rate that is held, per transport", plotCeiling},
	{"memory", "Resident memory of a session or connection, beside the peers", plotMemory},
	{"latency", "Latency at equal load", plotLatency},
	{"overload", "Goodput at twice the ceiling", plotOverload},
}

// named returns a table that was measured, or one without samples.
func (r *record) named(name string) *table {
	if i := slices.IndexFunc(r.Tables, func(t *table) bool { return t.Name == name }); i >= 0 {
		return r.Tables[i]
	}
	return &table{}
}

// has says whether a figure was measured.
func (t *table) has(key string) bool { return len(t.Samples[key]) > 0 }

// bar adds a row whose only figure is the median under a key, where there is one.
func bar(c *report.BarChart, t *table, group, name, key, text string) {
	if t.has(key) {
		c.Bars = append(c.Bars, report.Bar{Group: group, Name: name, Values: []float64{t.median(key)}, Text: text, Own: name == weirName || group == "weir"})
	}
}

func plotCPU(r *record) *report.BarChart {
	c := &report.BarChart{Title: "CPU of the server per call", Unit: "microseconds, the kernel's work included; closed loop", Format: number}
	for _, name := range []string{weirName, "mcp-go", "go-sdk", "go-sdk -json"} {
		t := r.named("cpu-http")
		bar(c, t, "HTTP, 100 sessions", name, name+" cpu us", t.text(name+" cpu us")+" us")
	}
	for _, name := range []string{weirName, "echo-epoll"} {
		t := r.named("cpu-tcp")
		bar(c, t, "lines over TCP, 1,000 connections", name, name+" cpu us", t.text(name+" cpu us")+" us")
	}
	return c
}

func plotCeiling(r *record) *report.BarChart {
	c := &report.BarChart{Title: "The highest rate that is held", Unit: "calls per second, open loop, p95 below 150 ms from the plan, nothing fails", Format: number}
	t := r.named("ceiling")
	for _, w := range ways {
		bar(c, t, "weir", w.name, w.name+" rate", fmt.Sprintf("%s/s, p95 %s ms", t.text(w.name+" rate"), t.text(w.name+" p95 ms")))
	}
	for _, name := range entrants[:3] {
		t := r.named("peers-overload")
		bar(c, t, "HTTP sessions, beside the peers", name, name+" ceiling", t.text(name+" ceiling")+"/s")
	}
	return c
}

func plotMemory(r *record) *report.BarChart {
	c := &report.BarChart{Title: "What a client weighs", Unit: "resident bytes of the server per session or connection, idle after one call", Format: number}
	for _, name := range entrants[:3] {
		t := r.named("peers-memory")
		bar(c, t, "HTTP session", name, name+" bytes", fmt.Sprintf("%s bytes, goroutines: %s", t.text(name+" bytes"), t.text(name+" goroutines")))
	}
	for _, name := range []string{"tcp", "ws", "http"} {
		t := r.named("memory")
		bar(c, t, "weir", name, name+" bytes", t.text(name+" bytes")+" bytes")
	}
	return c
}

func plotLatency(r *record) *report.BarChart {
	c := &report.BarChart{Title: "Latency at equal load", Unit: "milliseconds from the plan, logarithmic: p50, p95 and p99", Format: number, Log: true}
	t := r.named("peers-latency")
	for _, rate := range peersRates {
		for _, name := range entrants {
			key := at(name, rate)
			if !t.has(key + " p50 ms") {
				continue
			}
			text := fmt.Sprintf("p50 %s, p99 %s ms", t.text(key+" p50 ms"), t.text(key+" p99 ms"))
			if answered := t.median(key + " answered/s"); answered < heldShare*rate {
				text += fmt.Sprintf(", answers %s/s", number(answered))
			}
			c.Bars = append(c.Bars, report.Bar{Group: number(rate) + " calls/s", Name: name, Text: text, Own: name == weirName,
				Values: []float64{t.median(key + " p50 ms"), t.median(key + " p95 ms"), t.median(key + " p99 ms")}})
		}
	}
	return c
}

func plotOverload(r *record) *report.BarChart {
	c := &report.BarChart{Title: "Goodput at twice the ceiling", Unit: "calls answered with a result, as a share of each server's own ceiling", Format: number}
	t := r.named("peers-overload")
	for _, name := range entrants[:3] {
		bar(c, t, "", name, name+" share", fmt.Sprintf("%s of %s/s, p99 %s ms", t.text(name+" answered/s"), t.text(name+" ceiling"), t.text(name+" p99 ms")))
	}
	return c
}

// drawn is the plots of which something was measured, by file name.
func (r *record) drawn() map[string]string {
	files := map[string]string{}
	for _, p := range plots {
		c := p.chart(r)
		if len(c.Bars) == 0 {
			continue
		}
		c.Note = fmt.Sprintf("%s, commit %s, %d cores of %s shared with the generator", r.Date.Format("2006-01-02"), r.Commit, r.Host.Cores, r.Host.CPU)
		files[p.file+".svg"] = c.SVG()
	}
	return files
}

// plot writes the pictures into a folder.
func (r *record) plot(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, svg := range r.drawn() {
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
var errNoMarkers = fmt.Errorf("the page lacks the lines %q and %q, between which the record belongs", strings.TrimSpace(recordBegin), strings.TrimSpace(recordEnd))

// inPage returns a page with the record between its markers: the plots, by their path from the page, and then the tables.
func (r *record) inPage(page, plotsFromPage string) (string, error) {
	before, rest, begins := strings.Cut(page, recordBegin)
	_, after, ends := strings.Cut(rest, recordEnd)
	if !begins || !ends {
		return "", errNoMarkers
	}
	var b strings.Builder
	drawn := r.drawn()
	for _, p := range plots {
		if file := p.file + ".svg"; plotsFromPage != "" && drawn[file] != "" {
			fmt.Fprintf(&b, "![%s](%s/%s)\n\n", p.caption, filepath.ToSlash(plotsFromPage), file)
		}
	}
	r.print(&b, true)
	return before + recordBegin + "\n" + b.String() + "\n" + recordEnd + after, nil
}

// document writes the record into a page.
func (r *record) document(file, plotsDir string) error {
	page, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if plotsDir != "" {
		if plotsDir, err = filepath.Rel(filepath.Dir(file), plotsDir); err != nil {
			return err
		}
	}
	text, err := r.inPage(string(page), plotsDir)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return os.WriteFile(file, []byte(text), 0o644)
}
