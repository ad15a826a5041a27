package client

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"weir/loadtest/pacing"
	"weir/loadtest/socket"
	"weir/loadtest/wire"
)

const (
	eventsPerTurn   = 256
	readBufferSize  = 256 << 10
	connectsPerTurn = 64
	// plannedPerTurn bounds the connections that send planned calls in one turn: a generator that is far behind its plan
	// must still read answers and say how it goes. The rest is due in the next turn, the oldest first.
	plannedPerTurn = 64
	// retryNs is how long a full backlog of a Unix socket is left alone.
	retryNs = int64(time.Millisecond)
)

func newLoop(o *Options, msgs wire.Messages, to unix.Sockaddr, base time.Time, index int) (*loop, error) {
	p, err := socket.NewPoller(eventsPerTurn)
	if err != nil {
		return nil, err
	}
	l := &loop{opts: o, msgs: msgs, to: to, base: base, poll: p, wire: wire.NewFormat(&o.Options), judge: wire.NewJudge(),
		stats: NewCounters(),
		in:    make([]byte, readBufferSize), names: index, round: 1}
	l.call = l.wire.Wrap(msgs.Call, wire.IDOffset(msgs.Call), nil)
	if o.OneID != nil {
		l.callLog = newCallLog(o, l.wire, index)
	}
	return l, nil
}

// post has do run on the loop's goroutine. Any goroutine; it does not wait.
func (l *loop) post(do func(*loop)) {
	l.mu.Lock()
	l.posted = append(l.posted, do)
	l.mu.Unlock()
	l.poll.Wake()
}

func (l *loop) runPosted() {
	l.poll.DrainWake()
	l.mu.Lock()
	posted := l.posted
	l.posted = nil
	l.mu.Unlock()
	for _, do := range posted {
		do(l)
	}
}

func (l *loop) run() {
	for n := 0; !l.closing; {
		if n < eventsPerTurn {
			l.rest()
		}
		events, err := l.poll.Wait(l.nextWait())
		if err != nil {
			panic(fmt.Sprintf("loadtest: %v", err)) // a broken epoll set: nothing measured with it would be true
		}
		n = len(events)
		l.now = time.Since(l.base)
		for i := range events {
			l.dispatch(&events[i])
		}
		l.reopen()
		l.openMore()
		l.depart()
		l.leaveTails()
		l.sendPlanned()
		l.cancelDue()
		l.notifyWaiters()
	}
	for _, c := range l.connections {
		if c != nil {
			l.end(c, EndHungUp, nil)
		}
	}
	l.notifyWaiters()
	l.poll.Close()
}

// rest has a loop whose answers are stamped by the kernel come for them in steps, half as long as those in which calls
// leave. One that comes for each answer takes as much of a core that it shares with the server as the answer does.
func (l *loop) rest() {
	if !l.opts.Exact || l.opts.Tick == 0 || !l.sending {
		return
	}
	now, step := time.Since(l.base), l.opts.Tick/2
	if c := l.schedule.first(); c == nil || c.due > now {
		socket.Sleep(step - now%step)
	}
}

func (l *loop) dispatch(ev *unix.EpollEvent) {
	if ev.Fd == socket.WakeSlot {
		l.runPosted()
		return
	}
	c := l.connections[ev.Fd]
	if c == nil || c.generation != ev.Pad {
		return // it ended earlier in this turn
	}
	l.ready(c, ev.Events)
}

// nextWait is how long the next wait may take, in nanoseconds; negative is for ever.
func (l *loop) nextWait() int64 {
	wait := int64(-1)
	if l.mayOpen() || len(l.departing) > 0 {
		return 0
	}
	if l.retry && l.toOpen > 0 {
		wait = retryNs
	}
	sooner := func(at time.Duration) {
		if ns := max(0, int64(at-time.Since(l.base))); wait < 0 || ns < wait {
			wait = ns
		}
	}
	if l.toReopen > 0 {
		sooner(l.reopenAt)
	}
	if len(l.lingering) > 0 {
		sooner(l.lingering[0].until)
	}
	if at := l.callLog.due(); at > 0 {
		sooner(at)
	}
	if c := l.schedule.first(); l.sending && c != nil {
		due := c.due
		if tick := l.opts.Tick; tick > 0 {
			due = (due + tick - 1) / tick * tick
		}
		sooner(due)
	}
	return wait
}

// notifyWaiters tells whoever waits for something that has come true.
func (l *loop) notifyWaiters() {
	left := l.waiters[:0]
	for _, w := range l.waiters {
		if w.cond(l) || l.closing {
			close(w.held)
			continue
		}
		left = append(left, w)
	}
	clear(l.waiters[len(left):])
	l.waiters = left
}

