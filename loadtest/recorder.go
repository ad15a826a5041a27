package loadtest

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"weir/loadtest/client"
	"weir/loadtest/hostile"
	"weir/loadtest/observe"
	"weir/loadtest/probe"
	"weir/loadtest/report"
	"weir/loadtest/table"
	"weir/loadtest/wire"
)

// recorder turns the samples of a run into its report. It belongs to one goroutine.
type recorder struct {
	run      *Run
	report   report.Report
	watch    *observe.Watcher
	stats    func() observe.ServerStats // the latest of watch
	before   observe.ServerStats        // the server before the first connection
	idle     observe.ServerStats        // and at the beginning of the first phase
	began    time.Time
	instants []time.Duration
	phaseOf  []int // by instant

	last     Sample // the newest one, histograms apart
	lastAt   time.Duration
	lastSeen observe.ServerStats // when it was taken
	phases   []phaseRecorder
	total    phaseRecorder
	silent   time.Duration // for how long no connection has been open although some should be
	everOpen bool
	peakOpen uint64
	// peakServed is the most connections that were open at one moment and had each had a result of a call.
	peakServed uint64
	peakSeen   observe.ServerStats // when the most connections were open
	complete   bool                // the last instant was reached
}

// phaseRecorder collects one phase.
type phaseRecorder struct {
	seconds   float64
	counters  client.Counters // of this phase alone
	peakOpen  uint64
	peakBytes int64
	peakQueue int64
	serverCPU float64
}

func newPhaseRecorder() phaseRecorder { return phaseRecorder{counters: client.NewCounters()} }

func newRecorder(r *Run, p *probe.Result) *recorder {
	s := r.Scenario
	b := &recorder{run: r, instants: instants(s), total: newPhaseRecorder(), last: Sample{Counters: client.NewCounters()}}
	var end time.Duration
	for i := range s.Phases {
		b.phases = append(b.phases, newPhaseRecorder())
		for end += s.Phases[i].Duration; len(b.phaseOf) < len(b.instants) && b.instants[len(b.phaseOf)] <= end; {
			b.phaseOf = append(b.phaseOf, i)
		}
	}
	era := "legacy"
	if p.Era == wire.Modern {
		era = "modern"
	}
	call := p.Method
	if p.Method == wire.MethodCall {
		call = fmt.Sprintf("tools/call %s %s", p.Tool, p.Args)
	}
	b.report = report.Report{
		Schema: report.Schema, Scenario: s.Name, Question: s.Question, Started: time.Now().UTC(), Command: r.Command,
		Version: r.Version,
		Commit:  r.Commit, Machine: observe.ThisHost(), Marks: []report.MarkReport{}, Phases: []report.PhaseReport{},
		Series: []report.Point{},
		Target: report.TargetReport{URL: r.Target.URL, Transport: r.Target.TransportName(), Era: era, Revision: p.Revision,
			Server: p.Server, Call: call},
	}
	return b
}

func (b *recorder) interval() time.Duration { return b.instants[0] }

func (b *recorder) phaseName(i int) string { return b.run.Scenario.Phases[i].Name }

func (b *recorder) describeGenerator(jobs []Job) {
	o := &jobs[0].Options
	b.report.Generator = report.GeneratorReport{Workers: len(jobs), Loops: o.Loops, Window: o.Window,
		TickMS: float64(o.Tick) / float64(time.Millisecond), Sources: max(1, len(o.Sources))}
}

// opened takes note of the connections that were opened before the beginning.
func (b *recorder) opened(s Sample, took time.Duration) {
	b.idle = b.stats()
	b.lastSeen = b.idle
	if !b.run.Scenario.OpenFirst {
		return
	}
	c := &s.Counters
	b.total.counters.Opening.Merge(c.Opening)
	b.phases[0].counters.Opening.Merge(c.Opening)
	b.report.Notes = append(b.report.Notes, fmt.Sprintf("%d connections were opened before the beginning, in %.1f s: "+
		"%.0f per second",
		c.Opened, took.Seconds(), float64(c.Opened)/max(0.001, took.Seconds())))
}

// problem says why the run ends early; the first reason stays.
func (b *recorder) problem(why string) {
	if b.report.Problem == "" {
		b.report.Problem = why
	}
}

