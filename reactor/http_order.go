package reactor

import "weir/codec"

// HTTP/1.1 answers in the order of the requests (RFC 9112 9.3.2) while workers finish in any order. A call's place in
// the line is taken when it is queued; an answer that is ready before its turn waits at its place and counts as outbox.

// queued takes a place at the end of the line. What the loop has answered before must be on its way first.
func (t *httpTransport) queued(l *loop, c *conn, k *call) {
	l.flush(c)
	c.mu.Lock()
	t.linkLocked(k)
	c.mu.Unlock()
}

func (t *httpTransport) linkLocked(k *call) {
	k.prev = t.tail
	if t.tail == nil {
		t.head = k
	} else {
		t.tail.next = k
	}
	t.tail = k
}

// dropped gives k's place up: its admission failed, or its connection ended and the line with it.
func (t *httpTransport) dropped(c *conn, k *call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t.tail != k {
		return
	}
	t.tail = k.prev
	if t.tail == nil {
		t.head = nil
	} else {
		t.tail.next = nil
	}
	k.prev = nil
}

// answer sends what the loop answered, at once when nothing is before it.
func (t *httpTransport) answer(l *loop, c *conn, k *call, message []byte) {
	if c.pending.Load() == 0 || t.answersNow(c) {
		l.out = appendHTTP(l.out, c, k, message)
		if len(l.out) > flushAbove {
			l.flush(c)
		}
		return
	}
	place := l.calls.take()
	place.done = true
	place.answer = appendHTTP(getBuffer(len(message)+httpHeadRoom), c, k, message)
	c.mu.Lock()
	defer c.mu.Unlock()
	if t.head == nil { // the last one left meanwhile
		c.sendLocked(place.answer)
		place.discard()
		return
	}
	t.linkLocked(place)
	c.held += len(place.answer)
	c.throttleLocked()
}

// answersNow reports whether no request waits before the one at hand. Only the loop adds, so a yes stays true.
func (t *httpTransport) answersNow(c *conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return t.head == nil
}

// deliver sends k's answer if it is k's turn, and the ready ones behind it; else it keeps the answer. HTTP answers are
// never left in out: another worker may send the next one as soon as this one has left the line.
func (t *httpTransport) deliver(c *conn, k *call, message, out []byte) []byte {
	mark := len(out)
	if k.streaming {
		out = appendLastEvent(out, message)
	} else {
		out = appendHTTP(out, c, k, message)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.reason != stillOpen:
		t.unlinkLocked(k) // before it is used again: gone may not have come by yet
		k.release(true)
	case t.head != k:
		k.answer = appendBuffer(k.answer, out[mark:])
		k.done = true
		c.held += len(out) - mark
		c.throttleLocked()
	default:
		c.sendLocked(out[mark:])
		t.popLocked()
		k.release(true)
		t.sendReadyLocked(c)
	}
	return out[:mark]
}

func (t *httpTransport) popLocked() {
	t.beatAt.Store(0)
	t.head = t.head.next
	if t.head == nil {
		t.tail = nil
	} else {
		t.head.prev = nil
	}
}

// unlinkLocked takes k out of the line, wherever it stands, if the line still is.
func (t *httpTransport) unlinkLocked(k *call) {
	if t.head != k && k.prev == nil {
		return
	}
	if k.prev != nil {
		k.prev.next = k.next
	} else {
		t.head = k.next
	}
	if k.next != nil {
		k.next.prev = k.prev
	} else {
		t.tail = k.prev
	}
}

func (t *httpTransport) sendReadyLocked(c *conn) {
	for t.head != nil && t.head.done {
		k := t.head
		c.held -= len(k.answer)
		c.sendLocked(k.answer)
		t.popLocked()
		k.discard()
	}
	if t.head != nil && t.head.streaming {
		t.advanceLocked(c)
	}
	c.relaxLocked()
}

// discard releases a call whose answer was kept.
func (k *call) discard() {
	putBuffer(k.answer)
	k.answer = nil
	k.release(true)
}

func (t *httpTransport) farewell(*conn) {}

// gone ends the line. Requests of the stateless era are cancelled with their connection (MCP 2026-07-28,
// basic/patterns/cancellation); the older ones must not be (MCP 2025-11-25, basic/transports) and run to their end.
func (t *httpTransport) gone(c *conn) (cancelled int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for k := t.head; k != nil; {
		next := k.next
		if k.done {
			c.held -= len(k.answer)
			k.discard()
		} else {
			k.next, k.prev = nil, nil
			k.forgetHeld(c)
			if k.stream != nil { // nobody else has it
				c.loop.closeStream(k)
			} else if k.Modern() {
				k.Cancel()
				cancelled++
			}
		}
		k = next
	}
	t.head, t.tail = nil, nil
	return cancelled
}

// httpHeadRoom is what a response head takes, about.
const httpHeadRoom = 256

// appendHTTP appends the response that carries message. Safe for workers and loop.
func appendHTTP(dst []byte, c *conn, k *call, message []byte) []byte {
	h := codec.HTTPResponse{
		Status: k.Status, ContentType: jsonType, Date: c.loop.srv.date(),
		SessionID: k.SessionID, RetryAfter: int(k.retryAfter),
		Close: !k.keepAlive, KeepAlive: k.keepAlive && k.http10,
	}
	if k.allow {
		h.Allow = "POST, GET, DELETE, OPTIONS"
	}
	return codec.AppendHTTPResponse(dst, &h, message)
}
