package cases

import (
	"context"
	"fmt"
	"time"

	"weir/loadtest/bench/harness"
	"weir/loadtest/bench/record"
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

func isolation(e *harness.Env) (*record.Table, error) {
	t := &record.Table{Columns: []string{"clients", "calls sent", "answered", "cancelled",
		"of these answered all the same", "refused", "crossed",
		"unexplained", "calls/s"}}
	for run := range e.Runs {
		if err := oneIsolation(e, t); err != nil {
			return nil, err
		}
		e.Progress("run %d: %s calls, %s crossed, %s unexplained", run+1, record.Number(totalOf(t, "sent", run)),
			record.Number(totalOf(t, "crossed", run)),
			record.Number(totalOf(t, "unexplained", run)))
	}
	for _, k := range isolatedKinds {
		cells := []string{k.name}
		for _, figure := range []string{"sent", "answered", "cancelled", "raced", "refused", "crossed", "unexplained",
			"calls/s"} {
			cells = append(cells, t.Text(k.name+" "+figure))
		}
		t.Row(cells...)
	}
	least := func(figure string) float64 {
		var runs []float64
		for run := range e.Runs {
			runs = append(runs, totalOf(t, figure, run))
		}
		return record.Median(runs)
	}
	t.AtLeast("calls", least("sent"), float64(e.Scaled(isolatedCalls)), "calls")
	t.AtLeast("cancelled", least("cancelled"), 0.09*least("sent"), "calls")
	for _, k := range isolatedKinds {
		t.AtMost("crossed, "+k.name, worstOf(t, k.name+" crossed"), 0, "answers")
		t.AtMost("unexplained, "+k.name, worstOf(t, k.name+" unexplained"), 0, "calls")
	}
	t.Note("%d clients, a quarter on each transport, all at once; every call has the id 1 and a number of its own that "+
		"its answer must bring back",
		isolatedClients)
	t.Note("every %dth call is cancelled: one half in the write that sends it, the other half calls `sleep` and is "+
		"cancelled after %v; in "+
		"2026-07-28 the connection is closed", cancelEvery, cancelAfter)
	t.Note("refused would also be calls whose id was found in flight, by a server that keeps it until the cancelled " +
		"call before has ended")
	t.Note("sent = answered + cancelled + refused + unexplained; marks are for the worst run")
	return t, nil
}

// totalOf is the sum of a figure over the kinds of clients in one run.
func totalOf(t *record.Table, figure string, run int) (sum float64) {
	for _, k := range isolatedKinds {
		sum += t.Samples[k.name+" "+figure][run]
	}
	return sum
}

func oneIsolation(e *harness.Env, t *record.Table) error {
	s, err := e.Weir("")
	if err != nil {
		return err
	}
	defer e.StopServer(s.Process)
	fleets := make([]*client.Fleet, len(isolatedKinds))
	for i, k := range isolatedKinds {
		share := func(n int) int { return n*(i+1)/len(isolatedKinds) - n*i/len(isolatedKinds) }
		fleets[i], err = e.Open(share(isolatedClients), func(o *client.Options) {
			o.Address, o.Transport, o.Era = s.Address(k.transport), k.transport, k.era
			o.Arguments = `{"message":"0000000000"}`
			o.OneID = &client.OneID{Calls: share(e.Scaled(isolatedCalls)), CancelEvery: cancelEvery,
				Slow: "sleep", SlowArguments: fmt.Sprintf(`{"ms":%d}`, slowMillis), CancelAfter: cancelAfter}
		})
		if err != nil {
			return err
		}
		defer e.CloseFleet(fleets[i])
	}
	began := time.Now()
	for _, f := range fleets {
		f.Start()
	}
	ctx, cancel := context.WithTimeout(e.Ctx, isolatedTimeout)
	defer cancel()
	took := make([]time.Duration, len(fleets))
	for i, f := range fleets {
		if err := f.Done(ctx); err != nil && e.Ctx.Err() != nil {
			return err // else what has not ended shows as unexplained
		}
		took[i] = time.Since(began)
	}
	if err := e.Sleep(straggling); err != nil {
		return err
	}
	for i, f := range fleets {
		sampleOutcomes(t, isolatedKinds[i].name, f.Counters(), took[i])
	}
	return nil
}

// sampleOutcomes keeps what became of the calls of one kind of clients.
func sampleOutcomes(t *record.Table, name string, c client.Counters, took time.Duration) {
	refused := c.Refused + c.Errors
	t.Sample(name+" sent", float64(c.Sent))
	t.Sample(name+" answered", float64(c.Results+c.ToolErrors))
	t.Sample(name+" cancelled", float64(c.Cancelled))
	t.Sample(name+" raced", float64(c.Raced))
	t.Sample(name+" refused", float64(refused))
	t.Sample(name+" crossed", float64(c.Crossed+c.Bad))
	t.Sample(name+" unexplained", float64(c.Sent)-float64(c.Results+c.ToolErrors+c.Cancelled+refused))
	t.Sample(name+" calls/s", float64(c.Sent)/took.Seconds())
	for why, n := range c.Failures {
		t.Note("%s: %s: %d", name, why, n)
	}
}
