package loadtest

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Progress shows what a run tells: on a terminal one line that changes, in a pipe a plain line about every five
// seconds. It is for one goroutine.
type Progress struct {
	out      io.Writer
	terminal bool
	width    int // of the line that is shown
	last     time.Time
	phase    string
}

const plainInterval = 5 * time.Second

// NewProgress returns a Progress that writes to out.
func NewProgress(out io.Writer, terminal bool) *Progress {
	return &Progress{out: out, terminal: terminal}
}

// Show shows one event.
func (p *Progress) Show(e Event) {
	if e.Point == nil {
		p.End()
		fmt.Fprintln(p.out, e.Text)
		return
	}
	line := e.Point.Line(e.Phase)
	if p.terminal {
		line = fmt.Sprintf("%3.0f%% ", 100*e.Point.At/max(0.001, e.Total.Seconds())) + line
		fmt.Fprintf(p.out, "\r%s%s", line, strings.Repeat(" ", max(0, p.width-len(line))))
		p.width = len(line)
		return
	}
	if e.Phase == p.phase && time.Since(p.last) < plainInterval {
		return
	}
	p.last, p.phase = time.Now(), e.Phase
	fmt.Fprintln(p.out, line)
}

// End leaves the line that changes.
func (p *Progress) End() {
	if p.width > 0 {
		fmt.Fprintln(p.out)
		p.width = 0
	}
}