// record enters one sample and returns its step of the series; nil for the one after the end.
func (b *recorder) record(s *Sample) *report.Point {
	if s.Index >= len(b.instants) {
		b.recordEnd(s)
		return nil
	}
	at := max(b.instants[s.Index], s.At) // what happened since the instant is in the sample, and so the time is too
	phase := b.phaseOf[s.Index]
	b.complete = s.Index == len(b.instants)-1
	seconds := (at - b.lastAt).Seconds()
	v := b.stats()
	change := table.Difference(&s.Counters, &b.last.Counters)
	serverCPU := max(0, v.CPUSeconds-b.lastSeen.CPUSeconds)
	for _, p := range []*phaseRecorder{&b.phases[phase], &b.total} {
		p.seconds += seconds
		table.Add(&p.counters, &change)
		p.peakOpen = max(p.peakOpen, s.Counters.Open)
		p.peakBytes = max(p.peakBytes, v.ResidentBytes)
		p.peakQueue = max(p.peakQueue, v.QueueMessages)
		p.serverCPU += serverCPU
	}
	b.peakServed = max(b.peakServed, s.Counters.Served)
	if s.Counters.Open >= b.peakOpen {
		b.peakOpen, b.peakSeen = s.Counters.Open, v
	}
	b.everOpen = b.everOpen || s.Counters.Opened > 0
	if wanted := b.wanted(phase); wanted && s.Counters.Open == 0 {
		b.silent += at - b.lastAt
	} else {
		b.silent = 0
	}
	each := func(n uint64) float64 { return float64(n) / max(seconds, 1e-9) }
	l := report.LatencyOf(change.Latency)
	b.report.Series = append(b.report.Series, report.Point{
		At: at.Seconds(), Phase: phase, Open: s.Counters.Open, Planned: each(change.Planned), Sent: each(change.Sent),
		Answered: each(change.Results + change.ToolErrors + change.Errors), Refused: each(change.Refused),
		Failed: each(change.Errors + change.ToolErrors + change.Lost + change.Bad), InFlight: s.Counters.InFlight,
		P50: l.P50, P95: l.P95, P99: l.P99, Max: l.Max, LateP99: float64(change.Late.ValueAtQuantile(99)) / 1000,
		Generator: max(0, s.CPU-b.last.CPU).Seconds() / max(seconds, 1e-9), ServerCPU: serverCPU / max(seconds, 1e-9),
		Resident: v.ResidentBytes, Goroutines: v.Goroutines, Queue: v.QueueMessages, Sockets: v.SocketBytes,
		Slabs: v.SlabBytes - b.before.SlabBytes,
		Drops: v.ListenDrops - b.before.ListenDrops,
	})
	if s.Index == 0 {
		b.report.Series[0].Generator = 0 // what it used before the beginning is in it
	}
	b.last, b.lastAt, b.lastSeen = *s, at, v
	return &b.report.Series[len(b.report.Series)-1]
}

// wanted says whether a phase has connections all through.
func (b *recorder) wanted(phase int) bool {
	c := b.run.Scenario.Phases[phase].Connections
	return c.From >= 1 && c.To >= 1
}

// recordEnd enters the sample that comes when all calls have ended.
func (b *recorder) recordEnd(s *Sample) {
	change := table.Difference(&s.Counters, &b.last.Counters)
	table.Add(&b.total.counters, &change)
	last := &b.phases[len(b.phases)-1]
	table.Add(&last.counters, &change)
	late := max(0, s.At-b.lastAt).Seconds() // what was answered after the end took its time too
	b.total.seconds += late
	last.seconds += late
	h := s.Hostile
	if clients := b.run.Scenario.Hostile; clients != (hostile.Clients{}) {
		b.report.Hostile = &report.HostileReport{Clients: clients, Counts: h}
	}
	if b.run.Scenario.Needs == "streams" {
		streams := s.Streams
		streams.Open = b.last.Streams.Open
		b.report.Streams = &streams
	}
	b.last.Counters.InFlight = s.Counters.InFlight
}

// silence is how long a server may hold no connection, of those it should, before it is taken for dead.
const silence = 5 * time.Second

// stopReason is why the run cannot go on; "" while it can.
func (b *recorder) stopReason() string {
	down := b.everOpen && b.last.Counters.Open == 0
	switch {
	case b.watch.ProcessEnded():
		return fmt.Sprintf("the server's process %d ended %.1f s into the run; see its log for why",
			b.watch.PID, b.lastAt.Seconds())
	case down && b.silent >= min(silence, 5*b.interval()):
		return fmt.Sprintf("%s has held no connection for %.1f s (%s): it is down, or refuses everybody",
			b.run.Target.URL, b.silent.Seconds(), b.last.Counters.Troubles())
	case !b.everOpen && b.silent >= 2*silence:
		return fmt.Sprintf("%s let nobody in for %.1f s (%s): raise its limits, or offer fewer connections", b.run.Target.URL,
			b.silent.Seconds(),
			b.last.Counters.Troubles())
	}
	return ""
}

