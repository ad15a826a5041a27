package loop

import (
	"net/netip"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"weir/reactor/loop/socket"
)

// Pause is why a connection is not read at the moment.
type Pause uint32

const (
	PauseOutbox  Pause = 1 << iota // its outbox is above max_outbox_bytes
	PauseHandler                   // its Handler takes no more for now
	pauseEnding                    // nothing more will be read: it ends once what it asked is answered
)

// Conn is one connection. It is embedded in what its Host keeps of it, so that both are one allocation; Init comes
// first.
type Conn struct {
	// Set by Init, but for tag, and never changed.
	loop     *Loop
	listener *Listener
	handler  Handler
	addr     netip.Addr // the zero Addr on Unix sockets
	tag      uint64     // slot | generation<<32; set before it is watched
	fd       int32

	// The loop's.
	spoke      bool        // a byte has come
	ended      bool        // the peer closed its side
	lingering  bool        // we closed ours and wait for the peer's
	finished   bool        // closed; only late workers still hold it
	untaken    int         // while it lingers: what the peer had not taken when linger_timeout was last granted
	opened     uint32      // the second in which it became its loop's
	lingers    uint8       // how often linger_timeout was granted anew, because the peer went on taking bytes
	lastRead   int64       // loop time of the last byte, or of the accept
	unfinished *unfinished // nil while no message is

	// Anybody's.
	pending      atomic.Int32  // what was asked and is not answered yet
	pause        atomic.Uint32 // of Pause; changes under the lock
	cut          atomic.Uint32 // Reason for which it is to give way to others
	stalledSince atomic.Int64  // when the peer last took a byte while some waited; 0 while none wait

	// The lock keeps everybody else from writing to the connection, and guards what its Handler puts under it.
	// Nothing may block under it.
	sync.Mutex
	outbox   *outbox // nil while nothing waits
	interest uint32  // what epoll is asked for
	reason   Reason  // set once: the connection is over
	goodbye  Reason  // it will be over when everything is answered and written
	muted    bool    // the last byte was handed over: nothing may follow it
	unread   bool    // what Throttle was told last
	detached int32   // of pending: what is not answered on this connection any more
	posted   bool    // in the loop's inbox; guarded by the inbox's mutex
}

// Init makes c the connection of fd on l, through ln. Before everything else.
func (c *Conn) Init(l *Loop, ln *Listener, fd int32, addr netip.Addr, h Handler) {
	c.loop, c.listener, c.fd, c.addr, c.handler = l, ln, fd, addr, h
}

// Loop is c's loop, Listener what it came through, Addr its peer's address (none on Unix sockets), Fd its descriptor,
// to ask the kernel about it.
func (c *Conn) Loop() *Loop { return c.loop }

// Listener: see Loop.
func (c *Conn) Listener() *Listener { return c.listener }

// Addr: see Loop.
func (c *Conn) Addr() netip.Addr { return c.addr }

// Fd: see Loop.
func (c *Conn) Fd() int { return int(c.fd) }

// Halted reports whether the Handler must not take another message off this connection now. Any goroutine.
func (c *Conn) Halted() bool { return c.pause.Load() != 0 }

// Paused reports whether the connection is not read for one of these causes. Any goroutine.
func (c *Conn) Paused(causes Pause) bool { return Pause(c.pause.Load())&causes != 0 }

// Finished reports whether the connection has ended and was cleaned up. Loop only.
func (c *Conn) Finished() bool { return c.finished }

// OpenLocked reports whether the connection has not ended yet.
func (c *Conn) OpenLocked() bool { return c.reason == StillOpen }

// EndingLocked reports whether it ends when everything is answered and written.
func (c *Conn) EndingLocked() bool { return c.goodbye != StillOpen }

// MutedLocked reports whether its last byte was handed over (SendLast).
func (c *Conn) MutedLocked() bool { return c.muted }

// Touch counts the peer's silence from now. Loop only.
func (c *Conn) Touch() { c.lastRead = c.loop.now }

// Unfinished is how many bytes have come of a message that is not complete. Loop only.
func (c *Conn) Unfinished() int {
	if c.unfinished == nil {
		return 0
	}
	return len(c.unfinished.buf)
}

// Pending is how much of what the peer asked is not answered yet. While there is any the peer's silence is no fault,
// and a connection that is to end waits for it. Any goroutine.
func (c *Conn) Pending() int { return int(c.pending.Load()) }

// AddPending counts n more, or fewer, without a look at whether the connection may end now. Any goroutine.
func (c *Conn) AddPending(n int) { c.pending.Add(int32(n)) }

// AnsweredLocked counts n fewer, and has the loop look at the connection if it waited for that to end.
func (c *Conn) AnsweredLocked(n int) {
	if c.pending.Add(int32(-n)) == c.detached && c.goodbye != StillOpen && c.UnsentLocked() == 0 {
		c.Post()
	}
}

// DetachLocked notes that n of what is pending, more or fewer, will not be answered on this connection: it may end
// without them.
func (c *Conn) DetachLocked(n int) {
	if c.detached += int32(n); n > 0 && c.goodbye != StillOpen {
		c.Post() // it may have waited for nothing else
	}
}

// DetachedLocked is how many there are.
func (c *Conn) DetachedLocked() int { return int(c.detached) }

// Close ends the connection for reason, at once, unless it has ended already. Any goroutine, without the lock; the
// loop does the rest.
func (c *Conn) Close(reason Reason) {
	c.Lock()
	c.CloseLocked(reason)
	c.Unlock()
}

// CloseLocked is Close for who has the lock.
func (c *Conn) CloseLocked(reason Reason) {
	if c.reason != StillOpen {
		return
	}
	c.reason = reason
	c.pause.Store(c.pause.Load() | uint32(pauseEnding))
	c.Post()
}

