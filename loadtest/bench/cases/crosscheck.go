package cases

import (
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"weir/loadtest/bench/harness"
	"weir/loadtest/bench/record"
	"weir/loadtest/client"
	"weir/loadtest/observe"
	"weir/loadtest/pacing"
	"weir/loadtest/wire"
)

const (
	crossConnections = 100
	crossAgree       = 0.1 // by how much two ways of measuring may differ
	// The known latency: a tool that takes crossSleep, asked every crossEvery on a connection that waits for each answer.
	// The k-th call, counted from 0, is answered after (k+1) of the tool's times and was planned at k times crossEvery.
	crossSleep       = 50 * time.Millisecond
	crossEvery       = 25 * time.Millisecond
	crossKnownWindow = 3 * time.Second
	crossSleepers    = 20
	// crossPaced is what the tool takes that paces the closed loop: with it the machine is not full, and two generators
	// must come to the same rate. Where it is full, the one that costs less gets more through.
	crossPaced = 5 * time.Millisecond
	wrkMissing = "skipped: wrk is not installed (Debian: apt-get install wrk), and it is the other generator of this " +
		"question"
)

// crossLoad is a closed loop that both generators make.
type crossLoad struct{ name, tool, arguments string }

// key names a sample of the load.
func (l crossLoad) key(what string) string { return l.name + " " + what }

// crosscheck measures the generator by others: wrk makes the same request, the server counts the calls, the kernel's
// scheduler counts the processor's time, and arithmetic says what latency an overloaded connection must show.
func crosscheck(e *harness.Env) (*record.Table, error) {
	t := &record.Table{Columns: []string{"what", "this generator", "the other way", "other / this"}}
	wrk, err := exec.LookPath("wrk")
	if err != nil {
		t.Note(wrkMissing)
		return t, nil
	}
	s, err := e.Weir("")
	if err != nil {
		return nil, err
	}
	n, standard := e.Scaled(crossConnections), client.DefaultOptions()
	full := crossLoad{"full", standard.Tool, standard.Arguments}
	paced := crossLoad{"paced", "sleep", fmt.Sprintf(`{"ms":%d}`, crossPaced.Milliseconds())}
	for run := range e.Runs {
		for _, load := range []crossLoad{full, paced} {
			if err := ownAgainstServer(e, t, s, load, n); err != nil {
				return nil, fmt.Errorf("this generator: %w", err)
			}
			if err := wrkAgainstServer(e, t, s, load, wrk, n); err != nil {
				return nil, fmt.Errorf("wrk: %w", err)
			}
			of := func(what string) string { return record.Number(t.Samples[load.key(what)][run]) }
			e.Progress("run %d, %s: %s calls/s, wrk %s; %s us of the server's CPU per call, beside wrk %s", run+1, load.tool,
				of("own calls/s"),
				of("wrk calls/s"), of("own cpu us"), of("wrk cpu us"))
		}
	}
	if err := knownLatency(e, t, s); err != nil {
		return nil, fmt.Errorf("known latency: %w", err)
	}
	compareFigures(t, fmt.Sprintf("calls/s, wrk, calls of %v", crossPaced), paced.key("own calls/s"),
		paced.key("wrk calls/s"), crossAgree)
	compareFigures(t, fmt.Sprintf("median latency, us, wrk, calls of %v", crossPaced), paced.key("own p50 us"),
		paced.key("wrk p50 us"), crossAgree)
	compareFigures(t, "server's CPU per call, us, beside wrk", full.key("own cpu us"), full.key("wrk cpu us"), crossAgree)
	compareFigures(t, "server's CPU per call, us, by the scheduler's clock", full.key("own cpu us"),
		full.key("own scheduler us"), crossAgree)
	compareFigures(t, "calls, counted by the server", full.key("own calls"), full.key("counted calls"), 0)
	compareFigures(t, "median latency of an overloaded connection, ms, by arithmetic", "known p50 ms", "arithmetic p50 ms",
		crossAgree)
	for _, what := range []string{"calls/s", "p50 us", "generator us"} {
		own, other := full.key("own "+what), full.key("wrk "+what)
		t.Row(map[string]string{"calls/s": "calls/s of a full machine, wrk", "p50 us": "median latency there, us, wrk",
			"generator us": "generator's CPU per call there, us, wrk"}[what], t.Text(own), t.Text(other),
			record.Number(t.Median(other)/t.Median(own)))
	}
	t.AtMost("calls that wrk has not seen answered and the server counts", worst(t.Samples[full.key("wrk unseen")]),
		float64(n), "calls (one per connection)")
	t.Note("the same requests over %d kept connections, HTTP without sessions (2026-07-28), closed loop, in turns: "+
		"`sleep` with %v, where the "+
		"tool paces both generators; and `echo`, where the processors do and the generator that costs less gets more through",
		n, crossPaced)
	t.Note("the scheduler's clock is /proc/PID/task/*/schedstat, in nanoseconds; the figure beside it is /proc/PID/stat's")
	t.Note("the overloaded connections (%d) call `sleep` with %v every %v and wait for each answer: call k, from 0, "+
		"must be answered %v + k x %v "+
		"after its plan; what the tool takes beyond its time (measured from the write: %s ms) is in the arithmetic",
		crossSleepers, crossSleep,
		crossEvery, crossSleep, crossSleep-crossEvery, t.Text("known service ms"))
	return t, nil
}

// compareFigures enters a row of two figures and holds their ratio against a share that they may differ by. Ratios are
// taken within a round: machines drift from one to the next.
func compareFigures(t *record.Table, what, own, other string, agree float64) {
	var ratios []float64
	for i, v := range t.Samples[own] {
		ratios = append(ratios, t.Samples[other][i]/v)
	}
	ratio := record.Median(ratios)
	t.Row(what, t.Text(own), t.Text(other), strconv.FormatFloat(ratio, 'f', 3, 64))
	t.AtMost("differs by, "+what, math.Abs(ratio-1), agree, "")
}

