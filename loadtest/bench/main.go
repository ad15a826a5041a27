// Command bench answers the questions of docs/BENCHMARKS.md with figures: what a call costs the server, what a connection
// weighs, and what is left of both under attack. It starts the server and the peers it is compared with, drives them with
// package loadtest, and judges each figure against its mark.
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
	"time"
)

// benchmark answers one question.
type benchmark struct {
	name     string
	question string
	run      func(*env) (*table, error)
}

var benchmarks = []benchmark{
	{"cpu-tcp", "What does a call cost the server over TCP, beside a bare epoll echo of the same bytes?", cpuTCP},
	{"cpu-http", "What does a call cost the server over HTTP, beside the two Go SDKs?", cpuHTTP},
	{"pipelined", "How many calls per second does the server answer when they come in a stream?", pipelined},
	{"ceiling", "What is the highest rate that the server holds, over each transport?", ceiling},
	{"wide", "Do 15,000 connections that each call five times a second get quick answers?", wide},
	{"memory", "What does an idle connection weigh?", memory},
	{"storm", "Does a storm of connections get in, and do those who are in notice?", storm},
	{"flood", "What does one connection that floods a stuck tool cost, and is every message accounted for?", flood},
	{"stalled", "Do clients that never read harm those that do?", stalled},
	{"refusal", "What does a refusal cost the server?", refusal},
	{"listens", "What does an open subscriptions/listen weigh, and how soon do all of them hear of a change?", listens},
	{"session-streams", "What does a session with an open stream weigh, and how soon do all of them hear of a change?", sessionStreams},
	{"session-cost", "Does a session cost more to open and end when there are many?", sessionCost},
	{"isolation", "Does every answer reach whom it is for, when all calls have the same id and some are taken back?", isolation},
	{"peers-latency", "What do clients of the Go SDKs' servers and of this one see at the same load?", peersLatency},
	{"peers-memory", "What does a session weigh, beside the two Go SDKs?", peersMemory},
	{"peers-overload", "What is left of each server at twice its own ceiling?", peersOverload},
	{"crosscheck", "Do other ways of measuring come to the same figures?", crosscheck},
}

// goesBy says whether a name on the command line means this benchmark: its own, or that of its family ("peers", "cpu").
func (b benchmark) goesBy(name string) bool {
	return b.name == name || strings.HasPrefix(b.name, name+"-")
}

// config is the command line.
type config struct {
	weir    string
	runs    int
	seconds float64
	scale   float64
	loops   int
	peers   bool
	out     string
	keep    bool
	from    string
	page    bool
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
		r, err := readRecord(c.from)
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
			kept = r.keep(c.out)
		}
		if kept == nil { // an older record that cannot be read is not written over
			kept = r.write(c.out)
		}
		err = errors.Join(kept, err)
	}
	return errors.Join(c.show(r), err)
}

// show prints a report, and draws and documents it where that is asked for.
func (c *config) show(r *record) error {
	if c.plots == "" && c.document == "" {
		r.print(os.Stdout, c.page)
		return nil
	}
	var errs []error
	if c.plots != "" {
		errs = append(errs, r.plot(c.plots))
	}
	if c.document != "" {
		errs = append(errs, r.document(c.document, c.plots))
	}
	return errors.Join(errs...)
}

func parse() (config, []string, error) {
	var c config
	flag.StringVar(&c.weir, "weir", "bin/weir", "the server under test")
	flag.IntVar(&c.runs, "runs", 3, "runs of each measurement; tables show the median")
	flag.Float64Var(&c.seconds, "seconds", 3, "length of one measured window")
	flag.Float64Var(&c.scale, "scale", 1, "share of the connections and bytes of a full run; marks are for 1")
	flag.IntVar(&c.loops, "loops", 1, "loops of the generator")
	flag.BoolVar(&c.peers, "peers", false, "measure the peers alone; no mark is judged (cpu-tcp and cpu-http)")
	flag.StringVar(&c.out, "out", "", "write the results as JSON into this file")
	flag.BoolVar(&c.keep, "keep", false, "keep the tables of the -out file that are not measured now")
	flag.StringVar(&c.from, "from", "", "print the results of this file instead of measuring")
	flag.StringVar(&c.plots, "plots", "", "draw the results as SVG files into this folder instead of printing them")
	flag.StringVar(&c.document, "document", "", "write plots and tables between the markers of this page (docs/BENCHMARKS.md) instead of printing them")
	flag.BoolVar(&c.page, "markdown", false, "print the tables as docs/BENCHMARKS.md shows them")
	flag.Usage = usage
	flag.Parse()
	if c.runs < 1 || c.runs > 100 || c.seconds < 0.1 || c.seconds > 600 || c.scale <= 0 || c.scale > 1 || c.loops < 1 || c.loops > 64 {
		return c, nil, fmt.Errorf("-runs is 1 to 100, -seconds 0.1 to 600, -scale above 0 to 1, -loops 1 to 64")
	}
	names := flag.Args()
	for _, name := range names {
		if !slices.ContainsFunc(benchmarks, func(b benchmark) bool { return b.goesBy(name) }) {
			return c, nil, fmt.Errorf("there is no benchmark %q; -help lists them", name)
		}
	}
	return c, names, nil
}

func usage() {
	out := flag.CommandLine.Output()
	fmt.Fprintln(out, "usage: go run ./loadtest/bench [flags] [NAME...]\n\nBenchmarks (all, when none is named):")
	for _, b := range benchmarks {
		fmt.Fprintf(out, "  %-15s %s\n", b.name, b.question)
	}
	fmt.Fprintln(out, "\nFlags:")
	flag.PrintDefaults()
}

// measure runs the named benchmarks, or all. The report holds what was measured even when the error says that one of them
// could not be, or that a mark was missed.
func measure(ctx context.Context, c config, names []string) (*record, error) {
	dir, err := os.MkdirTemp("", "weir-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	if c.weir, err = filepath.Abs(c.weir); err != nil {
		return nil, err
	}
	r := newRecord(ctx, c)
	var failed []string
	for _, b := range benchmarks {
		if len(names) > 0 && !slices.ContainsFunc(names, b.goesBy) {
			continue
		}
		e := &env{config: c, ctx: ctx, dir: dir, name: b.name, began: time.Now()}
		t, err := b.run(e)
		e.stopAll()
		if err != nil {
			e.progress("FAILED: %v", err)
			failed = append(failed, b.name)
			t = &table{Notes: []string{"failed: " + err.Error()}}
		} else if !c.peers && t.missed() {
			failed = append(failed, b.name)
		}
		t.Name, t.Question = b.name, b.question
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
