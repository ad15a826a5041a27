package child

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

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"weir/backpressure"
	"weir/reactor/logwriter"
)

// Starter starts every child on one thread, which lives until none is left: the kernel ends a child when the thread
// that started it does (PR_SET_PDEATHSIG), and so also when this process is killed. Any goroutine.
type Starter struct {
	jobs chan func()
	done chan struct{}
}

// NewStarter makes a starter, which is to be stopped.
func NewStarter() *Starter {
	s := &Starter{jobs: make(chan func()), done: make(chan struct{})}
	go func() {
		defer close(s.done)
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		for job := range s.jobs {
			job()
		}
	}()
	return s
}

func (s *Starter) do(job func() error) (err error) {
	done := make(chan struct{})
	s.jobs <- func() {
		err = job()
		close(done)
	}
	<-done
	return err
}

// Stop ends the thread. No child is left.
func (s *Starter) Stop() {
	close(s.jobs)
	<-s.done
}

// Child is a program that runs, with its process group.
type Child struct {
	cmd    *exec.Cmd
	exited chan struct{}
	status error
}

// Exited is closed when the program has ended and its group with it.
func (c *Child) Exited() <-chan struct{} { return c.exited }

// Status is why the program has ended, once it has; nil: with exit status 0.
func (c *Child) Status() error { return c.status }

// Spec is what is started.
type Spec struct {
	Command    string // a name that is looked for in PATH, or a path
	Args       []string
	Cwd        string            // "" is this process's
	Env        map[string]string // beside what is inherited
	InheritEnv []string          // what is inherited besides
	Log        zerolog.Logger    // hears what it says on its standard error
}

// inherited is what a child has of this process's environment: what programs need to find their way, and no secrets.
var inherited = []string{"HOME", "LANG", "LC_ALL", "LC_CTYPE", "LOGNAME", "PATH", "SHELL", "TERM", "TMPDIR", "TZ",
	"USER"}

func (spec *Spec) environment() []string {
	env := []string{}
	for _, name := range append(append([]string(nil), inherited...), spec.InheritEnv...) {
		if value, has := os.LookupEnv(name); has {
			env = append(env, name+"="+value)
		}
	}
	for name, value := range spec.Env { // of two with one name, exec takes the last
		env = append(env, name+"="+value)
	}
	return env
}

// ErrCommand is that there is no such program; another error is that it cannot be started.
var ErrCommand = errors.New("the command is not found")

// Start starts a program. fd is our end of its standard streams, and the caller's.
func (s *Starter) Start(spec *Spec) (c *Child, fd int, err error) {
	path, err := exec.LookPath(spec.Command)
	if err != nil && !errors.Is(err, exec.ErrDot) {
		return nil, -1, notFound{err}
	}
	if spec.Cwd != "" {
		if _, err := os.Stat(spec.Cwd); err != nil {
			return nil, -1, fmt.Errorf("cwd: %w", err)
		}
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, -1, fmt.Errorf("make a socket pair: %w", err)
	}
	theirs := os.NewFile(uintptr(pair[1]), "standard streams")
	defer theirs.Close()
	reader, writer, err := os.Pipe()
	if err != nil {
		_ = unix.Close(pair[0])
		return nil, -1, fmt.Errorf("make a pipe: %w", err)
	}
	defer writer.Close()
	c = &Child{cmd: exec.Command(path, spec.Args...), exited: make(chan struct{})}
	c.cmd.Dir, c.cmd.Env = spec.Cwd, spec.environment()
	c.cmd.Stdin, c.cmd.Stdout, c.cmd.Stderr = theirs, theirs, writer
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := errors.Join(unix.SetNonblock(pair[0], true), s.do(c.cmd.Start)); err != nil {
		reader.Close()
		_ = unix.Close(pair[0])
		if errors.Is(err, os.ErrNotExist) {
			err = notFound{err}
		}
		return nil, -1, err
	}
	told := make(chan struct{})
	go func() {
		defer close(told)
		logLines(spec.Log, reader)
	}()
	go c.await(reader, told)
	return c, pair[0], nil
}

// notFound is an ErrCommand in the words of who looked.
type notFound struct{ error }

func (notFound) Is(target error) bool { return target == ErrCommand }
func (e notFound) Unwrap() error      { return e.error }

// Patience is how long what the program's descendants still say is heard after its end.
const Patience = 500 * time.Millisecond

// await waits for the program's end and ends what is left of its group. Until the program is reaped its number, which
// is its group's, cannot be another's.
func (c *Child) await(stderr *os.File, told <-chan struct{}) {
	for {
		err := unix.Waitid(unix.P_PID, c.cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if err != unix.EINTR {
			break
		}
	}
	c.signal(unix.SIGKILL)
	c.status = c.cmd.Wait()
	_ = stderr.SetReadDeadline(time.Now().Add(Patience))
	<-told
	stderr.Close()
	close(c.exited)
}

// signal sends a signal to the program's group, which the program leads until it is reaped.
func (c *Child) signal(s syscall.Signal) { _ = unix.Kill(-c.cmd.Process.Pid, s) }

// A program whose input has ended is given some time to end by itself, then it is asked to, then it is ended.
const (
	termAfter = 2 * time.Second
	killAfter = 5 * time.Second
)

// End waits for the program's end, whose input has ended, and helps. A ctx that is over leaves it no time.
func (c *Child) End(ctx context.Context) {
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

func logLines(log zerolog.Logger, from *os.File) {
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
				event := log.Info().Bool("cut", more)
				if leftOut > 0 {
					event = event.Int("suppressed", leftOut)
				}
				event.Msg(fmt.Sprintf("standard error: %s", line))
			}
		}
		cut = more
	}
}
