package loadtest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"runtime"
	"slices"
	"syscall"
	"time"

	"weir/loadtest/client"
	"weir/loadtest/observe"
	"weir/loadtest/pacing"
	"weir/loadtest/probe"
	"weir/loadtest/report"
	"weir/loadtest/wire"
)

const (
	// descriptorsKept are those of a worker that are no connections: epoll sets, pipes, the admin connection.
	descriptorsKept = 100
	// exactPerSecond is up to which rate a loop sends each call at its moment; above it calls leave in steps of
	// coarseTick.
	exactPerSecond = 20_000
	coarseTick     = time.Millisecond
	// connectionsPerSource is how many connections share one source address. The kernel has 28,232 ports for each, and
	// gives away one half before it looks at the other: beyond 14,116 each connect walks through all that are taken.
	connectionsPerSource = 12_000
	reopenAfter          = 250 * time.Millisecond
	leadTime             = 100 * time.Millisecond
	maxPoints            = 1200
)

// ErrNotRun says that nothing was measured: the target could not be reached, or not understood.
var ErrNotRun = errors.New("not run")

// Do runs it. The report is never nil when err is nil; after an early end it is partial and says why.
func (r *Run) Do(ctx context.Context) (*report.Report, error) {
	s := r.Scenario
	w := r.Probe
	w.Preferred, w.PreferredArguments, w.Streams = s.Tool, s.Arguments, s.Needs == "streams"
	probe, err := probe.Examine(ctx, &r.Target, w)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotRun, err)
	}
	b := newRecorder(r, &probe)
	b.report.Notes = append(b.report.Notes, probe.Notes...)
	if s.Needs == "streams" && !probe.Streams {
		b.report.Outcome = report.Skipped
		b.report.Problem = fmt.Sprintf("the scenario %s needs event streams, and %s has none: neither GET nor "+
			"subscriptions/listen opens one", s.Name, r.Target.URL)
		return &b.report, nil
	}
	o := r.options(&probe)
	if s.Capacity != nil {
		r.say("measuring what the server can do: %d connections, window %d, %v", s.Capacity.Connections, s.Capacity.Window,
			s.Capacity.Duration)
		capacity, err := calibrate(ctx, o, s.Capacity)
		if ctx.Err() != nil {
			return nil, fmt.Errorf("%w: it was interrupted while the capacity was measured", ErrNotRun)
		}
		if err != nil {
			return nil, fmt.Errorf("%w: measuring the capacity: %w", ErrNotRun, err)
		}
		b.report.Capacity = capacity
		r.say("capacity: %.0f calls per second", capacity)
		s.settle(capacity)
	} else {
		s.settle(0)
	}
	jobs := r.jobs(o)
	b.describeGenerator(jobs)
	watching, stopWatching := context.WithCancel(ctx)
	defer stopWatching()
	watch, notes := observe.NewWatcher(ctx, &r.Target, r.Admin, r.PID)
	b.report.Notes = append(b.report.Notes, notes...)
	b.watch, b.stats = watch, watch.Stats
	b.before = watch.Stats()
	go watch.Run(watching, max(200*time.Millisecond, b.interval()/2))
	workers, err := startWorkers(ctx, jobs, r.WorkerCommand)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotRun, err)
	}
	r.follow(ctx, workers, b)
	b.finish(ctx, workers.err())
	return &b.report, nil
}

func (r *Run) say(format string, args ...any) {
	if r.Progress != nil {
		r.Progress(Event{Text: fmt.Sprintf(format, args...)})
	}
}

// follow waits for the beginning, and then takes sample after sample to the end.
func (r *Run) follow(ctx context.Context, workers *workers, b *recorder) {
	opening := time.NewTicker(2 * time.Second)
	defer opening.Stop()
	ready := workers.ready
	began := time.Now()
	stopped := false
	for {
		select {
		case <-opening.C:
			if ready != nil && r.Scenario.OpenFirst {
				r.say("opening connections: %d open after %v", workers.opened().Counters.Open, time.Since(began).Round(time.Second))
			}
		case <-ready:
			ready = nil
			b.opened(workers.opened(), time.Since(began))
			b.began = time.Now().Add(leadTime)
			workers.begin(b.began)
		case s, ok := <-workers.samples:
			if !ok {
				return
			}
			p := b.record(&s)
			if p != nil && r.Progress != nil {
				r.Progress(Event{Point: p, Phase: b.phaseName(p.Phase), Total: r.Scenario.Length()})
			}
			if reason := b.stopReason(); reason != "" && !stopped {
				stopped = true
				b.problem(reason)
				r.say("%s", reason)
				workers.stop()
			}
		}
		if ctx.Err() != nil && !stopped {
			stopped = true
			b.problem("it was interrupted")
		}
	}
}

