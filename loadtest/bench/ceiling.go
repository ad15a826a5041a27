package main

import (
	"fmt"
	"time"

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
	ceilingFull        = 0.85                    // of all cores, used by server and generator: above it the machine was theirs
	ceilingDisturbed   = 2                       // times that a step is tried when it fails below that
	ceilingWindow      = 1500 * time.Millisecond // of a step of the search; what is found is held for whole windows

	wideConnections = 15_000
	wideEach        = 5.0 // calls per second of each
	wideLate        = 50  // ms that a generator on a machine of its own is never late
)

// way is how clients reach the server.
type way struct {
	name      string
	transport wire.Transport
	unix      bool
	era       wire.Era
}

var ways = []way{
	{name: "tcp", transport: wire.Line},
	{name: "unix", transport: wire.Line, unix: true},
	{name: "ws", transport: wire.WebSocket},
	{name: "http, sessions", transport: wire.HTTP},
	{name: "http, stateless", transport: wire.HTTP, era: wire.Modern},
}

// openLoad makes a fleet's options those of an open load to a server.
func (w way) openLoad(s *server) func(*client.Options) {
	return func(o *client.Options) {
		o.Address, o.Transport, o.Era, o.Window, o.Tick = s.address(w.transport), w.transport, w.era, openWindow, openTick
		if w.transport == wire.HTTP {
			o.Window = 1 // as MCP's clients do
		}
		if w.unix {
			o.Network, o.Address = "unix", s.unix
		}
	}
}

var ceilingColumns = []string{"clients", "highest rate held, calls/s", "p50, ms", "p95, ms", "p99, ms", "server's cores", "generator's cores",
	"server's CPU per call, us", "generator's CPU per call, us", "what broke above it"}

func ceiling(e *env) (*table, error) {
	t := &table{Columns: ceilingColumns}
	n := e.scaled(ceilingConnections)
	for _, w := range ways {
		if err := e.oneCeiling(t, w, n); err != nil {
			return nil, fmt.Errorf("%s: %w", w.name, err)
		}
		e.stopAll()
	}
	t.note("%d connections each; open load, latency from the plan: a rate is held when p95 is below %v, nothing fails or is refused, and %g %% "+
		"of the offered calls are answered in the window", n, heldP95, heldShare*100)
	t.note("rates double from %s/s until one is not held, are bisected %d times (4 %%), and the result has been held %d times in a row",
		grouped(ceilingBegin), ceilingBisections, e.runs)
	t.note("server and generator share %d cores: where both together fill them the ceiling is the machine's", observe.ThisHost().Cores)
	t.note("over HTTP a connection has one request in flight, elsewhere up to %d: a batch that waits is cheaper, so more goes through", openWindow)
	return t, nil
}

// climb looks for the ceiling of one server over one fleet.
type climb struct {
	e       *env
	name    string
	process *observe.Process
	n       int // connections
	options func(*client.Options)
	fleet   *client.Fleet
	broke   string // why the lowest rate that was not held was not
}

