// Command bench answers the questions of docs/BENCHMARKS.md with figures: what a call costs the server, what a
// connection weighs, and what is left of both under attack. It starts the server and the peers it is compared with,
// drives them with package loadtest, and judges each figure against its mark.
//
//	go run ./loadtest/bench [flags] [NAME...]
//
// Run it from the root of the repository, after `make build`. It exits 1 when a mark was missed.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"weir/loadtest/bench/cases"
	"weir/loadtest/bench/harness"
	"weir/loadtest/bench/record"
	"weir/loadtest/bench/scoreboard"
)

// config is the command line.
type config struct {
	harness.Setup
	out  string
	keep bool
	from string
	page bool
	// plots is a folder for the pictures, document a page that shows them and the tables.
	plots, document string
}

func main() {
	runtime.LockOSThread() // the servers end with the thread that started them (loadtest.StartProcess)
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run() error {
	c, names, err := parse()
	if err != nil {
		return err
	}
	if c.from != "" {
		r, err := record.Read(c.from)
		if err != nil {
			return err
		}
		return c.show(r)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	r, err := measure(ctx, c, names)
	if r == nil {
		return err
	}
	if c.out != "" {
		var kept error
		if c.keep {
			kept = r.Keep(c.out, cases.Names())
		}
		if kept == nil { // an older record that cannot be read is not written over
			kept = r.Write(c.out)
		}
		err = errors.Join(kept, err)
	}
	return errors.Join(c.show(r), err)
}

// show prints a report, and draws and documents it where that is asked for.
func (c *config) show(r *record.Record) error {
	if c.plots == "" && c.document == "" {
		r.Print(os.Stdout, c.page)
		return nil
	}
	var errs []error
	if c.plots != "" {
		errs = append(errs, writePlots(r, c.plots))
	}
	if c.document != "" {
		errs = append(errs, writePage(r, c.document, c.plots))
	}
	return errors.Join(errs...)
}

func parse() (config, []string, error) {
	var c config
	flag.StringVar(&c.Program, "weir", "bin/weir", "the server under test")
	flag.IntVar(&c.Runs, "runs", 3, "runs of each measurement; tables show the median")
	flag.Float64Var(&c.Seconds, "seconds", 3, "length of one measured window")
	flag.Float64Var(&c.Scale, "scale", 1, "share of the connections and bytes of a full run; marks are for 1")
	flag.IntVar(&c.Loops, "loops", 1, "loops of the generator")
	flag.BoolVar(&c.Peers, "peers", false, "measure the peers alone; no mark is judged (cpu-tcp and cpu-http)")
	flag.StringVar(&c.Cells, "cells", "", "of overload-goodput, measure the loads whose names have this in them")
	flag.StringVar(&c.out, "out", "", "write the results as JSON into this file")
	flag.BoolVar(&c.keep, "keep", false, "keep the tables of the -out file that are not measured now")
	flag.StringVar(&c.from, "from", "", "print the results of this file instead of measuring")
	flag.StringVar(&c.plots, "plots", "", "draw the results as SVG files into this folder instead of printing them")
	flag.StringVar(&c.document, "document", "", "write plots and tables between the markers of this page "+
		"(docs/BENCHMARKS.md) instead of printing them")
	flag.BoolVar(&c.page, "markdown", false, "print the tables as docs/BENCHMARKS.md shows them")
	flag.Usage = usage
	flag.Parse()
	if c.Runs < 1 || c.Runs > 100 || c.Seconds < 0.1 || c.Seconds > 600 || c.Scale <= 0 || c.Scale > 1 || c.Loops < 1 ||
		c.Loops > 64 {
		return c, nil, fmt.Errorf("-runs is 1 to 100, -seconds 0.1 to 600, -scale above 0 to 1, -loops 1 to 64")
	}
	names := flag.Args()
	for _, name := range names {
		if !slices.ContainsFunc(everything(), func(b cases.Case) bool { return b.GoesBy(name) }) {
			return c, nil, fmt.Errorf("there is no benchmark %q; -help lists them", name)
		}
	}
	return c, names, nil
}

// everything is all benchmarks there are.
func everything() []cases.Case { return slices.Concat(cases.All, scoreboard.All) }

func usage() {
	out := flag.CommandLine.Output()
	fmt.Fprintln(out, "usage: go run ./loadtest/bench [flags] [NAME...]\n\n"+
		"Benchmarks (all but overload, when none is named):")
	for _, b := range everything() {
		fmt.Fprintf(out, "  %-15s %s\n", b.Name, b.Question)
	}
	fmt.Fprintln(out, "\nFlags:")
	flag.PrintDefaults()
}

// measure runs the named benchmarks, or all. The report holds what was measured even when the error says that one of
// them could not be, or that a mark was missed.
func measure(ctx context.Context, c config, names []string) (*record.Record, error) {
	dir, err := os.MkdirTemp("", "weir-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	if c.Program, err = filepath.Abs(c.Program); err != nil {
		return nil, err
	}
	r := record.New(ctx, c.Runs, c.Seconds, c.Scale)
	var failed []string
	all := cases.All
	if len(names) > 0 {
		all = everything()
	}
	for _, b := range all {
		if len(names) > 0 && !slices.ContainsFunc(names, b.GoesBy) {
			continue
		}
		e := harness.NewEnv(ctx, c.Setup, dir, b.Name)
		t, err := b.Run(e)
		e.StopAll()
		if err != nil {
			e.Progress("FAILED: %v", err)
			failed = append(failed, b.Name)
			t = &record.Table{Notes: []string{"failed: " + err.Error()}}
		} else if !c.Peers && t.Missed() {
			failed = append(failed, b.Name)
		}
		t.Name, t.Question = b.Name, b.Question
		r.Tables = append(r.Tables, t)
		if ctx.Err() != nil {
			return r, ctx.Err()
		}
	}
	if len(failed) > 0 {
		return r, fmt.Errorf("missed or failed: %s", strings.Join(failed, ", "))
	}
	return r, nil
}
