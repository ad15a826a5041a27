package report

import (
	_ "embed"
	"fmt"
	"html"
	"os"
	"strings"
	"time"
)

//go:embed page.css
var pageStyle string

// WriteHTML writes the report as one page that needs nothing else: no script, no font, no network.
func (r *Report) WriteHTML(file string) error {
	if err := os.WriteFile(file, []byte(r.HTML()), 0o644); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

// HTML is the page.
func (r *Report) HTML() string {
	var b strings.Builder
	esc := html.EscapeString
	fmt.Fprintf(&b, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/><meta name=\"viewport\" "+
		"content=\"width=device-width\"/>"+
		"<title>weir load: %s</title><style>%s</style></head><body>\n", esc(r.Scenario), pageStyle)
	fmt.Fprintf(&b, "<header><p class=\"kind\">weir load</p><h1>%s <span class=\"outcome %s\">%s</span></h1><p "+
		"class=\"question\">%s</p>"+
		"<p class=\"meta\">%s &middot; %s, %s %s &middot; <code>%s</code><br/>%s &middot; %.0f s &middot; "+
		"<code>%s</code></p></header>\n",
		esc(r.Scenario), r.Outcome, r.Outcome, esc(r.Question), esc(r.Target.URL), esc(r.Target.Transport), esc(r.Target.Era),
		esc(r.Target.Revision),
		esc(r.Target.Call), r.Started.Format(time.RFC3339), r.Seconds, esc(r.Command))
	if r.Problem != "" {
		fmt.Fprintf(&b, "<p class=\"problem\">%s</p>\n", esc(r.Problem))
	}
	if r.Outcome != Skipped {
		r.htmlTiles(&b)
		r.htmlMarks(&b)
		r.htmlCharts(&b)
		r.htmlPhases(&b)
		r.htmlAccounts(&b)
	}
	r.htmlFacts(&b)
	for _, note := range r.Notes {
		fmt.Fprintf(&b, "<p class=\"note\">%s</p>\n", esc(note))
	}
	b.WriteString("</body></html>\n")
	return b.String()
}

func (r *Report) htmlTiles(b *strings.Builder) {
	b.WriteString("<section class=\"tiles\">")
	tile := func(what, value, detail string) {
		fmt.Fprintf(b, "<div><span>%s</span><b>%s</b><small>%s</small></div>", what, html.EscapeString(value),
			html.EscapeString(detail))
	}
	t := &r.Total
	tile("answered", thousands(t.Answered)+"/s", thousands(float64(t.Tally.Sent))+" sent in all")
	tile("latency p95", Milliseconds(t.Latency.P95),
		"p50 "+Milliseconds(t.Latency.P50)+", p99 "+Milliseconds(t.Latency.P99))
	tile("errors", Percent(t.ErrorRate), fmt.Sprintf("%d lost, %d unexplained", t.Tally.Lost, t.Tally.Unexplained))
	tile("refused", Percent(t.Refusals), thousands(float64(t.Tally.Refused))+" in all, by name")
	tile("connections", thousands(float64(t.PeakOpen)), fmt.Sprintf("%d turned away, %d failed", t.Tally.TurnedAway,
		t.Tally.ConnectFailed))
	if s := &r.Server; s.PeakBytes > 0 {
		tile("server memory", Mebibytes(s.PeakBytes), fmt.Sprintf("%.2f cores, %.1f us per message", s.Cores,
			s.CPUMicrosPerMessage))
	}
	b.WriteString("</section>\n")
}

func (r *Report) htmlMarks(b *strings.Builder) {
	if len(r.Marks) == 0 {
		return
	}
	b.WriteString("<h2>Marks</h2><table><tr><th></th><th>mark</th><th>wanted</th><th>found</th></tr>")
	for _, m := range r.Marks {
		class, word := "held", "held"
		switch {
		case m.Unknown:
			class, word = "unknown", "unknown"
		case !m.Held:
			class, word = "missed", "missed"
		}
		fmt.Fprintf(b, "<tr><td><span class=\"outcome %s\">%s</span></td><td>%s</td><td>%s</td><td>%s</td></tr>", class, word,
			m.Name,
			html.EscapeString(m.Want), html.EscapeString(m.Got))
	}
	b.WriteString("</table>\n")
}

func (r *Report) htmlCharts(b *strings.Builder) {
	if len(r.Series) < 2 {
		return
	}
	var times []float64
	for i := range r.Series {
		times = append(times, r.Series[i].At)
	}
	values := func(of func(*Point) float64) []float64 {
		all := make([]float64, len(r.Series))
		for i := range r.Series {
			all[i] = of(&r.Series[i])
		}
		return all
	}
	var bands []band
	for i := range r.Series {
		p := &r.Series[i]
		if len(bands) == 0 || p.Phase != r.Series[i-1].Phase {
			from := 0.0
			if i > 0 {
				from = r.Series[i-1].At
			}
			bands = append(bands, band{name: r.phaseName(p.Phase), from: from})
		}
		bands[len(bands)-1].to = p.At
	}
	b.WriteString("<h2>Over time</h2><section class=\"charts\">")
	draw := func(c chart) {
		c.times, c.bands = times, bands
		c.draw(b)
	}
	draw(chart{title: "Latency of answered calls", unit: "from the plan, logarithmic", format: Milliseconds, log: true,
		limit: r.markOf("p95"), lines: []line{
			{"p50", "c1", values(func(p *Point) float64 { return p.P50 }), false}, {"p95", "c2",
				values(func(p *Point) float64 { return p.P95 }), false},
			{"p99", "c3", values(func(p *Point) float64 { return p.P99 }), false}, {"max", "c6",
				values(func(p *Point) float64 { return p.Max }), false}}})
	draw(chart{title: "Calls", unit: "per second", format: thousands, lines: []line{
		{"planned", "c6", values(func(p *Point) float64 { return p.Planned }), false}, {"answered", "c1",
			values(func(p *Point) float64 { return p.Answered }), true},
		{"refused", "c2", values(func(p *Point) float64 { return p.Refused }), false}, {"failed", "c3",
			values(func(p *Point) float64 { return p.Failed }), false}}})
	draw(chart{title: "Connections", format: thousands, lines: []line{{"open", "c4",
		values(func(p *Point) float64 { return float64(p.Open) }), true}}})
	draw(chart{title: "In flight and queued", unit: "messages", format: thousands, lines: []line{
		{"in flight", "c1", values(func(p *Point) float64 { return float64(p.InFlight) }), false},
		{"queued in the server", "c2", values(func(p *Point) float64 { return float64(p.Queue) }), true}}})
	mib := func(n int64) float64 { return float64(n) / (1 << 20) }
	draw(chart{title: "Memory", unit: "MiB", format: thousands, limit: r.markOf("memory_bytes"), lines: []line{
		{"server, resident", "c5", values(func(p *Point) float64 { return mib(p.Resident) }), true},
		{"kernel objects more than before, both ends", "c3", values(func(p *Point) float64 { return mib(p.Slabs) }), false},
		{"socket buffers in the kernel, both ends", "c6", values(func(p *Point) float64 { return mib(p.Sockets) }), false}}})
	draw(chart{title: "Processor", unit: "cores", format: func(v float64) string { return fmt.Sprintf("%.2f", v) },
		lines: []line{
			{"server", "c5", values(func(p *Point) float64 { return p.ServerCPU }), false},
			{"generator", "c6", values(func(p *Point) float64 { return p.Generator }), false}}})
	b.WriteString("</section>\n")
}

func (r *Report) phaseName(i int) string {
	if i < len(r.Phases) {
		return r.Phases[i].Name
	}
	return ""
}

// markOf is the bound of a mark in the unit of its chart; 0 when the scenario does not have it.
func (r *Report) markOf(name string) float64 {
	for _, m := range r.Marks {
		want, ok := strings.CutPrefix(m.Want, "at most ")
		if m.Name != name || !ok {
			continue
		}
		if d, err := time.ParseDuration(want); err == nil {
			return float64(d) / float64(time.Millisecond)
		}
		var v float64
		if _, err := fmt.Sscanf(want, "%f MiB", &v); err == nil {
			return v
		}
	}
	return 0
}

func (r *Report) htmlPhases(b *strings.Builder) {
	b.WriteString("<h2>Phases</h2><div class=\"wide\"><table " +
		"class=\"figures\"><tr><th>phase</th><th>seconds</th><th>connections</th><th>sent/s</th>" +
		"<th>answered/s</th><th>refused/s</th><th>errors</th><th>p50</th><th>p95</th><th>p99</th><th>p99.9</th>" +
		"<th>max</th><th>server cores</th><th>server memory</th></tr>")
	for i := 0; i <= len(r.Phases); i++ {
		p, class := &r.Total, " class=\"total\""
		if i < len(r.Phases) {
			p, class = &r.Phases[i], ""
		}
		memory := "&ndash;"
		if p.PeakBytes > 0 {
			memory = Mebibytes(p.PeakBytes)
		}
		fmt.Fprintf(b, "<tr%s><td>%s</td><td>%.1f</td><td>%s</td><td>%s</td><td>%s</td><td>%s</td><td>%s</td>", class,
			html.EscapeString(p.Name), p.Seconds,
			thousands(float64(p.PeakOpen)), thousands(p.SentRate), thousands(p.Answered), thousands(p.Refused),
			Percent(p.ErrorRate))
		for _, v := range []float64{p.Latency.P50, p.Latency.P95, p.Latency.P99, p.Latency.P999, p.Latency.Max} {
			fmt.Fprintf(b, "<td>%s</td>", Milliseconds(v))
		}
		fmt.Fprintf(b, "<td>%.2f</td><td>%s</td></tr>", p.Cores, memory)
	}
	b.WriteString("</table></div>\n")
}

func (r *Report) htmlAccounts(b *strings.Builder) {
	var text strings.Builder
	r.printAccounts(&text)
	r.printServer(&text)
	fmt.Fprintf(b, "<h2>Every call accounted for</h2><pre>%s</pre>\n", html.EscapeString(strings.TrimSpace(text.String())))
}

func (r *Report) htmlFacts(b *strings.Builder) {
	h, l := &r.Machine, &r.Server.Limits
	b.WriteString("<h2>Where and what</h2><table class=\"facts\">")
	row := func(name, value string) {
		fmt.Fprintf(b, "<tr><td>%s</td><td>%s</td></tr>", name, html.EscapeString(value))
	}
	row("machine", fmt.Sprintf("%d x %s, %s", h.Cores, h.CPU, Mebibytes(h.MemoryBytes)))
	row("kernel", "Linux "+h.Kernel)
	row("descriptors", fmt.Sprintf("%d per process", h.OpenFiles))
	row("generator", fmt.Sprintf("weir load %s, commit %s, %s", r.Version, r.Commit, h.Go))
	if r.Target.Server != "" {
		row("server", r.Target.Server)
	}
	if l.Version != "" {
		row("server build", l.Version+", commit "+l.Commit)
		row("server limits", fmt.Sprintf("%s connections, %s queued messages, %s queued, %s soft memory limit",
			thousands(float64(l.Connections)),
			thousands(float64(l.QueueMessages)), Mebibytes(int64(l.QueueBytes)), Mebibytes(l.MemorySoftBytes)))
	}
	b.WriteString("</table>\n")
}
