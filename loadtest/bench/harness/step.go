package harness

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"weir/loadtest/bench/record"
	"weir/loadtest/client"
	"weir/loadtest/observe"
	"weir/loadtest/pacing"
)

// What a rate is held to where its ceiling is looked for.
const (
	HeldP95      = 150 * time.Millisecond
	HeldShare    = 0.98                 // of the offered calls that must be answered in the window
	OpenWindow   = 1000                 // calls that a connection of an open load may have in flight, but over HTTP
	OpenTick     = time.Millisecond     // planned calls leave in steps of it; the wait counts
	CalmAfter    = 2 * time.Second      // for what an overload left behind
	drainTimeout = 30 * time.Second     // for calls in flight after a step
	stepLead     = 5 * time.Millisecond // between the order to begin and the beginning
)

// Step is what an open load of one rate showed in one window.
type Step struct {
	offered  float64 // calls per second, planned
	Answered float64 // calls per second with a result
	failed   float64 // calls that were refused, lost, or answered with an error or something bad
	reasons  string  // of these
	P50      float64 // milliseconds, from the plan
	P95      float64
	P99      float64
	Service  float64 // p99 from the write instead of the plan: a sample
	Late     float64 // p99 of the generator's own lateness, milliseconds
	Server   float64 // cores
	Own      float64 // cores of the generator
}

// Held says whether the rate was held; why is what broke first, with its figure.
func (s Step) Held() (ok bool, why string) {
	switch {
	case s.failed > 0:
		return false, fmt.Sprintf("%s calls failed (%s)", record.Number(s.failed), s.reasons)
	case s.P95 >= float64(HeldP95.Milliseconds()):
		return false, fmt.Sprintf("p95 %s ms", record.Number(s.P95))
	case s.Answered < HeldShare*s.offered:
		return false, fmt.Sprintf("answered %s of %s/s", record.Number(s.Answered), record.Number(s.offered))
	}
	return true, ""
}

// MicrosPerCall is what a number of cores means for one call.
func (s Step) MicrosPerCall(cores float64) float64 { return cores * 1e6 / max(1, s.Answered) }

// Offer lets a fleet whose connections are open make calls at a rate, half a second unmeasured and one window
// measured, and waits until everything in flight has ended. What fails is part of the answer, not an error.
func (e *Env) Offer(p *observe.Process, f *client.Fleet, rate float64, window time.Duration) (Step, error) {
	start := f.Counters()
	if start.Open == 0 {
		return Step{}, fmt.Errorf("%s: no connection is open", p.Name)
	}
	each := rate / float64(start.Open)
	f.StartPlan(pacing.NewPlan(pacing.Segment{Length: WarmUp + window, From: each, To: each}), time.Now().Add(stepLead))
	if err := e.Sleep(WarmUp); err != nil {
		return Step{}, err
	}
	f.ResetLatency()
	w, err := e.Observe(p, f, window, func() (time.Duration, error) { return usedBy(p) })
	if err != nil {
		return Step{}, err
	}
	after, seconds := &w.After, w.took.Seconds()
	ctx, cancel := context.WithTimeout(e.Ctx, drainTimeout)
	defer cancel()
	stopped := f.Stop(ctx)
	if e.Ctx.Err() != nil {
		return Step{}, e.Ctx.Err()
	}
	end := f.Counters()
	s := Step{
		offered: rate, Answered: float64(after.Results-w.Before.Results) / seconds,
		failed: failures(&end) - failures(&start), reasons: reasonsSince(&start, &end),
		P50: Millis(after.Latency.ValueAtQuantile(50)), P95: Millis(after.Latency.ValueAtQuantile(95)),
		P99: Millis(after.Latency.ValueAtQuantile(99)), Service: Millis(after.Service.ValueAtQuantile(99)),
		Late:   Millis(after.Late.ValueAtQuantile(99)),
		Server: w.server.Seconds() / seconds, Own: w.own.Seconds() / seconds,
	}
	if stopped != nil {
		s.failed += float64(end.InFlight)
		s.reasons = strings.TrimSpace(fmt.Sprintf("%s unanswered after %v: %d", s.reasons, drainTimeout, end.InFlight))
	}
	return s, nil
}

// usedBy is a process's processor time to the nanosecond where the kernel tells it: at a few hundred calls per second
// a window holds so little that the hundredths of /proc/PID/stat would show.
func usedBy(p *observe.Process) (time.Duration, error) {
	if d, err := Scheduled(p.PID()); err == nil {
		return d, nil
	}
	return p.CPU()
}

// Millis turns microseconds into milliseconds.
func Millis(micros int64) float64 { return float64(micros) / 1000 }

// failures are the calls that ended in anything but a result.
func failures(c *client.Counters) float64 {
	return float64(c.ToolErrors + c.Errors + c.Refused + c.Lost + c.Bad)
}

// reasonsSince names what went wrong between two looks.
func reasonsSince(before, after *client.Counters) string {
	var words []string
	for _, m := range [][2]map[string]uint64{{before.Reasons, after.Reasons}, {before.Failures, after.Failures}} {
		for name, n := range m[1] {
			if n -= m[0][name]; n > 0 {
				words = append(words, fmt.Sprintf("%.80s: %d", name, n))
			}
		}
	}
	for r, n := range after.Ended {
		if n -= before.Ended[r]; n > 0 {
			words = append(words, fmt.Sprintf("%v: %d", client.EndReason(r), n))
		}
	}
	return strings.Join(words, ", ")
}

// SampleStep keeps a step under a name.
func SampleStep(t *record.Table, name string, s Step) {
	t.Sample(name+" answered/s", s.Answered)
	t.Sample(name+" p50 ms", s.P50)
	t.Sample(name+" p95 ms", s.P95)
	t.Sample(name+" p99 ms", s.P99)
	t.Sample(name+" late ms", s.Late)
	t.Sample(name+" failed", s.failed)
	t.Sample(name+" server cores", s.Server)
	t.Sample(name+" generator cores", s.Own)
	t.Sample(name+" server us", s.MicrosPerCall(s.Server))
	t.Sample(name+" generator us", s.MicrosPerCall(s.Own))
}

// Scheduled is the time that a process's threads have had on a processor, by the scheduler's own count: another
// account than the one behind /proc/PID/stat. A thread that ended is missing in it; the runtime keeps its threads.
func Scheduled(pid int) (time.Duration, error) {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil || len(files) == 0 {
		return 0, fmt.Errorf("no schedstat of process %d", pid)
	}
	var sum time.Duration
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return 0, err
		}
		first, _, _ := strings.Cut(string(text), " ")
		ns, err := strconv.ParseInt(first, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", file, err)
		}
		sum += time.Duration(ns)
	}
	return sum, nil
}
