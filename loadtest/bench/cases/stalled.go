package cases

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"weir/loadtest/bench/harness"
	"weir/loadtest/bench/record"
	"weir/loadtest/client"
)

const (
	stalledConnections = 5000
	stalledText        = 1 << 10 // of one call; its answer is as long
	// per client: a little more than the kernel's buffers take, so that 8 KiB and more wait in the server
	stalledCalls   = 64
	stalledReceive = 4 << 10
	writeTimeout   = 10 * time.Second // write_timeout's default
	catchUp        = time.Second
	sweepSlack     = 2 * time.Second // the server looks once a second
)

func stalled(e *harness.Env) (*record.Table, error) {
	t := &record.Table{Columns: []string{"stalled clients", "good p99 alone, ms", "while they send, ms",
		"while they are stalled, ms",
		"ratio", "closed as write_timeout", "closed as outbox_total_bytes", "last closed after, s", "peak RSS, MiB"}}
	n := e.Scaled(stalledConnections)
	for run := range e.Runs {
		if err := oneStall(e, t, n); err != nil {
			return nil, err
		}
		e.Progress("run %d: good p99 %s ms alone, %s ms beside %d stalled", run+1, record.Number(t.Samples["alone ms"][run]),
			record.Number(t.Samples["stalled ms"][run]), n)
	}
	t.Row(record.Grouped(int64(n)), t.Text("alone ms"), t.Text("onset ms"), t.Text("stalled ms"), t.Text("ratio"),
		t.Text("write_timeout"), t.Text("outbox_total_bytes"), t.Text("closed s"), t.Text("peak MiB"))
	t.AtMost("good p99, beside stalled clients / alone", t.Median("ratio"), 1.5, "times")
	t.AtLeast("closed by name", t.Median("write_timeout")+t.Median("outbox_total_bytes"), float64(n), "clients")
	t.AtMost("last closed after the last answer was made", t.Median("closed s"), (writeTimeout + sweepSlack).Seconds(),
		"s")
	t.Note("%d good clients make %d calls/s (an open load); the others send %d calls of %d bytes each and never read",
		busyConnections, busyPerSecond, stalledCalls, stalledText)
	return t, nil
}

func oneStall(e *harness.Env, t *record.Table, n int) error {
	s, err := e.Weir("max_expected_wait: 0s\n") // a refusal is too short to fill anybody's buffers
	if err != nil {
		return err
	}
	defer e.StopServer(s.Process)
	good, err := busyFleet(e, s)
	if err != nil {
		return err
	}
	defer e.CloseFleet(good)
	good.Start()
	alone, err := latencyOf(e, good)
	if err != nil {
		return err
	}
	f, err := e.Open(n, func(o *client.Options) {
		o.Address, o.NeverRead, o.Sources = s.TCP, true, client.LoopbackSources(8)
		o.Arguments = fmt.Sprintf(`{"message":"%s"}`, strings.Repeat("x", stalledText))
		o.Window, o.CallsPerConnection, o.ReceiveBufferBytes = stalledCalls, stalledCalls, stalledReceive
	})
	if err != nil {
		return err
	}
	defer e.CloseFleet(f)
	good.ResetLatency()
	f.Start()
	// What they have sent is answered first; only then are they nothing but stalled.
	err = e.Poll(samplingPeriod, floodTimeout, func() (bool, error) {
		st, err := s.Status()
		c := f.Counters()
		return c.Sent >= uint64(n*stalledCalls) && st.Queue.Waiting == 0 && st.Queue.ExecutingCompute == 0, err
	})
	if err != nil {
		return fmt.Errorf("the calls of the stalled clients do not end: %w", err)
	}
	series, err := s.Metrics()
	if err != nil {
		return err
	}
	answered := time.Now()
	t.Sample("outbox MiB", series["weir_outbox_bytes"]/(1<<20))
	// The good clients still have calls to make that the plan wanted while the server was busy; those belong to that time.
	if err := e.Sleep(catchUp); err != nil {
		return err
	}
	onset := good.Counters()
	good.ResetLatency()
	err = e.Poll(samplingPeriod, writeTimeout+2*sweepSlack, func() (bool, error) {
		c := f.Counters()
		return c.Open == 0,
			nil
	})
	if err != nil && !errors.Is(err, harness.ErrTooLong) { // who is still connected then is missing among the closed
		return err
	}
	waited, during := time.Since(answered), good.Counters()
	if series, err = s.Metrics(); err != nil {
		return err
	}
	m, err := s.Memory()
	if err != nil {
		return err
	}
	sampleStall(t, alone, onset, during, series)
	t.Sample("closed s", waited.Seconds())
	t.Sample("peak MiB", float64(m.PeakBytes)/(1<<20))
	return e.Halt(good)
}

// sampleStall keeps what the good clients saw, and how the others ended.
func sampleStall(t *record.Table, alone float64, onset, during client.Counters, series map[string]float64) {
	p99 := float64(during.Latency.ValueAtQuantile(99))
	t.Sample("alone ms", alone/1000)
	t.Sample("onset ms", float64(onset.Latency.ValueAtQuantile(99))/1000)
	t.Sample("stalled ms", p99/1000)
	t.Sample("ratio", p99/alone)
	for _, reason := range []string{"write_timeout", "outbox_total_bytes"} {
		t.Sample(reason, series[`weir_connections_closed_total{reason="`+reason+`"}`])
	}
}
