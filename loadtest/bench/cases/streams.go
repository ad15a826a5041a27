package cases

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"

	"weir/loadtest/bench/harness"
	"weir/loadtest/bench/record"
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
	// did not take, and of a session what it could resume with (event_store_bytes).
	quietBytes float64
}

// watched is the resource whose updates fill the buffers of those who never read. Its length makes an event of 1.2 KB.
var watched = "bench://" + strings.Repeat("x", 1<<10)

func listens(e *harness.Env) (*record.Table, error) {
	return measureStreams(e, streamKind{"listen", wire.Modern, 8 << 10})
}

func sessionStreams(e *harness.Env) (*record.Table, error) {
	return measureStreams(e, streamKind{"session with its stream", wire.Legacy, 40 << 10})
}

func measureStreams(e *harness.Env, k streamKind) (*record.Table, error) {
	t := &record.Table{Columns: []string{"clients", "a change heard by half of those who read, ms", "by 99 %, ms",
		"by all, ms", "the slowest change, ms",
		"CPU per change, ms"}}
	for run := range e.Runs {
		if err := oneRunOfStreams(e, t, k); err != nil {
			return nil, err
		}
		e.Progress("run %d: %s bytes per %s, the slowest change heard by all after %s ms, beside silent ones %s ms", run+1,
			record.Number(t.Samples["bytes"][run]), k.name, record.Number(t.Samples["slowest ms"][run]),
			record.Number(t.Samples["silent slowest ms"][run]))
	}
	n, silent := e.Scaled(streamStep)*streamSteps, e.Scaled(silentStreams)
	rows := [2]string{record.Grouped(int64(n)), fmt.Sprintf("%s, and %s that never read", record.Grouped(int64(n-silent)),
		record.Grouped(int64(silent)))}
	for i, prefix := range [2]string{"", "silent "} {
		t.Row(rows[i], t.Text(prefix+"p50 ms"), t.Text(prefix+"p99 ms"), t.Text(prefix+"all ms"), t.Text(prefix+"slowest ms"),
			t.Text(prefix+"cpu ms"))
	}
	t.AtMost("resident per "+k.name, t.Median("bytes"), 4096, "bytes")
	t.AtMost("goroutines gained", t.Median("goroutines"), 4, "")
	t.AtMost("the slowest change, heard by all", t.Median("slowest ms"), 500, "ms")
	t.AtMost("the slowest change, heard by all who read, beside silent ones", t.Median("silent slowest ms"), 1000, "ms")
	t.AtMost("streams that heard of a change twice, or not at all", worstOf(t, "wrong"), 0, "")
	t.AtMost("held for a silent one", t.Median("held bytes"), k.quietBytes, "bytes")
	t.AtMost("held for a silent one, after as many events again", t.Median("held twice bytes"), k.quietBytes, "bytes")
	t.AtLeast("silent ones closed as write_timeout", t.Median("write_timeout"), float64(silent), "clients")
	t.Note("%d to %d streams in %d steps, R² of the line %s; then %d changes of the list of tools, one at a time, each "+
		"timed from before it "+
		"was asked for to the moment the generator has read the event", n/streamSteps, n, streamSteps,
		strconv.FormatFloat(t.Median("r2"), 'f', 4, 64), streamChanges)
	t.Note("then %d of them give way to as many that never read; %d events of %d bytes for these alone fill the buffers "+
		"between, then %d "+
		"changes are timed for the others", silent, silentUpdates, len(watched), silentChanges)
	t.Note("what is held for a silent one is live heap after a collection, beyond what its stream weighs before the " +
		"first event")
	t.Note("the server is loadtest/peers/changing: weir with a list that changes when it is told to")
	return t, nil
}

// worstOf is the largest of the samples under a key.
func worstOf(t *record.Table, key string) float64 {
	worst := 0.0
	for _, v := range t.Samples[key] {
		worst = max(worst, v)
	}
	return worst
}

func oneRunOfStreams(e *harness.Env, t *record.Table, k streamKind) error {
	s, err := e.Changing()
	if err != nil {
		return err
	}
	defer e.StopServer(s.Process)
	readers, err := e.Fleet(func(o *client.Options) {
		o.Address, o.Transport, o.Era, o.Stream = s.HTTP, wire.HTTP, k.era, true
		o.Sources = client.LoopbackSources(8)
	})
	if err != nil {
		return err
	}
	defer e.CloseFleet(readers)
	if err := weighStreams(e, t, s, readers); err != nil {
		return err
	}
	if err := measureChanges(e, t, s, readers, streamChanges, ""); err != nil {
		return err
	}
	return besideSilent(e, t, s, readers, k)
}

