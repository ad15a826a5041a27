package reactor

import (
	"sync/atomic"

	"weir/backpressure"
	"weir/reactor/loop"
)

// answerOrder is the order of the answers on an HTTP/1.1 connection, that of its requests (RFC 9112 9.3.2), while workers finish
// in any. A call takes its place when it is queued; an answer that is ready before its turn waits at its place and counts as
// outbox. Guarded by conn.mu; only the loop adds. The head is never done while the mutex is free.
type answerOrder struct {
	head, tail *call

	signAt atomic.Int64 // when the head's event stream is due for a sign of life; 0 while it has none
}

// queue gives k a place at the end. What the loop has answered before must be on its way first.
func (o *answerOrder) queue(in *intake, c *conn, k *call) {
	in.flush(c)
	c.Lock()
	o.linkLocked(k)
	c.Unlock()
}

func (o *answerOrder) linkLocked(k *call) {
	k.prev = o.tail
	if o.tail == nil {
		o.head = k
	} else {
		o.tail.next = k
	}
	o.tail = k
}

// holdsLocked says whether k has a place.
func (o *answerOrder) holdsLocked(k *call) bool { return k.prev != nil || o.head == k }

// drop gives k's place up: its admission failed, or its connection ended and the order with it.
func (o *answerOrder) drop(c *conn, k *call) {
	c.Lock()
	o.unlinkLocked(k)
	c.Unlock()
}

// unlinkLocked gives k's place up, if it has one.
func (o *answerOrder) unlinkLocked(k *call) {
	switch {
	case k.prev != nil:
		k.prev.next = k.next
	case o.head == k:
		o.head = k.next
	default:
		return
	}
	if k.next != nil {
		k.next.prev = k.prev
	} else {
		o.tail = k.prev
	}
	k.next, k.prev = nil, nil
	o.signAt.Store(0) // whatever streams now sets it again
}

// substituteLocked gives k's place, if it has one, to place.
func (o *answerOrder) substituteLocked(k, place *call) {
	switch {
	case k.prev != nil:
		k.prev.next = place
	case o.head == k:
		o.head = place
	default:
		return // the order ended with its connection
	}
	if k.next != nil {
		k.next.prev = place
	} else {
		o.tail = place
	}
	place.next, place.prev = k.next, k.prev
	k.next, k.prev = nil, nil
}

// replace moves what is k's to know of stuck's response, and its place if it still has one.
func (o *answerOrder) replace(c *conn, stuck, k *call) {
	k.keepAlive, k.http10, k.takesSSE, k.origin = stuck.keepAlive, stuck.http10, stuck.takesSSE, stuck.origin
	k.started = true
	c.Lock()
	defer c.Unlock()
	k.streaming = stuck.streaming
	k.answer, stuck.answer = stuck.answer, nil
	k.trail, stuck.trail = stuck.trail, nil
	k.detached, stuck.detached = stuck.detached, false
	o.substituteLocked(stuck, k)
}

// setStarted notes that a worker has begun with k, or, of one that was suspended and goes on, that it has not again. When k is
// first and too much waits behind it, nothing else is started until it is answered; k itself must not be kept from it.
func (o *answerOrder) setStarted(c *conn, k *call, started bool) {
	c.Lock()
	defer c.Unlock()
	k.started = started
	if c.OpenLocked() {
		o.throttleLocked(c)
	}
}

// keepLocked keeps a ready answer, of which n bytes are new, until its turn.
func (o *answerOrder) keepLocked(c *conn, k *call, n int) {
	k.done = true
	o.holdLocked(c, n)
}

// holdLocked puts n more bytes that wait for their turn on the books.
func (o *answerOrder) holdLocked(c *conn, n int) {
	if c.HoldLocked(n); c.OpenLocked() {
		o.throttleLocked(c)
	}
}

// throttleLocked starts no more calls of a connection behind whose first one too many answers wait already. The first
// one itself must have started: paused, it would wait for ever.
func (o *answerOrder) throttleLocked(c *conn) {
	if c.HeldLocked() > c.intake.srv.opts.MaxOutboxBytes && o.head != nil && o.head.started {
		c.stopLaneLocked(stopOrder)
	} else {
		c.startLaneLocked(stopOrder)
	}
}

