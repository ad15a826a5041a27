package cases

import (
	"time"

	"weir/loadtest/bench/harness"
	"weir/loadtest/bench/record"
	"weir/loadtest/client"
	"weir/loadtest/observe"
	"weir/loadtest/wire"
)

const (
	stormConnections = 15_000
	busyConnections  = 200
	busyPerSecond    = 5000 // calls of all busy connections together, planned: an open load
)

// busyFleet opens the fleet of well-behaved clients whose latency shows what others suffer.
func busyFleet(e *harness.Env, s *harness.Server) (*client.Fleet, error) {
	return e.Open(busyConnections, func(o *client.Options) { o.Address, o.RatePerSecond = s.TCP, busyPerSecond })
}

// latencyOf starts a fleet and returns its p99 in microseconds over one window.
func latencyOf(e *harness.Env, f *client.Fleet) (float64, error) {
	if err := e.Sleep(harness.WarmUp); err != nil {
		return 0, err
	}
	f.ResetLatency()
	if err := e.Sleep(e.Window()); err != nil {
		return 0, err
	}
	c := f.Counters()
	return float64(c.Latency.ValueAtQuantile(99)), nil
}

func storm(e *harness.Env) (*record.Table, error) {
	t := &record.Table{Columns: []string{"connections", "open and pinged: p50, ms", "p99, ms", "slowest, ms",
		"all open after, ms", "refused", "failed",
		"dropped by the kernel", "busy p99 alone, ms", "busy p99 in the storm, ms"}}
	n := e.Scaled(stormConnections)
	for run := range e.Runs {
		if err := oneStorm(e, t, n); err != nil {
			return nil, err
		}
		e.Progress("run %d: %d connections open after %s ms", run+1, n, record.Number(t.Samples["all ms"][run]))
	}
	t.Row(record.Grouped(int64(n)), t.Text("p50 ms"), t.Text("p99 ms"), t.Text("slowest ms"), t.Text("all ms"),
		t.Text("refused"), t.Text("failed"),
		t.Text("dropped"), t.Text("busy alone ms"), t.Text("busy storm ms"))
	t.AtMost("all connections open and pinged", t.Median("all ms"), 3000, "ms")
	t.AtMost("refused or failed", t.Median("refused")+t.Median("failed"), 0, "connections")
	t.Note("connects are begun as fast as the generator can, without waiting for any; a connection counts when its " +
		"first ping was " +
		"answered")
	t.Note("%d busy connections make %d calls/s meanwhile, latency from the plan; the generator shares the cores, so "+
		"the storm "+
		"delays its own clock too", busyConnections, busyPerSecond)
	return t, nil
}

func oneStorm(e *harness.Env, t *record.Table, n int) error {
	s, err := e.Weir("")
	if err != nil {
		return err
	}
	defer e.StopServer(s.Process)
	calm, err := busyFleet(e, s)
	if err != nil {
		return err
	}
	defer e.CloseFleet(calm)
	calm.Start()
	alone, err := latencyOf(e, calm)
	if err != nil {
		return err
	}
	drops, err := observe.ListenDrops()
	if err != nil {
		return err
	}
	f, err := e.Fleet(func(o *client.Options) {
		o.Address, o.Opening, o.MaxConnecting, o.Sources = s.TCP, wire.OpenPing, 0, client.LoopbackSources(8)
	})
	if err != nil {
		return err
	}
	defer e.CloseFleet(f)
	calm.ResetLatency()
	began := time.Now()
	f.Launch(n)
	err = e.Poll(20*time.Millisecond, harness.OpenTimeout, func() (bool, error) {
		c := f.Counters()
		total := c.Opened
		for _, ended := range c.Ended {
			total += ended
		}
		return total >= uint64(n), nil
	})
	if err != nil {
		return err
	}
	took := time.Since(began)
	c, b := f.Counters(), calm.Counters()
	dropsThen, err := observe.ListenDrops()
	if err != nil {
		return err
	}
	t.Sample("p50 ms", float64(c.Opening.ValueAtQuantile(50))/1000)
	t.Sample("p99 ms", float64(c.Opening.ValueAtQuantile(99))/1000)
	t.Sample("slowest ms", float64(c.Opening.Max())/1000)
	t.Sample("all ms", harness.Micros(took)/1000)
	t.Sample("refused", float64(c.Ended[client.EndRefused]))
	t.Sample("failed", float64(uint64(n)-c.Opened-c.Ended[client.EndRefused]))
	t.Sample("dropped", float64(dropsThen-drops))
	t.Sample("busy alone ms", alone/1000)
	t.Sample("busy storm ms", float64(b.Latency.ValueAtQuantile(99))/1000)
	return e.Halt(calm)
}
