package loadtest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"weir/loadtest/hostile"
	"weir/loadtest/pacing"
	"weir/loadtest/report"
	"weir/loadtest/table"
)

// judge holds the report against the scenario's marks.
func (j *judging) judge() {
	m := &j.scenario.Marks
	r := j.report
	worst := func(of func(*report.PhaseReport) float64) (float64, string) {
		value, name := 0.0, ""
		for i := range r.Phases {
			if v := of(&r.Phases[i]); r.Phases[i].Judged && v > value {
				value, name = v, r.Phases[i].Name
			}
		}
		return value, name
	}
	quantile := func(name string, want *time.Duration, of func(*report.PhaseReport) float64) {
		if want == nil {
			return
		}
		if j.scenario.Closed {
			j.add(name, "at most "+want.String(), "", false, true)
			return
		}
		got, phase := worst(of)
		j.add(name, "at most "+want.String(), fmt.Sprintf("%s (worst phase: %s)", report.Milliseconds(got), phase),
			got <= want.Seconds()*1000, r.Total.Latency.Count == 0)
	}
	quantile("p95", m.P95, func(p *report.PhaseReport) float64 { return p.Latency.P95 })
	quantile("p99", m.P99, func(p *report.PhaseReport) float64 { return p.Latency.P99 })
	if m.ErrorRate != nil {
		t := j.sum(func(p *report.PhaseReport) bool { return p.Judged })
		got := share(t.ToolErrors+t.Errors+t.Lost+t.Bad, t.Sent)
		j.add("error_rate", "at most "+report.Percent(*m.ErrorRate), report.Percent(got), got <= *m.ErrorRate, t.Sent == 0)
	}
	if m.RefusalRate != nil {
		t := j.sum(func(p *report.PhaseReport) bool { return p.Judged && !p.Overload })
		got := share(t.Refused, t.Sent)
		j.add("refusal_rate", "at most "+report.Percent(*m.RefusalRate), report.Percent(got), got <= *m.RefusalRate,
			t.Sent == 0)
	}
	j.judgeConnections()
	if m.Streams != nil {
		j.judgeStreams(*m.Streams)
	}
	if m.Goodput != nil {
		j.judgeGoodput(*m.Goodput)
	}
	if m.MemoryBytes != nil {
		j.add("memory_bytes", "at most "+report.Mebibytes(*m.MemoryBytes), report.Mebibytes(r.Server.PeakBytes),
			r.Server.PeakBytes <= *m.MemoryBytes, r.Server.PeakBytes == 0)
	}
	if m.MemoryGrowth != nil {
		j.judgeGrowth(*m.MemoryGrowth)
	}
	if m.QueueMessages != nil {
		j.add("queue_messages", fmt.Sprintf("at most %d", *m.QueueMessages), fmt.Sprint(r.Server.QueuePeak),
			r.Server.QueuePeak <= *m.QueueMessages, !j.queueSeen)
	}
	if m.Recovery != nil {
		j.judgeRecovery(*m.Recovery)
	}
	if m.HostileEnded != nil {
		j.judgeHostile(*m.HostileEnded)
	}
	t := &r.Total.Tally
	if m.Lost != nil {
		j.add("lost", fmt.Sprintf("at most %d", *m.Lost), fmt.Sprint(t.Lost), t.Lost <= uint64(*m.Lost), false)
	}
	if m.Unexplained != nil {
		j.add("unexplained", fmt.Sprintf("at most %d", *m.Unexplained), fmt.Sprint(t.Unexplained),
			t.Unexplained <= uint64(*m.Unexplained), false)
	}
}

// judgeConnections holds how many got in, and an answer while all were in, against the marks.
func (j *judging) judgeConnections() {
	m, r := &j.scenario.Marks, j.report
	if m.ConnectSuccess != nil {
		t := &r.Total.Tally
		j.add("connect_success", "at least "+report.Percent(*m.ConnectSuccess), fmt.Sprintf("%s of %d",
			report.Percent(r.Total.Connected), t.Opened+t.TurnedAway+t.ConnectFailed),
			r.Total.Connected >= *m.ConnectSuccess, false)
	}
	if m.Served != nil {
		most, _ := j.scenario.Peak()
		got := share(j.peakServed, uint64(most))
		j.add("served", "at least "+report.Percent(*m.Served)+" of the connections",
			fmt.Sprintf("%s (%d of %d had an answer while all were open)", report.Percent(got), j.peakServed, most),
			got >= *m.Served, false)
	}
}

// judging holds one report against the marks of its scenario.
type judging struct {
	scenario   *Scenario
	report     *report.Report
	peakServed uint64 // the most connections that were open at one moment and had each had a result of a call
	queueSeen  bool
}

func (j *judging) add(name, want, got string, held, unknown bool) {
	if unknown {
		got, held = "not seen", false
	}
	j.report.Marks = append(j.report.Marks, report.MarkReport{Name: name, Want: want, Got: got, Held: held,
		Unknown: unknown})
}

func (j *judging) sum(which func(*report.PhaseReport) bool) (t report.Tally) {
	for i := range j.report.Phases {
		if p := &j.report.Phases[i]; which(p) {
			table.Add(&t, &p.Tally)
		}
	}
	return t
}