// weighStreams opens the streams in steps, as the memory benchmark does connections.
func weighStreams(e *harness.Env, t *record.Table, s *harness.Server, f *client.Fleet) error {
	step := e.Scaled(streamStep)
	var counts, resident, goroutines []float64
	for i := range streamSteps {
		if err := openStreams(e, f, step); err != nil {
			return err
		}
		bytes, running, err := settled(e, s, streamSettle)
		if err != nil {
			return err
		}
		counts, resident = append(counts, float64((i+1)*step)), append(resident, bytes)
		goroutines = append(goroutines, running)
	}
	t.Sample("goroutines", goroutines[streamSteps-1]-goroutines[0])
	bytes, r2 := record.Slope(counts, resident)
	t.Sample("bytes", bytes)
	t.Sample("r2", r2)
	return nil
}

// openStreams opens n more streams and waits until something has arrived on each: what it begins with.
func openStreams(e *harness.Env, f *client.Fleet, n int) error {
	ctx, cancel := context.WithTimeout(e.Ctx, harness.OpenTimeout)
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

// measureChanges has the list change n times and measures each time until every open stream of f has heard of it.
// prefix goes before the names of the samples.
func measureChanges(e *harness.Env, t *record.Table, s *harness.Server, f *client.Fleet, n int, prefix string) error {
	used, err := s.CPU()
	if err != nil {
		return err
	}
	slowest := 0.0
	for range n {
		c, err := changeOnce(e, t, s, f)
		if err != nil {
			return err
		}
		all := float64(c.Hearing.Max()) / 1000
		t.Sample(prefix+"p50 ms", float64(c.Hearing.ValueAtQuantile(50))/1000)
		t.Sample(prefix+"p99 ms", float64(c.Hearing.ValueAtQuantile(99))/1000)
		t.Sample(prefix+"all ms", all)
		slowest = max(slowest, all)
	}
	t.Sample(prefix+"slowest ms", slowest)
	usedThen, err := s.CPU()
	t.Sample(prefix+"cpu ms", harness.Micros(usedThen-used)/1000/float64(n))
	return err
}

// changeOnce has the list change once and waits until every open stream of f has heard of it, and a little longer:
// none may hear twice.
func changeOnce(e *harness.Env, t *record.Table, s *harness.Server, f *client.Fleet) (client.Counters, error) {
	ctx, cancel := context.WithTimeout(e.Ctx, hearTimeout)
	defer cancel()
	before := f.Counters()
	f.Expect()
	if err := s.Tell("/change"); err != nil {
		return before, err
	}
	if err := f.Heard(ctx); err != nil {
		c := f.Counters()
		return c, fmt.Errorf("%d of %d streams heard of a change: %w", c.Heard, c.Open, err)
	}
	if err := e.Sleep(afterChange); err != nil {
		return before, err
	}
	c := f.Counters()
	t.Sample("wrong", math.Abs(float64(c.Events-before.Events)-float64(before.Open)))
	return c, c.Check()
}

// besideSilent replaces some of the readers by clients that never read, fills what lies between them and the server,
// and measures what the others notice and what the server holds.
func besideSilent(e *harness.Env, t *record.Table, s *harness.Server, readers *client.Fleet, k streamKind) error {
	silent := e.Scaled(silentStreams)
	ctx, cancel := context.WithTimeout(e.Ctx, harness.OpenTimeout)
	defer cancel()
	readers.Hold(e.Scaled(streamStep)*streamSteps - silent)
	if err := readers.Quiet(ctx); err != nil {
		return err
	}
	f, err := e.Open(silent, func(o *client.Options) {
		o.Address, o.Transport, o.Era, o.Stream, o.NeverRead, o.Watch = s.HTTP, wire.HTTP, k.era, true, true, watched
		o.Sources, o.ReceiveBufferBytes = client.LoopbackSources(8), silentReceive
	})
	if err != nil {
		return err
	}
	defer e.CloseFleet(f)
	if err := e.Sleep(streamSettle); err != nil {
		return err
	}
	before, err := s.Live()
	if err != nil {
		return err
	}
	for _, key := range []string{"held bytes", "held twice bytes"} {
		if err := updateAll(e, s, silentUpdates); err != nil {
			return err
		}
		held, err := s.Live()
		if err != nil {
			return err
		}
		t.Sample(key, (held-before)/float64(silent))
	}
	if err := measureChanges(e, t, s, readers, silentChanges, "silent "); err != nil {
		return err
	}
	stalled := 0.0
	err = e.Poll(samplingPeriod, writeTimeout+2*sweepSlack, func() (bool, error) {
		series, err := s.Metrics()
		stalled = series[`weir_connections_closed_total{reason="write_timeout"}`]
		return stalled >= float64(silent), err
	})
	t.Sample("write_timeout", stalled)
	if err != nil && !errors.Is(err, harness.ErrTooLong) { // who is still connected then is missing among the closed
		return err
	}
	return nil
}

// updateAll says n times that the watched resource is new, slowly enough that each is a message of its own.
func updateAll(e *harness.Env, s *harness.Server, n int) error {
	for range n {
		if err := s.Tell("/update?uri=" + url.QueryEscape(watched)); err != nil {
			return err
		}
		if err := e.Sleep(updateInterval); err != nil {
			return err
		}
	}
	return nil
}
