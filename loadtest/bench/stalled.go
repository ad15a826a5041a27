package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"weir/loadtest/client"
)

const (
	stalledConnections = 5000
	stalledText        = 1 << 10 // of one call; its answer is as long
	stalledCalls       = 53      // per client: a little more than the kernel's buffers take, so that about 8 KiB wait in the server
	stalledReceive     = 4 << 10
	writeTimeout       = 10 * time.Second // write_timeout's default
	catchUp            = time.Second
	sweepSlack         = 2 * time.Second // the server looks once a second
)

func stalled(e *env) (*table, error) {
	t := &table{Columns: []string{"stalled clients", "good p99 alone, ms", "while they send, ms", "while they are stalled, ms",
		"ratio", "closed as write_stalled", "closed as outbox_budget", "last closed after, s", "peak RSS, MiB"}}
	n := e.scaled(stalledConnections)
	for run := range e.runs {
		if err := e.oneStall(t, n); err != nil {
			return nil, err
		}
		e.progress("run %d: good p99 %s ms alone, %s ms beside %d stalled", run+1, number(t.Samples["alone ms"][run]),
			number(t.Samples["stalled ms"][run]), n)
	}
	t.row(grouped(int64(n)), t.text("alone ms"), t.text("onset ms"), t.text("stalled ms"), t.text("ratio"),
		t.text("write_stalled"), t.text("outbox_budget"), t.text("closed s"), t.text("peak MiB"))
	t.atMost("good p99, beside stalled clients / alone", t.median("ratio"), 1.5, "times")
	t.atLeast("closed by name", t.median("write_stalled")+t.median("outbox_budget"), float64(n), "clients")
	t.atMost("last closed after the last answer was made", t.median("closed s"), (writeTimeout + sweepSlack).Seconds(), "s")
	t.note("%d good clients make %d calls/s (an open load); the others send %d calls of %d bytes each and never read",
		busyConnections, busyPerSecond, stalledCalls, stalledText)
	return t, nil
}

func (e *env) oneStall(t *table, n int) error {
	s, err := e.weir("")
	if err != nil {
		return err
	}
	defer e.stopServer(s.Process)
	good, err := e.busy(s)
	if err != nil {
		return err
	}
	defer e.closeFleet(good)
	good.Start()
	alone, err := e.latencyOf(good)
	if err != nil {
		return err
	}
	f, err := e.open(n, func(o *client.Options) {
		o.Address, o.NeverRead, o.Sources = s.tcp, true, client.LoopbackSources(8)
		o.Arguments = fmt.Sprintf(`{"message":"%s"}`, strings.Repeat("x", stalledText))
		o.Window, o.CallsPerConnection, o.ReceiveBufferBytes = stalledCalls, stalledCalls, stalledReceive
	})
	if err != nil {
		return err
	}
	defer e.closeFleet(f)
	good.ResetLatency()
	f.Start()
	// What they have sent is answered first; only then are they nothing but stalled.
	err = e.poll(samplingPeriod, floodTimeout, func() (bool, error) {
		st, err := s.status()
		c := f.Counters()
		return c.Sent >= uint64(n*stalledCalls) && st.Queue.Waiting == 0 && st.Queue.ExecutingCompute == 0, err
	})
	if err != nil {
		return fmt.Errorf("the calls of the stalled clients do not end: %w", err)
	}
	series, err := s.metrics()
	if err != nil {
		return err
	}
	answered := time.Now()
	t.sample("outbox MiB", series["weir_outbox_bytes"]/(1<<20))
	// The good clients still have calls to make that the plan wanted while the server was busy; those belong to that time.
	if err := e.sleep(catchUp); err != nil {
		return err
	}
	onset := good.Counters()
	good.ResetLatency()
	err = e.poll(samplingPeriod, writeTimeout+2*sweepSlack, func() (bool, error) { c := f.Counters(); return c.Open == 0, nil })
	if err != nil && !errors.Is(err, errTooLong) { // who is still connected then is missing among the closed
		return err
	}
	waited, during := time.Since(answered), good.Counters()
	if series, err = s.metrics(); err != nil {
		return err
	}
	m, err := s.Memory()
	if err != nil {
		return err
	}
	t.sampleStall(alone, onset, during, series)
	t.sample("closed s", waited.Seconds())
	t.sample("peak MiB", float64(m.PeakBytes)/(1<<20))
	return e.halt(good)
}

// sampleStall keeps what the good clients saw, and how the others ended.
func (t *table) sampleStall(alone float64, onset, during client.Counters, series map[string]float64) {
	p99 := float64(during.Latency.ValueAtQuantile(99))
	t.sample("alone ms", alone/1000)
	t.sample("onset ms", float64(onset.Latency.ValueAtQuantile(99))/1000)
	t.sample("stalled ms", p99/1000)
	t.sample("ratio", p99/alone)
	for _, reason := range []string{"write_stalled", "outbox_budget"} {
		t.sample(reason, series[`weir_connections_closed_total{reason="`+reason+`"}`])
	}
}