// EndAfterAnswers stops reading and closes the connection for reason once everything that is pending is answered and
// the answers are written. Loop only.
func (c *Conn) EndAfterAnswers(reason Reason) { c.endAfterAnswers(reason, 0) }

// EndAfterAnswersOrPeer is EndAfterAnswers for a peer whose end says something about what it waits for: the Handler
// hears of it (EOF), once, though nothing is read any more. Loop only.
func (c *Conn) EndAfterAnswersOrPeer(reason Reason) { c.endAfterAnswers(reason, unix.EPOLLRDHUP) }

func (c *Conn) endAfterAnswers(reason Reason, watched uint32) {
	c.Lock()
	if c.goodbye == StillOpen {
		c.goodbye = reason
	}
	c.pause.Store(c.pause.Load() | uint32(pauseEnding))
	c.wantLocked(c.interest&^unix.EPOLLIN | watched)
	c.Unlock()
}

// PauseLocked stops reading for one more cause.
func (c *Conn) PauseLocked(cause Pause) {
	c.pause.Store(c.pause.Load() | uint32(cause))
	c.wantLocked(c.interest &^ unix.EPOLLIN)
}

// ResumeLocked takes one cause back; when it was the last one, reading goes on, first with what is already here.
func (c *Conn) ResumeLocked(cause Pause) {
	was := Pause(c.pause.Load())
	if was&cause == 0 {
		return
	}
	c.pause.Store(uint32(was &^ cause))
	if was == cause {
		c.wantLocked(c.interest | unix.EPOLLIN)
		c.Post()
	}
}

// wantLocked tells epoll what this connection waits for.
func (c *Conn) wantLocked(interest uint32) {
	if interest == c.interest || c.reason != StillOpen {
		return
	}
	c.interest = interest
	if err := c.watch(unix.EPOLL_CTL_MOD); err != nil {
		c.CloseLocked(CloseError)
	}
}

// Post asks the loop to look at c again, and to call its Handler's Ready. Any goroutine, with or without the lock.
func (c *Conn) Post() {
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

// Settle closes the connection if it is due to be, and half-closes it if it only waits for the peer. The loop does so
// after every call of the Handler; who touches a connection in a Job does it himself. Loop only.
func (c *Conn) Settle() {
	if c.finished {
		return
	}
	c.Lock()
	answered := c.pending.Load() == c.detached || c.muted
	if c.reason == StillOpen && c.goodbye != StillOpen && answered && c.UnsentLocked() == 0 && !c.lingering {
		c.halfCloseLocked()
	}
	over := c.reason != StillOpen
	c.Unlock()
	if over {
		c.loop.finish(c)
	}
}

// halfCloseLocked ends a connection whose last byte is written. A peer that still writes would get a reset for it,
// which can overtake our last answer: so we close our side only, and read and drop the rest until it closes too or
// linger_timeout has passed.
func (c *Conn) halfCloseLocked() {
	if c.ended || c.wired() || c.loop.loops.opts.LingerTimeout == 0 || c.goodbye == CloseDrain && c.atRest() {
		c.CloseLocked(c.goodbye)
		return
	}
	if err := unix.Shutdown(int(c.fd), unix.SHUT_WR); err != nil {
		c.CloseLocked(ClosePeerReset)
		return
	}
	c.lingering, c.lastRead = true, c.loop.now
	c.loop.stats.lingering.Add(1)
	c.wantLocked(unix.EPOLLIN)
}

// atRest reports whether a reset could take no answer from the peer: everything has reached it, and it has been
// silent for longer than linger_timeout. Loop only.
func (c *Conn) atRest() bool {
	return c.loop.now-c.lastRead > int64(c.loop.loops.opts.LingerTimeout) && socket.Unread(c.fd) == 0 &&
		c.untakenBytes() == 0
}

// finish releases everything a connection holds. It is the only place that closes its descriptor.
func (l *Loop) finish(c *Conn) {
	if c.finished {
		return
	}
	c.finished = true
	c.Lock() // no writer is inside the descriptor, and none enters after reason was set
	reason, unsent := c.reason, c.UnsentLocked()
	c.emptyLocked()
	if reason == CloseDrain {
		l.loops.cutBytes.Add(int64(c.untakenBytes()))
	}
	if reason.abrupt() {
		socket.ResetOnClose(c.fd)
	}
	_ = unix.Close(int(c.fd)) // the last one: epoll forgets it by itself
	c.Unlock()

	c.forgetUnfinished()
	at := uint32(c.tag)
	place := &l.slots[at]
	place.conn = nil
	place.generation++
	l.free = append(l.free, at)
	l.stats.connections.Add(-1)
	if c.lingering {
		l.stats.lingering.Add(-1)
	}

	if unsent > 0 {
		l.loops.tellCut(c, unsent)
	}
	c.handler.Closed(reason)
	l.loops.metrics.closed[reason].Inc()
	if hear := c.listener.Ended; hear != nil {
		hear(reason)
	}
}

// ProbePeer has the kernel ask whether the peer is still there, until the connection ends.
func (c *Conn) ProbePeer() { socket.Probe(c.fd) }

// holder is a connection as a budget sees it.
type holder Conn

// GiveWay implements budget.Owner: the loop closes the connection soon. Whatever is locked but an inbox.
func (h *holder) GiveWay(why uint8) {
	c := (*Conn)(h)
	c.cut.Store(uint32(why))
	c.Post()
}

// Reason is why the connection has ended, or StillOpen. Any goroutine.
func (c *Conn) Reason() Reason {
	c.Lock()
	defer c.Unlock()
	return c.reason
}
