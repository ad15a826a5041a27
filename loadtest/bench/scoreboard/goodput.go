package scoreboard

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"weir/loadtest/bench/harness"
	"weir/loadtest/bench/record"
	"weir/loadtest/report"
	"weir/loadtest/wire"
)

// idleName counts the times that a worker slept beside a call that waited.
const idleName = "weir_workers_idle_beside_work_total"

func goodput(e *harness.Env) (*record.Table, error) {
	t := &record.Table{Columns: []string{"load", "times", "C, calls/s", "goodput, % of C", "% of what refusals leave",
		"p99, ms", "first second, ms", "told p99, ms", "first second, ms", "p99 from the plan, ms",
		"told p99 from the plan, ms", "generator behind p99, ms", "late, %", "1 s after, refused"}}
	wanted := slices.DeleteFunc(cells(), func(c cell) bool {
		return e.Cells == "" && e.Seconds < fullSeconds && !c.short || !strings.Contains(c.String(), e.Cells)
	})
	for i, c := range wanted {
		e.Progress("load %d of %d: %v", i+1, len(wanted), c)
		if err := goodputOf(e, t, c, []float64{2, 10}); err != nil {
			return nil, fmt.Errorf("%v: %w", c, err)
		}
	}
	t.Note("C is of a closed loop on the same server, just before; for 90/10 (90 %% of the calls take 0.2 ms, 10 %% " +
		"take 10 ms) it is what the two make together")
	t.Note("calls are planned. p99 is of answered calls and told of refused ones, from the generator's write to the " +
		"arrival of the answer in its kernel: that is the server's, and what the marks are about. From the plan to the " +
		"reading of the answer they have what the generator is behind, which shares the cores, and over HTTP what a call " +
		"waits with its client for the one before it on its connection")
	t.Note("what refusals leave: of C, less what the server spent on refusals and the generator on more calls than in " +
		"the closed loop, as both share the cores; late is refusals that were not told at the door, of all")
	t.Note("half of C before each step; after it 0.5 C again, refusals are counted from a second on")
	return t, nil
}

// goodputOf measures a cell.
func goodputOf(e *harness.Env, t *record.Table, c cell, times []float64) error {
	s, err := start(e, c.key)
	if err != nil {
		return err
	}
	defer e.StopServer(s.Process)
	a, err := ableMixed(e, s, c)
	if err != nil {
		return err
	}
	t.AtMost("refused in the closed loop, "+c.String(), float64(a.refused), 0, "calls")
	for _, n := range times {
		if err := e.Sleep(200 * time.Millisecond); err != nil {
			return err
		}
		got, err := step(e, s, c, a, n, 0)
		if err != nil {
			return err
		}
		got.row(t)
		got.judge(t)
		e.Progress("%v at %v times: %.1f %% of %.0f/s, p99 %.1f ms, told %.1f ms", c, n, 100*got.share(), a.perSecond,
			report.P99(got.all.Service), report.P99(got.all.Told))
	}
	series, err := s.Metrics()
	if err != nil {
		return err
	}
	t.AtMost("workers idle beside work, "+c.String(), series[idleName], 0, "times")
	return nil
}

// result is what a step has shown.
type result struct {
	cell        cell
	able        able
	times       float64
	first, all  stretch // the first second, and the whole
	after       uint64  // refused, from a second after it on
	unexplained float64
	reasons     map[string]uint64
}

// step offers so many times what the server can do, to clients who come again so many times.
func step(e *harness.Env, s *harness.Server, c cell, a able, times float64, again int) (*result, error) {
	l, err := open(e, s, c, again)
	if err != nil {
		return nil, err
	}
	defer l.close()
	rest := e.Window() - firstTime
	rate := a.perSecond
	l.plan([]float64{rate / 2, times * rate, rate / 2},
		[]time.Duration{calmTime, firstTime + rest, afterFirst + afterTime})
	r := &result{cell: c, able: a, times: times}
	if _, err = l.until(calmTime); err != nil {
		return nil, err
	}
	if r.first, err = l.until(firstTime); err != nil {
		return nil, err
	}
	if r.all, err = l.until(rest); err != nil {
		return nil, err
	}
	r.all.add(&r.first)
	if _, err = l.until(afterFirst); err != nil {
		return nil, err
	}
	after, err := l.until(afterTime)
	if err != nil {
		return nil, err
	}
	r.after = after.Refused
	r.unexplained, r.reasons, err = l.halt()
	return r, err
}