func (l *loop) launch(n int) { l.toOpen += n }

// openMore begins connections while the options allow more at a time, some in every turn, so that those who are open
// already are served meanwhile.
func (l *loop) openMore() {
	l.retry = false
	for range connectsPerTurn {
		if !l.mayOpen() {
			return
		}
		l.toOpen--
		l.open()
	}
}

func (l *loop) mayOpen() bool {
	return l.toOpen > 0 && !l.retry && (l.opts.MaxConnecting == 0 || l.opening < l.opts.MaxConnecting)
}

// start begins to send: as fast as answers allow, or as plan says from at on.
func (l *loop) start(plan *pacing.Plan, at time.Duration, joining bool) {
	l.sending = true
	l.plan, l.planAt, l.joining = plan, at, joining
	for len(l.schedule) > 0 {
		l.schedule.remove(l.schedule[len(l.schedule)-1])
	}
	for _, c := range l.absent {
		c.joined = false
	}
	l.absent = nil
	if plan == nil {
		for _, c := range l.connections {
			if c != nil {
				l.fill(c)
			}
		}
		return
	}
	l.joined = 0
	for _, c := range l.connections {
		if c != nil && c.state == stateOpen {
			l.join(c, float64(l.joined)/float64(max(1, l.stats.Open)))
		}
	}
}

// sendPlanned sends what the plan says should have left by now.
func (l *loop) sendPlanned() {
	if !l.sending || l.plan == nil {
		return
	}
	l.now = time.Since(l.base)
	for range plannedPerTurn {
		c := l.schedule.first()
		if c == nil || c.due > l.now {
			return
		}
		Record(l.stats.Late, l.now-c.due)
		planned := max(c.planned+1, uint64(max(0, l.plan.Calls(l.now-l.planAt)-c.origin))+1)
		if limit := l.opts.CallsPerConnection; limit > 0 {
			planned = min(planned, uint64(limit))
		}
		n := planned - c.planned
		c.planned = planned
		c.backlog += int(n)
		l.stats.Planned += n
		if c.due = l.when(c, planned); c.due == pacing.Never || planned == uint64(l.opts.CallsPerConnection) {
			l.schedule.remove(c)
		} else {
			l.schedule.down(0)
		}
		l.fill(c)
	}
}

// holdAt makes n the number of connections that are kept from now on.
func (l *loop) holdAt(n int) {
	l.holding, l.hold = true, n
	have := int(l.stats.Open) - l.leaving + l.opening + l.toOpen + l.toReopen
	if n >= have {
		l.toOpen += n - have
		return
	}
	excess := have - n
	for _, waiting := range []*int{&l.toReopen, &l.toOpen} {
		cut := min(excess, *waiting)
		*waiting -= cut
		excess -= cut
	}
	for len(l.absent) > l.toReopen+l.toOpen {
		l.schedule.remove(l.absent[0])
		l.absent = l.absent[1:]
	}
	for i := len(l.connections) - 1; i >= 0 && excess > 0; i-- {
		if c := l.connections[i]; c != nil && (c.state == stateOpen || c.state == stateStreaming) && !c.leaving {
			l.retire(c)
			excess--
		}
	}
}

// depart ends some of the retired connections in every turn, so that those who stay are served meanwhile.
func (l *loop) depart() {
	n := min(connectsPerTurn, len(l.departing))
	for _, c := range l.departing[:n] {
		l.leave(c)
	}
	if l.departing = l.departing[n:]; len(l.departing) == 0 {
		l.departing = nil
	}
}

// reopen begins again what has ended, after the pause that spares a server which has just refused.
func (l *loop) reopen() {
	if l.toReopen > 0 && time.Since(l.base) >= l.reopenAt {
		l.toOpen += l.toReopen
		l.toReopen = 0
	}
}

// ready acts on what the epoll set reports for a connection.
func (l *loop) ready(c *connection, events uint32) {
	if c.state == stateConnecting || c.dialing {
		l.connected(c)
		return
	}
	if events&(unix.EPOLLERR|unix.EPOLLHUP) != 0 && c.events&unix.EPOLLIN == 0 {
		l.end(c, EndPeerReset, nil) // a client that never reads learns of its end here; others by reading
		return
	}
	if events&unix.EPOLLRDHUP != 0 && c.events&unix.EPOLLIN == 0 {
		l.end(c, EndPeerClosed, nil)
		return
	}
	if events&(unix.EPOLLIN|unix.EPOLLERR|unix.EPOLLHUP) != 0 {
		l.read(c)
	}
	if events&unix.EPOLLOUT != 0 && c.state != stateEnded {
		l.flush(c)
	}
}
