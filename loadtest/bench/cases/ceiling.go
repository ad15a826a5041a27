package cases

import (
	"fmt"
	"time"

	"weir/loadtest/bench/harness"
	"weir/loadtest/bench/record"
	"weir/loadtest/client"
	"weir/loadtest/observe"
	"weir/loadtest/wire"
)

const (
	ceilingConnections = 1000
	ceilingBegin       = 10_000 // calls per second of the first step
	ceilingFactor      = 2.0    // from one step to the next, until one does not hold
	ceilingBisections  = 4      // 2^(1/16): the ceiling is known to 4 per cent
	ceilingBack        = 0.95   // where a rate that held does not hold again
	ceilingAttempts    = 10     // of finding one that does, beside the runs
	ceilingMost        = 2e6
	ceilingLeast       = 100
	// of all cores, used by server and generator: above it the machine was theirs
	ceilingFull      = 0.85
	ceilingDisturbed = 2                       // times that a step is tried when it fails below that
	ceilingWindow    = 1500 * time.Millisecond // of a step of the search; what is found is held for whole windows

	wideConnections = 15_000
	wideEach        = 5.0 // calls per second of each
	wideLate        = 50  // ms that a generator on a machine of its own is never late
)

// Way is how clients reach the server.
type Way struct {
	Name      string
	transport wire.Transport
	unix      bool
	era       wire.Era
}

// Ways is the transports whose ceiling is looked for.
var Ways = []Way{
	{Name: "tcp", transport: wire.Line},
	{Name: "unix", transport: wire.Line, unix: true},
	{Name: "ws", transport: wire.WebSocket},
	{Name: "http, sessions", transport: wire.HTTP},
	{Name: "http, stateless", transport: wire.HTTP, era: wire.Modern},
}

// openLoad makes a fleet's options those of an open load to a server.
func (w Way) openLoad(s *harness.Server) func(*client.Options) {
	return func(o *client.Options) {
		o.Address, o.Transport, o.Era, o.Window, o.Tick = s.Address(w.transport), w.transport, w.era, harness.OpenWindow,
			harness.OpenTick
		if w.transport == wire.HTTP {
			o.Window = 1 // as MCP's clients do
		}
		if w.unix {
			o.Network, o.Address = "unix", s.Unix
		}
	}
}

var ceilingColumns = []string{"clients", "highest rate held, calls/s", "p50, ms", "p95, ms", "p99, ms",
	"server's cores", "generator's cores",
	"server's CPU per call, us", "generator's CPU per call, us", "what broke above it"}

func ceiling(e *harness.Env) (*record.Table, error) {
	t := &record.Table{Columns: ceilingColumns}
	n := e.Scaled(ceilingConnections)
	for _, w := range Ways {
		if err := oneCeiling(e, t, w, n); err != nil {
			return nil, fmt.Errorf("%s: %w", w.Name, err)
		}
		e.StopAll()
	}
	t.Note("%d connections each; open load, latency from the plan: a rate is held when p95 is below %v, nothing fails "+
		"or is refused, and %g %% "+
		"of the offered calls are answered in the window", n, harness.HeldP95, harness.HeldShare*100)
	t.Note("rates double from %s/s until one is not held, are bisected %d times (4 %%), and the result has been held %d "+
		"times in a row",
		record.Grouped(ceilingBegin), ceilingBisections, e.Runs)
	t.Note("server and generator share %d cores: where both together fill them the ceiling is the machine's",
		observe.ThisHost().Cores)
	t.Note("over HTTP a connection has one request in flight, elsewhere up to %d: a batch that waits is cheaper, so "+
		"more goes through", harness.OpenWindow)
	return t, nil
}

// climb looks for the ceiling of one server over one fleet.
type climb struct {
	e       *harness.Env
	name    string
	process *observe.Process
	n       int // connections
	options func(*client.Options)
	fleet   *client.Fleet
	broke   string // why the lowest rate that was not held was not
}

