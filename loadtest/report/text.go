package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"weir/loadtest/client"
	"weir/loadtest/hostile"
	"weir/loadtest/table"
)

// Print writes the report as text for people.
func (r *Report) Print(out io.Writer) {
	fmt.Fprintf(out, "\n%s: %s\n", r.Scenario, r.Question)
	if r.Outcome == Skipped {
		fmt.Fprintf(out, "skipped: %s\n", r.Problem)
		return
	}
	fmt.Fprintf(out, "%s over %s (%s %s), %s\n", r.Target.URL, r.Target.Transport, r.Target.Era, r.Target.Revision,
		r.Target.Call)
	if r.Target.Server != "" {
		fmt.Fprintf(out, "server %s", r.Target.Server)
		if l := &r.Server.Limits; l.Version != "" {
			fmt.Fprintf(out, " (%s, commit %.12s; limits: %d connections, %d messages and %s queued)", l.Version, l.Commit,
				l.Connections,
				l.QueueMessages, Mebibytes(int64(l.QueueBytes)))
		}
		fmt.Fprintln(out)
	}
	h := &r.Machine
	fmt.Fprintf(out, "machine %d x %s, %s, Linux %s, %d descriptors; weir load %s (commit %.12s)\n\n", h.Cores, h.CPU,
		Mebibytes(h.MemoryBytes),
		h.Kernel, h.OpenFiles, r.Version, r.Commit)
	r.printPhases(out)
	r.printAccounts(out)
	r.printServer(out)
	r.printMarks(out)
	for _, note := range r.Notes {
		fmt.Fprintf(out, "note: %s\n", note)
	}
	if r.Problem != "" {
		fmt.Fprintf(out, "ended early: %s; what was measured until then is above\n", r.Problem)
	}
	fmt.Fprintf(out, "outcome: %s\n", r.Outcome)
}

func (r *Report) printPhases(out io.Writer) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "phase\tseconds\tconn\tsent/s\tanswered/s\trefused/s\terrors\tp50\tp95\tp99\tp99.9\tmax\tserver\t")
	for i := range append(r.Phases, r.Total) {
		p := &r.Total
		if i < len(r.Phases) {
			p = &r.Phases[i]
		}
		server := "-"
		if p.PeakBytes > 0 {
			server = fmt.Sprintf("%.2f cores, %s", p.Cores, Mebibytes(p.PeakBytes))
		}
		fmt.Fprintf(w, "%s\t%.1f\t%d\t%.0f\t%.0f\t%.0f\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t\n", p.Name, p.Seconds, p.PeakOpen,
			p.SentRate, p.Answered, p.Refused,
			Percent(p.ErrorRate), Milliseconds(p.Latency.P50), Milliseconds(p.Latency.P95), Milliseconds(p.Latency.P99),
			Milliseconds(p.Latency.P999),
			Milliseconds(p.Latency.Max), server)
	}
	w.Flush()
}

// printEndings writes what became of the calls that were sent. The first counter of an ending is what one expects of
// it; the others are told where there are any.
func printEndings(out io.Writer, t *Tally) {
	type ending struct {
		word             string
		calls, exception uint64
		parts            []string
	}
	var endings []*ending
	for _, row := range table.Rows(t) {
		if row.Ended == "" {
			continue
		}
		at := slices.IndexFunc(endings, func(e *ending) bool { return e.word == row.Ended })
		if at < 0 {
			endings = append(endings, &ending{word: row.Ended, calls: row.Value})
			continue
		}
		e := endings[at]
		e.calls += row.Value
		e.exception += row.Value
		e.parts = append(e.parts, fmt.Sprintf("%d %s", row.Value, strings.ReplaceAll(row.Name, "_", " ")))
	}
	fmt.Fprintln(out)
	if t.Planned > 0 {
		fmt.Fprintf(out, "planned %d = sent %d + never sent %d\n", t.Planned, t.Sent, t.NeverSent)
	}
	fmt.Fprintf(out, "sent %d", t.Sent)
	for i, e := range endings {
		fmt.Fprintf(out, " %c %s %d", "=+"[min(i, 1)], e.word, e.calls)
	}
	fmt.Fprintln(out)
	for _, e := range endings {
		if e.exception > 0 {
			fmt.Fprintf(out, "  of the %s: %s\n", e.word, strings.Join(e.parts, ", "))
		}
	}
}

