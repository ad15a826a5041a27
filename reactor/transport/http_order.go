package transport

import (
	"sync/atomic"

	"weir/backpressure"
	"weir/reactor/loop/buffer"
	"weir/reactor/pipeline"
)

// answerOrder is the order of the answers on an HTTP/1.1 connection, that of its requests (RFC 9112 9.3.2), while
// workers finish in any. A call takes its place when it is queued; an answer that is ready before its turn waits at
// its place and counts as outbox. Guarded by the connection's lock; only the loop adds. The head is never done while
// the mutex is free.
type answerOrder struct {
	head, tail *pipeline.Call

	// signAt is when the head is due for a sign of life: its event stream for a comment, an answer that is not there yet
	// for becoming one. 0: that is not known yet, or it needs none.
	signAt atomic.Int64
}

// Queue gives k a place at the end. What the loop has answered before must be on its way first.
func (o *answerOrder) Queue(in *pipeline.Intake, c *pipeline.Conn, k *pipeline.Call) {
	in.Flush(c)
	c.Lock()
	o.linkLocked(k)
	c.Unlock()
}

func (o *answerOrder) linkLocked(k *pipeline.Call) {
	k.Prev = o.tail
	if o.tail == nil {
		o.head = k
	} else {
		o.tail.Next = k
	}
	o.tail = k
}

// holdsLocked says whether k has a place.
func (o *answerOrder) holdsLocked(k *pipeline.Call) bool { return k.Prev != nil || o.head == k }

// Drop gives k's place up: its admission failed, or its connection ended and the order with it.
func (o *answerOrder) Drop(c *pipeline.Conn, k *pipeline.Call) {
	c.Lock()
	o.unlinkLocked(k)
	c.Unlock()
}

// unlinkLocked gives k's place up, if it has one.
func (o *answerOrder) unlinkLocked(k *pipeline.Call) {
	switch {
	case k.Prev != nil:
		k.Prev.Next = k.Next
	case o.head == k:
		o.head = k.Next
	default:
		return
	}
	if k.Next != nil {
		k.Next.Prev = k.Prev
	} else {
		o.tail = k.Prev
	}
	k.Next, k.Prev = nil, nil
	o.signAt.Store(0) // whatever streams now sets it again
}

// substituteLocked gives k's place, if it has one, to place.
func (o *answerOrder) substituteLocked(k, place *pipeline.Call) {
	switch {
	case k.Prev != nil:
		k.Prev.Next = place
	case o.head == k:
		o.head = place
	default:
		return // the order ended with its connection
	}
	if k.Next != nil {
		k.Next.Prev = place
	} else {
		o.tail = place
	}
	place.Next, place.Prev = k.Next, k.Prev
	k.Next, k.Prev = nil, nil
}

// Replace moves what is k's to know of stuck's response, and its place if it still has one.
func (o *answerOrder) Replace(c *pipeline.Conn, stuck, k *pipeline.Call) {
	k.KeepAlive, k.HTTP10, k.Takes, k.Origin = stuck.KeepAlive, stuck.HTTP10, stuck.Takes, stuck.Origin
	k.Started = true
	c.Lock()
	defer c.Unlock()
	k.Streaming = stuck.Streaming
	k.Answer, stuck.Answer = stuck.Answer, nil
	k.PostStream, stuck.PostStream = stuck.PostStream, nil
	k.Detached, stuck.Detached = stuck.Detached, false
	o.substituteLocked(stuck, k)
}

// SetStarted notes that a worker has begun with k, or, of one that was suspended and goes on, that it has not again.
// When k is first and too much waits behind it, nothing else is started until it is answered; k itself must not be
// kept from it.
func (o *answerOrder) SetStarted(c *pipeline.Conn, k *pipeline.Call, started bool) {
	c.Lock()
	defer c.Unlock()
	k.Started = started
	if c.OpenLocked() {
		o.throttleLocked(c)
	}
}

// keepLocked keeps the end of k's answer until its turn. From here on the call is nothing but its place.
func (o *answerOrder) keepLocked(c *pipeline.Conn, k *pipeline.Call, last []byte) {
	k.Done = true
	k.DropMessage()
	o.holdLocked(c, k, last, pipeline.PlaceBytes)
}

// holdLocked appends a part to k's answer, which waits for its turn, and puts it and room more on the books.
func (o *answerOrder) holdLocked(c *pipeline.Conn, k *pipeline.Call, part []byte, room int) {
	was := cap(k.Answer)
	k.Answer = buffer.Append(k.Answer, part)
	if c.HoldLocked(len(part), room+cap(k.Answer)-was); c.OpenLocked() {
		o.throttleLocked(c)
	}
}

// throttleLocked starts no more calls of a connection behind whose first one too many answers wait already. The first
// one itself must have started: paused, it would wait for ever.
func (o *answerOrder) throttleLocked(c *pipeline.Conn) {
	c.StopCallsLocked(c.HeldLocked() > c.OutboxLimit() && o.head != nil && o.head.Started)
}

