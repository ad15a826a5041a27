package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"weir/loadtest/client"
	"weir/loadtest/observe"
	"weir/loadtest/wire"
)

const (
	crossConnections = 100
	crossAgree       = 0.1 // by how much two ways of measuring may differ
	// The known latency: a tool that takes crossSleep, asked every crossEvery on a connection that waits for each answer. The
	// k-th call, counted from 0, is answered after (k+1) of the tool's times and was planned at k times crossEvery.
	crossSleep       = 50 * time.Millisecond
	crossEvery       = 25 * time.Millisecond
	crossKnownWindow = 3 * time.Second
	crossSleepers    = 20
	// crossPaced is what the tool takes that paces the closed loop: with it the machine is not full, and two generators must
	// come to the same rate. Where it is full, the one that costs less gets more through.
	crossPaced = 5 * time.Millisecond
	wrkMissing = "skipped: wrk is not installed (Debian: apt-get install wrk), and it is the other generator of this question"
)

// crossLoad is a closed loop that both generators make.
type crossLoad struct{ name, tool, arguments string }

// key names a sample of the load.
func (l crossLoad) key(what string) string { return l.name + " " + what }

// crosscheck measures the generator by others: wrk makes the same request, the server counts the calls, the kernel's scheduler
// counts the processor's time, and arithmetic says what latency an overloaded connection must show.
func crosscheck(e *env) (*table, error) {
	t := &table{Columns: []string{"what", "this generator", "the other way", "other / this"}}
	wrk, err := exec.LookPath("wrk")
	if err != nil {
		t.note(wrkMissing)
		return t, nil
	}
	s, err := e.weir("")
	if err != nil {
		return nil, err
	}
	n, standard := e.scaled(crossConnections), client.DefaultOptions()
	full := crossLoad{"full", standard.Tool, standard.Arguments}
	paced := crossLoad{"paced", "sleep", fmt.Sprintf(`{"ms":%d}`, crossPaced.Milliseconds())}
	for run := range e.runs {
		for _, load := range []crossLoad{full, paced} {
			if err := e.ownAgainstServer(t, s, load, n); err != nil {
				return nil, fmt.Errorf("this generator: %w", err)
			}
			if err := e.wrkAgainstServer(t, s, load, wrk, n); err != nil {
				return nil, fmt.Errorf("wrk: %w", err)
			}
			of := func(what string) string { return number(t.Samples[load.key(what)][run]) }
			e.progress("run %d, %s: %s calls/s, wrk %s; %s us of the server's CPU per call, beside wrk %s", run+1, load.tool, of("own calls/s"),
				of("wrk calls/s"), of("own cpu us"), of("wrk cpu us"))
		}
	}
	if err := e.knownLatency(t, s); err != nil {
		return nil, fmt.Errorf("known latency: %w", err)
	}
	t.compare(fmt.Sprintf("calls/s, wrk, calls of %v", crossPaced), paced.key("own calls/s"), paced.key("wrk calls/s"), crossAgree)
	t.compare(fmt.Sprintf("median latency, us, wrk, calls of %v", crossPaced), paced.key("own p50 us"), paced.key("wrk p50 us"), crossAgree)
	t.compare("server's CPU per call, us, beside wrk", full.key("own cpu us"), full.key("wrk cpu us"), crossAgree)
	t.compare("server's CPU per call, us, by the scheduler's clock", full.key("own cpu us"), full.key("own scheduler us"), crossAgree)
	t.compare("calls, counted by the server", full.key("own calls"), full.key("counted calls"), 0)
	t.compare("median latency of an overloaded connection, ms, by arithmetic", "known p50 ms", "arithmetic p50 ms", crossAgree)
	for _, what := range []string{"calls/s", "p50 us", "generator us"} {
		own, other := full.key("own "+what), full.key("wrk "+what)
		t.row(map[string]string{"calls/s": "calls/s of a full machine, wrk", "p50 us": "median latency there, us, wrk",
			"generator us": "generator's CPU per call there, us, wrk"}[what], t.text(own), t.text(other), number(t.median(other)/t.median(own)))
	}
	t.atMost("calls that wrk has not seen answered and the server counts", worst(t.Samples[full.key("wrk unseen")]), float64(n), "calls (one per connection)")
	t.note("the same requests over %d kept connections, HTTP without sessions (2026-07-28), closed loop, in turns: `sleep` with %v, where the "+
		"tool paces both generators; and `echo`, where the processors do and the generator that costs less gets more through", n, crossPaced)
	t.note("the scheduler's clock is /proc/PID/task/*/schedstat, in nanoseconds; the figure beside it is /proc/PID/stat's")
	t.note("the overloaded connections (%d) call `sleep` with %v every %v and wait for each answer: call k, from 0, must be answered %v + k x %v "+
		"after its plan; what the tool takes beyond its time (measured from the write: %s ms) is in the arithmetic", crossSleepers, crossSleep,
		crossEvery, crossSleep, crossSleep-crossEvery, t.text("known service ms"))
	return t, nil
}