// oneCeiling finds the highest rate that is held as often as there are runs, one after the other.
func oneCeiling(e *harness.Env, t *record.Table, w Way, n int) error {
	s, err := e.Weir("")
	if err != nil {
		return err
	}
	name := w.Name
	c := &climb{e: e, name: name, process: s.Process, n: n, options: w.openLoad(s)}
	rate, err := c.find(ceilingBegin, ceilingBisections)
	if err != nil {
		return err
	}
	for attempt, inARow := 0, 0; inARow < e.Runs; attempt++ {
		if attempt == ceilingAttempts+e.Runs {
			return fmt.Errorf("no rate is held %d times in a row, so the machine is too busy with something else; the last "+
				"was %s/s: %s", e.Runs,
				record.Number(rate), c.broke)
		}
		got, ok, err := c.try(rate, e.Window())
		if err != nil {
			return err
		}
		if !ok {
			rate, inARow = rate*ceilingBack, 0
			t.DropSamples(name + " ")
			continue
		}
		inARow++
		harness.SampleStep(t, name, got)
		t.Sample(name+" rate", rate)
	}
	t.Row(name, t.Text(name+" rate"), t.Text(name+" p50 ms"), t.Text(name+" p95 ms"), t.Text(name+" p99 ms"),
		t.Text(name+" server cores"),
		t.Text(name+" generator cores"), t.Text(name+" server us"), t.Text(name+" generator us"), c.broke)
	return nil
}

// find searches from a first rate on.
func (c *climb) find(begin float64, bisections int) (float64, error) {
	rate, err := bracket(begin, bisections, func(rate float64) (bool, error) {
		_, ok, err := c.try(rate, c.brief())
		return ok, err
	})
	if err == nil && rate == 0 {
		err = fmt.Errorf("not even %d calls/s are held: %s", ceilingLeast, c.broke)
	}
	return rate, err
}

// bracket finds the highest rate that is held, to a factor of 2^(1/2^bisections): it doubles the first until one is
// not held (or halves it until one is), and bisects. 0: none above ceilingLeast is held.
func bracket(begin float64, bisections int, try func(rate float64) (held bool, err error)) (float64, error) {
	low, high := 0.0, begin
	for high <= ceilingMost {
		held, err := try(high)
		if err != nil {
			return 0, err
		}
		if !held {
			break
		}
		low, high = high, high*ceilingFactor
	}
	for low == 0 {
		slower := high / ceilingFactor
		if slower < ceilingLeast {
			return 0, nil
		}
		held, err := try(slower)
		if err != nil {
			return 0, err
		}
		if held {
			low = slower
		} else {
			high = slower
		}
	}
	for range bisections {
		middle := record.Geometric(low, high)
		held, err := try(middle)
		if err != nil {
			return 0, err
		}
		if held {
			low = middle
		} else {
			high = middle
		}
	}
	return low, nil
}

// brief is the window of a step of the search.
func (c *climb) brief() time.Duration { return min(c.e.Window(), ceilingWindow) }

// try offers one rate. A step that fails although processor time was left was disturbed by something else on the
// machine, so it is tried again before it is believed.
func (c *climb) try(rate float64, window time.Duration) (got harness.Step, ok bool, err error) {
	full := ceilingFull * float64(observe.ThisHost().Cores)
	for range ceilingDisturbed {
		if got, ok, err = c.once(rate, window); err != nil || ok || got.Server+got.Own > full {
			break
		}
	}
	return got, ok, err
}

