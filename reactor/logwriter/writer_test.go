package logwriter

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

func say(lines uint64) []byte { return fmt.Appendf(nil, "lost %d\n", lines) }

// gate is an output that takes nothing until it is opened.
type gate struct {
	open chan struct{}
	got  bytes.Buffer
}

func (g *gate) Write(b []byte) (int, error) {
	<-g.open
	return g.got.Write(b)
}

// TestNobodyReads: a writer never waits, memory stays bounded, and when somebody reads after all the log says how many
// lines are missing, behind those that came before.
func TestNobodyReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &gate{open: make(chan struct{})}
		w := New(out, say)
		line := []byte(strings.Repeat("x", 1023) + "\n")
		const lines = 5000
		for i := range lines {
			if i == 1 {
				synctest.Wait() // the first is being written
			}
			if n, err := w.Write(line); n != len(line) || err != nil {
				t.Fatal(n, err)
			}
		}
		const kept = MaxHeldBytes / 1024
		if lost := w.Lost(); lost != (Lost{Full: lines - kept}) {
			t.Errorf("lost %+v, want %d", lost, lines-kept)
		}
		began := time.Now()
		if w.Flush(time.Second) {
			t.Error("what nobody has read is flushed")
		}
		if waited := time.Since(began); waited != time.Second {
			t.Errorf("the flush took %v", waited)
		}
		close(out.open)
		if !w.Flush(time.Second) {
			t.Error("not flushed although somebody reads")
		}
		want := strings.Repeat(string(line), kept) + fmt.Sprintf("lost %d\n", lines-kept)
		if out.got.String() != want {
			t.Errorf("%d bytes came out, want %d; the end is %q", out.got.Len(), len(want), tail(out.got.String()))
		}
		io.WriteString(w, "after\n")
		synctest.Wait() // the goroutine has ended, else the bubble would not
		if got := out.got.String(); got != want+"after\n" {
			t.Errorf("the end is %q", tail(got))
		}
	})
}

func tail(s string) string { return s[max(0, len(s)-40):] }

// faulty fails where its script says so, with a part of the text written.
type faulty struct {
	script []fault
	got    strings.Builder
}

type fault struct {
	taken int // bytes; -1 is all
	err   error
}

func (f *faulty) Write(b []byte) (int, error) {
	next := fault{taken: -1}
	if len(f.script) > 0 {
		next, f.script = f.script[0], f.script[1:]
	}
	n := next.taken
	if n < 0 || n > len(b) {
		n = len(b)
	}
	f.got.Write(b[:n])
	return n, next.err
}

// TestOutputFails: lines that the output refuses are counted, and what comes behind one that is cut off stands on a
// line of its own.
func TestOutputFails(t *testing.T) {
	noSpace := errors.New("no space")
	f := func(name string, script []fault, want string, lost Lost) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				out := &faulty{script: script}
				w := New(out, say)
				for _, line := range []string{"one\n", "two\n", "three\n"} {
					io.WriteString(w, line)
					w.Flush(time.Second)
				}
				if got := out.got.String(); got != want || w.Lost() != lost {
					t.Errorf("got %q, lost %+v; want %q, %+v", got, w.Lost(), want, lost)
				}
			})
		})
	}
	f("never", nil, "one\ntwo\nthree\n", Lost{})
	f("first", []fault{{0, noSpace}}, "two\nlost 1\nthree\n", Lost{Failed: 1})
	f("cut", []fault{{2, noSpace}}, "on\ntwo\nlost 1\nthree\n", Lost{Failed: 1})
	f("no newline either", []fault{{2, noSpace}, {0, noSpace}}, "on\nthree\nlost 2\n", Lost{Failed: 2})
	f("for ever", []fault{{0, noSpace}, {0, noSpace}, {0, noSpace}}, "", Lost{Failed: 3})
	f("the notice fails", []fault{{0, noSpace}, {-1, nil}, {0, noSpace}}, "two\nthree\nlost 1\n", Lost{Failed: 1})
	f("not now", []fault{{1, unix.EAGAIN}, {0, unix.EAGAIN}, {1, unix.EAGAIN}}, "one\ntwo\nthree\n", Lost{})
}

// TestLongLine: a line that can never fit is one line lost.
func TestLongLine(t *testing.T) {
	var out bytes.Buffer
	w := New(&out, say)
	w.Write(bytes.Repeat([]byte{'x'}, MaxHeldBytes+1))
	io.WriteString(w, "short\n")
	if !w.Flush(time.Minute) || out.String() != "short\nlost 1\n" {
		t.Errorf("got %q", out.String())
	}
}

// TestSaidWithoutAnotherLine: what was lost while the last lines were being written is said behind them at once.
func TestSaidWithoutAnotherLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &gate{open: make(chan struct{})}
		w := New(out, say)
		long := append(bytes.Repeat([]byte{'x'}, MaxHeldBytes-1), '\n')
		w.Write(long)
		synctest.Wait() // it is being written
		io.WriteString(w, "too many\n")
		close(out.open)
		if !w.Flush(time.Minute) || tail(out.got.String()) != tail(string(long)+"lost 1\n") {
			t.Errorf("the end is %q", tail(out.got.String()))
		}
	})
}

// TestTogether: every line comes out once, whole, in the order of its writer.
func TestTogether(t *testing.T) {
	var out bytes.Buffer
	w := New(&out, say)
	const writers, lines = 8, 200
	var all sync.WaitGroup
	for i := range writers {
		all.Go(func() {
			for j := range lines {
				fmt.Fprintf(w, "%d %d\n", i, j)
				if j%10 == 0 && !w.Flush(time.Minute) {
					t.Error("not flushed")
				}
			}
		})
	}
	all.Wait()
	w.Flush(time.Minute)
	next := [writers]int{}
	for line := range strings.Lines(out.String()) {
		var i, j int
		if _, err := fmt.Sscanf(line, "%d %d\n", &i, &j); err != nil || next[i] != j {
			t.Fatalf("%q after %d of them: %v", line, next[i], err)
		}
		next[i]++
	}
	for i, n := range next {
		if n != lines {
			t.Errorf("writer %d: %d lines", i, n)
		}
	}
}

// TestUnreadPipe: the same against a real pipe that is full, whose reader then goes away: no signal ends the process.
func TestUnreadPipe(t *testing.T) {
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	w := New(Descriptor(ends[1]), say)
	for range 3 * MaxHeldBytes / 1024 {
		w.Write(append(bytes.Repeat([]byte{'x'}, 1023), '\n'))
	}
	full := w.Lost().Full
	if full == 0 {
		t.Error("nothing was dropped")
	}
	unix.Close(ends[0])
	if !w.Flush(time.Minute) || w.Lost().Failed == 0 {
		t.Errorf("lost %+v", w.Lost())
	}
	unix.Close(ends[1])
}
