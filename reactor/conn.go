package reactor

import (
	"net/netip"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"weir/backpressure"
	"weir/reactor/auth"
)

// transport is what a connection speaks: line.go, websocket.go, http.go and sse_transport.go implement it. All methods but
// deliver, replace and early belong to the connection's loop.
type transport interface {
	// decode takes whole messages off the front of b and returns how many bytes it is done with; the rest comes again
	// with more behind it. It may rewrite b and must not keep it. It stops early when the connection halts.
	decode(l *loop, c *conn, b []byte) int
	// eof gets what the peer left unfinished when it closed its side.
	eof(l *loop, c *conn, rest []byte)
	// address sets what every message of this transport has in common. Any goroutine.
	address(k *call)
	// answer sends a message made on the loop in reply to k, or keeps it until its turn. k is the caller's.
	answer(l *loop, c *conn, k *call, message []byte)
	// starts notes that a worker has begun with k. Workers.
	starts(c *conn, k *call)
	// queued notes, before its admission, that k will be answered by a worker; dropped takes that back.
	queued(l *loop, c *conn, k *call)
	dropped(c *conn, k *call)
	// replace puts k in the place of a call that its worker does not let go of. Any goroutine.
	replace(c *conn, stuck, k *call)
	// deliver appends the answer of an admitted call, framed, to out, or sends it in its turn. It takes k over.
	// Workers, several at once.
	deliver(c *conn, k *call, message, out []byte) []byte
	// early sends a message that belongs to k ahead of k's answer, at once or in k's turn, or drops it and says false.
	// Any goroutine; the handler of k has not returned.
	early(c *conn, k *call, message []byte) bool
	// open begins the stream of k, which takes k over; first is its first message. Loop.
	open(l *loop, c *conn, k *call, first []byte)
	// feed sends what the peer is owed of its subscriptions while it reads, and ends the streams that are over. Loop.
	feed(l *loop, c *conn)
	// endStreams ends every stream, in the words its client understands. Loop.
	endStreams(l *loop, c *conn)
	// beat keeps an open stream alive. Loop, once per sweep.
	beat(c *conn)
	// idle names the deadline missed by a peer that has been silent for quiet nanoseconds with nothing in progress.
	idle(c *conn, quiet int64) closeReason
	// unfinished says how much of an incomplete message has come, given the bytes that wait, and whether it must be
	// complete in message_timeout however fast it comes.
	unfinished(waiting int) (received int, strict bool)
	// farewell says goodbye to the peer of a connection that the server is about to close, if the transport has a word
	// for it.
	farewell(c *conn)
	// gone tells that the connection ended: what its calls share ends with it.
	gone(c *conn) (cancelled int)
}

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

	parked      *call // with on_full pause: the message that found the queue full
	parkedClass backpressure.Class

	// Anybody's.
	lane         backpressure.Lane
	pending      atomic.Int32  // admitted calls that were not delivered or dropped yet
	pause        atomic.Uint32 // changes under mu
	stalledSince atomic.Int64  // when the kernel last took a byte while some waited; 0 while none wait

	mu        sync.Mutex
	out       []byte      // what the kernel did not take yet
	outDone   int         // how much of out it took since
	laneStops uint8       // why no more of its calls are started
	adrift    int32       // calls among pending that this connection does not answer any more (HTTP, trail.go)
	held      int         // bytes of answers that wait for their turn (HTTP pipelining)
	interest  uint32      // what epoll is asked for
	reason    closeReason // set once: the connection is over
	goodbye   closeReason // it will be over when everything is answered and written
	back      *heldBack   // of the messages that are held bare; nil while none are
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
	if c.reason == stillOpen && c.goodbye != stillOpen && (c.pending.Load() == c.adrift || c.muted) && c.unsentLocked() == 0 && !c.lingering {
		l.partLocked(c)
	}
	over := c.reason != stillOpen
	c.mu.Unlock()
	if over {
		l.finish(c)
	}
}

// partLocked ends a connection whose last byte is written. A peer that still writes would get a reset for it, which can
// overtake our last answer: so we close our side only, and read and drop the rest until it closes too or
// linger_timeout has passed.
func (l *loop) partLocked(c *conn) {
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

	cancelled := c.transport.gone(c)
	l.srv.queue.Close(&c.lane, c.drop)
	if k := c.parked; k != nil {
		c.parked = nil
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
		c.unhold(t.Job.(*held))
		return
	}
	c.loop.srv.registry.End(&k.Exchange)
	c.transport.dropped(c, k)
	k.release()
}
