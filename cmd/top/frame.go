package top

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"weir/cmd/live"
)

// scene is everything that is shown.
type scene struct {
	look   live.Look
	before *live.Look // the look before; nil: there is none of this process
	curves map[string][]live.Number
	last   int64 // the second of the curves' last values
	roll   live.Roll
	order  string
	filter string
	typing bool // the filter is being typed
	typed  string
	paused bool
	note   string // what went wrong last
}

// curvesKept is how many seconds of the curves are kept.
const curvesKept = live.HistorySeconds

// add takes a look in.
func (s *scene) add(l live.Look) {
	if s.look.PID != l.PID || !s.look.Started.Equal(l.Started) { // the first, or of another process
		s.before, s.curves, s.last = nil, map[string][]live.Number{}, 0
	} else {
		before := s.look
		s.before = &before
	}
	s.look = l
	for name, news := range l.History.Curves {
		curve := append(s.curves[name], news...)
		s.curves[name] = curve[max(0, len(curve)-curvesKept):]
	}
	if n := len(l.History.Seconds); n > 0 {
		s.last = l.History.Seconds[n-1]
	}
}

// Colours of SGR; none where they are not wanted.
const (
	bold  = "1"
	dim   = "2"
	green = "32"
	amber = "33"
	red   = "31"
)

// frame is the text of a scene.
type frame struct {
	lines   []string
	columns int
	colour  bool
}

