package top

import (
	"os"

	"golang.org/x/sys/unix"
)

// terminal is the one that the command was started on.
type terminal struct {
	in, out *os.File
	before  *unix.Termios // of in; nil if that is no terminal
}

// What a terminal is told, as ECMA-48 and xterm have it.
const (
	enterScreen = "\x1b[?1049h\x1b[?25l" // the other screen, without a cursor
	leaveScreen = "\x1b[?25h\x1b[?1049l"
	home        = "\x1b[H"
	endOfLine   = "\x1b[K\r\n"
	endOfScreen = "\x1b[J"
)

func isTerminal(file *os.File) bool {
	_, err := unix.IoctlGetTermios(int(file.Fd()), unix.TCGETS)
	return err == nil
}

// enter takes the terminal over: keys come one by one, and nothing is echoed.
func enter(in, out *os.File) (*terminal, error) {
	t := &terminal{in: in, out: out}
	if before, err := unix.IoctlGetTermios(int(in.Fd()), unix.TCGETS); err == nil {
		raw := *before
		raw.Iflag &^= unix.ICRNL | unix.IXON | unix.ISTRIP | unix.INLCR
		raw.Lflag &^= unix.ECHO | unix.ICANON | unix.IEXTEN | unix.ISIG
		raw.Cc[unix.VMIN], raw.Cc[unix.VTIME] = 1, 0
		if err := unix.IoctlSetTermios(int(in.Fd()), unix.TCSETS, &raw); err != nil {
			return nil, err
		}
		t.before = before
	}
	if _, err := out.WriteString(enterScreen); err != nil {
		t.leave()
		return nil, err
	}
	return t, nil
}

// leave gives it back as it was.
func (t *terminal) leave() {
	_, _ = t.out.WriteString(leaveScreen) // a terminal that went away needs nothing
	if t.before != nil {
		_ = unix.IoctlSetTermios(int(t.in.Fd()), unix.TCSETS, t.before)
	}
}

// size is how many columns and lines it has; what it does not say is 80 and 24.
func (t *terminal) size() (columns, lines int) {
	if size, err := unix.IoctlGetWinsize(int(t.out.Fd()), unix.TIOCGWINSZ); err == nil && size.Col > 0 && size.Row > 0 {
		return int(size.Col), int(size.Row)
	}
	return 80, 24
}

// keys sends what is typed, byte by byte, until the input ends. Its goroutine lives as long as the process: a read
// cannot be taken back.
func (t *terminal) keys() <-chan byte {
	keys := make(chan byte, 64)
	go func() {
		defer close(keys)
		b := make([]byte, 64)
		for {
			n, err := t.in.Read(b)
			for _, key := range b[:n] {
				keys <- key
			}
			if err != nil {
				return
			}
		}
	}()
	return keys
}
