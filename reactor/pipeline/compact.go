package pipeline

import (
	"bytes"
	"time"

	"weir/backpressure"
	"weir/codec"
)

// A connection may have 10,000 messages waiting and the server half a million: as calls, with everything that
// scanning and routing found, they would take 640 bytes each beside their own. So a message deep in its connection's
// queue is kept compact, and scanned again when a worker gets to it; the first ones, which is all of them in honest
// traffic, stay calls.

// CompactAbove is how many calls of a connection are unanswered before the next message is kept compact: several
// batches ahead of the 32 that execute, so that pipelined traffic with windows up to it is scanned once.
const CompactAbove = 256

// compactCall is a waiting message and nothing else: about 100 bytes and its text.
type compactCall struct {
	ticket backpressure.Ticket
	raw    []byte
	serial uint32 // its number among the connection's compact calls
}

// compactBytes is about what a compact call takes beside its text.
const compactBytes = 128

// compacted is what a connection knows of its compact calls; it exists while there are some, guarded by the
// connection's lock.
type compacted struct {
	waiting  int
	serial   uint32
	recalled []recall
}

// recall is a cancellation that may be meant for a compact call. It reaches those that waited when it came, not a
// later one that uses the id again.
type recall struct {
	id     string
	before uint32
}

// maxRecalls bounds the cancellations that wait for their messages; of more, the oldest are forgotten, which MCP allows
// (2025-11-25 basic/utilities/cancellation: a receiver may ignore them).
const maxRecalls = 64

// mayCompact reports whether k is to be kept compact: it is deep in its connection's queue, in no batch, and its
// answer may leave in any order.
func (c *Conn) mayCompact(k *Call) bool {
	return c.transport.Order() == nil && k.group == nil && c.Pending() >= CompactAbove
}

// queueCompact queues k's message without k.
func (in *Intake) queueCompact(c *Conn, k *Call, work *backpressure.Work, class backpressure.Class,
) backpressure.Refusal {
	h := &compactCall{raw: bytes.Clone(k.Raw)}
	h.ticket.Job, h.ticket.Work = h, work
	h.ticket.SetOverhead(compactBytes)
	c.Lock()
	if c.compacted == nil {
		c.compacted = new(compacted)
	}
	c.compacted.waiting++
	c.compacted.serial++
	h.serial = c.compacted.serial
	c.Unlock()
	c.AddPending(1)
	refusal := in.p.Queue.Admit(&c.lane, &h.ticket, class, len(h.raw), in.Now())
	if refusal != backpressure.Accepted {
		c.AddPending(-1)
		c.forgetCompact(h)
	}
	return refusal
}

// forgetCompact forgets h and reports whether its sender took it back meanwhile. Any goroutine.
func (c *Conn) forgetCompact(h *compactCall) (recalled bool) {
	c.Lock()
	defer c.Unlock()
	return c.forgetCompactLocked(h)
}

func (c *Conn) forgetCompactLocked(h *compactCall) (recalled bool) {
	back := c.compacted
	if back.waiting--; back.waiting == 0 {
		defer func() { c.compacted = nil }()
	}
	// By a close frame, like everything before it. Or its connection has ended, and what was in flight is cancelled
	// already: nobody would tell this one, which a worker took before its lane was closed.
	if c.MutedLocked() || !c.OpenLocked() {
		return true
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

// recall notes a cancellation that may be meant for a compact call.
func (c *Conn) recall(id []byte) {
	c.Lock()
	defer c.Unlock()
	if c.compacted == nil {
		return
	}
	if len(c.compacted.recalled) == maxRecalls {
		c.compacted.recalled = append(c.compacted.recalled[:0], c.compacted.recalled[1:]...)
	}
	c.compacted.recalled = append(c.compacted.recalled, recall{id: string(id), before: c.compacted.serial})
}

// expand makes a call of a compact call, as the loop makes one of each message that comes: scanned, routed, in
// flight. Its id may be in use by now and its tool gone; then the answer says so, and is all there is to do. One that
// was taken back never is in flight.
func (c *Conn) expand(h *compactCall, answer []byte) (*Call, []byte) {
	p := c.intake.p
	k := NewSharedCall(c)
	k.Raw, k.Principal = h.raw, c.Principal()
	k.ticket.Work = h.ticket.Work
	k.ticket.SetOverhead(k.overhead()) // it may be suspended, and queued again
	if err := codec.Scan(k.Raw, &k.Env, &p.Options.JSON); err != nil {
		panic("reactor: a message that was admitted does not scan: " + err.Error())
	}
	if p.watched {
		k.beginSpan(time.Now().Add(-h.ticket.Wait()))
	}
	k.class = queueClass(p.Engine.Route(&k.Exchange))
	if k.Span != nil {
		k.describe()
	}
	c.Lock() // over Begin, so that a cancellation finds k here or there
	defer c.Unlock()
	if c.forgetCompactLocked(h) {
		k.Cancel()
		return k, answer
	}
	if err := p.Engine.Begin(&k.Exchange); err != nil {
		return k, codec.AppendError(answer, k.ID(), err)
	}
	return k, answer
}

// Compacted is how many of the connection's messages wait compact. Any goroutine.
func (c *Conn) Compacted() int {
	c.Lock()
	defer c.Unlock()
	if c.compacted == nil {
		return 0
	}
	return c.compacted.waiting
}