// empty reports whether no request waits before the one at hand. Only the loop adds, so a yes stays true.
func (o *answerOrder) empty(c *pipeline.Conn) bool {
	c.Lock()
	defer c.Unlock()
	return o.head == nil
}

// idle reports whether nothing that c was asked is in progress, so that it may become another transport: also a
// detached call comes back to this one. Only the loop adds, so a yes stays true.
func (o *answerOrder) idle(c *pipeline.Conn) bool {
	c.Lock()
	defer c.Unlock()
	return o.head == nil && c.DetachedLocked() == 0
}

// deliverLocked sends k's answer, the last of its response, in its turn. It takes k over.
func (o *answerOrder) deliverLocked(c *pipeline.Conn, k *pipeline.Call, answer []byte) {
	switch {
	case !c.OpenLocked():
		o.unlinkLocked(k) // before it is used again: close may not have come by yet
		forgetLocked(c, k)
		k.Release()
	case o.head != k:
		o.keepLocked(c, k, answer)
	default:
		c.SendLocked(answer)
		o.unlinkLocked(k)
		k.Release()
		o.sendReadyLocked(c)
	}
}

// sendReadyLocked sends the answers whose turn has come.
func (o *answerOrder) sendReadyLocked(c *pipeline.Conn) {
	for o.head != nil && o.head.Done {
		k := o.head
		sendHeldLocked(c, k)
		o.unlinkLocked(k)
		k.Release()
	}
	if k := o.head; k != nil && k.Streaming { // what its stream has said already
		sendHeldLocked(c, k)
		o.rearmLocked(c)
		if k.Source != nil || k.PostStream != nil || k.Away != nil {
			c.Post() // it may be owed more, or have been resumed elsewhere: before its turn that woke nobody
		}
	}
	o.throttleLocked(c)
	c.RelaxLocked()
}

// sendHeldLocked sends what k keeps.
func sendHeldLocked(c *pipeline.Conn, k *pipeline.Call) {
	c.ConvertLocked(len(k.Answer), roomOf(k), len(k.Answer))
	c.SendLocked(k.Answer)
	buffer.Put(k.Answer)
	k.Answer, k.Done = nil, false
}

// forgetLocked drops what k keeps, and takes it off the books.
func forgetLocked(c *pipeline.Conn, k *pipeline.Call) {
	c.UnholdLocked(len(k.Answer), roomOf(k))
	buffer.Put(k.Answer)
	k.Answer = nil
}

// roomOf is what is on the books for what k keeps.
func roomOf(k *pipeline.Call) int {
	if k.Done {
		return cap(k.Answer) + pipeline.PlaceBytes
	}
	return cap(k.Answer)
}

// close ends the order. Requests of the stateless era are cancelled with their connection (MCP 2026-07-28,
// basic/patterns/cancellation); the older ones must not be (MCP 2025-11-25, basic/transports) and run to their end,
// but for those that only wait.
func (o *answerOrder) close(c *pipeline.Conn) (cancelled int) {
	c.Lock()
	defer c.Unlock()
	for k := o.head; k != nil; {
		next := k.Next
		forgetLocked(c, k)
		k.Next, k.Prev = nil, nil
		switch {
		case k.Done:
			k.Release()
		case k.Away != nil:
			k.Away.(*relay).leaveLocked()
		case k.Source != nil: // nobody else has it
			c.Intake().EndStream(k)
		case k.PostStream != nil:
			detachLocked(c, k)
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
func (o *answerOrder) rearmLocked(c *pipeline.Conn) {
	if every := int64(deskOf(c.Intake()).Options.SSEKeepAlive); every > 0 {
		o.signAt.Store(backpressure.Now() + every)
	}
}

// keepAlive sends a comment on an event stream that has been quiet for sse_keep_alive, and makes a response one that
// has been silent for sse_answer_after. That time counts from the first sweep that finds it at the head.
func (o *answerOrder) keepAlive(c *pipeline.Conn) {
	at, now := o.signAt.Load(), c.Loop().Now()
	if at == 0 && c.Pending() == 0 || at > now {
		return
	}
	c.Lock()
	defer c.Unlock()
	after := int64(deskOf(c.Intake()).Options.SSEAnswerAfter)
	switch k := o.head; {
	case k == nil || k.Away != nil: // its owner says it
	case k.Streaming && at != 0:
		o.signLocked(c)
	case k.Streaming || after == 0 || !k.TakesSSE(pipeline.SSEAhead) || !c.OpenLocked():
	case at == 0:
		o.signAt.Store(now + after)
	default:
		eventStream{o, c, k}.breakSilenceLocked()
	}
}

// signLocked sends a comment, unless the peer has not even read what is there.
func (o *answerOrder) signLocked(c *pipeline.Conn) {
	if c.UnsentLocked() == 0 {
		sign := delimiterOf(o.head).sign(buffer.Get(eventRoom))
		c.SendLocked(sign)
		buffer.Put(sign)
	}
	o.rearmLocked(c)
}
