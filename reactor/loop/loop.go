package loop

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"weir/backpressure"
	"weir/reactor/loop/budget"
	"weir/reactor/loop/round"
	"weir/reactor/loop/share"
	"weir/reactor/loop/socket"
)

const (
	// eventsPerTurn bounds a turn: with 128 events at some 10 us each, netpoll's loop gets its thread back every 1-2
	// ms.
	eventsPerTurn = 128
	// visitsPerTurn is how many connections are visited in a row when all are to be (Loops.VisitAll). A message to
	// each costs some 10 us, so the others wait half a millisecond for it, and not the 70 ms that 7,500 of them take.
	visitsPerTurn = 64
	// longestTurn is for how long a loop serves what comes before netpoll sees to others that it may have in the same
	// poller, longestWait how long it sleeps meanwhile: as long as netpoll would keep the processor.
	longestTurn = int64(100 * time.Millisecond)
	longestWait = 10 * time.Millisecond
	// nobodyRan is how soon a loop is back that has let others go on, if its processor had none of them; nobodyWaited,
	// that has also rested for a moment, if there were none at all.
	nobodyRan    = int64(10 * time.Microsecond)
	briefRest    = 20 * time.Microsecond
	nobodyWaited = int64(150 * time.Microsecond)
)

// Tags of what is not a connection in a loop's epoll set; connections have slot | generation<<32.
const (
	tagInbox = ^uint64(0) - iota
	tagTimer
	tagListener // listener i is tagListener - i
)

// slot is a connection's place in its loop. The generation grows at each re-use, so that an event that was fetched
// before its connection ended is recognised and dropped.
type slot struct {
	conn       *Conn
	generation uint32
}

// Loop is one event loop: an epoll set, its connections, its clock. Everything in it belongs to the goroutine that
// runs its turns, except inbox and stats.
type Loop struct {
	loops  *Loops
	id     int
	epfd   int
	wakeFD int // eventfd: the inbox has something
	timer  int // timerfd: a sweep is due

	events [eventsPerTurn]unix.EpollEvent
	buf    []byte // what a read brings
	refuse []byte // what a peer that is turned away is told

	now       int64 // backpressure.Now, read once a turn, and when others went on within it
	share     share.Share
	slots     []slot
	free      []uint32
	listeners []*Listener
	refusals  budget.PerSecond
	round     round.Round
	sweptAt   int64   // when the sweep last went on
	excusing  int     // it came late: so many of the next places have missed no deadline
	ending    bool    // every connection is being ended in order, and those still to arrive will be
	stopped   bool    // every connection was closed, and those still to arrive will be
	visiting  []*Conn // the posted connections that this turn looks at
	toVisit   int     // slots that are still to be visited, from visitAt on and around
	visitAt   int

	inbox struct {
		sync.Mutex
		arrived  []*Conn // accepted by another loop, for this one: at most accept_batch per accepting turn
		posted   []*Conn // to look at again, each connection at most once
		jobs     []Job   // whoever gives them bounds them
		stop     chan struct{}
		closeLn  bool
		visitAll bool
		endAll   bool
		woken    bool
	}
	stats loopStats
}

// loopStats are written by the loop and read by anybody.
type loopStats struct {
	connections atomic.Int64
	lingering   atomic.Int64  // of those: we have closed our side and wait for the peer's
	reads       atomic.Uint64 // read events
	readBytes   atomic.Uint64
	turns       atomic.Uint64
	busy        atomic.Int64 // nanoseconds in turns
	allEnded    atomic.Bool  // every connection was ended (Loops.End)
}

// ID is the loop's number, from 0.
func (l *Loop) ID() int { return l.id }

// Now is the time of the turn (backpressure.Now). Loop only.
func (l *Loop) Now() int64 { return l.now }

// Stopped says whether the loop has closed all its connections for good. Loop only.
func (l *Loop) Stopped() bool { return l.stopped }

func newLoop(all *Loops, id int) (*Loop, error) {
	l := &Loop{loops: all, id: id, epfd: -1, wakeFD: -1, timer: -1, buf: make([]byte, all.opts.ReadBufferBytes)}
	var err error
	if l.epfd, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, fmt.Errorf("create loop %d's epoll set: %w", id, err)
	}
	if l.wakeFD, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		l.closeDescriptors()
		return nil, fmt.Errorf("create loop %d's eventfd: %w", id, err)
	}
	if l.timer, err = unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK); err != nil {
		l.closeDescriptors()
		return nil, fmt.Errorf("create loop %d's timerfd: %w", id, err)
	}
	if err = l.setTimer(round.Interval); err == nil {
		err = socket.Watch(l.epfd, unix.EPOLL_CTL_ADD, int32(l.timer), unix.EPOLLIN, tagTimer)
	}
	if err == nil {
		err = socket.Watch(l.epfd, unix.EPOLL_CTL_ADD, int32(l.wakeFD), unix.EPOLLIN, tagInbox)
	}
	if err != nil {
		l.closeDescriptors()
		return nil, fmt.Errorf("arm loop %d: %w", id, err)
	}
	l.clock()
	return l, nil
}

// closeDescriptors ends the loop's own descriptors. A worker that outlives the server may still post, and must not
// write into what is somebody else's by then.
func (l *Loop) closeDescriptors() {
	l.inbox.Lock()
	defer l.inbox.Unlock()
	l.inbox.woken = true // wakeLocked writes no more
	for _, fd := range []int{l.epfd, l.wakeFD, l.timer} {
		if fd >= 0 {
			_ = unix.Close(fd) // nothing is written through them
		}
	}
}

func (l *Loop) clock() { l.now = backpressure.Now() }

// setTimer has the loop's timer go off after so many nanoseconds, and every round.Interval from then on.
func (l *Loop) setTimer(first int64) error {
	return unix.TimerfdSettime(l.timer, 0, &unix.ItimerSpec{
		Interval: unix.NsecToTimespec(round.Interval), Value: unix.NsecToTimespec(first),
	}, nil)
}

// deliver hands accepted connections to the loop.
func (l *Loop) deliver(c *Conn) {
	l.inbox.Lock()
	l.inbox.arrived = append(l.inbox.arrived, c)
	l.wakeLocked()
	l.inbox.Unlock()
}

// wake has the loop turn.
func (l *Loop) wake() {
	l.inbox.Lock()
	l.wakeLocked()
	l.inbox.Unlock()
}

// wakeLocked makes the loop read its inbox. Writing to an eventfd below its ceiling of 2^64-2 cannot fail or block.
func (l *Loop) wakeLocked() {
	if !l.inbox.woken {
		l.inbox.woken = true
		one := [8]byte{1}
		_, _ = socket.Write(int32(l.wakeFD), one[:])
	}
}

// Do has the loop do a job. Any goroutine.
func (l *Loop) Do(j Job) {
	l.inbox.Lock()
	l.inbox.jobs = append(l.inbox.jobs, j)
	l.wakeLocked()
	l.inbox.Unlock()
}

// end ends one connection in order.
func (l *Loop) end(c *Conn) {
	if c.finished {
		return
	}
	c.handler.GoAway(CloseDrain)
	c.Lock()
	c.muted = true // what is not answered by now will not be
	c.Unlock()
	c.EndAfterAnswers(CloseDrain)
	c.Settle()
}
