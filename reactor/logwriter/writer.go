package logwriter

import (
	"bytes"
	"errors"
	"io"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// MaxHeldBytes is how much text waits for the output in all, what is being written included. At 250 bytes a line that
// is 4,000 lines: more than a burst of warnings, and little beside the budgets of a server. A line that does not fit is
// dropped.
const MaxHeldBytes = 1 << 20

// againAfter is the pause before an output that says "not now" is tried again. It does so when another process that has
// the same terminal or pipe has made it non-blocking.
const againAfter = 10 * time.Millisecond

// Lost counts lines that did not get to the output.
type Lost struct {
	Full   uint64 // dropped, since MaxHeldBytes waited already
	Failed uint64 // the output refused them: its reader is gone, its disk is full
}

// Total is all of them.
func (l Lost) Total() uint64 { return l.Full + l.Failed }

// Writer writes to an output on a goroutine of its own, which exists only while something waits. New makes one. Its
// methods may be called on any goroutine.
type Writer struct {
	out    io.Writer
	notice func(lines uint64) []byte

	mu     sync.Mutex
	held   []byte        // complete writes that wait for the goroutine
	flying int           // bytes that the goroutine is writing
	idle   chan struct{} // closed when the goroutine ends; nil while there is none
	lost   Lost

	// The goroutine's, and the next one's after it has ended.
	said uint64 // how many of lost the output has been told of
	torn bool   // the output has the beginning of a line, and not its end
}

// New makes a writer to out, which nothing else should write to. notice returns the line, with its newline, that says
// how many lines were lost; it is called on the writer's goroutine, and must not write to the Writer.
func New(out io.Writer, notice func(lines uint64) []byte) *Writer {
	return &Writer{out: out, notice: notice}
}

// Write takes one or more whole lines, and copies them. It never fails and never waits for the output.
func (w *Writer) Write(lines []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.held)+w.flying+len(lines) > MaxHeldBytes {
		w.lost.Full += count(lines)
		return len(lines), nil
	}
	w.held = append(w.held, lines...)
	if w.idle == nil {
		w.idle = make(chan struct{})
		go w.run(w.idle)
	}
	return len(lines), nil
}

// Lost returns what has been lost so far.
func (w *Writer) Lost() Lost {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.lost
}

// Flush waits until everything is written or lost, at most so long, and says whether it is. Lines that are written
// meanwhile count too.
func (w *Writer) Flush(most time.Duration) bool {
	timer := time.NewTimer(most)
	defer timer.Stop()
	for {
		w.mu.Lock()
		idle := w.idle
		w.mu.Unlock()
		if idle == nil {
			return true
		}
		select {
		case <-idle:
		case <-timer.C:
			return false
		}
	}
}

// run writes until nothing waits.
func (w *Writer) run(idle chan struct{}) {
	var batch []byte
	for works := false; ; {
		var lost uint64
		var more bool
		if batch, lost, more = w.take(batch, works, idle); !more {
			return
		}
		written, err := w.write(batch)
		works = err == nil
		w.mu.Lock()
		w.flying = 0
		if !works {
			w.lost.Failed += count(batch[written:])
		}
		w.mu.Unlock()
		if works && lost > w.said {
			if _, err = w.write(w.notice(lost - w.said)); err == nil {
				w.said = lost
			}
			works = err == nil
		}
	}
}

// take returns what waits, in exchange for the buffer of the batch before, and how many lines were lost before its end.
// A batch without lines is for the notice of what was lost since, which an output that works is told of at once.
// Without more the goroutine has ended.
func (w *Writer) take(spare []byte, works bool, idle chan struct{}) (batch []byte, lost uint64, more bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	lost = w.lost.Total()
	if len(w.held) == 0 && (!works || lost == w.said) {
		w.held, w.idle = nil, nil
		close(idle)
		return nil, 0, false
	}
	batch = w.held
	w.held, w.flying = spare[:0], len(batch)
	return batch, lost, true
}

// write writes all of it, and says how much of it got out. Whatever went wrong before, it begins on a new line.
func (w *Writer) write(text []byte) (written int, err error) {
	if w.torn {
		if _, err := w.push([]byte{'\n'}); err != nil {
			return 0, err
		}
		w.torn = false
	}
	written, err = w.push(text)
	w.torn = written > 0 && text[written-1] != '\n'
	return written, err
}

// push is Write of the output, which is tried again as long as it only says "not now".
func (w *Writer) push(text []byte) (written int, err error) {
	for written < len(text) {
		n, err := w.out.Write(text[written:])
		written += n
		if err == nil {
			continue
		}
		if !errors.Is(err, unix.EAGAIN) {
			return written, err
		}
		time.Sleep(againAfter)
	}
	return written, nil
}

// count is how many lines a text has; one that is cut off counts.
func count(text []byte) uint64 {
	lines := bytes.Count(text, []byte{'\n'})
	if len(text) > 0 && text[len(text)-1] != '\n' {
		lines++
	}
	return uint64(lines)
}