// finish completes the report.
func (b *recorder) finish(ctx context.Context, err error) {
	b.watch.Read(context.WithoutCancel(ctx))
	end := b.stats()
	b.conclude(ctx.Err() != nil, err, &end)
}

// conclude is finish with a last look already taken; cancelled says that we gave up, and not the server.
func (b *recorder) conclude(cancelled bool, err error, end *observe.ServerStats) {
	r := &b.report
	r.Seconds = b.lastAt.Seconds()
	if cancelled {
		b.problem("it was interrupted")
	}
	if err != nil {
		b.problem("the load could not be made: " + err.Error())
	}
	if !b.complete {
		b.problem("it ended early")
	}
	for i := range b.phases {
		p := &b.run.Scenario.Phases[i]
		if b.phases[i].seconds > 0 {
			one := b.phases[i].report(p.Name)
			one.Judged, one.Overload = p.Judged, p.Overload
			r.Phases = append(r.Phases, one)
		}
	}
	r.Total = b.total.report("total")
	r.Total.Judged = true
	left := b.last.Counters.InFlight
	if cancelled {
		r.Total.Tally.Cancelled = left
	} else {
		r.Total.Tally.Unexplained = left
	}
	if t := &r.Total.Tally; t.Planned > t.Sent {
		t.NeverSent = t.Planned - t.Sent
	}
	if t := &r.Total.Tally; t.Results+t.ToolErrors+t.Errors == 0 && b.run.Scenario.calls() {
		b.problem("no call was answered (" + cmp.Or(b.last.Counters.Troubles(), client.ListCounts(t.Reasons),
			"nothing came") + ")")
	}
	if b.run.Scenario.Closed {
		r.Notes = append(r.Notes, "closed loop: a connection calls again when it is answered, so a server that stands still "+
			"keeps calls from being sent, and their latency from being seen; latency is not judged")
	}
	b.generator()
	b.server(end)
	j := judging{scenario: b.run.Scenario, report: r, peakServed: b.peakServed, queueSeen: b.watch.Admin != ""}
	j.judge()
	switch {
	case r.Problem != "":
		r.Outcome = report.Partial
	case noneMissed(r.Marks):
		r.Outcome = report.Held
	default:
		r.Outcome = report.Missed
	}
}

func (p *phaseRecorder) report(name string) report.PhaseReport {
	c := &p.counters
	t := report.Tally{
		Outcomes: c.Outcomes, TurnedAway: c.Ended[client.EndRefused], ConnectFailed: c.FailedToOpen(),
		ClosedByServer: c.EndedByServer() - c.Unopened[client.EndPeerClosed] - c.Unopened[client.EndPeerReset],
	}
	each := func(n uint64) float64 { return float64(n) / max(p.seconds, 1e-9) }
	r := report.PhaseReport{
		Name: name, Seconds: p.seconds, Tally: t, SentRate: each(t.Sent), Answered: each(t.Results + t.ToolErrors + t.Errors),
		Refused: each(t.Refused), Latency: report.LatencyOf(c.Latency), Service: report.LatencyOf(c.Service),
		Refusal: report.LatencyOf(c.Refusal),
		Opening: report.LatencyOf(c.Opening), PeakOpen: p.peakOpen, PeakBytes: p.peakBytes, PeakQueue: p.peakQueue,
		Cores: p.serverCPU / max(p.seconds, 1e-9), Connected: 1,
	}
	if t.Sent > 0 {
		r.ErrorRate = float64(t.ToolErrors+t.Errors+t.Lost+t.Bad) / float64(t.Sent)
		r.Refusals = float64(t.Refused) / float64(t.Sent)
	}
	if tried := t.Opened + t.TurnedAway + t.ConnectFailed; tried > 0 {
		r.Connected = float64(t.Opened) / float64(tried)
	}
	return r
}

// lateBound is from where on the generator's own lateness spoils the latencies that it reports.
const lateBound = 10 // ms

// unplannedShare of a scenario's calls may be missing without a word: connections join a ramp one by one.
const unplannedShare = 0.02

