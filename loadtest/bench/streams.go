package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"

	"weir/loadtest/client"
	"weir/loadtest/wire"
)

const (
	streamStep     = 3000
	streamSteps    = 5
	streamSettle   = 2 * time.Second
	streamChanges  = 10
	silentStreams  = 1000
	silentChanges  = 5
	silentReceive  = 4 << 10 // the kernel buffer of a client that never reads, so that little hides in it
	silentUpdates  = 150     // of about 1.2 KB: more than the kernel's buffers of both ends take
	hearTimeout    = 20 * time.Second
	updateInterval = 10 * time.Millisecond
	afterChange    = 200 * time.Millisecond // for a message too many to arrive
)

// streamKind is one of the two ways to be told of changes unasked.
type streamKind struct {
	name string
	era  wire.Era
	// quietBytes is what one client that never reads may make the server hold beyond its stream: an event that the kernel
	// did not take, and of a session what it could resume with (replay_bytes).
	quietBytes float64
}

// watched is the resource whose updates fill the buffers of those who never read. Its length makes an event of 1.2 KB.
var watched = "bench://" + strings.Repeat("x", 1<<10)

func listens(e *env) (*table, error) {
	return e.streams(streamKind{"listen", wire.Modern, 8 << 10})
}

func sessionStreams(e *env) (*table, error) {
	return e.streams(streamKind{"session with its stream", wire.Legacy, 40 << 10})
}

func (e *env) streams(k streamKind) (*table, error) {
	t := &table{Columns: []string{"clients", "a change heard by half of those who read, ms", "by 99 %, ms", "by all, ms", "the slowest change, ms",
		"CPU per change, ms"}}
	for run := range e.runs {
		if err := e.oneRunOfStreams(t, k); err != nil {
			return nil, err
		}
		e.progress("run %d: %s bytes per %s, the slowest change heard by all after %s ms, beside silent ones %s ms", run+1,
			number(t.Samples["bytes"][run]), k.name, number(t.Samples["slowest ms"][run]), number(t.Samples["silent slowest ms"][run]))
	}
	n, silent := e.scaled(streamStep)*streamSteps, e.scaled(silentStreams)
	rows := [2]string{grouped(int64(n)), fmt.Sprintf("%s, and %s that never read", grouped(int64(n-silent)), grouped(int64(silent)))}
	for i, prefix := range [2]string{"", "silent "} {
		t.row(rows[i], t.text(prefix+"p50 ms"), t.text(prefix+"p99 ms"), t.text(prefix+"all ms"), t.text(prefix+"slowest ms"), t.text(prefix+"cpu ms"))
	}
	t.atMost("resident per "+k.name, t.median("bytes"), 4096, "bytes")
	t.atMost("goroutines gained", t.median("goroutines"), 4, "")
	t.atMost("the slowest change, heard by all", t.median("slowest ms"), 500, "ms")
	t.atMost("the slowest change, heard by all who read, beside silent ones", t.median("silent slowest ms"), 1000, "ms")
	t.atMost("streams that heard of a change twice, or not at all", t.worst("wrong"), 0, "")
	t.atMost("held for a silent one", t.median("held bytes"), k.quietBytes, "bytes")
	t.atMost("held for a silent one, after as many events again", t.median("held twice bytes"), k.quietBytes, "bytes")
	t.atLeast("silent ones closed as write_stalled", t.median("write_stalled"), float64(silent), "clients")
	t.note("%d to %d streams in %d steps, R² of the line %s; then %d changes of the list of tools, one at a time, each timed from before it "+
		"was asked for to the moment the generator has read the event", n/streamSteps, n, streamSteps,
		strconv.FormatFloat(t.median("r2"), 'f', 4, 64), streamChanges)
	t.note("then %d of them give way to as many that never read; %d events of %d bytes for these alone fill the buffers between, then %d "+
		"changes are timed for the others", silent, silentUpdates, len(watched), silentChanges)
	t.note("what is held for a silent one is live heap after a collection, beyond what its stream weighs before the first event")
	t.note("the server is loadtest/peers/changing: weir with a list that changes when it is told to")
	return t, nil
}

// worst is the largest of the samples under a key.
func (t *table) worst(key string) float64 {
	worst := 0.0
	for _, v := range t.Samples[key] {
		worst = max(worst, v)
	}
	return worst
}

func (e *env) oneRunOfStreams(t *table, k streamKind) error {
	s, err := e.changing()
	if err != nil {
		return err
	}
	defer e.stopServer(s.Process)
	readers, err := e.fleet(func(o *client.Options) {
		o.Address, o.Transport, o.Era, o.Stream = s.http, wire.HTTP, k.era, true
		o.Sources = client.LoopbackSources(8)
	})
	if err != nil {
		return err
	}
	defer e.closeFleet(readers)
	if err := e.weighStreams(t, s, readers); err != nil {
		return err
	}
	if err := e.changes(t, s, readers, streamChanges, ""); err != nil {
		return err
	}
	return e.besideSilent(t, s, readers, k)
}

