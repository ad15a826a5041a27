package cmd

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// stdioChild is a weir stdio process and the other ends of its streams.
type stdioChild struct {
	child
	in  *os.File
	out *os.File
	r   *bufio.Reader // of out
}

// startStdio runs weir stdio with a configuration of these lines, and waits until it serves.
func startStdio(t *testing.T, lines ...string) *stdioChild {
	t.Helper()
	file := filepath.Join(t.TempDir(), "weir.yaml")
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	in, ourIn := pipe(t)
	ourOut, out := pipe(t)
	c := &stdioChild{child: child{Cmd: stdioCommand("--config", file), t: t}, in: ourIn, out: ourOut,
		r: bufio.NewReader(ourOut)}
	c.Stdin, c.Stdout = in, out
	stderr, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	in.Close()
	out.Close()
	t.Cleanup(func() { c.Process.Kill() })
	c.log = bufio.NewScanner(stderr)
	c.await("serving standard input and output", nil)
	return c
}

func stdioCommand(args ...string) *exec.Cmd {
	c := exec.Command(os.Args[0], append([]string{"stdio"}, args...)...)
	c.Env = append(os.Environ(), asMain+"="+withHeld)
	return c
}

func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	for _, end := range []*os.File{r, w} {
		if err := end.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	return r, w
}

func (c *stdioChild) send(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c.in, text); err != nil {
		c.t.Fatalf("send %.80q: %v", text, err)
	}
}

func (c *stdioChild) line() string {
	c.t.Helper()
	text, err := c.r.ReadString('\n')
	if err != nil {
		c.t.Fatalf("read a line: %v (after %.200q)", err, text)
	}
	return text
}

// ends checks how the process ended and what its stop cut.
func (c *stdioChild) ends(code, cut int) {
	c.t.Helper()
	var line struct {
		Cut int `json:"messages_cut"`
	}
	c.await("stopped", &line)
	if got := c.exitCode(); got != code || line.Cut != cut {
		c.t.Errorf("exit %d with %d messages cut, want %d with %d", got, line.Cut, code, cut)
	}
}

const ping = `{"jsonrpc":"2.0","id":"p","method":"ping"}` + "\n"
const pong = `{"jsonrpc":"2.0","id":"p","result":{}}` + "\n"

// TestStdioEndOfInput: whatever the streams are, nothing but messages comes out, everything is answered, the exit code
// is 0.
func TestStdioEndOfInput(t *testing.T) {
	sleeps := fmt.Sprintf(sleepCall, 50)
	f := func(name, said string, stdin func(t *testing.T, said string) io.Reader, want ...string) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, err := os.OpenFile(filepath.Join(t.TempDir(), "out"), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
			if err != nil {
				t.Fatal(err)
			}
			defer out.Close()
			c := stdioCommand()
			c.Stdin, c.Stdout = stdin(t, said), out
			if err := c.Run(); err != nil {
				t.Fatal(err)
			}
			text, err := os.ReadFile(out.Name())
			if err != nil {
				t.Fatal(err)
			}
			lines := strings.SplitAfter(string(text), "\n")
			lines = lines[:len(lines)-1]
			if len(lines) != len(want) {
				t.Fatalf("%d lines, want %d:\n%s", len(lines), len(want), text)
			}
			for i, line := range lines {
				if !json.Valid([]byte(line)) || !strings.Contains(line, want[i]) {
					t.Errorf("line %d has no %s:\n%s", i+1, want[i], line)
				}
			}
		})
	}
	piped := func(_ *testing.T, said string) io.Reader { return strings.NewReader(said) }
	file := func(t *testing.T, said string) io.Reader {
		in, err := os.CreateTemp(t.TempDir(), "in")
		if err == nil {
			_, err = io.WriteString(in, said)
		}
		if err == nil {
			_, err = in.Seek(0, io.SeekStart)
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { in.Close() })
		return in
	}
	nothing := func(*testing.T, string) io.Reader { return nil } // os/exec opens /dev/null
	f("a pipe", ping+sleeps, piped, `"id":"p"`, `"slept"`)
	f("a file", sleeps+ping, file, `"id":"p"`, `"slept"`)
	f("no last newline", strings.TrimSuffix(ping, "\n"), piped, `"id":"p"`)
	f("a long file", strings.Repeat(ping, 5000), file, strings.Split(strings.Repeat(`"id":"p" `, 5000), " ")[:5000]...)
	f("nothing", "", nothing)
	f("broken lines", "{nonsense\n\n[1]\n"+ping+`{"jsonrpc":"2.0","id":3}`, piped, "-32700", "-32600", `"id":"p"`,
		"-32600")
	f("a listen", `{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{`+
		`"notifications":{"toolsListChanged":true},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",`+
		`"io.modelcontextprotocol/clientCapabilities":{}}}}`+"\n",
		piped, "notifications/subscriptions/acknowledged")
}

