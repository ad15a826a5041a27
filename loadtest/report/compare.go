package report

import (
	"fmt"
	"io"
	"math"
	"slices"
	"text/tabwriter"
)

// Verdict is what a comparison says about one figure.
type Verdict string

const (
	Same   Verdict = "same" // within the noise
	Better Verdict = "better"
	Worse  Verdict = "WORSE"
)

// Difference is one figure of two reports.
type Difference struct {
	Phase, Name   string
	Before, After float64
	Change        float64 // After over Before, minus 1
	Noise         float64 // changes up to this share may be chance
	Verdict       Verdict
	format        func(float64) string
}

// Comparison is two reports side by side.
type Comparison struct {
	Before, After *Report
	Differences   []Difference
	Warnings      []string // why the two may not be comparable
}

const (
	// leastNoise is assumed even when a run was perfectly even: the same program on the same machine differs by as much
	// from one run to the next.
	leastNoise = 0.05
	// noiseErrors is how many standard errors of its steps a figure may be off by chance.
	noiseErrors = 2.0
	// stepsBlurred is how many neighbouring steps count as one observation: what disturbs one second (a collection,
	// another process) disturbs the next as well.
	stepsBlurred = 3.0
)

// Compare judges each figure of after by before. The noise band of a figure comes from how much it moved within each
// run: twice the standard error of its steps, both runs together, and never less than 5 per cent.
func Compare(before, after *Report) *Comparison {
	c := &Comparison{Before: before, After: after}
	warn := func(differ bool, format string, args ...any) {
		if differ {
			c.Warnings = append(c.Warnings, fmt.Sprintf(format, args...))
		}
	}
	warn(before.Scenario != after.Scenario, "the scenarios differ: %s and %s", before.Scenario, after.Scenario)
	warn(before.Machine.CPU != after.Machine.CPU || before.Machine.Cores != after.Machine.Cores ||
		before.Machine.Kernel != after.Machine.Kernel,
		"the machines differ: %d x %s, Linux %s, and %d x %s, Linux %s", before.Machine.Cores, before.Machine.CPU,
		before.Machine.Kernel,
		after.Machine.Cores, after.Machine.CPU, after.Machine.Kernel)
	warn(before.Target.Transport != after.Target.Transport || before.Target.Era != after.Target.Era ||
		before.Target.Call != after.Target.Call,
		"they measured different calls: %s %s %s, and %s %s %s", before.Target.Transport, before.Target.Era,
		before.Target.Call,
		after.Target.Transport, after.Target.Era, after.Target.Call)
	warn(math.Abs(before.Seconds-after.Seconds) > 0.01*before.Seconds, "the runs are not equally long: %.1f s and %.1f s",
		before.Seconds, after.Seconds)
	for _, r := range []*Report{before, after} {
		warn(r.Outcome == Partial, "a run ended early: %s", r.Problem)
		warn(r.Generator.Bottleneck, "in a run the generator was a bottleneck (p99 of its own lateness: %s)",
			Milliseconds(r.Generator.LateP99))
	}
	for i := range before.Phases {
		b := &before.Phases[i]
		at := slices.IndexFunc(after.Phases, func(p PhaseReport) bool { return p.Name == b.Name })
		if at < 0 {
			warn(true, "%s has no phase %q", "B", b.Name)
			continue
		}
		c.phase(i, at)
	}
	c.add("total", "CPU per message, us", before.Server.CPUMicrosPerMessage, after.Server.CPUMicrosPerMessage, false,
		leastNoise, oneDigit)
	c.add("total", "peak memory", float64(before.Server.PeakBytes), float64(after.Server.PeakBytes), false, leastNoise,
		func(v float64) string { return Mebibytes(int64(v)) })
	c.add("total", "GC pause p99", before.Server.PauseP99, after.Server.PauseP99, false, 1, Milliseconds) // buckets double
	return c
}

func oneDigit(v float64) string { return fmt.Sprintf("%.1f", v) }

