package main

import (
	"context"
	"fmt"
	"time"

	"weir/loadtest/client"
	"weir/loadtest/wire"
)

const (
	isolatedCalls   = 1_000_000
	isolatedClients = 1000
	cancelEvery     = 10
	slowMillis      = 30_000 // longer than the run: no answer to it can be anything but wrong
	cancelAfter     = 5 * time.Millisecond
	isolatedTimeout = 120 * time.Second
	straggling      = 500 * time.Millisecond // for answers that nobody waits for
)

// isolatedKind is a share of the clients.
type isolatedKind struct {
	name      string
	transport wire.Transport
	era       wire.Era
}

var isolatedKinds = []isolatedKind{
	{"tcp", wire.Line, wire.Legacy},
	{"ws", wire.WebSocket, wire.Legacy},
	{"http, sessions", wire.HTTP, wire.Legacy},
	{"http, 2026-07-28", wire.HTTP, wire.Modern},
}

func isolation(e *env) (*table, error) {
	t := &table{Columns: []string{"clients", "calls sent", "answered", "cancelled", "of these answered all the same", "refused", "crossed",
		"unexplained", "calls/s"}}
	for run := range e.runs {
		if err := e.oneIsolation(t); err != nil {
			return nil, err
		}
		e.progress("run %d: %s calls, %s crossed, %s unexplained", run+1, number(t.total("sent", run)), number(t.total("crossed", run)),
			number(t.total("unexplained", run)))
	}
	for _, k := range isolatedKinds {
		cells := []string{k.name}
		for _, figure := range []string{"sent", "answered", "cancelled", "raced", "refused", "crossed", "unexplained", "calls/s"} {
			cells = append(cells, t.text(k.name+" "+figure))
		}
		t.row(cells...)
	}
	least := func(figure string) float64 {
		var runs []float64
		for run := range e.runs {
			runs = append(runs, t.total(figure, run))
		}
		return median(runs)
	}
	t.atLeast("calls", least("sent"), float64(e.scaled(isolatedCalls)), "calls")
	t.atLeast("cancelled", least("cancelled"), 0.09*least("sent"), "calls")
	for _, k := range isolatedKinds {
		t.atMost("crossed, "+k.name, t.worst(k.name+" crossed"), 0, "answers")
		t.atMost("unexplained, "+k.name, t.worst(k.name+" unexplained"), 0, "calls")
	}
	t.note("%d clients, a quarter on each transport, all at once; every call has the id 1 and a number of its own that its answer must bring back",
		isolatedClients)
	t.note("every %dth call is cancelled: one half in the write that sends it, the other half calls `sleep` and is cancelled after %v; in "+
		"2026-07-28 the connection is closed", cancelEvery, cancelAfter)
	t.note("refused would also be calls whose id was found in flight, by a server that keeps it until the cancelled call before has ended")
	t.note("sent = answered + cancelled + refused + unexplained; marks are for the worst run")
	return t, nil
}

// total is the sum of a figure over the kinds of clients in one run.
func (t *table) total(figure string, run int) (sum float64) {
	for _, k := range isolatedKinds {
		sum += t.Samples[k.name+" "+figure][run]
	}
	return sum
}

func (e *env) oneIsolation(t *table) error {
	s, err := e.weir("")
	if err != nil {
		return err
	}
	defer e.stopServer(s.Process)
	fleets := make([]*client.Fleet, len(isolatedKinds))
	for i, k := range isolatedKinds {
		share := func(n int) int { return n*(i+1)/len(isolatedKinds) - n*i/len(isolatedKinds) }
		fleets[i], err = e.open(share(isolatedClients), func(o *client.Options) {
			o.Address, o.Transport, o.Era = s.address(k.transport), k.transport, k.era
			o.Arguments = `{"message":"0000000000"}`
			o.OneID = &client.OneID{Calls: share(e.scaled(isolatedCalls)), CancelEvery: cancelEvery,
				Slow: "sleep", SlowArguments: fmt.Sprintf(`{"ms":%d}`, slowMillis), CancelAfter: cancelAfter}
		})
		if err != nil {
			return err
		}
		defer e.closeFleet(fleets[i])
	}
	began := time.Now()
	for _, f := range fleets {
		f.Start()
	}
	ctx, cancel := context.WithTimeout(e.ctx, isolatedTimeout)
	defer cancel()
	took := make([]time.Duration, len(fleets))
	for i, f := range fleets {
		if err := f.Done(ctx); err != nil && e.ctx.Err() != nil {
			return err // else what has not ended shows as unexplained
		}
		took[i] = time.Since(began)
	}
	if err := e.sleep(straggling); err != nil {
		return err
	}
	for i, f := range fleets {
		t.sampleOutcomes(isolatedKinds[i].name, f.Counters(), took[i])
	}
	return nil
}

// sampleOutcomes keeps what became of the calls of one kind of clients.
func (t *table) sampleOutcomes(name string, c client.Counters, took time.Duration) {
	refused := c.Refused + c.Errors
	t.sample(name+" sent", float64(c.Sent))
	t.sample(name+" answered", float64(c.Results+c.ToolErrors))
	t.sample(name+" cancelled", float64(c.Cancelled))
	t.sample(name+" raced", float64(c.Raced))
	t.sample(name+" refused", float64(refused))
	t.sample(name+" crossed", float64(c.Crossed+c.Bad))
	t.sample(name+" unexplained", float64(c.Sent)-float64(c.Results+c.ToolErrors+c.Cancelled+refused))
	t.sample(name+" calls/s", float64(c.Sent)/took.Seconds())
	for why, n := range c.Failures {
		t.note("%s: %s: %d", name, why, n)
	}
}
