package loadtest

import (
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	eventsPerTurn  = 256
	readBufferSize = 256 << 10
	// writeChunkBytes is about what one write builds; chunksPerTurn bounds what one connection writes before the others have
	// their turn.
	writeChunkBytes = 64 << 10
	chunksPerTurn   = 4
	connectsPerTurn = 64
	// retryNs is how long a full backlog of a Unix socket is left alone.
	retryNs = int64(time.Millisecond)
)

// loop drives its share of a fleet's connections on one goroutine.
type loop struct {
	// set once
	opts  *Options
	msgs  messages
	to    unix.Sockaddr
	base  time.Time
	wire  wire
	poll  *poller
	call  template // what every connection sends, unless its session gives it one of its own
	names int      // where in Sources this loop begins

	// any goroutine, under mu
	mu     sync.Mutex
	posted []func(*loop)

	// the loop's goroutine alone
	judge   judge
	clients []*client // by slot; nil where a connection has ended
	free    []int32   // empty slots
	in, out []byte
	now     time.Duration // since base, read once per turn

	toOpen  int  // connections still to begin
	opening int  // begun and not yet open
	retry   bool // the backlog was full
	dialed  int

	sending, closing bool
	unfinished       int // open connections that have not sent all of their CallsPerConnection
	waiters          []*waiter

	pace  pacer
	paced []*client // who was open at Start; the plan goes round over them
	slot  uint64    // the next call of the plan

	stats Counters
}

// waiter is somebody who waits until cond holds.
type waiter struct {
	cond func(*loop) bool
	held chan struct{}
}

func newLoop(o *Options, msgs messages, to unix.Sockaddr, base time.Time, index int) (*loop, error) {
	p, err := newPoller(eventsPerTurn)
	if err != nil {
		return nil, err
	}
	l := &loop{opts: o, msgs: msgs, to: to, base: base, poll: p, wire: newWire(o), judge: newJudge(), stats: newCounters(),
		in: make([]byte, readBufferSize), names: index}
	l.call = l.wire.wrap(msgs.call, idOffset(msgs.call), nil)
	return l, nil
}

// post has do run on the loop's goroutine. Any goroutine; it does not wait.
func (l *loop) post(do func(*loop)) {
	l.mu.Lock()
	l.posted = append(l.posted, do)
	l.mu.Unlock()
	l.poll.wake()
}

func (l *loop) runPosted() {
	l.poll.drainWake()
	l.mu.Lock()
	posted := l.posted
	l.posted = nil
	l.mu.Unlock()
	for _, do := range posted {
		do(l)
	}
}

func (l *loop) run() {
	for !l.closing {
		events, err := l.poll.wait(l.patience())
		if err != nil {
			panic(fmt.Sprintf("loadtest: %v", err)) // a broken epoll set: nothing measured with it would be true
		}
		l.now = time.Since(l.base)
		for i := range events {
			l.dispatch(&events[i])
		}
		l.openMore()
		l.sendPlanned()
		l.settle()
	}
	for _, c := range l.clients {
		if c != nil {
			l.end(c, EndHungUp, nil)
		}
	}
	l.settle()
	l.poll.close()
}

func (l *loop) dispatch(ev *unix.EpollEvent) {
	if ev.Fd == wakeSlot {
		l.runPosted()
		return
	}
	c := l.clients[ev.Fd]
	if c == nil || c.generation != ev.Pad {
		return // it ended earlier in this turn
	}
	l.ready(c, ev.Events)
}

// patience is how long the next wait may take, in nanoseconds; negative is for ever.
func (l *loop) patience() int64 {
	wait := int64(-1)
	if l.mayOpen() {
		return 0
	}
	if l.retry && l.toOpen > 0 {
		wait = retryNs
	}
	if l.sending && l.opts.RatePerSecond > 0 && len(l.paced) > 0 {
		due := max(0, int64(l.pace.planned(l.slot)-time.Since(l.base)))
		if wait < 0 || due < wait {
			wait = due
		}
	}
	return wait
}

// settle tells whoever waits for something that has come true.
func (l *loop) settle() {
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

// openMore begins connections while the options allow more at a time, some in every turn, so that those who are open already
// are served meanwhile.
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

func (l *loop) start() {
	l.sending = true
	if l.opts.RatePerSecond == 0 {
		for _, c := range l.clients {
			if c != nil {
				l.fill(c)
			}
		}
		return
	}
	l.paced = l.paced[:0]
	for _, c := range l.clients {
		if c != nil && c.state == stateOpen {
			c.place, c.owed, c.planID = len(l.paced), 0, c.nextID
			l.paced = append(l.paced, c)
		}
	}
	rate := l.opts.RatePerSecond / float64(l.opts.Loops)
	l.slot = 0
	l.pace = pacer{start: time.Since(l.base), interval: float64(time.Second) / rate, n: len(l.paced)}
}

// sendPlanned sends what the plan says should have left by now.
func (l *loop) sendPlanned() {
	if !l.sending || l.opts.RatePerSecond == 0 || len(l.paced) == 0 {
		return
	}
	l.now = time.Since(l.base)
	for l.pace.planned(l.slot) <= l.now {
		c := l.paced[l.slot%uint64(len(l.paced))]
		l.slot++
		if c.state != stateOpen {
			continue // it has ended; its calls cannot be sent, and Ended says so
		}
		c.owed++
		l.fill(c)
	}
}