// weighStreams opens the streams in steps, as the memory benchmark does connections.
func (e *env) weighStreams(t *table, s *server, f *client.Fleet) error {
	step := e.scaled(streamStep)
	var counts, resident, goroutines []float64
	for i := range streamSteps {
		if err := e.openStreams(f, step); err != nil {
			return err
		}
		bytes, running, err := e.settled(s, streamSettle)
		if err != nil {
			return err
		}
		counts, resident = append(counts, float64((i+1)*step)), append(resident, bytes)
		goroutines = append(goroutines, running)
	}
	t.sample("goroutines", goroutines[streamSteps-1]-goroutines[0])
	bytes, r2 := slope(counts, resident)
	t.sample("bytes", bytes)
	t.sample("r2", r2)
	return nil
}

// openStreams opens n more streams and waits until something has arrived on each: what it begins with.
func (e *env) openStreams(f *client.Fleet, n int) error {
	ctx, cancel := context.WithTimeout(e.ctx, openTimeout)
	defer cancel()
	if err := f.Open(ctx, n); err != nil {
		return err
	}
	if err := f.Heard(ctx); err != nil {
		return fmt.Errorf("not every stream has begun: %w", err)
	}
	c := f.Counters()
	return c.Check()
}

// changes has the list change n times and measures each time until every open stream of f has heard of it. prefix goes before
// the names of the samples.
func (e *env) changes(t *table, s *server, f *client.Fleet, n int, prefix string) error {
	used, err := s.CPU()
	if err != nil {
		return err
	}
	slowest := 0.0
	for range n {
		c, err := e.change(t, s, f)
		if err != nil {
			return err
		}
		all := float64(c.Hearing.Max()) / 1000
		t.sample(prefix+"p50 ms", float64(c.Hearing.ValueAtQuantile(50))/1000)
		t.sample(prefix+"p99 ms", float64(c.Hearing.ValueAtQuantile(99))/1000)
		t.sample(prefix+"all ms", all)
		slowest = max(slowest, all)
	}
	t.sample(prefix+"slowest ms", slowest)
	usedThen, err := s.CPU()
	t.sample(prefix+"cpu ms", micros(usedThen-used)/1000/float64(n))
	return err
}

// change has the list change once and waits until every open stream of f has heard of it, and a little longer: none may hear
// twice.
func (e *env) change(t *table, s *server, f *client.Fleet) (client.Counters, error) {
	ctx, cancel := context.WithTimeout(e.ctx, hearTimeout)
	defer cancel()
	before := f.Counters()
	f.Expect()
	if err := s.tell("/change"); err != nil {
		return before, err
	}
	if err := f.Heard(ctx); err != nil {
		c := f.Counters()
		return c, fmt.Errorf("%d of %d streams heard of a change: %w", c.Heard, c.Open, err)
	}
	if err := e.sleep(afterChange); err != nil {
		return before, err
	}
	c := f.Counters()
	t.sample("wrong", math.Abs(float64(c.Events-before.Events)-float64(before.Open)))
	return c, c.Check()
}

// besideSilent replaces some of the readers by clients that never read, fills what lies between them and the server, and
// measures what the others notice and what the server holds.
func (e *env) besideSilent(t *table, s *server, readers *client.Fleet, k streamKind) error {
	silent := e.scaled(silentStreams)
	ctx, cancel := context.WithTimeout(e.ctx, openTimeout)
	defer cancel()
	readers.Hold(e.scaled(streamStep)*streamSteps - silent)
	if err := readers.Quiet(ctx); err != nil {
		return err
	}
	f, err := e.open(silent, func(o *client.Options) {
		o.Address, o.Transport, o.Era, o.Stream, o.NeverRead, o.Watch = s.http, wire.HTTP, k.era, true, true, watched
		o.Sources, o.ReceiveBufferBytes = client.LoopbackSources(8), silentReceive
	})
	if err != nil {
		return err
	}
	defer e.closeFleet(f)
	if err := e.sleep(streamSettle); err != nil {
		return err
	}
	before, err := s.live()
	if err != nil {
		return err
	}
	for _, key := range []string{"held bytes", "held twice bytes"} {
		if err := e.update(s, silentUpdates); err != nil {
			return err
		}
		held, err := s.live()
		if err != nil {
			return err
		}
		t.sample(key, (held-before)/float64(silent))
	}
	if err := e.changes(t, s, readers, silentChanges, "silent "); err != nil {
		return err
	}
	stalled := 0.0
	err = e.poll(samplingPeriod, writeTimeout+2*sweepSlack, func() (bool, error) {
		series, err := s.metrics()
		stalled = series[`weir_connections_closed_total{reason="write_stalled"}`]
		return stalled >= float64(silent), err
	})
	t.sample("write_stalled", stalled)
	if err != nil && !errors.Is(err, errTooLong) { // who is still connected then is missing among the closed
		return err
	}
	return nil
}

// update says n times that the watched resource is new, slowly enough that each is a message of its own.
func (e *env) update(s *server, n int) error {
	for range n {
		if err := s.tell("/update?uri=" + url.QueryEscape(watched)); err != nil {
			return err
		}
		if err := e.sleep(updateInterval); err != nil {
			return err
		}
	}
	return nil
}
