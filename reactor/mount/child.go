package mount

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"weir/backpressure"
	"weir/reactor/logwriter"
)

func newStarter() *starter {
	s := &starter{jobs: make(chan func()), done: make(chan struct{})}
	go func() {
		defer close(s.done)
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		for job := range s.jobs {
			job()
		}
	}()
	return s
}

func (s *starter) do(job func() error) (err error) {
	done := make(chan struct{})
	s.jobs <- func() {
		err = job()
		close(done)
	}
	<-done
	return err
}

// stop ends the thread. No child is left.
func (s *starter) stop() {
	close(s.jobs)
	<-s.done
}

// child is a program that runs, with its process group.
type child struct {
	cmd    *exec.Cmd
	exited chan struct{} // closed when the program has ended and its group with it
	status error         // why, once exited is closed
}

// inherited is what a child has of this process's environment: what programs need to find their way, and no secrets.
var inherited = []string{"HOME", "LANG", "LC_ALL", "LC_CTYPE", "LOGNAME", "PATH", "SHELL", "TERM", "TMPDIR", "TZ",
	"USER"}

func (m *Mount) environment() []string {
	env := []string{}
	for _, name := range append(append([]string(nil), inherited...), m.opt.InheritEnv...) {
		if value, has := os.LookupEnv(name); has {
			env = append(env, name+"="+value)
		}
	}
	for name, value := range m.opt.Env { // of two with one name, exec takes the last
		env = append(env, name+"="+value)
	}
	return env
}

// spawn starts the command. fd is our end of its standard streams.
func (m *Mount) spawn() (c *child, fd int, _ *downError) {
	path, err := exec.LookPath(m.opt.Command)
	if err != nil && !errors.Is(err, exec.ErrDot) {
		return nil, -1, &downError{endCommand, err}
	}
	if m.opt.Cwd != "" {
		if _, err := os.Stat(m.opt.Cwd); err != nil {
			return nil, -1, down(endStart, "cwd: %w", err)
		}
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, -1, down(endStart, "make a socket pair: %w", err)
	}
	theirs := os.NewFile(uintptr(pair[1]), "standard streams")
	defer theirs.Close()
	reader, writer, err := os.Pipe()
	if err != nil {
		_ = unix.Close(pair[0])
		return nil, -1, down(endStart, "make a pipe: %w", err)
	}
	defer writer.Close()
	c = &child{cmd: exec.Command(path, m.opt.Args...), exited: make(chan struct{})}
	c.cmd.Dir, c.cmd.Env = m.opt.Cwd, m.environment()
	c.cmd.Stdin, c.cmd.Stdout, c.cmd.Stderr = theirs, theirs, writer
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := errors.Join(unix.SetNonblock(pair[0], true), m.of.starter.do(c.cmd.Start)); err != nil {
		reader.Close()
		_ = unix.Close(pair[0])
		why := endStart
		if errors.Is(err, os.ErrNotExist) {
			why = endCommand
		}
		return nil, -1, &downError{why, err}
	}
	told := make(chan struct{})
	go func() {
		defer close(told)
		m.logLines(reader)
	}()
	go c.await(reader, told)
	return c, pair[0], nil
}

// stderrPatience is how long what the program's descendants still say is heard after its end.
const stderrPatience = 500 * time.Millisecond

// await waits for the program's end and ends what is left of its group. Until the program is reaped its number, which
// is its group's, cannot be another's.
func (c *child) await(stderr *os.File, told <-chan struct{}) {
	for {
		err := unix.Waitid(unix.P_PID, c.cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if err != unix.EINTR {
			break
		}
	}
	c.signal(unix.SIGKILL)
	c.status = c.cmd.Wait()
	_ = stderr.SetReadDeadline(time.Now().Add(stderrPatience))
	<-told
	stderr.Close()
	close(c.exited)
}

// signal sends a signal to the program's group, which the program leads until it is reaped.
func (c *child) signal(s syscall.Signal) { _ = unix.Kill(-c.cmd.Process.Pid, s) }

// A program whose input has ended is given some time to end by itself, then it is asked to, then it is ended.
const (
	termAfter = 2 * time.Second
	killAfter = 5 * time.Second
)

// end waits for the program's end, whose input has ended, and helps. A ctx that is over leaves it no time.
func (c *child) end(ctx context.Context) {
	term, kill := time.NewTimer(termAfter), time.NewTimer(killAfter)
	defer term.Stop()
	defer kill.Stop()
	over := ctx.Done()
	for {
		select {
		case <-c.exited:
			return
		case <-term.C:
			c.signal(unix.SIGTERM)
		case <-kill.C:
			c.signal(unix.SIGKILL)
		case <-over:
			over = nil
			c.signal(unix.SIGKILL)
		}
	}
}

// What a program says on its standard error goes to the log: lines of at most maxLogLine bytes, and so many in ten
// seconds.
const (
	maxLogLine  = 1 << 10
	linesLogged = 50
)

func (m *Mount) logLines(from *os.File) {
	reader := bufio.NewReaderSize(from, maxLogLine)
	var gate logwriter.Gate
	cut := false // the beginning of the line at hand was logged
	for {
		line, more, err := reader.ReadLine()
		if err != nil {
			return
		}
		if !cut && len(line) > 0 {
			if leftOut, ok := gate.Allow(backpressure.Now(), linesLogged); ok {
				event := m.log.Info().Bool("cut", more)
				if leftOut > 0 {
					event = event.Int("suppressed", leftOut)
				}
				event.Msg(fmt.Sprintf("standard error: %s", line))
			}
		}
		cut = more
	}
}
