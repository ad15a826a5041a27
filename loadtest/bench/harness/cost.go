package harness

import (
	"fmt"
	"time"

	"weir/loadtest/bench/record"
	"weir/loadtest/client"
	"weir/loadtest/observe"
)

// Cost is one measured window of one server.
type Cost struct {
	calls   float64 // answered
	PerSec  float64
	Server  float64 // CPU of the server per call, microseconds
	Own     float64 // CPU of the generator per call, microseconds
	p50     float64 // microseconds
	p99     float64
	Refused float64
}

// Cost lets a fleet call for one window and reads what the server used meanwhile. The fleet is started before the
// window and stopped after it, so neither end is measured.
func (e *Env) Cost(p *observe.Process, f *client.Fleet) (Cost, error) {
	f.Start()
	if err := e.Sleep(WarmUp); err != nil {
		return Cost{}, err
	}
	f.ResetLatency()
	w, err := e.Observe(p, f, e.Window(), p.CPU)
	if err != nil {
		return Cost{}, err
	}
	if err := e.Halt(f); err != nil {
		return Cost{}, fmt.Errorf("%s: %w", p.Name, err)
	}
	calls := float64(w.After.Answered() - w.Before.Answered())
	if calls == 0 {
		return Cost{}, fmt.Errorf("%s answered no call in %v", p.Name, w.took)
	}
	c := w.CostOf(calls)
	c.p50 = float64(w.After.Latency.ValueAtQuantile(50))
	c.p99 = float64(w.After.Latency.ValueAtQuantile(99))
	c.Refused = float64(w.After.Refused - w.Before.Refused)
	return c, nil
}

// observed is what a server and a fleet did in one window.
type observed struct {
	Before, After client.Counters
	server, own   time.Duration // CPU
	took          time.Duration
}

// Observe reads the fleet's counters and both processor times at the beginning and at the end of a window.
func (e *Env) Observe(p *observe.Process, f *client.Fleet, window time.Duration,
	cpu func() (time.Duration, error)) (observed, error) {
	began, own := time.Now(), observe.OwnCPU()
	w := observed{Before: f.Counters()}
	used, err := cpu()
	if err != nil {
		return w, err
	}
	if err := e.Sleep(window); err != nil {
		return w, err
	}
	usedThen, err := cpu()
	if err != nil {
		return w, err
	}
	w.After, w.own, w.took = f.Counters(), observe.OwnCPU()-own, time.Since(began)
	w.server = usedThen - used
	return w, nil
}

// CostOf spreads what a window has used over n calls.
func (w *observed) CostOf(n float64) Cost {
	return Cost{calls: n, PerSec: n / w.took.Seconds(), Server: Micros(w.server) / n, Own: Micros(w.own) / n}
}

// Micros is a time in microseconds.
func Micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// CostColumns head the rows that costRow writes.
var CostColumns = []string{"server", "CPU per call, us", "calls/s", "p50, us", "p99, us",
	"generator's CPU per call, us"}

// KeepCost enters a window into the table's samples under the server's name.
func KeepCost(t *record.Table, name string, c Cost) {
	t.Sample(name+" cpu us", c.Server)
	t.Sample(name+" calls/s", c.PerSec)
	t.Sample(name+" p50 us", c.p50)
	t.Sample(name+" p99 us", c.p99)
	t.Sample(name+" generator cpu us", c.Own)
}

// CostRow adds the row of a server whose windows KeepCost has kept.
func CostRow(t *record.Table, name string) {
	t.Row(name, t.Text(name+" cpu us"), t.Text(name+" calls/s"), t.Text(name+" p50 us"), t.Text(name+" p99 us"),
		t.Text(name+" generator cpu us"))
}

// CostRatio keeps the ratio of two servers' CPU in one round: machines drift, and a ratio within a round drifts least.
func CostRatio(t *record.Table, a, b string, costs map[string]Cost) string {
	key := a + " / " + b
	t.Sample(key, costs[a].Server/costs[b].Server)
	return key
}