// empty reports whether no request waits before the one at hand. Only the loop adds, so a yes stays true.
func (o *answerOrder) empty(c *conn) bool {
	c.Lock()
	defer c.Unlock()
	return o.head == nil
}

// idle reports whether nothing that c was asked is in progress, so that it may become another transport: also a detached call
// comes back to this one. Only the loop adds, so a yes stays true.
func (o *answerOrder) idle(c *conn) bool {
	c.Lock()
	defer c.Unlock()
	return o.head == nil && c.DetachedLocked() == 0
}

// deliverLocked sends k's answer, the last of its response, in its turn. It takes k over.
func (o *answerOrder) deliverLocked(c *conn, k *call, answer []byte) {
	switch {
	case !c.OpenLocked():
		o.unlinkLocked(k) // before it is used again: close may not have come by yet
		c.forgetLocked(k)
		k.release()
	case o.head != k:
		k.answer = loop.AppendBuffer(k.answer, answer)
		o.keepLocked(c, k, len(answer))
	default:
		c.SendLocked(answer)
		o.unlinkLocked(k)
		k.release()
		o.sendReadyLocked(c)
	}
}

// sendReadyLocked sends the answers whose turn has come.
func (o *answerOrder) sendReadyLocked(c *conn) {
	for o.head != nil && o.head.done {
		k := o.head
		c.SendLocked(k.answer)
		c.forgetLocked(k)
		o.unlinkLocked(k)
		k.release()
	}
	if k := o.head; k != nil && k.streaming { // what its stream has said already
		c.SendLocked(k.answer)
		c.forgetLocked(k)
		o.rearmLocked(c)
		if k.stream != nil || k.trail != nil {
			c.Post() // it may be owed more, or have been resumed elsewhere: before its turn that woke nobody
		}
	}
	o.throttleLocked(c)
	c.RelaxLocked()
}

// forgetLocked drops what k keeps, and takes it off the books.
func (c *conn) forgetLocked(k *call) {
	c.UnholdLocked(len(k.answer))
	loop.PutBuffer(k.answer)
	k.answer = nil
}

// close ends the order. Requests of the stateless era are cancelled with their connection (MCP 2026-07-28,
// basic/patterns/cancellation); the older ones must not be (MCP 2025-11-25, basic/transports) and run to their end, but for
// those that only wait.
func (o *answerOrder) close(c *conn) (cancelled int) {
	c.Lock()
	defer c.Unlock()
	for k := o.head; k != nil; {
		next := k.next
		c.forgetLocked(k)
		k.next, k.prev = nil, nil
		switch {
		case k.done:
			k.release()
		case k.stream != nil: // nobody else has it
			c.intake.closeStream(k)
		case k.trail != nil:
			c.detachLocked(k)
		case k.EndsWithPeer():
			k.Cancel()
			cancelled++
		}
		k = next
	}
	o.head, o.tail = nil, nil
	return cancelled
}

// rearmLocked puts the next sign of life off: something was just sent.
func (o *answerOrder) rearmLocked(c *conn) {
	if every := int64(c.intake.srv.opts.SSEKeepAlive); every > 0 {
		o.signAt.Store(backpressure.Now() + every)
	}
}

// keepAlive sends a comment on an event stream that has been quiet for sse_keep_alive.
func (o *answerOrder) keepAlive(c *conn) {
	if at := o.signAt.Load(); at == 0 || c.intake.Now() < at {
		return
	}
	c.Lock()
	defer c.Unlock()
	if o.head != nil && o.head.streaming {
		o.signLocked(c)
	}
}

// signLocked sends a comment, unless the peer has not even read what is there.
func (o *answerOrder) signLocked(c *conn) {
	if c.UnsentLocked() == 0 {
		sign := appendSign(loop.GetBuffer(eventRoom))
		c.SendLocked(sign)
		loop.PutBuffer(sign)
	}
	o.rearmLocked(c)
}
