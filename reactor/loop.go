package reactor

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"weir/backpressure"
)

const (
	// eventsPerTurn bounds a turn: with 128 events at some 10 us each, netpoll's loop gets its thread back every 1-2 ms.
	eventsPerTurn = 128
	// eventsPerYield is how many read events pass before the workers get a chance on this core: without it saturated
	// loops starved the workers (p999 of 12-20 ms).
	eventsPerYield = 16
	// flushAbove is how many bytes of answers made on the loop are collected before they are written.
	flushAbove = 16 << 10
	// feedsPerTurn is how many connections are asked in a row what they are owed after a list changed. A message to each costs
	// some 10 us, so those who do not care wait half a millisecond for it, and not the 70 ms that 7,500 of them take.
	feedsPerTurn = 64
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
	conn       *conn
	generation uint32
}

// loop is one event loop: an epoll set, its connections, its clock. Everything in it belongs to the goroutine that runs
// its turns, except inbox and stats.
type loop struct {
	srv    *Server
	id     int
	epfd   int
	wakeFD int // eventfd: the inbox has something
	timer  int // timerfd: a sweep is due

	events [eventsPerTurn]unix.EpollEvent
	buf    []byte // what a read brings
	out    []byte // answers made on the loop during one read event
	msg    []byte // one answer before its frame
	http   httpScratch
	calls  callStock
	self   backpressure.Worker // as whom it answers what no worker came for

	now       int64 // the queue's clock, read once a turn
	slots     []slot
	free      []uint32
	listeners []*listener
	refusals  refusalBudget
	swept     int     // where the sweep is
	stopped   bool    // every connection was closed, and those still to arrive will be
	visiting  []*conn // the posted connections that this turn looks at
	toFeed    int     // slots that are still to be asked what they are owed, from fedTo on and around
	fedTo     int

	inbox struct {
		sync.Mutex
		arrived []*conn // accepted by another loop, for this one: at most accept_batch per accepting turn
		posted  []*conn // to look at again, each connection at most once
		stop    chan struct{}
		letters []letter // POSTed to streams of this loop; max_input_total_bytes bounds them
		resumed []*call  // parked calls that may go on; bounded by the registry's max_client_requests
		closeLn bool
		changed bool // a list has, or the server drains: look whom it concerns
		woken   bool
	}
	stats loopStats
}

// loopStats are written by the loop and read by anybody.
type loopStats struct {
	connections atomic.Int64
	received    atomic.Uint64 // messages cut from the stream
	inline      atomic.Uint64 // of these, answered on the loop
	reads       atomic.Uint64 // read events
	readBytes   atomic.Uint64
	turns       atomic.Uint64
}

func newLoop(s *Server, id int) (*loop, error) {
	l := &loop{srv: s, id: id, epfd: -1, wakeFD: -1, timer: -1, buf: make([]byte, s.opts.ReadBufferBytes)}
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
	if err = l.setTimer(sweepInterval); err == nil {
		err = watch(l.epfd, unix.EPOLL_CTL_ADD, int32(l.timer), unix.EPOLLIN, tagTimer)
	}
	if err == nil {
		err = watch(l.epfd, unix.EPOLL_CTL_ADD, int32(l.wakeFD), unix.EPOLLIN, tagInbox)
	}
	if err != nil {
		l.closeDescriptors()
		return nil, fmt.Errorf("arm loop %d: %w", id, err)
	}
	l.clock()
	return l, nil
}

// closeDescriptors ends the loop's own descriptors. A worker that outlives the server may still post, and must not write
// into what is somebody else's by then.
func (l *loop) closeDescriptors() {
	l.inbox.Lock()
	defer l.inbox.Unlock()
	l.inbox.woken = true // wakeLocked writes no more
	for _, fd := range []int{l.epfd, l.wakeFD, l.timer} {
		if fd >= 0 {
			_ = unix.Close(fd) // nothing is written through them
		}
	}
}

func (l *loop) clock() { l.now = backpressure.Now() }

// turn serves what is ready, at most eventsPerTurn events. netpoll calls it again while the set is readable.
func (l *loop) turn() {
	n := pollSet(l.epfd, l.events[:])
	if n == 0 {
		return
	}
	l.clock()
	l.stats.turns.Add(1)
	for i := range n {
		if i%eventsPerYield == eventsPerYield-1 {
			runtime.Gosched()
		}
		l.serve(&l.events[i])
	}
}

