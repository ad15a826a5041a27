package loadtest

import (
	"context"
	"fmt"
	"time"

	"weir/loadtest/client"
	"weir/loadtest/hostile"
	"weir/loadtest/observe"
	"weir/loadtest/pacing"
	"weir/loadtest/report"
	"weir/loadtest/table"
)

// Job is one worker's share of a run, as it travels to another process.
type Job struct {
	Options     client.Options
	Plan        []pacing.Segment // calls per second of each connection; empty: a closed load
	Connections []pacing.Segment // how many of them there are
	Streams     []pacing.Segment // event streams, beside them
	Hostile     hostile.Clients
	Instants    []time.Duration // when to report, counted from the beginning; the last is the end
	OpenFirst   bool            // open the first connections before the beginning
	Grace       time.Duration   // for calls in flight at the end
}

// Sample is what a worker has seen up to one of its job's instants: counts since its start, histograms since the last
// sample.
type Sample struct {
	// of the instant; beforeStart while the first connections are opened, their number when all calls have ended
	Index    int
	At       time.Duration // when it was really taken, counted from the beginning: a generator without time takes it late
	Counters client.Counters
	CPU      time.Duration // of the worker's process
	Hostile  hostile.Counts
	Streams  report.StreamCounts
}

const (
	beforeStart = -1
	// stepInterval is how often connections follow a ramp. 50 ms of the steepest built-in ramp are a tenth of a
	// connection.
	stepInterval = 50 * time.Millisecond
	// openPatience bounds the opening of the first connections, and quietPatience the polite end of the last.
	openPatience  = 30 * time.Minute
	quietPatience = 2 * time.Second
	// neverReadWindow is the calls of a client that never reads: their answers must be more than the kernel's buffers
	// take.
	neverReadWindow = 4096
)

// drive does a job in this process. begin is when the clock starts: it is asked for after the first connections were
// opened (ctx ends it too). emit is called from one goroutine. When ctx ends the job ends early, with its last sample
// all the same.
func drive(ctx context.Context, job *Job, begin func() (time.Time, error), emit func(Sample)) error {
	d := &driver{job: job, emit: emit}
	if err := d.open(ctx); err != nil {
		d.close()
		return err
	}
	defer d.close()
	d.report(beforeStart)
	at, err := begin()
	if err != nil {
		return err
	}
	d.begin = at
	if err := d.start(); err != nil {
		return err
	}
	for i, instant := range job.Instants {
		d.follow(ctx, instant)
		if ctx.Err() != nil {
			break
		}
		d.report(i)
	}
	d.finish()
	return nil
}

// driver is a job under way.
type driver struct {
	job       *Job
	emit      func(Sample)
	fleet     *client.Fleet
	neverRead *client.Fleet // hostile clients that never read
	streams   *client.Fleet
	hostile   *hostile.Group // the other hostile ones
	begin     time.Time
}

func (d *driver) open(ctx context.Context) (err error) {
	if d.fleet, err = client.NewFleet(d.job.Options); err != nil {
		return err
	}
	if n := d.job.Hostile.NeverRead; n > 0 {
		o := d.job.Options
		o.NeverRead, o.Window, o.ReceiveBufferBytes, o.Loops = true, neverReadWindow, 4096, 1
		if d.neverRead, err = client.NewFleet(o); err != nil {
			return err
		}
	}
	if len(d.job.Streams) > 0 {
		o := d.job.Options
		o.Stream, o.Loops = true, 1
		if d.streams, err = client.NewFleet(o); err != nil {
			return err
		}
	}
	if !d.job.OpenFirst || len(d.job.Connections) == 0 {
		return nil
	}
	wanted := int(d.job.Connections[0].From)
	ctx, cancel := context.WithTimeout(ctx, openPatience)
	defer cancel()
	d.fleet.Hold(wanted)
	for { // in steps, so that whoever waits sees how it goes
		step, stop := context.WithTimeout(ctx, time.Second)
		err := d.fleet.Quiet(step)
		stop()
		c := d.fleet.Counters()
		if err == nil && c.Open >= uint64(wanted) {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("opened %d of %d connections (%s): %w", c.Open, wanted, c.Troubles(), ctx.Err())
		}
		if failed := c.FailedToOpen() + c.Unopened[client.EndRefused]; failed > uint64(wanted)/2+100 {
			return fmt.Errorf("%d of %d connections are open, and it gets no further (%s): the server is down, or has not so "+
				"many places", c.Open, wanted,
				c.Troubles())
		}
		d.report(beforeStart)
	}
}

