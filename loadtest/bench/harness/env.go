package harness

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"weir/loadtest/client"
	"weir/loadtest/observe"
)

// Setup is what every benchmark is told by the command line.
type Setup struct {
	Program string // the program under test
	Runs    int    // of each measurement
	Seconds float64
	Scale   float64
	Loops   int
	Peers   bool   // measure the peers alone
	Cells   string // of a table with many loads, those whose names have this in them
}

// Env is what one benchmark works with. It belongs to the main goroutine.
type Env struct {
	Setup
	Ctx     context.Context
	Dir     string // for binaries, sockets and configuration files
	name    string
	began   time.Time
	fleets  []*client.Fleet
	servers []*observe.Process
}

// NewEnv begins a benchmark; stopAll ends it. dir is for files.
func NewEnv(ctx context.Context, s Setup, dir, name string) *Env {
	return &Env{Setup: s, Ctx: ctx, Dir: dir, name: name, began: time.Now()}
}

// Bounds of every single step, so that no run hangs: a server that does not do what is asked fails the benchmark
// instead.
const (
	OpenTimeout   = 60 * time.Second
	SettleTimeout = 60 * time.Second
	startTimeout  = 30 * time.Second
	stopTimeout   = 5 * time.Second
	WarmUp        = 500 * time.Millisecond
)

// Progress says on standard error what is being done.
func (e *Env) Progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%7.1fs %s: %s\n", time.Since(e.began).Seconds(), e.name, fmt.Sprintf(format, args...))
}

// Scaled is n connections (or bytes, or calls) at the scale of this run, at least 1.
func (e *Env) Scaled(n int) int { return max(1, int(float64(n)*e.Scale)) }

// Window is the length of one measured window.
func (e *Env) Window() time.Duration { return time.Duration(e.Seconds * float64(time.Second)) }

// Sleep waits for the time to pass; a measurement from outside has nothing else to wait for.
func (e *Env) Sleep(d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-e.Ctx.Done():
		return e.Ctx.Err()
	}
}

// Poll asks until done says yes, every interval, at most for the given time.
func (e *Env) Poll(interval, most time.Duration, done func() (bool, error)) error {
	for end := time.Now().Add(most); ; {
		if ok, err := done(); ok || err != nil {
			return err
		}
		if time.Now().After(end) {
			return ErrTooLong
		}
		if err := e.Sleep(interval); err != nil {
			return err
		}
	}
}

// ErrTooLong says that what Poll waited for did not come.
var ErrTooLong = errors.New("it took too long")

// Fleet makes a fleet that ends with the benchmark.
func (e *Env) Fleet(change func(*client.Options)) (*client.Fleet, error) {
	o := client.DefaultOptions()
	o.Loops = e.Loops
	change(&o)
	f, err := client.NewFleet(o)
	if err == nil {
		e.fleets = append(e.fleets, f)
	}
	return f, err
}

// Open makes a fleet and opens its connections.
func (e *Env) Open(n int, change func(*client.Options)) (*client.Fleet, error) {
	f, err := e.Fleet(change)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(e.Ctx, OpenTimeout)
	defer cancel()
	return f, f.Open(ctx, n)
}

// Halt stops a fleet's sending, waits for its answers and checks its counts.
func (e *Env) Halt(f *client.Fleet) error {
	ctx, cancel := context.WithTimeout(e.Ctx, SettleTimeout)
	defer cancel()
	if err := f.Stop(ctx); err != nil {
		return err
	}
	c := f.Counters()
	return c.Check()
}

// CloseFleet ends a fleet before the benchmark does.
func (e *Env) CloseFleet(f *client.Fleet) {
	for i, other := range e.fleets {
		if other == f {
			e.fleets = append(e.fleets[:i], e.fleets[i+1:]...)
			f.Close()
			return
		}
	}
}

// StopServer ends a server before the benchmark does.
func (e *Env) StopServer(p *observe.Process) {
	for i, other := range e.servers {
		if other == p {
			e.servers = append(e.servers[:i], e.servers[i+1:]...)
			p.Stop(stopTimeout)
			return
		}
	}
}

// StopAll ends every fleet and server of the benchmark.
func (e *Env) StopAll() {
	for len(e.fleets) > 0 {
		e.CloseFleet(e.fleets[0])
	}
	for len(e.servers) > 0 {
		e.StopServer(e.servers[0])
	}
}