func (s *stretch) add(other *stretch) {
	s.Results += other.Results
	s.Refused += other.Refused
	s.Sent += other.Sent
	s.took += other.took
	s.server += other.server
	s.own += other.own
	s.Latency.Merge(other.Latency)
	s.Refusal.Merge(other.Refusal)
	s.Service.Merge(other.Service)
	s.Told.Merge(other.Told)
	s.Late.Merge(other.Late)
}

// share is what was answered, of what could be.
func (r *result) share() float64 { return float64(r.all.Results) / r.all.took / r.able.perSecond }

// left is the same of what refusals and generator have left of it.
func (r *result) left() float64 {
	refusals := r.all.server.Seconds() - float64(r.all.Results)*r.able.server
	more := r.all.own.Seconds() - r.able.own*r.all.took
	calls := max(0, refusals+more) / r.able.server // that were not done for them
	return float64(r.all.Results) / max(1, r.able.perSecond*r.all.took-calls)
}

// late is the part of the refusals that were not told at the door.
func (r *result) late() float64 {
	return float64(r.reasons["overload"]+r.reasons["queue_timeout"]) / max(1, float64(r.all.Refused))
}

func (r *result) row(t *record.Table) {
	t.Row(r.cell.String(), record.Number(r.times), record.Number(r.able.perSecond), record.Number(100*r.share()),
		record.Number(100*r.left()), record.Number(report.P99(r.all.Service)), record.Number(report.P99(r.first.Service)),
		record.Number(report.P99(r.all.Told)), record.Number(report.P99(r.first.Told)),
		record.Number(report.P99(r.all.Latency)), record.Number(report.P99(r.all.Refusal)),
		record.Number(report.P99(r.all.Late)), record.Number(100*r.late()),
		record.Number(float64(r.after)))
}

func (r *result) judge(t *record.Table) {
	name := fmt.Sprintf(", %v, %v times", r.cell, r.times)
	least := 0.97
	if r.times > 2 {
		least = 0.92
	}
	if r.cell.tool.name == short.name {
		t.AtLeast("goodput of what refusals leave"+name, r.left(), least, "")
	} else {
		t.AtLeast("goodput of C"+name, r.share(), least, "")
	}
	most := harness.Millis((r.cell.key + 10*time.Millisecond + 3*r.cell.tool.own).Microseconds())
	t.AtMost("p99"+name, report.P99(r.all.Service), most, "ms")
	t.AtMost("p99 in the first second"+name, report.P99(r.first.Service), most, "ms")
	t.AtMost("refusals told"+name, report.P99(r.all.Told), harness.Millis(r.cell.tool.told.Microseconds()), "ms")
	t.AtMost("refused a second after"+name, float64(r.after), 0, "calls")
	t.AtMost("unexplained"+name, r.unexplained, 0, "calls")
	counted := r.all.Counters
	t.AtMost("lost"+name, float64(counted.Lost+counted.Errors+counted.ToolErrors), 0, "calls")
}

// retriesOf is how many times who is refused comes again.
const retriesOf = 3

func retries(e *harness.Env) (*record.Table, error) {
	t := &record.Table{Columns: []string{"load", "calls, times C", "attempts, times C", "C, calls/s", "goodput, % of C",
		"p99, ms", "told p99, ms", "server's CPU per refusal, us"}}
	const times = 10
	c := cell{wire.Line, 200, milli, defaultKey, true}
	s, err := start(e, c.key)
	if err != nil {
		return nil, err
	}
	defer e.StopServer(s.Process)
	a, err := ableMixed(e, s, c)
	if err != nil {
		return nil, err
	}
	r, err := step(e, s, c, a, times, retriesOf)
	if err != nil {
		return nil, err
	}
	refusal := (r.all.server.Seconds() - float64(r.all.Results)*a.server) / max(1, float64(r.all.Refused)) * 1e6
	attempts := float64(r.all.Sent) / r.all.took / a.perSecond
	t.Row(c.String(), record.Number(times), record.Number(attempts), record.Number(a.perSecond),
		record.Number(100*r.share()), record.Number(report.P99(r.all.Service)), record.Number(report.P99(r.all.Told)),
		record.Number(refusal))
	t.AtLeast("goodput with three retries at ten times", r.share(), 0.6, "of C")
	t.AtMost("CPU of a refusal", refusal, 10, "us")
	t.AtMost("unexplained, with retries", r.unexplained, 0, "calls")
	t.Note("a call that is refused is sent again as soon as the refusal is read, three times at most; p99 and told are " +
		"of each attempt, from its write")
	return t, nil
}