// compare enters a row of two figures and holds their ratio against a share that they may differ by. Ratios are taken within a
// round: machines drift from one to the next.
func (t *table) compare(what, own, other string, agree float64) {
	var ratios []float64
	for i, v := range t.Samples[own] {
		ratios = append(ratios, t.Samples[other][i]/v)
	}
	ratio := median(ratios)
	t.row(what, t.text(own), t.text(other), strconv.FormatFloat(ratio, 'f', 3, 64))
	t.atMost("differs by, "+what, math.Abs(ratio-1), agree, "")
}

func worst(v []float64) float64 {
	most := 0.0
	for _, x := range v {
		most = max(most, x)
	}
	return most
}

// counted is how many calls of a tool the server has finished with a result.
func (s *server) counted(tool string) (float64, error) {
	series, err := s.metrics()
	return series[`weir_tool_calls_total{tool="`+tool+`",outcome="ok"}`], err
}

// scheduled is the time that a process's threads have had on a processor, by the scheduler's own count: another account than
// the one behind /proc/PID/stat. A thread that ended is missing in it; the runtime keeps its threads.
func scheduled(pid int) (time.Duration, error) {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil || len(files) == 0 {
		return 0, fmt.Errorf("no schedstat of process %d", pid)
	}
	var sum time.Duration
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return 0, err
		}
		first, _, _ := strings.Cut(string(text), " ")
		ns, err := strconv.ParseInt(first, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", file, err)
		}
		sum += time.Duration(ns)
	}
	return sum, nil
}

// ownAgainstServer runs this generator once, from its first call to its last, and keeps what the server counted meanwhile.
func (e *env) ownAgainstServer(t *table, s *server, load crossLoad, n int) error {
	f, err := e.open(n, func(o *client.Options) {
		o.Address, o.Transport, o.Era, o.Tool, o.Arguments = s.http, wire.HTTP, wire.Modern, load.tool, load.arguments
	})
	if err != nil {
		return err
	}
	defer e.closeFleet(f)
	counted, err := s.counted(load.tool)
	if err != nil {
		return err
	}
	began, own := time.Now(), observe.OwnCPU()
	used, err := s.CPU()
	if err != nil {
		return err
	}
	clock, err := scheduled(s.PID())
	if err != nil {
		return err
	}
	f.Start()
	if err := e.sleep(e.crossWindow()); err != nil {
		return err
	}
	if err := e.halt(f); err != nil {
		return err
	}
	usedThen, err := s.CPU()
	if err != nil {
		return err
	}
	clockThen, err := scheduled(s.PID())
	if err != nil {
		return err
	}
	c, took, ownThen := f.Counters(), time.Since(began), observe.OwnCPU()
	countedThen, err := s.counted(load.tool)
	if err != nil {
		return err
	}
	calls := float64(c.Results)
	t.sample(load.key("own calls"), calls)
	t.sample(load.key("counted calls"), countedThen-counted)
	t.sample(load.key("own calls/s"), calls/took.Seconds())
	t.sample(load.key("own cpu us"), micros(usedThen-used)/calls)
	t.sample(load.key("own scheduler us"), micros(clockThen-clock)/calls)
	t.sample(load.key("own generator us"), micros(ownThen-own)/calls)
	t.sample(load.key("own p50 us"), float64(c.Latency.ValueAtQuantile(50)))
	return nil
}

// crossWindow is whole seconds: wrk knows no others.
func (e *env) crossWindow() time.Duration {
	return max(time.Second, e.window().Round(time.Second))
}

