package observe

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// maxKeptLines is how much of a process's output is kept for the message that says why it died.
const maxKeptLines = 20

// maxLineBytes bounds one line of its output.
const maxLineBytes = 64 << 10

// Process is a server that was started to be measured: its output is read, its use of the machine comes from /proc,
// and it ends with the generator even when that is killed. Its methods may be called from any goroutine.
type Process struct {
	Name string
	pid  int
	cmd  *exec.Cmd      // nil: somebody else started it
	wg   sync.WaitGroup // the readers of its output

	mu     sync.Mutex
	lines  []string // the last ones
	exited chan struct{}
	seen   chan struct{} // closed when sought has accepted a line
	sought func(string) bool
}

// StartProcess starts a program and waits until accept has said yes to a line of its output (standard output and error
// alike), or ctx ends, or the program does. accept is called on one line after another, never concurrently; nil waits
// for nothing.
//
// The kernel ends the program when the thread that started it ends: call it from the main goroutine, locked to its
// thread.
func StartProcess(ctx context.Context, name string, args []string, accept func(line string) bool) (*Process, error) {
	p := &Process{Name: name, cmd: exec.Command(args[0], args[1:]...), sought: accept,
		exited: make(chan struct{}), seen: make(chan struct{})}
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	p.pid = p.cmd.Process.Pid
	p.wg.Go(func() { p.follow(stdout) })
	p.wg.Go(func() { p.follow(stderr) })
	go func() {
		p.wg.Wait() // Wait closes the pipes, so they must have been read
		_ = p.cmd.Wait()
		close(p.exited)
	}()
	if accept == nil {
		return p, nil
	}
	select {
	case <-p.seen:
		return p, nil
	case <-p.exited:
		return nil, fmt.Errorf("%s ended before it was ready (%v):\n%s", name, p.cmd.ProcessState, p.Output())
	case <-ctx.Done():
		p.Stop(0)
		return nil, fmt.Errorf("%s was not ready in time: %w\n%s", name, ctx.Err(), p.Output())
	}
}

// follow reads the program's output to its end.
func (p *Process) follow(r io.Reader) {
	in := bufio.NewScanner(r)
	in.Buffer(nil, maxLineBytes)
	for in.Scan() {
		p.mu.Lock()
		if len(p.lines) == maxKeptLines {
			p.lines = append(p.lines[:0], p.lines[1:]...)
		}
		p.lines = append(p.lines, in.Text())
		if p.sought != nil && p.sought(in.Text()) {
			p.sought = nil
			close(p.seen)
		}
		p.mu.Unlock()
	}
	_, _ = io.Copy(io.Discard, r) // a line that was too long: the program must not block on it
}

// Output returns the last lines that the program wrote.
func (p *Process) Output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.lines, "\n")
}

// PID is the program's process id.
func (p *Process) PID() int { return p.pid }

// Attach returns a process that somebody else started: its use of the machine can be read, and nothing else be done to
// it.
func Attach(name string, pid int) *Process { return &Process{Name: name, pid: pid} }

// Gone says whether a process that was there has ended.
func (p *Process) Gone() bool {
	_, err := p.CPU()
	return errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH)
}

// Alive says whether the program still runs.
func (p *Process) Alive() bool {
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

// Stop asks the program to end, and kills it when it has not within the given time.
func (p *Process) Stop(patience time.Duration) {
	if patience > 0 {
		_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended already
		select {
		case <-p.exited:
			return
		case <-time.After(patience):
		}
	}
	_ = p.cmd.Process.Kill()
	<-p.exited
}

// userHz is the unit of /proc/PID/stat (USER_HZ, 100 on every Linux platform that Go has). The kernel keeps the sum of
// user and system time to the nanosecond and rounds only what it prints, so a second of CPU time is known to one per
// cent.
const userHz = 100

// CPU returns the user and system time that the program has used so far, all threads together.
func (p *Process) CPU() (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.PID()))
	if err != nil {
		return 0, fmt.Errorf("cpu of %s: %w", p.Name, err)
	}
	// The name is in parentheses and may hold anything; fields 14 and 15 count from 1 and the name is the second.
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	if len(fields) < 13 {
		return 0, fmt.Errorf("cpu of %s: %q", p.Name, b)
	}
	user, err1 := strconv.ParseInt(fields[11], 10, 64)
	system, err2 := strconv.ParseInt(fields[12], 10, 64)
	if err := errors.Join(err1, err2); err != nil {
		return 0, fmt.Errorf("cpu of %s: %w", p.Name, err)
	}
	return time.Duration(user+system) * time.Second / userHz, nil
}

// Memory is what a program holds, in bytes.
type Memory struct {
	ResidentBytes int64 // VmRSS
	PeakBytes     int64 // VmHWM
	Threads       int
}

// Memory reads the program's resident memory.
func (p *Process) Memory() (Memory, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID()))
	if err != nil {
		return Memory{}, fmt.Errorf("memory of %s: %w", p.Name, err)
	}
	var m Memory
	for line := range strings.Lines(string(b)) {
		name, value, _ := strings.Cut(line, ":")
		fields := strings.Fields(value)
		if len(fields) == 0 {
			continue
		}
		n, err := strconv.ParseInt(fields[0], 10, 64)
		if err != nil {
			continue // not one of the numbers
		}
		switch name {
		case "VmRSS":
			m.ResidentBytes = n << 10
		case "VmHWM":
			m.PeakBytes = n << 10
		case "Threads":
			m.Threads = int(n)
		}
	}
	return m, nil
}

// Files returns how many descriptors the program has open.
func (p *Process) Files() (int, error) {
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.PID()))
	if err != nil {
		return 0, fmt.Errorf("files of %s: %w", p.Name, err)
	}
	return len(entries), nil
}

// OwnCPU returns the user and system time that this process has used: what the generator itself costs.
func OwnCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic("getrusage: " + err.Error()) // its arguments are constants
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// ResetPeak makes Memory.PeakBytes begin anew at what is resident now (proc(5), clear_refs).
func (p *Process) ResetPeak() error {
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", p.PID()), []byte("5"), 0o200); err != nil {
		return fmt.Errorf("reset the peak of %s: %w", p.Name, err)
	}
	return nil
}