func worst(v []float64) float64 {
	most := 0.0
	for _, x := range v {
		most = max(most, x)
	}
	return most
}

// callsCounted is how many calls of a tool the server has finished with a result.
func callsCounted(s *harness.Server, tool string) (float64, error) {
	series, err := s.Metrics()
	return series[`weir_tool_calls_total{tool="`+tool+`",outcome="ok"}`], err
}

// ownAgainstServer runs this generator once, from its first call to its last, and keeps what the server counted
// meanwhile.
func ownAgainstServer(e *harness.Env, t *record.Table, s *harness.Server, load crossLoad, n int) error {
	f, err := e.Open(n, func(o *client.Options) {
		o.Address, o.Transport, o.Era, o.Tool, o.Arguments = s.HTTP, wire.HTTP, wire.Modern, load.tool, load.arguments
	})
	if err != nil {
		return err
	}
	defer e.CloseFleet(f)
	counted, err := callsCounted(s, load.tool)
	if err != nil {
		return err
	}
	began, own := time.Now(), observe.OwnCPU()
	used, err := s.CPU()
	if err != nil {
		return err
	}
	clock, err := harness.Scheduled(s.PID())
	if err != nil {
		return err
	}
	f.Start()
	if err := e.Sleep(crossWindow(e)); err != nil {
		return err
	}
	if err := e.Halt(f); err != nil {
		return err
	}
	usedThen, err := s.CPU()
	if err != nil {
		return err
	}
	clockThen, err := harness.Scheduled(s.PID())
	if err != nil {
		return err
	}
	c, took, ownThen := f.Counters(), time.Since(began), observe.OwnCPU()
	countedThen, err := callsCounted(s, load.tool)
	if err != nil {
		return err
	}
	calls := float64(c.Results)
	t.Sample(load.key("own calls"), calls)
	t.Sample(load.key("counted calls"), countedThen-counted)
	t.Sample(load.key("own calls/s"), calls/took.Seconds())
	t.Sample(load.key("own cpu us"), harness.Micros(usedThen-used)/calls)
	t.Sample(load.key("own scheduler us"), harness.Micros(clockThen-clock)/calls)
	t.Sample(load.key("own generator us"), harness.Micros(ownThen-own)/calls)
	t.Sample(load.key("own p50 us"), float64(c.Latency.ValueAtQuantile(50)))
	return nil
}

// crossWindow is whole seconds: wrk knows no others.
func crossWindow(e *harness.Env) time.Duration {
	return max(time.Second, e.Window().Round(time.Second))
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
func wrkAgainstServer(e *harness.Env, t *record.Table, s *harness.Server, load crossLoad, wrk string, n int) error {
	o := client.DefaultOptions()
	script := filepath.Join(e.Dir, "wrk.lua")
	text := fmt.Sprintf(wrkScript, fmt.Sprintf(wrkBody, load.tool, load.arguments), load.tool)
	if err := os.WriteFile(script, []byte(text), 0o600); err != nil {
		return err
	}
	counted, err := callsCounted(s, load.tool)
	if err != nil {
		return err
	}
	used, err := s.CPU()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(e.Ctx, crossWindow(e)+harness.SettleTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, wrk, "-t1", fmt.Sprintf("-c%d", n), fmt.Sprintf("-d%ds",
		int(crossWindow(e).Seconds())), "--latency",
		"-s", script, "http://"+s.HTTP+o.Path)
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	usedThen, err := s.CPU()
	if err != nil {
		return err
	}
	countedThen, err := callsCounted(s, load.tool)
	if err != nil {
		return err
	}
	said, err := harness.ReadWrk(string(out))
	if err != nil {
		return err
	}
	calls := countedThen - counted
	t.Sample(load.key("wrk calls/s"), said.PerSec)
	t.Sample(load.key("wrk cpu us"), harness.Micros(usedThen-used)/calls)
	t.Sample(load.key("wrk generator us"),
		harness.Micros(cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime())/said.Calls)
	t.Sample(load.key("wrk p50 us"), said.P50)
	t.Sample(load.key("wrk unseen"), math.Abs(calls-said.Calls))
	return nil
}

// knownLatency offers connections twice what they can do, so that the latency of every call follows from the plan.
func knownLatency(e *harness.Env, t *record.Table, s *harness.Server) error {
	f, err := e.Open(crossSleepers, func(o *client.Options) {
		o.Address, o.Transport = s.HTTP, wire.HTTP
		o.Tool, o.Arguments = "sleep", fmt.Sprintf(`{"ms":%d}`, crossSleep.Milliseconds())
	})
	if err != nil {
		return err
	}
	defer e.CloseFleet(f)
	each := 1 / crossEvery.Seconds()
	f.StartPlan(pacing.NewPlan(pacing.Segment{Length: crossKnownWindow, From: each, To: each}), time.Now())
	if err := e.Sleep(crossKnownWindow); err != nil {
		return err
	}
	if err := e.Halt(f); err != nil {
		return err
	}
	c := f.Counters()
	last := float64(c.Results)/crossSleepers - 1 // k of the last call that was answered
	service := c.Service.Mean() / 1000
	t.Sample("known service ms", service)
	t.Sample("known p50 ms", harness.Millis(c.Latency.ValueAtQuantile(50)))
	t.Sample("arithmetic p50 ms", service+last/2*(service-float64(crossEvery.Milliseconds())))
	return nil
}
