package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"weir/loadtest/client"
	"weir/loadtest/observe"
)

// env is what one benchmark works with. It belongs to the main goroutine.
type env struct {
	config
	ctx     context.Context
	dir     string // for binaries, sockets and configuration files
	name    string
	began   time.Time
	fleets  []*client.Fleet
	servers []*observe.Process
}

// Bounds of every single step, so that no run hangs: a server that does not do what is asked fails the benchmark instead.
const (
	openTimeout   = 60 * time.Second
	settleTimeout = 60 * time.Second
	startTimeout  = 30 * time.Second
	stopTimeout   = 5 * time.Second
	warmUp        = 500 * time.Millisecond
)

// progress says on standard error what is being done.
func (e *env) progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%7.1fs %s: %s\n", time.Since(e.began).Seconds(), e.name, fmt.Sprintf(format, args...))
}

// scaled is n connections (or bytes, or calls) at the scale of this run, at least 1.
func (e *env) scaled(n int) int { return max(1, int(float64(n)*e.scale)) }

// window is the length of one measured window.
func (e *env) window() time.Duration { return time.Duration(e.seconds * float64(time.Second)) }

// sleep waits for the time to pass; a measurement from outside has nothing else to wait for.
func (e *env) sleep(d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-e.ctx.Done():
		return e.ctx.Err()
	}
}

// poll asks until done says yes, every interval, at most for the given time.
func (e *env) poll(interval, most time.Duration, done func() (bool, error)) error {
	for end := time.Now().Add(most); ; {
		if ok, err := done(); ok || err != nil {
			return err
		}
		if time.Now().After(end) {
			return errTooLong
		}
		if err := e.sleep(interval); err != nil {
			return err
		}
	}
}

var errTooLong = errors.New("it took too long")

// fleet makes a fleet that ends with the benchmark.
func (e *env) fleet(change func(*client.Options)) (*client.Fleet, error) {
	o := client.DefaultOptions()
	o.Loops = e.loops
	change(&o)
	f, err := client.NewFleet(o)
	if err == nil {
		e.fleets = append(e.fleets, f)
	}
	return f, err
}

// open makes a fleet and opens its connections.
func (e *env) open(n int, change func(*client.Options)) (*client.Fleet, error) {
	f, err := e.fleet(change)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(e.ctx, openTimeout)
	defer cancel()
	return f, f.Open(ctx, n)
}

// halt stops a fleet's sending, waits for its answers and checks its counts.
func (e *env) halt(f *client.Fleet) error {
	ctx, cancel := context.WithTimeout(e.ctx, settleTimeout)
	defer cancel()
	if err := f.Stop(ctx); err != nil {
		return err
	}
	c := f.Counters()
	return c.Check()
}

// closeFleet ends a fleet before the benchmark does.
func (e *env) closeFleet(f *client.Fleet) {
	for i, other := range e.fleets {
		if other == f {
			e.fleets = append(e.fleets[:i], e.fleets[i+1:]...)
			f.Close()
			return
		}
	}
}

// stopServer ends a server before the benchmark does.
func (e *env) stopServer(p *observe.Process) {
	for i, other := range e.servers {
		if other == p {
			e.servers = append(e.servers[:i], e.servers[i+1:]...)
			p.Stop(stopTimeout)
			return
		}
	}
}

func (e *env) stopAll() {
	for len(e.fleets) > 0 {
		e.closeFleet(e.fleets[0])
	}
	for len(e.servers) > 0 {
		e.stopServer(e.servers[0])
	}
}
