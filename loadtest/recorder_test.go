package loadtest

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"weir/loadtest/client"
	"weir/loadtest/internal/fixture"
	"weir/loadtest/observe"
	"weir/loadtest/probe"
	"weir/loadtest/report"
	"weir/loadtest/table"
	"weir/loadtest/wire"
)

// sampleRun is a run of the flood scenario, 6 s long, that saw what no server would do twice.
func sampleRun(t *testing.T, slower float64) *report.Report {
	t.Helper()
	s := FindScenario("flood").Scaled(0.01)
	s.settle(0)
	r := &Run{Scenario: s, Version: "v1", Commit: "0123456789abcdef", Command: "weir load flood",
		Target: wire.Target{URL: "tcp://127.0.0.1:7777", Network: "tcp", Address: "127.0.0.1:7777"}}
	b := newRecorder(r, &probe.Result{Revision: "2025-11-25", Server: "weir <v1>", Method: wire.MethodCall, Tool: "echo",
		Args: `{}`})
	b.report.Started = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	b.report.Machine = observe.Host{CPU: "a CPU", Cores: 2, MemoryBytes: 8 << 30, Kernel: "6.1", Go: "go1.26",
		OpenFiles: 20_000}
	b.watch = &observe.Watcher{Admin: "127.0.0.1:1", Limits: observe.ServerLimits{Version: "v1",
		Commit: "fedcba9876543210", Connections: 100, QueueMessages: 1000, QueueBytes: 1 << 20}}
	now := observe.ServerStats{ResidentBytes: 20 << 20, CPUSeconds: 1}
	b.stats = func() observe.ServerStats { return now }
	b.before = now
	b.describeGenerator(r.jobs(client.DefaultOptions()))
	c := client.NewCounters()
	for i := range b.instants {
		n := uint64(100 + i)
		c.Planned += n
		c.Sent += n
		c.Results += n - 3
		c.Refused += 2
		c.Errors++
		c.Reasons["queue_full"] += 2
		c.Reasons["no <luck>"]++
		c.Open = uint64(10 * i)
		c.Opened = c.Open
		sample := Sample{Index: i, Counters: c, CPU: time.Duration(i) * 10 * time.Millisecond}
		sample.Counters = client.NewCounters()
		table.Add(&sample.Counters, &c)
		for k := range n - 3 {
			client.Record(sample.Counters.Latency, time.Duration(slower*float64(k+1))*100*time.Microsecond)
			client.Record(sample.Counters.Late, 20*time.Microsecond)
		}
		now.ResidentBytes += 1 << 20
		now.CPUSeconds += 0.05
		b.record(&sample)
	}
	c.InFlight = 1
	c.Sent++
	last := Sample{Index: len(b.instants), Counters: c}
	b.record(&last)
	b.watch.Admin = ""
	b.conclude(false, nil, &now)
	return &b.report
}

// TestRecorder holds the reports that package report is tested with against what a recorder makes of the same samples.
func TestRecorder(t *testing.T) {
	for name, slower := range map[string]float64{"even.json": 1, "slower.json": 3} {
		file := filepath.Join(t.TempDir(), name)
		if err := sampleRun(t, slower).Write(file); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		fixture.Golden(t, filepath.Join("report", "testdata", name), string(got))
	}
}