// printAccounts shows that every call is accounted for.
func (r *Report) printAccounts(out io.Writer) {
	t := &r.Total.Tally
	printEndings(out, t)
	for _, one := range []struct {
		what string
		m    map[string]uint64
	}{{"refusals and errors", t.Reasons}, {"lost", t.LostReasons}, {"turned away", t.TurnedAwayReasons},
		{"failures", t.Failures}} {
		if len(one.m) > 0 {
			fmt.Fprintf(out, "  %s: %s\n", one.what, client.ListCounts(one.m))
		}
	}
	fmt.Fprintf(out, "connections: %d opened, %d turned away, %d failed, %d closed by the server", t.Opened, t.TurnedAway,
		t.ConnectFailed, t.ClosedByServer)
	if t.Reconnected > 0 {
		fmt.Fprintf(out, ", %d made again for their session (%d calls sent again)", t.Reconnected, t.Resent)
	}
	if o := &r.Total.Opening; o.Count > 0 {
		fmt.Fprintf(out, "; open after p50 %s, p99 %s, max %s", Milliseconds(o.P50), Milliseconds(o.P99), Milliseconds(o.Max))
	}
	fmt.Fprintln(out)
	if h := r.Hostile; h != nil {
		c := h.Counts
		fmt.Fprintf(out, "hostile: %d clients opened %d connections; the server closed %d and refused %d, %d failed, %d "+
			"vanished\n", h.Clients.Total(),
			c.Opened, c.ClosedByServer, c.Refused, c.Failed, c.Vanished)
		for _, k := range hostile.Kinds {
			if endings := c.Ended[k.Name]; len(endings) > 0 {
				fmt.Fprintf(out, "  %s (%d): %s\n", k.Name, *k.Count(&h.Clients), client.ListCounts(endings))
			}
		}
	}
	if s := r.Streams; s != nil {
		fmt.Fprintf(out, "event streams: %d open, %d events, %d ended by the server, %d bad\n", s.Open, s.Events, s.Ended,
			s.Bad)
	}
}

func (r *Report) printServer(out io.Writer) {
	s := &r.Server
	var parts []string
	add := func(show bool, format string, args ...any) {
		if show {
			parts = append(parts, fmt.Sprintf(format, args...))
		}
	}
	add(s.CPUSeconds > 0, "%.2f cores, %.1f us of CPU per message", s.Cores, s.CPUMicrosPerMessage)
	add(s.PeakBytes > 0, "resident %s at the start, %s at most, %s at the end", Mebibytes(s.StartBytes),
		Mebibytes(s.PeakBytes), Mebibytes(s.EndBytes))
	add(s.BytesPerConnection > 0, "%d bytes per connection", s.BytesPerConnection)
	add(s.Goroutines > 0, "at most %d goroutines", s.Goroutines)
	add(s.QueuePeak > 0, "at most %d queued", s.QueuePeak)
	add(s.Refusals > 0, "%.0f refusals by its own count", s.Refusals)
	add(len(s.Closed) > 0, "closed %s", client.ListCounts(s.Closed))
	add(s.PauseMax > 0, "GC pauses p99 up to %s, at most %s", Milliseconds(s.PauseP99), Milliseconds(s.PauseMax))
	if len(parts) > 0 {
		fmt.Fprintf(out, "server: %s\n", strings.Join(parts, "; "))
	}
	objects := ""
	if s.SlabGrowthBytes > 0 {
		objects = fmt.Sprintf("objects %s more than before at most%s; buffers of ", Mebibytes(s.SlabGrowthBytes),
			bothEnds(s.SlabPerConnection))
	}
	fmt.Fprintf(out, "kernel: %ssockets %s at most%s, %d listen drops, %d listen queue overflows\n", objects,
		Mebibytes(s.SocketPeakBytes), bothEnds(s.SocketPerConnection), s.ListenDrops, s.ListenOverflows)
	g := &r.Generator
	fmt.Fprintf(out, "generator: %d x %d loops, window %d; %.2f cores, its own lateness p99 %s, max %s\n\n", g.Workers,
		g.Loops, g.Window,
		g.Cores, Milliseconds(g.LateP99), Milliseconds(g.LateMax))
}

func (r *Report) printMarks(out io.Writer) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, m := range r.Marks {
		word := "held"
		switch {
		case m.Unknown:
			word = "unknown"
		case !m.Held:
			word = "MISSED"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", word, m.Name, m.Want, m.Got)
	}
	w.Flush()
}

// Line is one step of the series on one line.
func (p *Point) Line(phase string) string {
	s := fmt.Sprintf("%6.1fs %-10s %6d conn  sent %7.0f/s  answered %7.0f/s", p.At, phase, p.Open, p.Sent, p.Answered)
	if p.Refused > 0 {
		s += fmt.Sprintf("  refused %.0f/s", p.Refused)
	}
	if p.Failed > 0 {
		s += fmt.Sprintf("  FAILED %.0f/s", p.Failed)
	}
	s += fmt.Sprintf("  p50 %s  p95 %s  p99 %s", Milliseconds(p.P50), Milliseconds(p.P95), Milliseconds(p.P99))
	if p.Resident > 0 {
		s += fmt.Sprintf("  server %.2f cores %s", p.ServerCPU, Mebibytes(p.Resident))
	}
	return s
}

// bothEnds says what of the kernel's memory falls to one connection.
func bothEnds(each int64) string {
	if each <= 0 {
		return ""
	}
	return fmt.Sprintf(" (%d bytes per connection, both ends)", each)
}