func (b *recorder) generator() {
	r := &b.report
	g := &r.Generator
	late := func(h *hdrhistogram.Histogram, q float64) float64 { return float64(h.ValueAtQuantile(q)) / 1000 }
	g.LateP99, g.LateMax = late(b.total.counters.Late, 99), float64(b.total.counters.Late.Max())/1000
	sum := 0.0
	for i := 1; i < len(r.Series); i++ {
		sum += r.Series[i].Generator * (r.Series[i].At - r.Series[i-1].At)
	}
	if len(r.Series) > 1 {
		g.Cores = sum / (r.Series[len(r.Series)-1].At - r.Series[0].At)
	}
	busy := g.Cores > 0.9*float64(g.Workers*g.Loops)
	if g.Bottleneck = g.LateP99 > lateBound || busy; g.Bottleneck {
		advice := "others, the server perhaps, had its processor: give it cores of its own, or another machine"
		if busy {
			advice = "give it more loops (--loops), more processes (--workers) or another machine"
		}
		r.Notes = append(r.Notes, fmt.Sprintf("the generator itself was a bottleneck: it used %.2f cores in %d loops, and "+
			"1%% of its sends were "+
			"more than %.1f ms behind the plan. Read its latencies as upper bounds; %s", g.Cores, g.Workers*g.Loops, g.LateP99,
			advice))
	}
	if asked, t := b.run.Scenario.planned(), &r.Total.Tally; r.Problem == "" && asked > 0 &&
		asked-float64(t.Planned) > max(float64(b.peakOpen), asked*unplannedShare) {
		r.Notes = append(r.Notes, fmt.Sprintf("the scenario asks for %.0f calls, and %d were planned: the others' "+
			"connections were not open when their turn was", asked, t.Planned))
	}
	t := &r.Total.Tally
	if t.NeverSent > t.Planned/1000 {
		r.Notes = append(r.Notes, fmt.Sprintf("%d of %d planned calls were never sent: their connection was gone, or its "+
			"window or socket had no room, because the server (or the machine) was slower than the plan", t.NeverSent,
			t.Planned))
	}
	if t.Unended > 0 {
		r.Notes = append(r.Notes, fmt.Sprintf("%d event streams went on behind their answer; a connection that brings one "+
			"is left, and another one made", t.Unended))
	}
}

// weighable is from how many connections on the growth of memory says something about one of them.
const weighable = 1000

func (b *recorder) server(end *observe.ServerStats) {
	r := &b.report
	s := &r.Server
	s.PID, s.Limits = b.watch.PID, b.watch.Limits
	s.StartBytes, s.EndBytes = b.before.ResidentBytes, end.ResidentBytes
	s.SocketPeakBytes = b.before.SocketBytes
	for i := range r.Series {
		p := &r.Series[i]
		s.PeakBytes = max(s.PeakBytes, p.Resident)
		s.Goroutines = max(s.Goroutines, p.Goroutines)
		s.QueuePeak = max(s.QueuePeak, p.Queue)
		s.SocketPeakBytes = max(s.SocketPeakBytes, p.Sockets)
		s.SlabGrowthBytes = max(s.SlabGrowthBytes, p.Slabs)
	}
	if end.QueuePeak > b.before.QueuePeak {
		s.QueuePeak = max(s.QueuePeak, end.QueuePeak)
	}
	if end.PeakBytes > b.before.PeakBytes { // a peak between two looks; an older one of the server's is not ours
		s.PeakBytes = max(s.PeakBytes, end.PeakBytes)
	}
	s.CPUSeconds = max(0, end.CPUSeconds-b.before.CPUSeconds)
	if t := &r.Total.Tally; t.Sent > 0 {
		s.CPUMicrosPerMessage = b.total.serverCPU * 1e6 / float64(t.Sent)
	}
	s.Cores = b.total.serverCPU / max(r.Seconds, 1e-9)
	if b.peakOpen >= weighable && b.peakSeen.ResidentBytes > 0 {
		s.BytesPerConnection = (b.peakSeen.ResidentBytes - b.before.ResidentBytes) / int64(b.peakOpen)
	}
	if b.peakOpen >= weighable {
		s.SocketPerConnection = (b.peakSeen.SocketBytes - b.before.SocketBytes) / int64(b.peakOpen)
		s.SlabPerConnection = (b.peakSeen.SlabBytes - b.before.SlabBytes) / int64(b.peakOpen)
	}
	s.Refusals, s.Closed = end.Refusals-b.before.Refusals, observe.ClosedSince(&b.before, end)
	s.PauseP99, s.PauseMax = observe.PauseQuantile(&b.before, end, 0.99), observe.PauseQuantile(&b.before, end, 1)
	s.ListenDrops, s.ListenOverflows = end.ListenDrops-b.before.ListenDrops, end.ListenOverflows-b.before.ListenOverflows
}
