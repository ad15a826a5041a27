package scoreboard

import (
	"context"
	"fmt"
	"time"

	"weir/loadtest/bench/harness"
	"weir/loadtest/client"
	"weir/loadtest/observe"
	"weir/loadtest/pacing"
	"weir/loadtest/table"
	"weir/loadtest/wire"
)

const (
	closedWarm   = 300 * time.Millisecond
	closedWindow = 2 * time.Second
	lead         = 20 * time.Millisecond // between the order to begin and the beginning
	drain        = 15 * time.Second
)

// start starts a server with a key.
func start(e *harness.Env, key time.Duration) (*harness.Server, error) {
	return e.Weir(fmt.Sprintf("max_expected_wait: %v\nlog:\n  level: warn\n", key))
}

// calls makes a fleet's calls those of burn.
func calls(s *harness.Server, t wire.Transport, micros int) func(*client.Options) {
	return func(o *client.Options) {
		o.Address, o.Transport, o.Tool = s.Address(t), t, "burn"
		o.Arguments = fmt.Sprintf(`{"us":%d}`, micros)
		if t == wire.HTTP {
			o.Era = wire.Modern
		}
	}
}

// able is what the server can do: calls per second, and the processor time of both sides.
type able struct {
	perSecond float64
	server    float64 // seconds of CPU per call
	own       float64 // cores of the generator
	refused   uint64
}

// measure has so many polite clients call in a closed loop: as many as keep all cores busy, and no more than the key
// lets wait where there is one core.
func measure(e *harness.Env, s *harness.Server, t wire.Transport, micros int, key time.Duration) (able, error) {
	clients := min(64, max(4, int(key.Microseconds()*8/10)/micros))
	f, err := e.Open(clients, calls(s, t, micros))
	if err != nil {
		return able{}, err
	}
	defer e.CloseFleet(f)
	f.Start()
	if err := e.Sleep(closedWarm); err != nil {
		return able{}, err
	}
	before, cpu, own, began := f.Counters(), usedBy(s), observe.OwnCPU(), time.Now()
	if err := e.Sleep(closedWindow); err != nil {
		return able{}, err
	}
	after, took := f.Counters(), time.Since(began).Seconds()
	used := usedBy(s) - cpu
	a := able{own: (observe.OwnCPU() - own).Seconds() / took, refused: after.Refused - before.Refused}
	done := float64(after.Results - before.Results)
	if done == 0 {
		return a, fmt.Errorf("no call of %d us was answered", micros)
	}
	a.perSecond, a.server = done/took, used.Seconds()/done
	return a, e.Halt(f)
}

// ableMixed is what the server can do of calls of several kinds.
func ableMixed(e *harness.Env, s *harness.Server, c cell) (sum able, err error) {
	for _, part := range c.tool.each {
		a, err := measure(e, s, c.transport, part.micros, c.key)
		if err != nil {
			return sum, err
		}
		sum.perSecond += part.part / a.perSecond
		sum.server += part.part * a.server
		sum.own += part.part * a.own
		sum.refused += a.refused
	}
	sum.perSecond = 1 / sum.perSecond
	return sum, nil
}

func usedBy(s *harness.Server) time.Duration {
	if d, err := harness.Scheduled(s.PID()); err == nil {
		return d
	}
	d, _ := s.CPU()
	return d
}

// stretch is what was seen in one part of a step.
type stretch struct {
	client.Counters
	took   float64       // seconds
	server time.Duration // CPU
	own    time.Duration
}

// load is the fleets of a cell.
type load struct {
	e      *harness.Env
	s      *harness.Server
	fleets []*client.Fleet
	parts  []float64 // of the rate, of one connection
	mark   time.Time
	cpu    time.Duration
	own    time.Duration
	before client.Counters
}

// open opens the connections of a cell, each kind of calls on its own. Who is refused comes again at once, so many
// times.
func open(e *harness.Env, s *harness.Server, c cell, again int) (*load, error) {
	l := &load{e: e, s: s}
	for _, part := range c.tool.each {
		n := max(1, int(float64(c.connections)*part.part+0.5))
		f, err := e.Open(n, func(o *client.Options) {
			calls(s, c.transport, part.micros)(o)
			o.Sources, o.Tick, o.Exact = client.LoopbackSources(sources), harness.OpenTick, true
			o.Retries = again
			if c.transport != wire.HTTP {
				o.Window = harness.OpenWindow
			}
		})
		if err != nil {
			return nil, err
		}
		l.fleets, l.parts = append(l.fleets, f), append(l.parts, part.part/float64(n))
	}
	return l, nil
}

func (l *load) close() {
	for _, f := range l.fleets {
		l.e.CloseFleet(f)
	}
}

// plan begins to offer rates, one after the other.
func (l *load) plan(rates []float64, lengths []time.Duration) {
	begin := time.Now().Add(lead)
	for i, f := range l.fleets {
		var parts []pacing.Segment
		for j, rate := range rates {
			each := rate * l.parts[i]
			parts = append(parts, pacing.Segment{Length: lengths[j], From: each, To: each})
		}
		f.StartPlan(pacing.NewPlan(parts...), begin)
	}
	l.mark = begin
}

// until waits for the end of the next part of the plan and returns what was seen in it.
func (l *load) until(length time.Duration) (stretch, error) {
	end := l.mark.Add(length)
	if err := l.e.Sleep(time.Until(end)); err != nil {
		return stretch{}, err
	}
	sum := client.NewCounters()
	for _, f := range l.fleets {
		c := f.Take()
		table.Add(&sum, &c)
	}
	cpu, own := usedBy(l.s), observe.OwnCPU()
	got := stretch{Counters: sum, took: length.Seconds(), server: cpu - l.cpu, own: own - l.own}
	got.Results -= l.before.Results
	got.Refused -= l.before.Refused
	got.Sent -= l.before.Sent
	got.Planned -= l.before.Planned
	l.before, l.cpu, l.own, l.mark = sum, cpu, own, end
	return got, nil
}

// halt ends it and returns how many calls nobody can explain.
func (l *load) halt() (unexplained float64, reasons map[string]uint64, err error) {
	reasons = map[string]uint64{}
	for _, f := range l.fleets {
		ctx, cancel := context.WithTimeout(l.e.Ctx, drain)
		_ = f.Stop(ctx) // what is in flight then is unexplained
		cancel()
		c := f.Counters()
		unexplained += float64(c.Sent) - float64(c.Results+c.Refused+c.Cancelled) + float64(c.Bad)
		for why, n := range c.Reasons {
			reasons[why] += n
		}
	}
	return unexplained, reasons, l.e.Ctx.Err()
}
