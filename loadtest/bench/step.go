package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"weir/loadtest/client"
	"weir/loadtest/observe"
)

// What a rate is held to where its ceiling is looked for.
const (
	heldP95      = 150 * time.Millisecond
	heldShare    = 0.98                 // of the offered calls that must be answered in the window
	openWindow   = 1000                 // calls that a connection of an open load may have in flight, but over HTTP
	openTick     = time.Millisecond     // planned calls leave in steps of it; the wait counts
	calmAfter    = 2 * time.Second      // for what an overload left behind
	drainTimeout = 30 * time.Second     // for calls in flight after a step
	stepLead     = 5 * time.Millisecond // between the order to begin and the beginning
)

// step is what an open load of one rate showed in one window.
type step struct {
	offered  float64 // calls per second, planned
	answered float64 // calls per second with a result
	failed   float64 // calls that were refused, lost, or answered with an error or something bad
	reasons  string  // of these
	p50      float64 // milliseconds, from the plan
	p95      float64
	p99      float64
	service  float64 // p99 from the write instead of the plan: a sample
	late     float64 // p99 of the generator's own lateness, milliseconds
	server   float64 // cores
	own      float64 // cores of the generator
}

// held says whether the rate was held; why is what broke first, with its figure.
func (s step) held() (ok bool, why string) {
	switch {
	case s.failed > 0:
		return false, fmt.Sprintf("%s calls failed (%s)", number(s.failed), s.reasons)
	case s.p95 >= float64(heldP95.Milliseconds()):
		return false, fmt.Sprintf("p95 %s ms", number(s.p95))
	case s.answered < heldShare*s.offered:
		return false, fmt.Sprintf("answered %s of %s/s", number(s.answered), number(s.offered))
	}
	return true, ""
}

// microsPerCall is what a number of cores means for one call.
func (s step) microsPerCall(cores float64) float64 { return cores * 1e6 / max(1, s.answered) }

// offer lets a fleet whose connections are open make calls at a rate, half a second unmeasured and one window measured, and
// waits until everything in flight has ended. What fails is part of the answer, not an error.
func (e *env) offer(p *observe.Process, f *client.Fleet, rate float64, window time.Duration) (step, error) {
	start := f.Counters()
	if start.Open == 0 {
		return step{}, fmt.Errorf("%s: no connection is open", p.Name)
	}
	each := rate / float64(start.Open)
	f.StartPlan(client.NewPlan(client.Segment{Length: warmUp + window, From: each, To: each}), time.Now().Add(stepLead))
	if err := e.sleep(warmUp); err != nil {
		return step{}, err
	}
	f.ResetLatency()
	w, err := e.observe(p, f, window, func() (time.Duration, error) { return usedBy(p) })
	if err != nil {
		return step{}, err
	}
	after, seconds := &w.after, w.took.Seconds()
	ctx, cancel := context.WithTimeout(e.ctx, drainTimeout)
	defer cancel()
	stopped := f.Stop(ctx)
	if e.ctx.Err() != nil {
		return step{}, e.ctx.Err()
	}
	end := f.Counters()
	s := step{
		offered: rate, answered: float64(after.Results-w.before.Results) / seconds,
		failed: failures(&end) - failures(&start), reasons: reasonsSince(&start, &end),
		p50: millis(after.Latency.ValueAtQuantile(50)), p95: millis(after.Latency.ValueAtQuantile(95)),
		p99: millis(after.Latency.ValueAtQuantile(99)), service: millis(after.Service.ValueAtQuantile(99)), late: millis(after.Late.ValueAtQuantile(99)),
		server: w.server.Seconds() / seconds, own: w.own.Seconds() / seconds,
	}
	if stopped != nil {
		s.failed += float64(end.InFlight)
		s.reasons = strings.TrimSpace(fmt.Sprintf("%s unanswered after %v: %d", s.reasons, drainTimeout, end.InFlight))
	}
	return s, nil
}

// usedBy is a process's processor time to the nanosecond where the kernel tells it: at a few hundred calls per second a window
// holds so little that the hundredths of /proc/PID/stat would show.
func usedBy(p *observe.Process) (time.Duration, error) {
	if d, err := scheduled(p.PID()); err == nil {
		return d, nil
	}
	return p.CPU()
}

func millis(micros int64) float64 { return float64(micros) / 1000 }

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

// sampleStep keeps a step under a name.
func (t *table) sampleStep(name string, s step) {
	t.sample(name+" answered/s", s.answered)
	t.sample(name+" p50 ms", s.p50)
	t.sample(name+" p95 ms", s.p95)
	t.sample(name+" p99 ms", s.p99)
	t.sample(name+" late ms", s.late)
	t.sample(name+" failed", s.failed)
	t.sample(name+" server cores", s.server)
	t.sample(name+" generator cores", s.own)
	t.sample(name+" server us", s.microsPerCall(s.server))
	t.sample(name+" generator us", s.microsPerCall(s.own))
}