// oneCeiling finds the highest rate that is held as often as there are runs, one after the other.
func (e *env) oneCeiling(t *table, w way, n int) error {
	s, err := e.weir("")
	if err != nil {
		return err
	}
	name := w.name
	c := &climb{e: e, name: name, process: s.Process, n: n, options: w.openLoad(s)}
	rate, err := c.find(ceilingBegin, ceilingBisections)
	if err != nil {
		return err
	}
	for attempt, inARow := 0, 0; inARow < e.runs; attempt++ {
		if attempt == ceilingAttempts+e.runs {
			return fmt.Errorf("no rate is held %d times in a row, so the machine is too busy with something else; the last was %s/s: %s", e.runs,
				number(rate), c.broke)
		}
		got, ok, err := c.try(rate, e.window())
		if err != nil {
			return err
		}
		if !ok {
			rate, inARow = rate*ceilingBack, 0
			t.dropSamples(name + " ")
			continue
		}
		inARow++
		t.sampleStep(name, got)
		t.sample(name+" rate", rate)
	}
	t.row(name, t.text(name+" rate"), t.text(name+" p50 ms"), t.text(name+" p95 ms"), t.text(name+" p99 ms"), t.text(name+" server cores"),
		t.text(name+" generator cores"), t.text(name+" server us"), t.text(name+" generator us"), c.broke)
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

// bracket finds the highest rate that is held, to a factor of 2^(1/2^bisections): it doubles the first until one is not held (or
// halves it until one is), and bisects. 0: none above ceilingLeast is held.
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
		middle := geometric(low, high)
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
func (c *climb) brief() time.Duration { return min(c.e.window(), ceilingWindow) }

// try offers one rate. A step that fails although processor time was left was disturbed by something else on the machine, so it
// is tried again before it is believed.
func (c *climb) try(rate float64, window time.Duration) (got step, ok bool, err error) {
	full := ceilingFull * float64(observe.ThisHost().Cores)
	for range ceilingDisturbed {
		if got, ok, err = c.once(rate, window); err != nil || ok || got.server+got.own > full {
			break
		}
	}
	return got, ok, err
}

// once offers a rate over connections that are all there.
func (c *climb) once(rate float64, window time.Duration) (step, bool, error) {
	e := c.e
	if c.fleet != nil && int(c.fleet.Counters().Open) != c.n { // the server has closed some in a step that failed
		e.closeFleet(c.fleet)
		c.fleet = nil
	}
	if c.fleet == nil {
		f, err := e.open(c.n, c.options)
		if err != nil {
			return step{}, false, err
		}
		c.fleet = f
	}
	got, err := e.offer(c.process, c.fleet, rate, window)
	if err != nil {
		return step{}, false, err
	}
	ok, why := got.held()
	verdict := "held"
	if !ok {
		verdict = why
		c.broke = fmt.Sprintf("at %s/s: %s", number(rate), why)
		if cores := float64(observe.ThisHost().Cores); got.server+got.own < ceilingFull*cores {
			c.broke += fmt.Sprintf(" (disturbed: others had, or nobody, %s of %g cores)", number(cores-got.server-got.own), cores)
		}
	}
	e.progress("%s: %s/s offered, %s/s answered, p95 %s ms, server %s cores, generator %s (late p99 %s ms): %s", c.name, number(rate),
		number(got.answered), number(got.p95), number(got.server), number(got.own), number(got.late), verdict)
	if !ok {
		err = e.sleep(calmAfter)
	}
	return got, ok, err
}

// wide asks the fixed question of many connections that each call now and then: nothing comes in batches, so every call costs
// both sides a wake-up, a read and a write.
func wide(e *env) (*table, error) {
	t := &table{Columns: []string{"connections", "offered, calls/s", "answered, calls/s", "p50, ms", "p95, ms", "p99, ms", "failed", "server's cores",
		"generator's cores", "server's CPU per call, us", "generator's CPU per call, us", "generator late, p99, ms"}}
	n := e.scaled(wideConnections)
	rate := wideEach * float64(n)
	s, err := e.weir("")
	if err != nil {
		return nil, err
	}
	w := ways[0]
	f, err := e.open(n, func(o *client.Options) { w.openLoad(s)(o); o.Sources = client.LoopbackSources(8) })
	if err != nil {
		return nil, err
	}
	const name = "wide"
	for run := range e.runs {
		got, err := e.offer(s.Process, f, rate, 3*e.window()) // in a machine this full one bad moment would be a whole window's p95
		if err != nil {
			return nil, err
		}
		e.progress("run %d: %s/s offered, %s/s answered, p95 %s ms, server %s cores, generator %s (late p99 %s ms)", run+1, number(rate),
			number(got.answered), number(got.p95), number(got.server), number(got.own), number(got.late))
		t.sampleStep(name, got)
		if err := e.sleep(calmAfter); err != nil {
			return nil, err
		}
	}
	t.row(grouped(int64(n)), number(rate), t.text(name+" answered/s"), t.text(name+" p50 ms"), t.text(name+" p95 ms"), t.text(name+" p99 ms"),
		t.text(name+" failed"), t.text(name+" server cores"), t.text(name+" generator cores"), t.text(name+" server us"), t.text(name+" generator us"),
		t.text(name+" late ms"))
	t.atMost("p95 from the plan", t.median(name+" p95 ms"), float64(heldP95.Milliseconds()), "ms")
	t.atMost("failed or refused", t.median(name+" failed"), 0, "calls")
	t.atLeast("answered of the offered", t.median(name+" answered/s")/rate, heldShare, "")
	t.atMost("CPU per call, generator / server", t.median(name+" generator us")/t.median(name+" server us"), 1, "times")
	cores := float64(observe.ThisHost().Cores)
	switch all := t.median(name+" server cores") + t.median(name+" generator cores"); {
	case all > ceilingFull*cores:
		t.note("server and generator together used %s of %g cores: the machine was full, and the rate is what both together leave", number(all), cores)
	case t.median(name+" late ms") > wideLate:
		t.note("disturbed: the generator woke %s ms late (p99), though it and the server used only %s of %g cores; something else had the processor",
			t.text(name+" late ms"), number(all), cores)
	}
	t.note("TCP, %g calls per second on each connection, open load with latency from the plan", wideEach)
	return t, nil
}
