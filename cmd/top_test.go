package cmd

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// pty is a terminal that a program of ours runs on, and what it has shown.
type pty struct {
	t       *testing.T
	ours    *os.File
	theirs  *os.File
	program *exec.Cmd
	done    chan struct{} // closed when all that was shown has been read
	errors  bytes.Buffer
	more    chan struct{} // has something when more was shown since it was looked at
	mu      sync.Mutex
	text    bytes.Buffer
}

// startTop runs top on a terminal of 100 columns and 30 lines.
func startTop(t *testing.T, env []string, args ...string) *pty {
	t.Helper()
	ours, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(int(ours.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(ours.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	p := &pty{t: t, ours: ours, theirs: theirs, done: make(chan struct{}), more: make(chan struct{}, 1)}
	p.resize(100, 30)
	p.program = exec.Command(os.Args[0], append([]string{"top"}, args...)...)
	p.program.Env = append(append(os.Environ(), asMain+"=1", "TERM=xterm", "NO_COLOR="), env...)
	p.program.Stdin, p.program.Stdout, p.program.Stderr = theirs, theirs, &p.errors
	p.program.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true} // so that it hears of its size
	if err := p.program.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.program.Process.Kill(); ours.Close(); theirs.Close() })
	go func() {
		defer close(p.done)
		b := make([]byte, 64<<10)
		for {
			n, err := ours.Read(b)
			p.mu.Lock()
			p.text.Write(b[:n])
			p.mu.Unlock()
			select {
			case p.more <- struct{}{}:
			default:
			}
			if err != nil {
				return
			}
		}
	}()
	return p
}

func (p *pty) resize(columns, lines uint16) {
	if err := unix.IoctlSetWinsize(int(p.ours.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: columns, Row: lines}); err != nil {
		p.t.Fatal(err)
	}
}

func (p *pty) press(keys string) {
	if _, err := p.ours.WriteString(keys); err != nil {
		p.t.Fatal(err)
	}
}

// shown is all that was shown, and frame the latest whole frame of it.
func (p *pty) shown() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

func (p *pty) frame() string {
	text := p.shown()
	end := strings.LastIndex(text, "\x1b[J")
	if end < 0 {
		return ""
	}
	return text[strings.LastIndex(text[:end], "\x1b[H")+3 : end]
}

func (p *pty) settings() unix.Termios {
	p.t.Helper()
	now, err := unix.IoctlGetTermios(int(p.theirs.Fd()), unix.TCGETS)
	if err != nil {
		p.t.Fatal(err)
	}
	return *now
}

func (p *pty) eventually(what string, parts ...string) {
	p.t.Helper()
	p.shows(fmt.Sprintf("%s: %q", what, parts), func(frame string) bool {
		for _, part := range parts {
			if !strings.Contains(frame, part) {
				return false
			}
		}
		return true
	})
}

// shows waits for a frame.
func (p *pty) shows(what string, is func(frame string) bool) {
	p.t.Helper()
	for patience := time.After(20 * time.Second); !is(p.frame()); {
		select {
		case <-p.more:
		case <-patience:
			p.t.Fatalf("%s: not in\n%s\n%s", what, p.frame(), &p.errors)
		}
	}
}

// ends waits for the end, and wants the terminal as it was.
func (p *pty) ends(before unix.Termios) {
	p.t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- p.program.Wait() }()
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		p.t.Fatal("it does not end")
	}
	if code := p.program.ProcessState.ExitCode(); code != exitOK {
		p.t.Errorf("exit code %d: %s", code, &p.errors)
	}
	if now := p.settings(); now != before {
		p.t.Errorf("the terminal was %+v and is %+v", before, now)
	}
	p.theirs.Close()
	<-p.done
	const leave = "\x1b[?25h\x1b[?1049l"
	if text := p.shown(); !strings.HasPrefix(text, "\x1b[?1049h\x1b[?25l") || !strings.HasSuffix(text, leave) ||
		strings.Count(text, leave) != 1 {
		p.t.Errorf("it was shown\n%q", text)
	}
}

