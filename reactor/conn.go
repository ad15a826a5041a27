package reactor

import (
	"net/netip"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"weir/backpressure"
	"weir/reactor/auth"
)

// Why a connection is not read at the moment: bits of conn.pause.
const (
	pauseOutbox uint32 = 1 << iota // its outbox is above max_outbox_bytes
	pauseQueue                     // its queue is full and on_full is pause
	pauseEnding                    // nothing more will be read: it ends once what it asked is answered
)

// Why no more calls of a connection are started: bits of conn.laneStops.
const (
	stopUnread uint8 = 1 << iota // its peer does not read the answers
	stopOrder                    // too many answers wait behind one that is not there yet (HTTP)
)

// conn is one connection.
type conn struct {
	// Set before it is watched, never changed.
	loop     *loop
	listener *listener
	addr     netip.Addr // the zero Addr on Unix sockets
	fd       int32
	slot     uint32
	tag      uint64

	// The loop's.
	transport  transport
	in         []byte           // unfinished input; nil while there is none
	lastRead   int64            // loop time of the last byte, or of the accept
	partSince  int64            // loop time at which the unfinished message began, or 0
	authBy     int64            // loop time by which its peer must have said who it is; 0: it has, or need not
	credential *auth.Credential // in whose name it acts; nil: anybody's. Set once on lines and WebSockets, per request over HTTP
	spoke      bool             // a byte has come
	ended      bool             // the peer closed its side
	lingering  bool             // we closed ours and wait for the peer's
	finished   bool             // closed; only late workers still hold it

	blocked      *call // with on_full pause: the message that found the queue full
	blockedClass backpressure.Class

	// Anybody's.
	lane         backpressure.Lane
	pending      atomic.Int32  // admitted calls that were not delivered or dropped yet
	pause        atomic.Uint32 // changes under mu
	stalledSince atomic.Int64  // when the kernel last took a byte while some waited; 0 while none wait

	mu        sync.Mutex
	out       []byte      // what the kernel did not take yet
	outDone   int         // how much of out it took since
	laneStops uint8       // why no more of its calls are started
	detached  int32       // calls among pending that this connection does not answer any more (HTTP, detached.go)
	held      int         // bytes of answers that wait for their turn (HTTP pipelining)
	interest  uint32      // what epoll is asked for
	reason    closeReason // set once: the connection is over
	goodbye   closeReason // it will be over when everything is answered and written
	compacted *compacted  // of the calls that are kept compact; nil while none are
	muted     bool        // the last byte was handed over (a close frame): nothing may follow it
	posted    bool        // in the loop's inbox; guarded by the inbox's mutex
}

// halted reports whether the loop must not take another message off this connection now. Any goroutine.
func (c *conn) halted() bool { return c.pause.Load() != 0 }

// close ends the connection for reason, at once, unless it has ended already. Any goroutine, without c.mu; the loop
// does the rest.
func (c *conn) close(reason closeReason) {
	c.mu.Lock()
	c.closeLocked(reason)
	c.mu.Unlock()
}

func (c *conn) closeLocked(reason closeReason) {
	if c.reason != stillOpen {
		return
	}
	c.reason = reason
	c.pause.Store(c.pause.Load() | pauseEnding)
	c.post()
}

// endAfterAnswers stops reading and closes the connection for reason once every accepted call is answered and the
// answers are written. Loop only.
func (c *conn) endAfterAnswers(reason closeReason) {
	c.mu.Lock()
	if c.goodbye == stillOpen {
		c.goodbye = reason
	}
	c.pauseLocked(pauseEnding)
	c.mu.Unlock()
}

// pauseLocked stops reading for one more cause.
func (c *conn) pauseLocked(cause uint32) {
	c.pause.Store(c.pause.Load() | cause)
	c.wantLocked(c.interest &^ unix.EPOLLIN)
}

// resumeLocked takes one cause back; when it was the last one, reading goes on, first with what is already here.
func (c *conn) resumeLocked(cause uint32) {
	was := c.pause.Load()
	if was&cause == 0 {
		return
	}
	c.pause.Store(was &^ cause)
	if was == cause {
		c.wantLocked(c.interest | unix.EPOLLIN)
		c.post()
	}
}