// once offers a rate over connections that are all there.
func (c *climb) once(rate float64, window time.Duration) (harness.Step, bool, error) {
	e := c.e
	if c.fleet != nil && int(c.fleet.Counters().Open) != c.n { // the server has closed some in a step that failed
		e.CloseFleet(c.fleet)
		c.fleet = nil
	}
	if c.fleet == nil {
		f, err := e.Open(c.n, c.options)
		if err != nil {
			return harness.Step{}, false, err
		}
		c.fleet = f
	}
	got, err := e.Offer(c.process, c.fleet, rate, window)
	if err != nil {
		return harness.Step{}, false, err
	}
	ok, why := got.Held()
	verdict := "held"
	if !ok {
		verdict = why
		c.broke = fmt.Sprintf("at %s/s: %s", record.Number(rate), why)
		if cores := float64(observe.ThisHost().Cores); got.Server+got.Own < ceilingFull*cores {
			c.broke += fmt.Sprintf(" (disturbed: others had, or nobody, %s of %g cores)",
				record.Number(cores-got.Server-got.Own), cores)
		}
	}
	e.Progress("%s: %s/s offered, %s/s answered, p95 %s ms, server %s cores, generator %s (late p99 %s ms): %s", c.name,
		record.Number(rate),
		record.Number(got.Answered), record.Number(got.P95), record.Number(got.Server), record.Number(got.Own),
		record.Number(got.Late), verdict)
	if !ok {
		err = e.Sleep(harness.CalmAfter)
	}
	return got, ok, err
}

// wide asks the fixed question of many connections that each call now and then: nothing comes in batches, so every
// call costs both sides a wake-up, a read and a write.
func wide(e *harness.Env) (*record.Table, error) {
	t := &record.Table{Columns: []string{"connections", "offered, calls/s", "answered, calls/s", "p50, ms", "p95, ms",
		"p99, ms", "failed", "server's cores",
		"generator's cores", "server's CPU per call, us", "generator's CPU per call, us", "generator late, p99, ms"}}
	n := e.Scaled(wideConnections)
	rate := wideEach * float64(n)
	s, err := e.Weir("")
	if err != nil {
		return nil, err
	}
	w := Ways[0]
	f, err := e.Open(n, func(o *client.Options) { w.openLoad(s)(o); o.Sources = client.LoopbackSources(8) })
	if err != nil {
		return nil, err
	}
	const name = "wide"
	for run := range e.Runs {
		// in a machine this full one bad moment would be a whole window's p95
		got, err := e.Offer(s.Process, f, rate, 3*e.Window())
		if err != nil {
			return nil, err
		}
		e.Progress("run %d: %s/s offered, %s/s answered, p95 %s ms, server %s cores, generator %s (late p99 %s ms)", run+1,
			record.Number(rate),
			record.Number(got.Answered), record.Number(got.P95), record.Number(got.Server), record.Number(got.Own),
			record.Number(got.Late))
		harness.SampleStep(t, name, got)
		if err := e.Sleep(harness.CalmAfter); err != nil {
			return nil, err
		}
	}
	t.Row(record.Grouped(int64(n)), record.Number(rate), t.Text(name+" answered/s"), t.Text(name+" p50 ms"),
		t.Text(name+" p95 ms"), t.Text(name+" p99 ms"),
		t.Text(name+" failed"), t.Text(name+" server cores"), t.Text(name+" generator cores"), t.Text(name+" server us"),
		t.Text(name+" generator us"),
		t.Text(name+" late ms"))
	t.AtMost("p95 from the plan", t.Median(name+" p95 ms"), float64(harness.HeldP95.Milliseconds()), "ms")
	t.AtMost("failed or refused", t.Median(name+" failed"), 0, "calls")
	t.AtLeast("answered of the offered", t.Median(name+" answered/s")/rate, harness.HeldShare, "")
	t.AtMost("CPU per call, generator / server", t.Median(name+" generator us")/t.Median(name+" server us"), 1, "times")
	cores := float64(observe.ThisHost().Cores)
	switch all := t.Median(name+" server cores") + t.Median(name+" generator cores"); {
	case all > ceilingFull*cores:
		t.Note("server and generator together used %s of %g cores: the machine was full, and the rate is what both "+
			"together leave", record.Number(all), cores)
	case t.Median(name+" late ms") > wideLate:
		t.Note("disturbed: the generator woke %s ms late (p99), though it and the server used only %s of %g cores; "+
			"something else had the processor",
			t.Text(name+" late ms"), record.Number(all), cores)
	}
	t.Note("TCP, %g calls per second on each connection, open load with latency from the plan", wideEach)
	return t, nil
}