// TestTop: keys, resizing, and the ways to end, each of which leaves the terminal as it was.
func TestTop(t *testing.T) {
	t.Parallel()
	s := startTest(t, nil)
	lines := []*patientLine{dialLine(t, s), dialLine(t, s)}
	for range 20 {
		lines[0].call(t, "echo", `{"message":"x"}`)
	}
	ends := map[string]func(*pty){
		"q":       func(p *pty) { p.press("q") },
		"Ctrl-C":  func(p *pty) { p.press("\x03") },
		"SIGTERM": func(p *pty) { p.program.Process.Signal(syscall.SIGTERM) },
		"SIGHUP":  func(p *pty) { p.program.Process.Signal(syscall.SIGHUP) },
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			p := startTop(t, nil, "--admin", s.addresses["admin"])
			before := p.settings()
			p.eventually("a look", "20 calls, 0 failed", "tcp 2", "echo", "2 connections, the most of age first", "ready")
			if p.settings() == before {
				t.Error("the terminal still waits for whole lines")
			}
			end(p)
			p.ends(before)
		})
	}
	p := startTop(t, nil, "--admin", s.addresses["admin"])
	before := p.settings()
	p.eventually("a look", "tcp 2")
	p.press("s")
	p.eventually("s", "the most of silent first")
	p.press("fhttp\r")
	p.eventually("f", "0 of 2 connections are http")
	p.press("f\x15min_bytes=lots\r")
	p.eventually("a filter that is none", `min_bytes: "lots": allowed is a size`)
	p.press("f\x15\r")
	p.eventually("no filter", "2 connections, the most of silent first", "q quit")
	p.press("p")
	p.eventually("p", "paused", "p go on")
	lines[0].call(t, "echo", `{"message":"x"}`)
	p.press("p")
	p.eventually("p again", "21 calls")
	p.resize(60, 12)
	p.shows("12 lines", func(frame string) bool { return strings.Count(frame, "\n") == 11 })
	p.resize(100, 30)
	p.eventually("it is large again", "PEER")
	s.admin.Stop()
	p.eventually("the server is gone", "no answer since ", "trying again", "tcp 2")
	p.press("q")
	p.ends(before)
	if !strings.Contains(p.shown(), "\x1b[32mready") {
		t.Error("there are no colours")
	}
}

// TestTopWithoutColour: NO_COLOR, on a terminal too.
func TestTopWithoutColour(t *testing.T) {
	t.Parallel()
	s := startTest(t, nil)
	p := startTop(t, []string{"NO_COLOR=1"}, "--admin", s.addresses["admin"])
	before := p.settings()
	p.eventually("a look", "No calls yet: 4 tools are offered.", "0 connections")
	p.press("q")
	p.ends(before)
	if strings.Contains(p.shown(), "m") && strings.Contains(p.shown(), "\x1b[1m") {
		t.Errorf("colours: %q", p.shown())
	}
}

// TestTopPiped: into a pipe goes plain text, once or until nobody reads it.
func TestTopPiped(t *testing.T) {
	t.Parallel()
	s := startTest(t, nil)
	line := dialLine(t, s)
	line.call(t, "echo", `{"message":"x"}`)
	program := exec.Command(os.Args[0], "top", "--once", "--admin", "http://"+s.addresses["admin"]+"/")
	program.Env = append(os.Environ(), asMain+"=1")
	out, err := program.Output()
	if err != nil || bytes.ContainsAny(out, "\x1b\r") || bytes.Count(out, []byte("ready")) != 1 {
		t.Errorf("%v: %q", err, out)
	}
	for _, want := range []string{"1 calls, 0 failed", "echo ", "127.0.0.1:", "1 connections"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	program = exec.Command("sh", "-c", `"$0" top --admin "$1" | head -n 1`, os.Args[0], s.addresses["admin"])
	program.Env = append(os.Environ(), asMain+"=1")
	if out, err := program.Output(); err != nil || !strings.HasPrefix(string(out), "weir dev   up") {
		t.Errorf("%v: %q", err, out)
	}
}

// TestTopErrors: each says what to do next.
func TestTopErrors(t *testing.T) {
	t.Parallel()
	path, tokens := makeTokens(t, "alice")
	open, guarded := startTest(t, nil), startTest(t, func(c *Config) {
		c.AdminTokensFile = path
		c.admins, _ = loadTokens(path, adminsKey, placeless)
	})
	folder := t.TempDir()
	f := func(code int, want string, args ...string) {
		t.Helper()
		var out, errs strings.Builder
		if got := run(append([]string{"top", "--once"}, args...), &out, &errs); got != code ||
			!strings.Contains(errs.String(), want) {
			t.Errorf("%q: exit %d, %s%s, want %d and %q", args, got, &errs, &out, code, want)
		}
	}
	f(exitRuntime, "weir serve), or say with --admin where", "--admin", "127.0.0.1:1")
	f(exitRuntime, "give --token-file FILE", "--admin", guarded.addresses["admin"])
	f(exitRuntime, "(token_unknown): its line must be in", "--admin", guarded.addresses["admin"], "--token-file",
		writeFile(t, folder, "wrong", strings.Repeat("x", 43)+"\n"))
	f(exitOK, "", "--admin", guarded.addresses["admin"], "--token-file",
		writeFile(t, folder, "right", tokens["alice"]+"\n"))
	f(exitRuntime, "is no admin listener", "--admin", open.addresses["http"])
	f(exitUsage, "is no address", "--admin", "ftp://localhost")
	f(exitUsage, "no such file", "--token-file", filepath.Join(folder, "none"))
	f(exitUsage, "holds something else than one token", "--token-file", writeFile(t, folder, "two", "a b\n"))
	f(exitUsage, "unknown flag", "--nonsense")
}