// TestStdioTerminal: a terminal's input ends with ^D. What is written to it comes back with a carriage return.
func TestStdioTerminal(t *testing.T) {
	front, back := terminal(t)
	c := stdioCommand()
	c.Stdin, c.Stdout = back, back
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Process.Kill() })
	if _, err := io.WriteString(front, ping+"\x04"); err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(); err != nil {
		t.Fatal(err)
	}
	back.Close()
	// What a terminal shows may come in any number of pieces; without a back it ends with EIO.
	shown, err := io.ReadAll(front)
	if answer := strings.TrimSuffix(pong, "\n") + "\r\n"; !strings.Contains(string(shown), answer) {
		t.Errorf("the terminal shows %q, %v", shown, err)
	}
}

func TestStdioDrains(t *testing.T) {
	c := startStdio(t)
	call, let := heldCall(t)
	c.send(call + ping)
	if got := c.line(); got != pong { // the call before it is accepted
		t.Fatalf("got %s", got)
	}
	c.Process.Signal(syscall.SIGTERM)
	c.await("draining", nil)
	let()
	if got := c.line(); !strings.Contains(got, `"let go"`) {
		t.Errorf("the running call got %s", got)
	}
	if rest, err := io.ReadAll(c.r); err != nil || len(rest) > 0 {
		t.Errorf("then came %q, %v", rest, err)
	}
	c.ends(exitOK, 0)
}

func TestStdioEndOfInputIsBounded(t *testing.T) {
	c := startStdio(t, "shutdown_timeout: 100ms")
	c.send(fmt.Sprintf(sleepCall, 600_000) + ping)
	c.line() // the call before it is accepted
	c.in.Close()
	c.await("end of input, finishing", nil)
	c.ends(exitOK, 1)
}

func TestStdioSecondSignalStopsAtOnce(t *testing.T) {
	c := startStdio(t)
	c.send(fmt.Sprintf(sleepCall, 600_000) + ping)
	c.line()
	c.in.Close()
	c.await("end of input, finishing", nil)
	c.insist(syscall.SIGINT)
	c.await("stopped at once, the drain was not finished", nil)
	if code := c.exitCode(); code != exitRuntime {
		t.Errorf("exit %d", code)
	}
}

// TestStdioClientThatNeverReads: it is not read either, keeps no more than a few buffers full, meets no deadline, and
// loses nothing when it reads after all.
func TestStdioClientThatNeverReads(t *testing.T) {
	c := startStdio(t, "write_timeout: 100ms", "message_timeout: 100ms", "first_byte_timeout: 100ms")
	// Half a second is two sweeps of the deadlines and more.
	c.in.SetWriteDeadline(time.Now().Add(500 * time.Millisecond))
	block, sent := []byte(strings.Repeat(ping, 1000)), 0
	for {
		n, err := c.in.Write(block)
		sent += n
		if errors.Is(err, os.ErrDeadlineExceeded) {
			break
		}
		if err != nil || sent > 8<<20 {
			t.Fatalf("%d bytes were taken, then %v; nobody reads the answers", sent, err)
		}
	}
	t.Logf("%d bytes were taken of a client that does not read", sent)
	whole := sent / len(ping)
	go func() {
		c.in.SetWriteDeadline(time.Time{})
		c.in.Write([]byte(ping)[sent%len(ping):]) // or a whole one more
		c.in.Close()
	}()
	answers, err := io.ReadAll(c.r)
	if err != nil || !bytes.Equal(answers, bytes.Repeat([]byte(pong), whole+1)) {
		t.Errorf("%d bytes came back for %d pings, want %d; %v", len(answers), whole+1, len(pong)*(whole+1), err)
	}
	c.ends(exitOK, 0)
}

// TestStdioClientIsGone: nobody reads the output any more, so the call that runs is cancelled, not waited for.
func TestStdioClientIsGone(t *testing.T) {
	c := startStdio(t)
	c.send(fmt.Sprintf(sleepCall, 600_000) + ping)
	c.line() // the call before it is accepted
	c.out.Close()
	_, _ = io.WriteString(c.in, ping) // unless it has ended already
	var line struct{ Error, Reason string }
	c.await("the conversation broke off", &line)
	if code := c.exitCode(); code != exitRuntime || !strings.Contains(line.Error, "write the output") {
		t.Errorf("exit %d, %+v", code, line)
	}
}