// noneMissed says whether every mark that could be judged held.
func noneMissed(marks []report.MarkReport) bool {
	return !slices.ContainsFunc(marks, func(m report.MarkReport) bool { return !m.Held && !m.Unknown })
}

func share(n, of uint64) float64 {
	if of == 0 {
		return 0
	}
	return float64(n) / float64(of)
}

// judgeStreams counts the event streams that were open at the end. One that the server ended was opened again, and
// still is one that it did not hold.
func (j *judging) judgeStreams(want float64) {
	most := 0
	for i := range j.scenario.Phases {
		most = max(most, j.scenario.Phases[i].Streams)
	}
	s := j.report.Streams
	if s == nil {
		j.add("streams", "at least "+report.Percent(want)+" held", "", false, true)
		return
	}
	got := share(s.Open-min(s.Open, s.Ended+s.Bad), uint64(most))
	j.add("streams", "at least "+report.Percent(want)+" held",
		fmt.Sprintf("%s (%d of %d open at the end, %d ended by the server, %d bad)",
			report.Percent(got), s.Open, most, s.Ended, s.Bad), got >= want, false)
}

// judgeGoodput compares what is answered in the worst overload phase with the measured capacity.
func (j *judging) judgeGoodput(want float64) {
	least, name := -1.0, ""
	for i := range j.report.Phases {
		p := &j.report.Phases[i]
		if good := float64(p.Tally.Results) / max(p.Seconds, 1e-9); p.Overload && (least < 0 || good < least) {
			least, name = good, p.Name
		}
	}
	got := least / max(j.report.Capacity, 1e-9)
	j.add("goodput", "at least "+report.Percent(want)+" of the capacity",
		fmt.Sprintf("%s (%.0f of %.0f per second; worst phase: %s)",
			report.Percent(got), least, j.report.Capacity, name), got >= want, least < 0)
}

// judgeHostile counts the kinds of hostile clients of which the server has ended as many as there are.
func (j *judging) judgeHostile(want float64) {
	h := j.report.Hostile
	if h == nil {
		j.add("hostile_ended", "", "", false, true)
		return
	}
	kinds, ended := 0, 0
	var missing []string
	for _, k := range hostile.Kinds {
		clients := *k.Count(&h.Clients)
		if !k.EndedByServer || clients == 0 {
			continue
		}
		kinds++
		if h.Counts.EndedByServer(k.Name) >= uint64(clients) {
			ended++
		} else {
			missing = append(missing, k.Name)
		}
	}
	got := share(uint64(ended), uint64(kinds))
	found := fmt.Sprintf("%d of %d kinds", ended, kinds)
	if len(missing) > 0 {
		found += ", not " + strings.Join(missing, ", ")
	}
	j.add("hostile_ended", "at least "+report.Percent(want)+" of the kinds", found, got >= want, kinds == 0)
}

// judgeGrowth compares the resident memory of the last tenth of the judged phases with that of the first.
func (j *judging) judgeGrowth(want float64) {
	var judged []int64
	for i := range j.report.Series {
		if p := &j.report.Series[i]; j.scenario.Phases[p.Phase].Judged && p.Resident > 0 {
			judged = append(judged, p.Resident)
		}
	}
	n := len(judged) / 10
	if n == 0 {
		j.add("memory_growth", "at most "+report.Percent(want), "", false, true)
		return
	}
	mean := func(values []int64) (sum float64) {
		for _, v := range values {
			sum += float64(v) / float64(len(values))
		}
		return sum
	}
	first, last := mean(judged[:n]), mean(judged[len(judged)-n:])
	got := last/first - 1
	j.add("memory_growth", "at most "+report.Percent(want), fmt.Sprintf("%s (%s to %s)", report.Percent(got),
		report.Mebibytes(int64(first)), report.Mebibytes(int64(last))), got <= want, false)
}

// judgeRecovery finds when, after the beginning of each recovery phase, the p95 of a step is back at 1.1 times that of
// the first judged phase (and never less than a millisecond above it, which is noise).
func (j *judging) judgeRecovery(want time.Duration) {
	phases := j.scenario.Phases
	calm := -1.0
	for i := range j.report.Phases {
		if p := &phases[i]; p.Judged && !p.Overload && !p.Recovery {
			calm = j.report.Phases[i].Latency.P95
			break
		}
	}
	bound := max(1.1*calm, calm+1)
	worst, seen := time.Duration(0), false
	begin := time.Duration(0)
	for i := range phases {
		end := begin + phases[i].Duration
		if phases[i].Recovery && calm >= 0 && i < len(j.report.Phases) {
			seen = true
			worst = max(worst, j.recovered(i, begin, end, bound))
		}
		begin = end
	}
	got := fmt.Sprintf("%v (p95 at most %s again)", worst.Round(10*time.Millisecond), report.Milliseconds(bound))
	if worst == pacing.Never {
		got = fmt.Sprintf("not within the phase (p95 at most %s)", report.Milliseconds(bound))
	}
	j.add("recovery", "within "+want.String(), got, worst <= want, !seen)
}

func (j *judging) recovered(phase int, begin, end time.Duration, bound float64) time.Duration {
	for i := range j.report.Series {
		p := &j.report.Series[i]
		if p.Phase == phase && p.Answered > 0 && p.P95 <= bound && p.Refused == 0 {
			return time.Duration(p.At*float64(time.Second)) - begin
		}
	}
	return pacing.Never
}
