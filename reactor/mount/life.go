package mount

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"weir/backpressure"
	"weir/reactor/mount/breaker"
	"weir/reactor/mount/child"
	"weir/reactor/mount/reason"
	"weir/reactor/mount/remote"
	"weir/registry/protocol"
)

// The life of a mount: begun, greeted, listed, there; ended, and after a pause begun again.

const (
	// steady is how long a mount must have been there for its next pause to be the first again.
	steady = time.Minute
	// debounce is how long a mount's changes of its list are collected before it is asked for it.
	debounce = 200 * time.Millisecond
)

// run lives until ctx is over. hurry leaves what is to end no time.
func (m *Mount) run(ctx, hurry context.Context) {
	told := reason.EndNotYet
	for ends := 0; ctx.Err() == nil; ends++ {
		began := time.Now()
		e := m.once(ctx, hurry)
		m.of.takeOver(m)
		if time.Since(began) >= steady {
			ends, told = 0, reason.EndNotYet
		}
		m.setDown(e.Why)
		m.series.ended[e.Why].Inc()
		if ctx.Err() != nil {
			return
		}
		pause := breaker.PauseAfter(ends)
		line := m.log.Error()
		if told == e.Why { // again: it was said
			line = m.log.Debug()
		}
		if m.base != nil && line.Enabled() {
			leftOut, ok := m.base.children.complaints.Allow(backpressure.Now(), maxComplaints)
			if line = line.Int("suppressed", leftOut); !ok {
				line = m.log.Debug()
			}
		}
		told = e.Why
		line = line.Stringer("reason", e.Why).Err(e.Err).Stringer("again_in", pause.Round(time.Millisecond))
		if hint := e.Why.Hint(); hint != "" {
			line = line.Str("hint", hint)
		}
		line.Msg("a mount is not there: its tools answer so until it is")
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
	}
}

// once is one life.
func (m *Mount) once(ctx, hurry context.Context) (e *reason.Outage) {
	m.series.starts.Inc()
	c, u, e := m.begin(ctx)
	if e != nil {
		return e
	}
	exited := make(<-chan struct{})
	if c != nil {
		exited = c.Exited()
		defer c.End(hurry)
	}
	if u.remote != nil {
		defer u.remote.End() // after u.end, which it hears
	}
	defer u.end()
	gone := func() *reason.Outage {
		switch {
		case ctx.Err() != nil:
			return reason.Down(reason.EndStopped, "this server stops")
		case c != nil:
			c.End(hurry)
			return reason.Down(reason.EndExited, "%v", describe(c.Status()))
		}
		return reason.Down(reason.EndClosed, "the connection has ended: %v", u.Reason())
	}
	starting, cancel := context.WithTimeoutCause(ctx, m.opt.StartTimeout,
		fmt.Errorf("start_timeout (%v) is over", m.opt.StartTimeout))
	defer cancel()
	if e := u.meet(starting); e != nil {
		if ctx.Err() != nil || e.Why == reason.EndClosed {
			return gone()
		}
		return e
	}
	m.setUp(u)
	if m.base == nil {
		if u.isModern() {
			u.listen()
		}
		m.of.note(m.of.engine.Topics().All()...)
	}
	for {
		select {
		case <-ctx.Done():
			return gone()
		case <-u.over:
			return gone()
		case <-exited:
			u.finish()
			return gone()
		case <-u.changed:
			m.listAgain(ctx, u)
			m.of.note(m.of.engine.Topics().All()...)
		case <-u.follows:
			m.follow(ctx, u)
		}
	}
}

// finish has what a program said before its end be heard to its end, which comes at once: nobody else has its output.
func (u *upstream) finish() {
	select {
	case <-u.over:
	case <-time.After(child.Patience):
	}
}

// describe says how a program ended.
func describe(status error) string {
	if status == nil {
		return "the program has ended by itself (exit status 0)"
	}
	return "the program has ended: " + status.Error()
}