// TestStdioParentIsGone: whoever launched it was killed during a call, and another of its children holds the input
// open. Nothing is written that could tell, and yet it ends.
func TestStdioParentIsGone(t *testing.T) {
	c := startStdio(t, "shutdown_timeout: 1h")
	c.send(fmt.Sprintf(sleepCall, 600_000) + ping)
	c.line() // the call before it is accepted
	c.out.Close()
	var line struct{ Error, Reason string }
	c.await("the conversation broke off", &line)
	if code := c.exitCode(); code != exitRuntime || !strings.Contains(line.Error, "its reader is gone") {
		t.Errorf("exit %d, %+v", code, line)
	}
}

// fillOutput has more answers come than a pipe holds, and returns when it holds no more.
func (c *stdioChild) fillOutput() {
	c.t.Helper()
	c.send(strings.Repeat(ping, 3000))
	raw, err := c.out.SyscallConn()
	if err != nil {
		c.t.Fatal(err)
	}
	writing := -1 // the other end of c.out
	if err := raw.Control(func(fd uintptr) {
		writing, err = unix.Open(fmt.Sprintf("/proc/self/fd/%d", fd), unix.O_WRONLY|unix.O_CLOEXEC, 0)
	}); err != nil || writing < 0 {
		c.t.Fatal(err)
	}
	defer unix.Close(writing)
	eventually(c.t, "the pipe is full", func() bool {
		set := []unix.PollFd{{Fd: int32(writing), Events: unix.POLLOUT}}
		n, err := unix.Poll(set, 0)
		return n == 0 && err == nil
	})
}

// TestStdioStopsAlthoughBlocked: a client that reads nothing does not hold up a signal.
func TestStdioStopsAlthoughBlocked(t *testing.T) {
	c := startStdio(t, "shutdown_timeout: 1h")
	c.fillOutput()
	c.Process.Signal(syscall.SIGTERM)
	var line struct{ Error, Reason string }
	c.await("the conversation broke off", &line)
	if code := c.exitCode(); code != exitRuntime || line.Error != "the output was not read to its end" {
		t.Errorf("exit %d, %+v", code, line)
	}
}

// TestStdioOutputIsNotRead: the stop does not wait for ever for a client that has something to read.
func TestStdioOutputIsNotRead(t *testing.T) {
	c := startStdio(t, "shutdown_timeout: 100ms")
	c.fillOutput()
	c.in.Close()
	var line struct{ Error, Reason string }
	c.await("the conversation broke off", &line)
	if code := c.exitCode(); code != exitRuntime || line.Error != "the output was not read to its end" {
		t.Errorf("exit %d, %+v", code, line)
	}
}

func TestStdioMessageTooLarge(t *testing.T) {
	c := startStdio(t, "messages:", "  line:", "    max_message_bytes: 65536")
	c.send(ping + strings.Repeat("x", 65537) + "\n" + ping)
	for _, want := range []string{pong, "-32600", pong} { // a line that is too long is one error, and the next is served
		if got := c.line(); !strings.Contains(got, want) {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	c.in.Close()
	c.ends(exitOK, 0)
}

// TestStdioInputUnreadable: a folder opens, and cannot be read.
func TestStdioInputUnreadable(t *testing.T) {
	folder, err := os.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	c := stdioCommand()
	c.Stdin = folder
	var log strings.Builder
	c.Stderr = &log
	c.Run() // its error is the code
	if code := c.ProcessState.ExitCode(); code != exitRuntime || !strings.Contains(log.String(), "read the input") {
		t.Errorf("exit %d\n%s", code, &log)
	}
}

// TestStdioConfig: what is for many clients is not used, so that one file does for weir serve and any number of these.
func TestStdioConfig(t *testing.T) {
	file := filepath.Join(t.TempDir(), "weir.yaml")
	const text = "http: 127.0.0.1:8080\nunix: /run/w.sock\nmax_connections: 50000\nmax_waiting: 77\n" +
		"admin: 127.0.0.1:9090\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errs strings.Builder
	if code := run([]string{"stdio", "--config", file, "--demo=false", "--workers", "3", "--check-config"}, &out,
		&errs); code != exitOK {
		t.Fatalf("exit %d: %s", code, &errs)
	}
	for _, want := range []string{"http: \"\"\n", "tcp: \"\"\n", "unix: \"\"\n", "admin: \"\"\n", "max_waiting: 77\n",
		"demo: false\n",
		"workers: 3\n", "loops: 1\n", "max_connections: 2\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in:\n%s", want, &out)
		}
	}
}
