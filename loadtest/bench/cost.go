package main

import (
	"fmt"
	"time"

	"weir/loadtest/client"
	"weir/loadtest/observe"
)

// cost is one measured window of one server.
type cost struct {
	calls   float64 // answered
	perSec  float64
	server  float64 // CPU of the server per call, microseconds
	own     float64 // CPU of the generator per call, microseconds
	p50     float64 // microseconds
	p99     float64
	refused float64
}

// cost lets a fleet call for one window and reads what the server used meanwhile. The fleet is started before the window and
// stopped after it, so neither end is measured.
func (e *env) cost(p *observe.Process, f *client.Fleet) (cost, error) {
	f.Start()
	if err := e.sleep(warmUp); err != nil {
		return cost{}, err
	}
	f.ResetLatency()
	w, err := e.observe(p, f, e.window(), p.CPU)
	if err != nil {
		return cost{}, err
	}
	if err := e.halt(f); err != nil {
		return cost{}, fmt.Errorf("%s: %w", p.Name, err)
	}
	calls := float64(w.after.Answered() - w.before.Answered())
	if calls == 0 {
		return cost{}, fmt.Errorf("%s answered no call in %v", p.Name, w.took)
	}
	c := w.costOf(calls)
	c.p50 = float64(w.after.Latency.ValueAtQuantile(50))
	c.p99 = float64(w.after.Latency.ValueAtQuantile(99))
	c.refused = float64(w.after.Refused - w.before.Refused)
	return c, nil
}

// observed is what a server and a fleet did in one window.
type observed struct {
	before, after client.Counters
	server, own   time.Duration // CPU
	took          time.Duration
}

// observe reads the fleet's counters and both processor times at the beginning and at the end of a window.
func (e *env) observe(p *observe.Process, f *client.Fleet, window time.Duration, cpu func() (time.Duration, error)) (observed, error) {
	began, own := time.Now(), observe.OwnCPU()
	w := observed{before: f.Counters()}
	used, err := cpu()
	if err != nil {
		return w, err
	}
	if err := e.sleep(window); err != nil {
		return w, err
	}
	usedThen, err := cpu()
	if err != nil {
		return w, err
	}
	w.after, w.own, w.took = f.Counters(), observe.OwnCPU()-own, time.Since(began)
	w.server = usedThen - used
	return w, nil
}

// costOf spreads what a window has used over n calls.
func (w *observed) costOf(n float64) cost {
	return cost{calls: n, perSec: n / w.took.Seconds(), server: micros(w.server) / n, own: micros(w.own) / n}
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// costColumns head the rows that costRow writes.
var costColumns = []string{"server", "CPU per call, us", "calls/s", "p50, us", "p99, us", "generator's CPU per call, us"}

// keep enters a window into the table's samples under the server's name.
func (t *table) keep(name string, c cost) {
	t.sample(name+" cpu us", c.server)
	t.sample(name+" calls/s", c.perSec)
	t.sample(name+" p50 us", c.p50)
	t.sample(name+" p99 us", c.p99)
	t.sample(name+" generator cpu us", c.own)
}

func (t *table) costRow(name string) {
	t.row(name, t.text(name+" cpu us"), t.text(name+" calls/s"), t.text(name+" p50 us"), t.text(name+" p99 us"),
		t.text(name+" generator cpu us"))
}

// ratio keeps the ratio of two servers' CPU in one round: machines drift, and a ratio within a round drifts least.
func (t *table) ratio(a, b string, costs map[string]cost) string {
	key := a + " / " + b
	t.sample(key, costs[a].server/costs[b].server)
	return key
}
