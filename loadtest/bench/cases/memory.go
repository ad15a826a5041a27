package cases

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"weir/loadtest/bench/harness"
	"weir/loadtest/bench/record"
	"weir/loadtest/client"
	"weir/loadtest/wire"
)

const (
	memoryStep  = 3000
	memorySteps = 6
	settle      = 3 * time.Second // for the server to give back what opening took
)

// memory opens connections in steps and fits a line through what the server holds: the slope is the weight of a
// connection, free of what the server weighs without any.
func memory(e *harness.Env) (*record.Table, error) {
	t := &record.Table{Columns: []string{"transport", "resident bytes per connection", "R²", "RSS at the first step, MiB",
		"RSS at the last, MiB", "goroutines at the first", "at the last", "kernel slab per connection, both ends, bytes"}}
	step := e.Scaled(memoryStep)
	for _, transport := range []wire.Transport{wire.Line, wire.WebSocket, wire.HTTP} {
		for run := range e.Runs {
			if err := weighConnections(e, t, transport, step); err != nil {
				return nil, fmt.Errorf("%v: %w", transport, err)
			}
			e.Progress("run %d: %v: %s bytes per connection", run+1, transport,
				record.Number(t.Samples[transport.String()+" bytes"][run]))
		}
		name := transport.String()
		t.Row(name, t.Text(name+" bytes"), strconv.FormatFloat(t.Median(name+" r2"), 'f', 4, 64), t.Text(name+" first MiB"),
			t.Text(name+" last MiB"), t.Text(name+" first goroutines"), t.Text(name+" last goroutines"),
			t.Text(name+" slab bytes"))
		limit := 1024.0
		if transport == wire.HTTP {
			limit = 2048
		}
		t.AtMost("resident per idle connection, "+name, t.Median(name+" bytes"), limit, "bytes")
		t.AtMost("goroutines gained, "+name, t.Median(name+" last goroutines")-t.Median(name+" first goroutines"), 4, "")
	}
	t.Note("%d to %d connections in %d steps, each initialised and then one call; HTTP with a session", step,
		step*memorySteps, memorySteps)
	t.Note("RSS holds whatever garbage the collector has not returned yet; kernel memory is not part of it")
	return t, nil
}

// weighConnections measures one transport once, with a server of its own.
func weighConnections(e *harness.Env, t *record.Table, transport wire.Transport, step int) error {
	s, err := e.Weir(fmt.Sprintf("max_connections: %d\nlog:\n  level: warn\n", step*memorySteps+100))
	if err != nil {
		return err
	}
	defer e.StopServer(s.Process)
	f, err := e.Fleet(func(o *client.Options) {
		o.Address, o.Transport, o.CallsPerConnection = s.Address(transport), transport, 1
		o.Sources = client.LoopbackSources(8)
	})
	if err != nil {
		return err
	}
	defer e.CloseFleet(f)
	f.Start()
	name := transport.String()
	slabBefore := slabBytes()
	var counts, resident []float64
	for i := range memorySteps {
		if err := openAndCall(e, f, step); err != nil {
			return err
		}
		bytes, goroutines, err := settled(e, s, settle)
		if err != nil {
			return err
		}
		c := f.Counters()
		if c.Open != uint64((i+1)*step) {
			return fmt.Errorf("%d of %d connections are open: %v", c.Open, (i+1)*step, c.Ended)
		}
		counts, resident = append(counts, float64(c.Open)), append(resident, bytes)
		switch i {
		case 0:
			t.Sample(name+" first MiB", bytes/(1<<20))
			t.Sample(name+" first goroutines", goroutines)
		case memorySteps - 1:
			t.Sample(name+" last MiB", bytes/(1<<20))
			t.Sample(name+" last goroutines", goroutines)
			t.Sample(name+" slab bytes", (slabBytes()-slabBefore)/float64(c.Open))
		}
	}
	bytes, r2 := record.Slope(counts, resident)
	t.Sample(name+" bytes", bytes)
	t.Sample(name+" r2", r2)
	return nil
}

// settled lets the server rest, and returns its resident bytes and its goroutines.
func settled(e *harness.Env, s *harness.Server, rest time.Duration) (resident, goroutines float64, err error) {
	if err := e.Sleep(rest); err != nil {
		return 0, 0, err
	}
	m, err := s.Memory()
	if err != nil {
		return 0, 0, err
	}
	st, err := s.Status()
	return float64(m.ResidentBytes), float64(st.Goroutines), err
}

// openAndCall opens n connections and waits until each has had its call answered.
func openAndCall(e *harness.Env, f *client.Fleet, n int) error {
	ctx, cancel := context.WithTimeout(e.Ctx, harness.OpenTimeout)
	defer cancel()
	if err := f.Open(ctx, n); err != nil {
		return err
	}
	if err := f.Done(ctx); err != nil {
		return err
	}
	c := f.Counters()
	return c.Check()
}

// slabBytes is what the kernel holds in slabs, sockets among them; 0 when it cannot be read.
func slabBytes() float64 {
	b, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "Slab:"); ok {
			kb, _ := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 64)
			return kb * 1024
		}
	}
	return 0
}