// wantLocked tells epoll what this connection waits for.
func (c *conn) wantLocked(interest uint32) {
	if interest == c.interest || c.reason != stillOpen {
		return
	}
	c.interest = interest
	if err := watch(c.loop.epfd, unix.EPOLL_CTL_MOD, c.fd, interest, c.tag); err != nil {
		c.closeLocked(closeError)
	}
}

// settle closes what is due to be closed after the loop touched c, and half-closes what waits for the peer.
func (l *loop) settle(c *conn) {
	if c.finished {
		return
	}
	c.mu.Lock()
	if c.reason == stillOpen && c.goodbye != stillOpen && (c.pending.Load() == c.detached || c.muted) && c.unsentLocked() == 0 && !c.lingering {
		l.halfCloseLocked(c)
	}
	over := c.reason != stillOpen
	c.mu.Unlock()
	if over {
		l.finish(c)
	}
}

// halfCloseLocked ends a connection whose last byte is written. A peer that still writes would get a reset for it, which can
// overtake our last answer: so we close our side only, and read and drop the rest until it closes too or
// linger_timeout has passed.
func (l *loop) halfCloseLocked(c *conn) {
	if c.ended || l.srv.opts.LingerTimeout == 0 {
		c.closeLocked(c.goodbye)
		return
	}
	if err := unix.Shutdown(int(c.fd), unix.SHUT_WR); err != nil {
		c.closeLocked(closePeerReset)
		return
	}
	c.lingering, c.lastRead = true, l.now
	c.wantLocked(unix.EPOLLIN)
}

// finish releases everything a connection holds. It is the only place that closes its descriptor. Loop only.
func (l *loop) finish(c *conn) {
	if c.finished {
		return
	}
	c.finished = true
	c.mu.Lock() // no writer is inside the descriptor, and none enters after reason was set
	reason := c.reason
	l.srv.outBytes.Add(-int64(c.unsentLocked()))
	putBuffer(c.out)
	c.out, c.outDone = nil, 0
	c.stalledSince.Store(0)
	if reason.abrupt() {
		resetOnClose(c.fd)
	}
	_ = unix.Close(int(c.fd)) // the last one: epoll forgets it by itself
	c.mu.Unlock()

	l.keepInput(c, nil)
	place := &l.slots[c.slot]
	place.conn = nil
	place.generation++
	l.free = append(l.free, c.slot)
	l.stats.connections.Add(-1)

	cancelled := c.transport.closed(c)
	l.srv.queue.Close(&c.lane, c.drop)
	if k := c.blocked; k != nil {
		c.blocked = nil
		c.drop(&k.ticket)
	}
	l.srv.limits.Close(c.addr)
	if c.credential != nil {
		l.srv.limits.Leave(c.credential.Principal)
	}
	l.srv.metrics.closed[reason].Inc()
	if e := l.srv.log.Debug(); e.Enabled() {
		if c.credential != nil {
			e.Str("principal", c.credential.Principal)
		}
		e.Stringer("reason", reason).Str("transport", c.listener.name).Stringer("peer", c.addr).
			Int("cancelled", cancelled).Msg("connection closed")
	}
	if hear := c.listener.ended; hear != nil {
		hear(reason.String())
	}
}

// drop gets a call that was still waiting when its connection ended. Loop only.
func (c *conn) drop(t *backpressure.Ticket) {
	if k, ok := t.Job.(*call); ok && c.loop.survives(k) {
		k.Resume()
		return
	}
	c.abandon(t)
}

// abandon ends it: nobody is left to answer.
func (c *conn) abandon(t *backpressure.Ticket) {
	c.loop.srv.metrics.dropped[dropDisconnected].Inc()
	c.pending.Add(-1)
	k, ok := t.Job.(*call)
	if !ok {
		c.forgetCompact(t.Job.(*compactCall))
		return
	}
	c.loop.srv.registry.End(&k.Exchange)
	if o := c.transport.order(); o != nil {
		o.drop(c, k)
	}
	k.release()
}