// phase compares one phase: i of before with k of after.
func (c *Comparison) phase(i, k int) {
	b, a := &c.Before.Phases[i], &c.After.Phases[k]
	if b.Latency.Count == 0 && a.Latency.Count == 0 {
		return
	}
	noise := func(of func(*Point) float64) float64 {
		x, y := spread(c.Before, i, of), spread(c.After, k, of)
		return max(leastNoise, math.Hypot(x, y))
	}
	answered := func(p *Point) float64 { return p.Answered }
	c.add(b.Name, "answered/s", b.Answered, a.Answered, true, noise(answered), thousands)
	for _, q := range []struct {
		name   string
		of     func(*Latency) float64
		series func(*Point) float64
	}{
		{"p50", func(l *Latency) float64 { return l.P50 }, func(p *Point) float64 { return p.P50 }},
		{"p95", func(l *Latency) float64 { return l.P95 }, func(p *Point) float64 { return p.P95 }},
		{"p99", func(l *Latency) float64 { return l.P99 }, func(p *Point) float64 { return p.P99 }},
	} {
		c.add(b.Name, q.name, q.of(&b.Latency), q.of(&a.Latency), false, noise(q.series), Milliseconds)
	}
	if b.Refusals > 0 || a.Refusals > 0 {
		c.add(b.Name, "refused", b.Refusals, a.Refusals, false, noise(func(p *Point) float64 { return p.Refused }), Percent)
	}
	if b.ErrorRate > 0 || a.ErrorRate > 0 {
		c.add(b.Name, "errors", b.ErrorRate, a.ErrorRate, false, noise(func(p *Point) float64 { return p.Failed }), Percent)
	}
}

func (c *Comparison) add(phase, name string, before, after float64, moreIsBetter bool, noise float64,
	format func(float64) string) {
	if before == 0 && after == 0 {
		return
	}
	d := Difference{Phase: phase, Name: name, Before: before, After: after, Noise: noise, Verdict: Same, format: format}
	switch {
	case before == 0:
		d.Change = math.Inf(1)
	default:
		d.Change = after/before - 1
	}
	// Worse by the factor that would be noise the other way round: 2 times as long and half as long are equally far.
	if d.Change > noise || d.Change < -noise/(1+noise) {
		d.Verdict = Worse
		if d.Change > 0 == moreIsBetter {
			d.Verdict = Better
		}
	}
	c.Differences = append(c.Differences, d)
}

// spread is twice the standard error of a figure's steps within a phase, as a share of their mean.
func spread(r *Report, phase int, of func(*Point) float64) float64 {
	n, sum, squares := 0.0, 0.0, 0.0
	for i := range r.Series {
		if p := &r.Series[i]; p.Phase == phase {
			v := of(p)
			n, sum, squares = n+1, sum+v, squares+v*v
		}
	}
	if n < 2 || sum == 0 {
		return 1 // one step says nothing about how much it moves
	}
	mean := sum / n
	variance := max(0, squares/n-mean*mean) * n / (n - 1)
	return noiseErrors * math.Sqrt(variance*stepsBlurred/n) / mean
}

// Worse says whether any figure is worse beyond its noise.
func (c *Comparison) Worse() bool {
	return slices.ContainsFunc(c.Differences, func(d Difference) bool { return d.Verdict == Worse })
}

// Print writes the comparison as a table.
func (c *Comparison) Print(out io.Writer) {
	fmt.Fprintf(out, "A: %s, %s, commit %.12s\nB: %s, %s, commit %.12s\n\n", c.Before.Scenario,
		c.Before.Started.Format("2006-01-02 15:04:05"), c.Before.commit(),
		c.After.Scenario, c.After.Started.Format("2006-01-02 15:04:05"), c.After.commit())
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "phase\tfigure\tA\tB\tchange\tnoise\t")
	for i := range c.Differences {
		d := &c.Differences[i]
		change := fmt.Sprintf("%+.1f%%", d.Change*100)
		if math.IsInf(d.Change, 1) {
			change = "from 0"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t±%.0f%%\t%s\n", d.Phase, d.Name, d.format(d.Before), d.format(d.After), change,
			d.Noise*100, d.Verdict)
	}
	w.Flush()
	for _, warning := range c.Warnings {
		fmt.Fprintf(out, "warning: %s\n", warning)
	}
}

// commit is the server's, or the generator's when the server does not say.
func (r *Report) commit() string {
	if c := r.Server.Limits.Commit; c != "" {
		return c
	}
	return r.Commit
}