const wrkScript = `wrk.method = "POST"
wrk.body = [[%s]]
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Accept"] = "application/json, text/event-stream"
wrk.headers["MCP-Protocol-Version"] = "2026-07-28"
wrk.headers["Mcp-Method"] = "tools/call"
wrk.headers["Mcp-Name"] = "%s"
`

// wrkBody is the generator's own call with one of its ids: wrk sends the same bytes always.
const wrkBody = `{"jsonrpc":"2.0","id":1000000000,"method":"tools/call","params":{"name":"%s","arguments":%s,"_meta":` +
	`{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}`

// wrkAgainstServer has wrk make the same calls.
func (e *env) wrkAgainstServer(t *table, s *server, load crossLoad, wrk string, n int) error {
	o := client.DefaultOptions()
	script := filepath.Join(e.dir, "wrk.lua")
	text := fmt.Sprintf(wrkScript, fmt.Sprintf(wrkBody, load.tool, load.arguments), load.tool)
	if err := os.WriteFile(script, []byte(text), 0o600); err != nil {
		return err
	}
	counted, err := s.counted(load.tool)
	if err != nil {
		return err
	}
	used, err := s.CPU()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(e.ctx, e.crossWindow()+settleTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, wrk, "-t1", fmt.Sprintf("-c%d", n), fmt.Sprintf("-d%ds", int(e.crossWindow().Seconds())), "--latency",
		"-s", script, "http://"+s.http+o.Path)
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	usedThen, err := s.CPU()
	if err != nil {
		return err
	}
	countedThen, err := s.counted(load.tool)
	if err != nil {
		return err
	}
	said, err := readWrk(string(out))
	if err != nil {
		return err
	}
	calls := countedThen - counted
	t.sample(load.key("wrk calls/s"), said.perSec)
	t.sample(load.key("wrk cpu us"), micros(usedThen-used)/calls)
	t.sample(load.key("wrk generator us"), micros(cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime())/said.calls)
	t.sample(load.key("wrk p50 us"), said.p50)
	t.sample(load.key("wrk unseen"), math.Abs(calls-said.calls))
	return nil
}

// wrkSaid is what wrk prints at its end.
type wrkSaid struct {
	calls, perSec float64
	p50           float64 // microseconds
}

// readWrk understands wrk 4's summary; an answer that was no success makes it an error, since the figures then mean something else.
func readWrk(out string) (wrkSaid, error) {
	var w wrkSaid
	for line := range strings.Lines(out) {
		f := strings.Fields(line)
		switch {
		case len(f) >= 3 && f[1] == "requests" && f[2] == "in":
			w.calls, _ = strconv.ParseFloat(f[0], 64)
		case len(f) == 2 && f[0] == "Requests/sec:":
			w.perSec, _ = strconv.ParseFloat(f[1], 64)
		case len(f) == 2 && f[0] == "50%":
			if d, err := time.ParseDuration(f[1]); err == nil {
				w.p50 = micros(d)
			}
		case strings.Contains(line, "Non-2xx") || strings.Contains(line, "Socket errors"):
			return w, errors.New(strings.TrimSpace(line))
		}
	}
	if w.calls == 0 || w.perSec == 0 || w.p50 == 0 {
		return w, fmt.Errorf("its summary is not understood: %q", out)
	}
	return w, nil
}

// knownLatency offers connections twice what they can do, so that the latency of every call follows from the plan.
func (e *env) knownLatency(t *table, s *server) error {
	f, err := e.open(crossSleepers, func(o *client.Options) {
		o.Address, o.Transport = s.http, wire.HTTP
		o.Tool, o.Arguments = "sleep", fmt.Sprintf(`{"ms":%d}`, crossSleep.Milliseconds())
	})
	if err != nil {
		return err
	}
	defer e.closeFleet(f)
	each := 1 / crossEvery.Seconds()
	f.StartPlan(client.NewPlan(client.Segment{Length: crossKnownWindow, From: each, To: each}), time.Now())
	if err := e.sleep(crossKnownWindow); err != nil {
		return err
	}
	if err := e.halt(f); err != nil {
		return err
	}
	c := f.Counters()
	last := float64(c.Results)/crossSleepers - 1 // k of the last call that was answered
	service := c.Service.Mean() / 1000
	t.sample("known service ms", service)
	t.sample("known p50 ms", millis(c.Latency.ValueAtQuantile(50)))
	t.sample("arithmetic p50 ms", service+last/2*(service-float64(crossEvery.Milliseconds())))
	return nil
}