func (d *driver) start() (err error) {
	if d.job.Plan == nil {
		d.fleet.Start()
	} else {
		d.fleet.StartPlan(pacing.NewPlan(d.job.Plan...), d.begin)
	}
	if d.neverRead != nil {
		d.neverRead.Start()
		d.neverRead.Hold(d.job.Hostile.NeverRead)
	}
	if h := d.job.Hostile; h.Total() > h.NeverRead {
		d.hostile, err = hostile.Start(&d.job.Options.Options, h)
	}
	return err
}

// follow keeps as many connections as the ramps say until the instant comes or ctx ends.
func (d *driver) follow(ctx context.Context, instant time.Duration) {
	end := time.NewTimer(time.Until(d.begin.Add(instant)))
	defer end.Stop()
	step := time.NewTicker(stepInterval)
	defer step.Stop()
	for {
		at := time.Since(d.begin)
		d.fleet.Hold(heightOf(d.job.Connections, at)) // again and again: what was half open the last time can be retired now
		if d.streams != nil {
			d.streams.Hold(heightOf(d.job.Streams, at))
		}
		select {
		case <-step.C:
		case <-end.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// heightOf is the height of a chain of ramps at a moment; the last one's end stays.
func heightOf(ramps []pacing.Segment, at time.Duration) int {
	for i, r := range ramps {
		if at < r.Length || i == len(ramps)-1 {
			share := min(1, max(0, at.Seconds()/r.Length.Seconds()))
			return int(r.From + (r.To-r.From)*share + 0.5)
		}
		at -= r.Length
	}
	return 0
}

func (d *driver) report(index int) {
	s := Sample{Index: index, Counters: d.fleet.Take(), CPU: observe.OwnCPU()}
	if d.hostile != nil {
		s.Hostile = d.hostile.Counts()
	}
	if d.neverRead != nil {
		c := d.neverRead.Counters()
		s.Hostile.AddFleet(&c)
	}
	if d.streams != nil {
		c := d.streams.Counters()
		s.Streams = report.StreamCounts{Open: c.Open, Events: c.Events, Ended: c.EndedByServer(), Bad: c.Bad}
	}
	if index >= 0 {
		s.At = time.Since(d.begin)
	}
	d.emit(s)
}

// finish lets what is in flight end, reports a last time, and takes its leave.
func (d *driver) finish() {
	ctx, cancel := context.WithTimeout(context.Background(), d.job.Grace)
	_ = d.fleet.Stop(ctx) // what has not ended by then stands as in flight in the last sample
	cancel()
	d.report(len(d.job.Instants))
	ctx, cancel = context.WithTimeout(context.Background(), quietPatience)
	defer cancel()
	d.fleet.Hold(0)
	_ = d.fleet.Quiet(ctx) // sessions that could not be deleted in time are the server's to expire
}

func (d *driver) close() {
	if d.hostile != nil {
		d.hostile.Close()
	}
	for _, f := range []*client.Fleet{d.fleet, d.neverRead, d.streams} {
		if f != nil {
			f.Close()
		}
	}
}

// merge adds another worker's sample of the same instant.
func (s *Sample) merge(o *Sample) {
	s.At = max(s.At, o.At)
	table.Add(&s.Counters, &o.Counters)
	s.CPU += o.CPU
	s.Hostile.Add(o.Hostile)
	table.Add(&s.Streams, &o.Streams)
}
