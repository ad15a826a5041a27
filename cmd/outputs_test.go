package cmd

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"weir/reactor/logwriter"
)

// The ends of a process's standard output and error are others' to read or not to read. Nothing that a client or an
// operator is served hangs on it.

// startTalkative runs a server that logs every closed connection.
func startTalkative(t *testing.T) *child {
	t.Helper()
	file := filepath.Join(t.TempDir(), "weir.yaml")
	if err := os.WriteFile(file, []byte("log:\n  level: debug\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return startChild(t, "--config", file)
}

// lost is a value of weir_log_lines_lost_total.
func (c *child) lost(reason string) string {
	c.t.Helper()
	match := regexp.MustCompile(`(?m)^weir_log_lines_lost_total\{reason="` + reason + `"\} (\d+)$`).
		FindStringSubmatch(c.httpGet("/metrics"))
	if match == nil {
		c.t.Fatalf("/metrics does not say how many lines were lost for %s", reason)
	}
	return match[1]
}

// chatter has the server log a line.
func (c *child) chatter() {
	c.t.Helper()
	conn, err := net.Dial("tcp", c.addresses["tcp"])
	if err != nil {
		c.t.Fatal(err)
	}
	conn.Close()
}

// TestServeLogIsNotRead: standard error is a pipe that nobody reads. Clients are served, lines are dropped and counted,
// a stop stops; and who reads after all is told how many lines are missing.
func TestServeLogIsNotRead(t *testing.T) {
	f := func(name string, then func(c *child)) {
		t.Run(name, func(t *testing.T) {
			c := startTalkative(t)
			for c.lost("buffer_full") == "0" {
				for range 500 {
					c.chatter()
				}
			}
			conn, err := net.Dial("tcp", c.addresses["tcp"])
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			conn.SetDeadline(time.Now().Add(30 * time.Second))
			io.WriteString(conn, ping)
			if answer, err := bufio.NewReader(conn).ReadString('\n'); err != nil || answer != pong {
				t.Errorf("got %q, %v", answer, err)
			}
			then(c)
		})
	}
	f("stop", func(c *child) {
		c.Process.Signal(syscall.SIGTERM)
		if state, err := c.Process.Wait(); err != nil || state.ExitCode() != exitOK { // the log is still not read
			t.Error(state, err)
		}
	})
	f("read again", func(c *child) {
		var line struct{ Lines int }
		c.await(logwriter.LostMessage, &line)
		if line.Lines == 0 {
			t.Error("it does not say how many")
		}
		c.Process.Signal(syscall.SIGTERM)
		c.await("stopped", nil)
		if code := c.exitCode(); code != exitOK {
			t.Errorf("exit %d", code)
		}
	})
}

// TestServeLogReaderIsGone: the reader of standard error goes away. What runs is answered, the lines are counted, and
// the process ends when it is told to, and not by SIGPIPE.
func TestServeLogReaderIsGone(t *testing.T) {
	c := startTalkative(t)
	conn, let := c.callHeld()
	c.stderr.Close()
	eventually(t, "a line cannot be written", func() bool { c.chatter(); return c.lost("write_error") != "0" })
	c.Process.Signal(syscall.SIGTERM)
	let()
	if answer, err := io.ReadAll(conn); err != nil || !strings.Contains(string(answer), `"let go"`) {
		t.Errorf("the running call got %q, %v", answer, err)
	}
	if err := c.Wait(); err != nil {
		t.Error(err)
	}
}

// TestServeHangup: SIGHUP of a server without tokens reloads its alerts, and ends nothing.
func TestServeHangup(t *testing.T) {
	c := startChild(t)
	c.Process.Signal(syscall.SIGHUP)
	c.awaitPrefix("configuration reloaded")
	if health := c.httpGet("/healthz"); !strings.Contains(health, "alive") {
		t.Error(health)
	}
	c.Process.Signal(syscall.SIGTERM)
	c.await("stopped", nil)
	if code := c.exitCode(); code != exitOK {
		t.Errorf("exit %d", code)
	}
}

// TestStdioHangup: the same of a launched server.
func TestStdioHangup(t *testing.T) {
	c := startStdio(t)
	c.Process.Signal(syscall.SIGHUP)
	c.awaitPrefix("configuration reloaded")
	c.send(ping)
	if got := c.line(); got != pong {
		t.Errorf("got %s", got)
	}
	c.in.Close()
	c.ends(exitOK, 0)
}

// terminal is a pseudo terminal: what is written to back is shown at front.
func terminal(t *testing.T) (front, back *os.File) {
	t.Helper()
	front, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skip(err) // a container without pseudo terminals
	}
	t.Cleanup(func() { front.Close() })
	if err := unix.IoctlSetPointerInt(int(front.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(front.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	back, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { back.Close() })
	return front, back
}

// TestServeBannerIsForPeople: it stands on a terminal, and on no other standard output; a terminal that is stopped
// (Ctrl-S) holds up nothing.
func TestServeBannerIsForPeople(t *testing.T) {
	f := func(name string, stdout *os.File, shown func()) {
		t.Run(name, func(t *testing.T) {
			c := startChildOn(t, stdout)
			stdout.Close()
			shown()
			c.Process.Signal(syscall.SIGTERM)
			c.await("stopped", nil)
			if code := c.exitCode(); code != exitOK {
				t.Errorf("exit %d", code)
			}
		})
	}
	front, back := terminal(t)
	f("terminal", back, func() {
		lines := bufio.NewScanner(front)
		for lines.Scan() && !strings.HasPrefix(lines.Text(), "Ctrl-C drains and stops") {
		}
		if lines.Err() != nil {
			t.Error("no banner:", lines.Err())
		}
	})
	front, back = terminal(t)
	if _, err := front.WriteString("\x13"); err != nil { // Ctrl-S
		t.Fatal(err)
	}
	f("stopped terminal", back, func() {})
	r, w := pipe(t)
	f("pipe", w, func() {})
	if text, err := io.ReadAll(r); err != nil || len(text) > 0 {
		t.Errorf("standard output got %q, %v", text, err)
	}
}