// paint has text in a colour. It comes last: colours have no width.
func (f *frame) paint(code, text string) string {
	if !f.colour {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// say appends a line, cut to the width.
func (f *frame) say(code, text string) {
	text = strings.TrimRight(column(text, f.columns), " ")
	if code != "" {
		text = f.paint(code, text)
	}
	f.lines = append(f.lines, text)
}

// row appends a line whose first word is dim.
func (f *frame) row(name, text string) {
	rest := strings.TrimRight(column(text, max(1, f.columns-13)), " ")
	f.lines = append(f.lines, f.paint(dim, column(name, 12))+" "+rest)
}

// draw draws s in so many columns, and lines if that is not 0.
func (s *scene) draw(columns, lines int, colour bool) []string {
	f := &frame{columns: max(20, columns), colour: colour}
	s.drawHead(f)
	s.drawFigures(f)
	tools, rows := 15, 25
	if lines > 0 { // a third of what is left is for tools
		left := max(0, lines-len(f.lines)-6)
		tools = min(len(s.tools()), max(1, left/3))
		rows = max(1, left-tools)
	}
	s.drawTools(f, tools)
	s.drawRoll(f, rows)
	if lines == 0 {
		return f.lines
	}
	for len(f.lines) < lines-1 {
		f.lines = append(f.lines, "")
	}
	f.lines = f.lines[:lines-1]
	switch {
	case s.typing:
		f.say("", "filter: "+s.typed+"_   (a transport, an address, a principal, or key=value; Enter, Esc)")
	case s.note != "":
		f.say(red, s.note)
	default:
		f.say(dim, "q quit   s sort   f filter   p "+map[bool]string{true: "go on", false: "pause"}[s.paused])
	}
	return f.lines
}

func (s *scene) drawHead(f *frame) {
	l := &s.look
	state, code := "ready", green
	if l.Refusing != "" {
		state, code = "refusing: "+l.Refusing, red
	}
	text := fmt.Sprintf("%s %s   up %s   ", plain(l.Program), plain(l.Version), long(l.Time.Sub(l.Started)))
	if s.paused {
		state, code = "paused", amber
	}
	f.lines = append(f.lines, f.paint(bold, column(text, min(len([]rune(text)), f.columns)))+
		f.paint(code, column(state, max(1, min(len(state), f.columns-len([]rune(text)))))))
	if l.Pressure.Level != "none" {
		f.say(amber, "gives way: "+strings.ReplaceAll(l.Pressure.Level, "_", " "))
	}
	for _, a := range l.Alerts {
		f.say(red, fmt.Sprintf("%s: %s (%s)", a.Name, plain(a.Summary), plain(a.Description)))
	}
	f.say("", "")
}

func (s *scene) drawFigures(f *frame) {
	l := &s.look
	width := min(60, max(0, f.columns-52))
	all := l.Latency[0]
	f.row("calls/s", fmt.Sprintf("%9s %s  %s calls, %s failed", rate(l.Calls.PerSecond), spark(s.curves["calls"], width),
		whole(l.Calls.Total), whole(l.Calls.Errors)))
	f.row("latency p95", fmt.Sprintf("%9s %s  p50 %s, p99 %s", seconds(all.P95), spark(s.curves["p95"], width),
		seconds(all.P50), seconds(all.P99)))
	refused := uint64(0)
	reasons := ""
	for i, r := range l.Refusals {
		if refused += r.Total; i < 3 {
			reasons += ", " + r.Reason + " " + whole(r.Total)
		}
	}
	f.row("refused/s", fmt.Sprintf("%9s %s  %s in all%s", rate(l.Calls.Refused), spark(s.curves["refused"], width),
		whole(refused), reasons))
	f.row("connections", fmt.Sprintf("%9s %s  of %s%s", whole(l.Connections.Open), spark(s.curves["connections"], width),
		whole(l.Connections.Limit), s.transports()))
	executing := 0
	workers := ""
	for _, w := range l.Workers {
		executing += w.Executing
		workers += fmt.Sprintf(", %s of %s %s workers", whole(w.Busy), whole(w.Alive), w.Class)
	}
	f.row("waiting", fmt.Sprintf("%9s %s  of %s, %s executing", whole(l.Queue.Waiting), spark(s.curves["waiting"], width),
		whole(l.Queue.Limit), whole(executing)))
	loops := []string{}
	for _, loop := range l.Loops {
		loops = append(loops, part(loop.Busy))
	}
	f.row("busy", fmt.Sprintf("loops %s%s", strings.Join(loops, " "), workers))
	memory := size(l.Memory.ResidentBytes) + " resident"
	if l.Memory.LimitBytes > 0 {
		memory += " of " + size(l.Memory.LimitBytes)
	}
	f.row("memory", fmt.Sprintf("%s, queue %s, unread answers %s", memory, size(l.Queue.Bytes),
		size(l.Memory.OutboxBytes)))
	f.say("", "")
}

// transports are those that have connections.
func (s *scene) transports() string {
	text := ""
	for _, t := range s.look.Connections.Transports {
		if t.Open > 0 {
			text += ", " + t.Transport + " " + whole(t.Open)
		}
	}
	return text
}

// toolRate is a tool with how often it is called now.
type toolRate struct {
	live.Tool
	rate live.Number
}

// tools are those that were called, the busiest first.
func (s *scene) tools() []toolRate {
	called := []toolRate{}
	for _, t := range s.look.Tools {
		if t.Calls == 0 {
			continue
		}
		now := toolRate{t, live.Unknown}
		if s.before != nil {
			was := uint64(0)
			for _, b := range s.before.Tools {
				if b.Name == t.Name {
					was = b.Calls
				}
			}
			if dt := s.look.Time.Sub(s.before.Time).Seconds(); dt > 0 && t.Calls >= was {
				now.rate = live.Number(float64(t.Calls-was) / dt)
			}
		}
		called = append(called, now)
	}
	slices.SortStableFunc(called, func(a, b toolRate) int { return cmp.Compare(b.rate, a.rate) })
	return called
}

func (s *scene) drawTools(f *frame, most int) {
	called := s.tools()
	if len(called) == 0 {
		f.say(dim, fmt.Sprintf("No calls yet: %s tools are offered.", whole(len(s.look.Tools)+s.look.OtherTools)))
		f.say("", "")
		return
	}
	name := min(40, max(12, f.columns-58))
	line := func(cells ...string) string {
		text := column(cells[0], name)
		for i, cell := range cells[1:] {
			text += " " + column(cell, []int{-9, -12, -8, -8, -9, -9}[i])
		}
		return text
	}
	f.say(bold, line("TOOL", "CALLS/S", "CALLS", "FAILED", "ISERROR", "P50", "P95"))
	for _, t := range called[:min(most, len(called))] {
		f.say("", line(plain(t.Name), rate(t.rate), whole(t.Calls), whole(t.Failed), whole(t.Told), seconds(t.P50),
			seconds(t.P95)))
	}
	f.say("", "")
}

func (s *scene) drawRoll(f *frame, most int) {
	r := &s.roll
	title := fmt.Sprintf("%s connections, the most of %s first", whole(r.Open), strings.ReplaceAll(s.order, "_", " "))
	if s.filter != "" {
		title = fmt.Sprintf("%s of %s connections are %s, the most of %s first", whole(r.Matched), whole(r.Open), s.filter,
			strings.ReplaceAll(s.order, "_", " "))
	}
	f.say(dim, title)
	if len(r.Rows) == 0 {
		return
	}
	name := min(24, max(8, f.columns-88))
	line := func(cells ...string) string {
		text := column(cells[0], 24) + " " + column(cells[1], 10) + " " + column(cells[2], name)
		for i, cell := range cells[3:] {
			text += " " + column(cell, []int{-10, -10, -9, -9, 9}[i])
		}
		return text
	}
	f.say(bold, line("PEER", "TRANSPORT", "PRINCIPAL", "AGE", "SILENT", "HOLDS", "IN FLIGHT", ""))
	for _, c := range r.Rows[:min(most, len(r.Rows))] {
		state := ""
		if c.Paused {
			state = "not read"
		}
		silent := time.Duration(float64(c.Silent) * float64(time.Second))
		f.say("", line(cmp.Or(plain(c.Peer), "Unix socket"), c.Transport, plain(c.Principal),
			long(time.Duration(c.Age)*time.Second), long(silent), size(int64(c.Bytes)), whole(c.InFlight), state))
	}
}
