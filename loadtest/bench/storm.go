package main

import (
	"time"

	"weir/loadtest/client"
	"weir/loadtest/observe"
	"weir/loadtest/wire"
)

const (
	stormConnections = 15_000
	busyConnections  = 200
	busyPerSecond    = 5000 // calls of all busy connections together, planned: an open load
)

// busy opens the fleet of well-behaved clients whose latency shows what others suffer.
func (e *env) busy(s *server) (*client.Fleet, error) {
	return e.open(busyConnections, func(o *client.Options) { o.Address, o.RatePerSecond = s.tcp, busyPerSecond })
}

// latencyOf starts a fleet and returns its p99 in microseconds over one window.
func (e *env) latencyOf(f *client.Fleet) (float64, error) {
	if err := e.sleep(warmUp); err != nil {
		return 0, err
	}
	f.ResetLatency()
	if err := e.sleep(e.window()); err != nil {
		return 0, err
	}
	c := f.Counters()
	return float64(c.Latency.ValueAtQuantile(99)), nil
}

func storm(e *env) (*table, error) {
	t := &table{Columns: []string{"connections", "open and pinged: p50, ms", "p99, ms", "slowest, ms", "all open after, ms", "refused", "failed",
		"dropped by the kernel", "busy p99 alone, ms", "busy p99 in the storm, ms"}}
	n := e.scaled(stormConnections)
	for run := range e.runs {
		if err := e.oneStorm(t, n); err != nil {
			return nil, err
		}
		e.progress("run %d: %d connections open after %s ms", run+1, n, number(t.Samples["all ms"][run]))
	}
	t.row(grouped(int64(n)), t.text("p50 ms"), t.text("p99 ms"), t.text("slowest ms"), t.text("all ms"), t.text("refused"), t.text("failed"),
		t.text("dropped"), t.text("busy alone ms"), t.text("busy storm ms"))
	t.atMost("all connections open and pinged", t.median("all ms"), 3000, "ms")
	t.atMost("refused or failed", t.median("refused")+t.median("failed"), 0, "connections")
	t.note("connects are begun as fast as the generator can, without waiting for any; a connection counts when its first ping was " +
		"answered")
	t.note("%d busy connections make %d calls/s meanwhile, latency from the plan; the generator shares the cores, so the storm "+
		"delays its own clock too", busyConnections, busyPerSecond)
	return t, nil
}

func (e *env) oneStorm(t *table, n int) error {
	s, err := e.weir("")
	if err != nil {
		return err
	}
	defer e.stopServer(s.Process)
	calm, err := e.busy(s)
	if err != nil {
		return err
	}
	defer e.closeFleet(calm)
	calm.Start()
	alone, err := e.latencyOf(calm)
	if err != nil {
		return err
	}
	drops, err := observe.ListenDrops()
	if err != nil {
		return err
	}
	f, err := e.fleet(func(o *client.Options) {
		o.Address, o.Opening, o.MaxConnecting, o.Sources = s.tcp, wire.OpenPing, 0, client.LoopbackSources(8)
	})
	if err != nil {
		return err
	}
	defer e.closeFleet(f)
	calm.ResetLatency()
	began := time.Now()
	f.Launch(n)
	err = e.poll(20*time.Millisecond, openTimeout, func() (bool, error) {
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
	t.sample("p50 ms", float64(c.Opening.ValueAtQuantile(50))/1000)
	t.sample("p99 ms", float64(c.Opening.ValueAtQuantile(99))/1000)
	t.sample("slowest ms", float64(c.Opening.Max())/1000)
	t.sample("all ms", micros(took)/1000)
	t.sample("refused", float64(c.Ended[client.EndRefused]))
	t.sample("failed", float64(uint64(n)-c.Opened-c.Ended[client.EndRefused]))
	t.sample("dropped", float64(dropsThen-drops))
	t.sample("busy alone ms", alone/1000)
	t.sample("busy storm ms", float64(b.Latency.ValueAtQuantile(99))/1000)
	return e.halt(calm)
}