// options are those of each fleet.
func (r *Run) options(p *probe.Result) client.Options {
	s := r.Scenario
	o := client.DefaultOptions()
	t := &r.Target
	o.Network, o.Address, o.Path, o.Host, o.Transport = t.Network, t.Address, t.Path, t.Host, t.Transport
	o.Era, o.Revision, o.Headers = p.Era, p.Revision, r.Probe.Headers
	o.Method, o.Tool, o.Arguments, o.PadBytes = p.Method, p.Tool, p.Args, s.PadBytes
	o.Window = 1 // over HTTP a connection has one request at a time, as MCP's clients do
	if o.Transport != wire.HTTP {
		o.Window = defaultWindow
		if s.Closed {
			o.Window = 1
		}
		if s.Window > 0 {
			o.Window = s.Window
		}
	}
	if r.Window > 0 {
		o.Window = r.Window
	}
	o.MaxConnecting, o.ReopenAfter = s.MaxConnecting, reopenAfter
	if o.Loops = r.Loops; o.Loops == 0 {
		o.Loops = 1
		if cores := runtime.NumCPU(); cores > 2 {
			o.Loops = min(8, cores/2) // the server may need the other half
		}
	}
	return o
}

// jobs cuts the scenario into one share for each worker.
func (r *Run) jobs(o client.Options) []Job {
	s := r.Scenario
	connections, perSecond := s.Peak()
	streams := 0
	for i := range s.Phases {
		streams = max(streams, s.Phases[i].Streams)
	}
	all := connections + streams + s.Hostile.Total()
	workers := r.Workers
	if workers == 0 {
		workers = max(1, int(math.Ceil(float64(all)/float64(descriptorLimit()-descriptorsKept))))
	}
	if workers > 1 && r.Loops == 0 {
		o.Loops = max(1, o.Loops/workers)
	}
	if perSecond/float64(workers*o.Loops) > exactPerSecond {
		o.Tick = coarseTick
	}
	if all > connectionsPerSource && r.Target.IsLoopback4() {
		o.Sources = client.LoopbackSources(all/connectionsPerSource + 1)
	}
	jobs := make([]Job, workers)
	for w := range jobs {
		j := Job{Options: o, Instants: instants(s), OpenFirst: s.OpenFirst, Grace: r.Grace}
		j.Options.Sources = rotated(o.Sources, w)
		share := func(v float64) float64 { // so that the shares add up to the whole
			n := int(v + 0.5)
			return float64(n*(w+1)/workers - n*w/workers)
		}
		for i := range s.Phases {
			p := &s.Phases[i]
			j.Connections = append(j.Connections, segment(p.Duration, share(p.Connections.From), share(p.Connections.To)))
			if streams > 0 {
				n := share(float64(p.Streams))
				j.Streams = append(j.Streams, segment(p.Duration, n, n))
			}
		}
		if !s.Closed {
			j.Plan = s.plan()
		}
		j.Hostile = s.Hostile.Share(w, workers)
		jobs[w] = j
	}
	return jobs
}

func rotated(a []netip.Addr, by int) []netip.Addr {
	if len(a) == 0 {
		return nil
	}
	by %= len(a)
	return append(slices.Clone(a[by:]), a[:by]...)
}

func descriptorLimit() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 1024 // what every system grants
	}
	return int(min(limit.Cur, 10_000_000))
}

// calibrate measures in a closed loop how many calls per second the server answers.
func calibrate(ctx context.Context, o client.Options, c *Calibration) (float64, error) {
	o.Window = c.Window
	f, err := client.NewFleet(o)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	ctx, cancel := context.WithTimeout(ctx, c.Duration+openPatience)
	defer cancel()
	if err := f.Open(ctx, c.Connections); err != nil {
		return 0, err
	}
	f.Start()
	warm := time.NewTimer(c.Duration / 5)
	defer warm.Stop()
	select {
	case <-warm.C:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	before, began := f.Counters(), time.Now()
	rest := time.NewTimer(c.Duration - c.Duration/5)
	defer rest.Stop()
	select {
	case <-rest.C:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	after := f.Counters()
	capacity := float64(after.Results-before.Results) / time.Since(began).Seconds()
	if after.Open < uint64(c.Connections) {
		return 0, fmt.Errorf("%d of %d connections ended meanwhile (%s): the server is down, or closes them; its log says "+
			"why",
			uint64(c.Connections)-after.Open, c.Connections, after.Troubles())
	}
	if capacity == 0 {
		return 0, fmt.Errorf("no call was answered with a result (%s); choose another one with --tool and --arguments",
			client.ListCounts(after.Reasons))
	}
	stop, end := context.WithTimeout(ctx, quietPatience)
	defer end()
	_ = f.Stop(stop) // what is in flight then ends with the fleet
	f.Hold(0)
	_ = f.Quiet(stop)
	return capacity, nil
}

func segment(length time.Duration, from, to float64) pacing.Segment {
	return pacing.Segment{Length: length, From: from, To: to}
}