func (l *loop) serve(event *unix.EpollEvent) {
	tag := tagOf(event)
	switch {
	case tag == tagInbox:
		l.readInbox()
		return
	case tag == tagTimer:
		l.tick()
		return
	case tag <= tagListener && tag > tagListener-uint64(len(l.listeners)):
		l.accept(l.listeners[tagListener-tag])
		return
	}
	place := &l.slots[uint32(tag)]
	c := place.conn
	if c == nil || place.generation != uint32(tag>>32) {
		return // it ended earlier in this turn
	}
	if event.Events&(unix.EPOLLERR|unix.EPOLLHUP) != 0 && event.Events&unix.EPOLLIN == 0 {
		c.close(closePeerReset)
	}
	if event.Events&unix.EPOLLOUT != 0 {
		c.drainOutbox()
		l.feed(c)
	}
	if event.Events&unix.EPOLLIN != 0 {
		l.read(c)
	}
	l.settle(c)
}

// setTimer has the loop's timer go off after so many nanoseconds, and every sweepInterval from then on.
func (l *loop) setTimer(first int64) error {
	return unix.TimerfdSettime(l.timer, 0, &unix.ItimerSpec{
		Interval: unix.NsecToTimespec(sweepInterval), Value: unix.NsecToTimespec(first),
	}, nil)
}

// tick runs on the loop's timer.
func (l *loop) tick() {
	var expirations [8]byte
	_, _ = readSocket(int32(l.timer), expirations[:]) // only to make it not readable
	l.reopenListeners()
	l.sweep()
}

// adopt makes c this loop's connection. On failure the descriptor is closed and the limits get their place back.
func (l *loop) adopt(c *conn) {
	if n := len(l.free); n > 0 {
		c.slot = l.free[n-1]
		l.free = l.free[:n-1]
	} else {
		c.slot = uint32(len(l.slots))
		l.slots = append(l.slots, slot{})
	}
	place := &l.slots[c.slot]
	place.conn = c
	c.tag = uint64(c.slot) | uint64(place.generation)<<32
	c.lastRead = l.now
	c.interest = unix.EPOLLIN
	if err := watch(l.epfd, unix.EPOLL_CTL_ADD, c.fd, c.interest, c.tag); err != nil {
		l.srv.log.Error().Err(err).Msg("cannot watch a new connection, it is closed; is fs.epoll.max_user_watches reached?")
		c.close(closeError)
		l.finish(c)
	}
}

// post asks c's loop to look at it again. Any goroutine, with or without c.mu.
func (c *conn) post() {
	in := &c.loop.inbox
	in.Lock()
	defer in.Unlock()
	if c.posted {
		return
	}
	c.posted = true
	in.posted = append(in.posted, c)
	c.loop.wakeLocked()
}

// deliver hands accepted connections to the loop.
func (l *loop) deliver(c *conn) {
	l.inbox.Lock()
	l.inbox.arrived = append(l.inbox.arrived, c)
	l.wakeLocked()
	l.inbox.Unlock()
}

// wake has the loop turn.
func (l *loop) wake() {
	l.inbox.Lock()
	l.wakeLocked()
	l.inbox.Unlock()
}

// wakeLocked makes the loop read its inbox. Writing to an eventfd below its ceiling of 2^64-2 cannot fail or block.
func (l *loop) wakeLocked() {
	if !l.inbox.woken {
		l.inbox.woken = true
		one := [8]byte{1}
		_, _ = writeSocket(int32(l.wakeFD), one[:])
	}
}

func (l *loop) readInbox() {
	var counter [8]byte
	_, _ = readSocket(int32(l.wakeFD), counter[:])
	l.inbox.Lock()
	l.inbox.woken = false
	arrived, closeLn, stop := l.inbox.arrived, l.inbox.closeLn, l.inbox.stop
	changed, resumed := l.inbox.changed, l.inbox.resumed
	letters := l.inbox.letters
	l.inbox.resumed, l.inbox.letters = nil, nil
	l.inbox.arrived, l.inbox.closeLn, l.inbox.changed = nil, false, false
	l.visiting = append(l.visiting[:0], l.inbox.posted...)
	clear(l.inbox.posted)
	l.inbox.posted = l.inbox.posted[:0]
	for _, c := range l.visiting {
		c.posted = false
	}
	l.inbox.Unlock()
	for _, c := range arrived {
		l.adopt(c)
		if l.stopped && !c.finished {
			c.close(closeDrain)
			l.finish(c)
		}
	}
	for _, c := range l.visiting {
		l.revisit(c)
	}
	clear(l.visiting)
	for _, m := range letters {
		l.receive(m)
	}
	for _, k := range resumed {
		l.resume(k)
	}
	if changed {
		l.toFeed = len(l.slots) // also those that a walk under way has passed
	}
	l.feedSome()
	if closeLn {
		l.closeListeners()
	}
	if stop != nil {
		l.closeAll(stop)
	}
}
