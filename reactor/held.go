package reactor

import (
	"bytes"

	"weir/backpressure"
	"weir/codec"
)

// A connection may have 10,000 messages waiting and the server half a million: as calls, with everything that scanning
// and routing found, they would take 640 bytes each beside their own. So a message deep in its connection's queue is held
// bare, and scanned again when a worker gets to it; the first ones, which is all of them in honest traffic, stay calls.

// heldAbove is how many calls of a connection are unanswered before the next message is held bare: several batches ahead
// of the 32 that execute, so that pipelined traffic with windows up to it is scanned once.
const heldAbove = 256

// held is a waiting message and nothing else: about 80 bytes and its text.
type held struct {
	ticket backpressure.Ticket
	raw    []byte
	serial uint32 // its number among the connection's held messages
}

// heldBytes is about what a held message takes beside its text.
const heldBytes = 128

// heldBack is what a connection knows of its held messages; it exists while there are some, guarded by conn.mu.
type heldBack struct {
	waiting  int
	serial   uint32
	recalled []recall
}

// recall is a cancellation that may be meant for a held message. It reaches those that were held when it came, not a
// later one that uses the id again.
type recall struct {
	id     string
	before uint32
}

// maxRecalls bounds the cancellations that wait for their messages; of more, the oldest are forgotten, which MCP allows
// (2025-11-25 basic/utilities/cancellation: a receiver may ignore them).
const maxRecalls = 64

// mayHold reports whether k is to be held bare: it is deep in the queue, and stands for itself.
func (c *conn) mayHold(k *call) bool {
	_, ordered := c.transport.(*httpTransport)
	return !ordered && k.group == nil && c.pending.Load() >= heldAbove
}

// hold puts k's message in line without k.
func (l *loop) hold(c *conn, k *call, class backpressure.Class) backpressure.Refusal {
	h := &held{raw: bytes.Clone(k.Raw)}
	h.ticket.Job, h.ticket.Overhead = h, heldBytes
	c.mu.Lock()
	if c.back == nil {
		c.back = new(heldBack)
	}
	c.back.waiting++
	c.back.serial++
	h.serial = c.back.serial
	c.mu.Unlock()
	c.pending.Add(1)
	refusal := l.srv.queue.Admit(&c.lane, &h.ticket, class, len(h.raw), l.now)
	if refusal != backpressure.Accepted {
		c.pending.Add(-1)
		c.unhold(h)
	}
	return refusal
}

// unhold forgets h and reports whether its sender took it back meanwhile. Any goroutine.
func (c *conn) unhold(h *held) (recalled bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.unholdLocked(h)
}

func (c *conn) unholdLocked(h *held) (recalled bool) {
	back := c.back
	if back.waiting--; back.waiting == 0 {
		defer func() { c.back = nil }()
	}
	if c.muted {
		return true // by a close frame, like everything before it
	}
	if len(back.recalled) == 0 {
		return false
	}
	var e codec.Envelope
	codec.Peek(h.raw, &e)
	for i, r := range back.recalled {
		if h.serial <= r.before && r.id == string(e.ID.Of(h.raw)) {
			back.recalled = append(back.recalled[:i], back.recalled[i+1:]...)
			return true
		}
	}
	return false
}

// recall notes a cancellation that may be meant for a held message.
func (c *conn) recall(id []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.back == nil {
		return
	}
	if len(c.back.recalled) == maxRecalls {
		c.back.recalled = append(c.back.recalled[:0], c.back.recalled[1:]...)
	}
	c.back.recalled = append(c.back.recalled, recall{id: string(id), before: c.back.serial})
}

// thaw makes a call of a held message, as the loop makes one of each message that comes: scanned, routed, in flight. Its
// id may be in use by now and its tool gone; then the answer says so, and is all there is to do. One that was taken back
// never is in flight.
func (c *conn) thaw(h *held, answer []byte) (*call, []byte) {
	s := c.loop.srv
	k := newSharedCall()
	k.Raw, k.conn, k.Principal = h.raw, c, c.principal()
	c.transport.address(k)
	if err := codec.Scan(k.Raw, &k.Env, &s.opts.Messages.JSON); err != nil {
		panic("reactor: a message that was admitted does not scan: " + err.Error())
	}
	k.class = queueClass(s.registry.Route(&k.Exchange))
	c.mu.Lock() // over Begin, so that a cancellation finds k here or there
	defer c.mu.Unlock()
	if c.unholdLocked(h) {
		k.Cancel()
		return k, answer
	}
	if err := s.registry.Begin(&k.Exchange); err != nil {
		return k, codec.AppendError(answer, k.Env.ID.Of(k.Raw), err)
	}
	return k, answer
}