// begin starts the program, or connects, and has a loop read what comes.
func (m *Mount) begin(ctx context.Context) (*child.Child, *upstream, *reason.Outage) {
	var c *child.Child
	var fd int
	var e *reason.Outage
	var r *remote.Remote
	heard := &upstreamOf{mount: m}
	switch {
	case m.opt.Command != "":
		var err error
		if c, fd, err = m.of.starter.Start(&child.Spec{Command: m.opt.Command, Args: m.opt.Args, Cwd: m.opt.Cwd,
			Env: m.opt.Env, InheritEnv: m.opt.InheritEnv, Log: m.log}); err != nil {
			e = reason.Because(reason.EndStart, err)
			if errors.Is(err, child.ErrCommand) {
				e.Why = reason.EndCommand
			}
		}
	case m.opt.URL != "":
		r, fd, e = m.reach(heard)
	default:
		fd, e = m.dial(ctx)
	}
	if e != nil {
		return nil, nil, e
	}
	u := newUpstream(m, m.of.loops.LeastLoaded(), fd)
	u.remote, heard.u = r, u
	m.mu.Lock()
	m.talking = u
	m.mu.Unlock()
	if r != nil {
		r.Start()
	}
	m.of.loops.Adopt(&u.Conn)
	return c, u, nil
}

// dial connects to a server that runs by itself.
func (m *Mount) dial(ctx context.Context) (fd int, _ *reason.Outage) {
	network, address := "tcp", m.opt.TCP
	if m.opt.Unix != "" {
		network, address = "unix", m.opt.Unix
	}
	ctx, cancel := context.WithTimeout(ctx, m.opt.StartTimeout)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return -1, reason.Because(reason.EndConnect, err)
	}
	defer conn.Close() // the loop has a descriptor of its own
	raw, err := conn.(syscall.Conn).SyscallConn()
	if err != nil {
		return -1, reason.Because(reason.EndConnect, err)
	}
	var dup error
	err = raw.Control(func(theirs uintptr) { fd, dup = unix.FcntlInt(theirs, unix.F_DUPFD_CLOEXEC, 0) })
	if err == nil {
		err = dup
	}
	if err != nil {
		return -1, reason.Because(reason.EndConnect, err)
	}
	return fd, nil
}

// meet greets the upstream and offers what it lists.
func (u *upstream) meet(ctx context.Context) *reason.Outage {
	if e := u.greet(ctx); e != nil {
		return u.saying(e)
	}
	if u.mount.base != nil {
		return nil
	}
	if u.mount.of.follows(u.mount) { // what it offers is called already
		u.mount.letCome(u)
	}
	if e := u.listAll(ctx, func(protocol.List) bool { return true }); e != nil {
		return e
	}
	if u.completes {
		u.mount.part.Completes()
	}
	u.mount.of.takeOver(u.mount)
	return nil
}

// saying adds what the upstream said that is no MCP.
func (u *upstream) saying(e *reason.Outage) *reason.Outage {
	if line, ok := u.strange.Load().(string); ok && (e.Why == reason.EndNoMCP || e.Why == reason.EndNoAnswer) {
		e.Err = fmt.Errorf("%w; it said %q", e.Err, strings.TrimSpace(line))
	}
	return e
}

// listAgain asks an upstream that has changed lists, once for all changes that come together. If it does not
// answer, what it listed before stays.
func (m *Mount) listAgain(ctx context.Context, u *upstream) {
	ctx, cancel := context.WithTimeout(ctx, m.opt.StartTimeout)
	defer cancel()
	select {
	case <-time.After(debounce):
	case <-u.over:
		return
	case <-ctx.Done():
		return
	}
	select {
	case <-u.changed:
	default:
	}
	stale := u.stale.Swap(0)
	if e := u.listAll(ctx, func(list protocol.List) bool { return stale>>list&1 != 0 }); e != nil {
		m.log.Warn().Err(e).Msg("a mount has changed what it offers and does not list it: what was before is offered")
	}
}
