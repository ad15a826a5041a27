package doctor

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// Row is one setting of one machine.
type Row struct {
	Name  string `json:"name"`
	Must  bool   `json:"must"`  // without it the connections are not held; else it is an advice
	Known bool   `json:"known"` // false: it could not be read, or the machine has no such thing
	OK    bool   `json:"ok"`
	Have  string `json:"have"`
	Need  string `json:"need"`
	Why   string `json:"why"`
	Mend  string `json:"mend,omitempty"` // of a row that is not OK: what to do, beside the file
}

// Report is what a machine has and what a plan needs of it.
type Report struct {
	Connections int    `json:"connections"`
	Fits        bool   `json:"fits"` // every must holds
	MemoryBytes int64  `json:"memory_bytes"`
	Socket      Weight `json:"socket"`
	Rows        []Row  `json:"rows"`
	Sysctl      string `json:"sysctl,omitempty"` // a sysctl.d file with what falls short

	notes []string
}

// Examine holds a machine against a plan.
func Examine(h *Host, p Plan) *Report {
	r := &Report{Connections: p.Connections, Fits: true, MemoryBytes: p.MemoryBytes(), Socket: p.Weight}
	var lines []string
	for _, s := range all() {
		f := s.find(h, p)
		row := Row{Name: s.name, Must: s.must, Known: !f.unknown, OK: f.unknown || !f.short, Have: f.have, Need: f.need,
			Why: s.why}
		if f.unknown {
			row.Have = "not known"
		}
		if !row.OK {
			r.Fits = r.Fits && !s.must
			switch {
			case s.key != "":
				lines = append(lines, s.line(p.Connections))
				row.Mend = "the file below"
			case s.fix != nil:
				row.Mend = s.fix(p)
			}
		}
		r.Rows = append(r.Rows, row)
	}
	if len(lines) > 0 {
		r.Sysctl = strings.Join(lines, "\n") + "\n"
	}
	if h.Unit.Name == "" {
		r.notes = append(r.notes, "no systemd unit weir.service was found: its limits were not looked at")
	}
	return r
}

// line is that of a sysctl.d file.
func (s *setting) line(n int) string { return s.key + " = " + s.value(n) }

// short are the names of what falls short, with both figures: of musts, or of advices.
func (r *Report) short(must bool) []string {
	var names []string
	for _, row := range r.Rows {
		if !row.OK && row.Must == must {
			names = append(names, fmt.Sprintf("%s: %s, needed %s", row.Name, row.Have, row.Need))
		}
	}
	return names
}

// Musts are what the connections do not fit without, each with what there is and what is needed.
func (r *Report) Musts() []string { return r.short(true) }

// Advices are what would be better, likewise.
func (r *Report) Advices() []string { return r.short(false) }

// Write writes the report for people: the table, the verdict, and what mends it.
func (r *Report) Write(out io.Writer) error {
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "\tsetting\thave\tneed\twhy\n")
	for _, row := range r.Rows {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", row.state(), row.Name, row.Have, row.Need, row.Why)
	}
	if err := table.Flush(); err != nil {
		return err // a strings.Builder takes everything
	}
	fmt.Fprintf(&text, "\nA connection takes %s bytes: %d in the process, %s in the kernel (%s).\n"+
		"%s of them and the server: %s.\n",
		group(userBytes+r.Socket.Bytes), userBytes, group(r.Socket.Bytes), r.Socket.Source, group(int64(r.Connections)),
		mib(r.MemoryBytes))
	for _, note := range r.notes {
		fmt.Fprintf(&text, "%s%s.\n", strings.ToUpper(note[:1]), note[1:])
	}
	if r.Fits {
		fmt.Fprintf(&text, "\n%s connections fit.\n", group(int64(r.Connections)))
	} else {
		fmt.Fprintf(&text, "\n%s connections do not fit:\n", group(int64(r.Connections)))
		for _, line := range r.Musts() {
			fmt.Fprintf(&text, "  %s\n", line)
		}
	}
	r.writeMends(&text)
	_, err := io.WriteString(out, text.String())
	return err
}

func (r *Report) writeMends(text *strings.Builder) {
	for _, must := range []bool{true, false} {
		title := map[bool]string{true: "\nWhat must be done:\n", false: "\nWhat would be better:\n"}[must]
		for _, row := range r.Rows {
			if row.OK || row.Must != must {
				continue
			}
			fmt.Fprintf(text, "%s  %s: %s\n", title, row.Name, row.Mend)
			title = ""
		}
	}
	if r.Sysctl != "" {
		fmt.Fprintf(text, "\nThe file, as /etc/sysctl.d/99-weir.conf, and \"sysctl --system\" as root:\n\n%s", r.Sysctl)
	}
}

// state is the first column.
func (row Row) state() string {
	switch {
	case !row.Known:
		return "-"
	case row.OK:
		return "ok"
	case row.Must:
		return "MUST"
	}
	return "advice"
}
