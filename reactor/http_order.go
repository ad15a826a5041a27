package reactor

import "weir/codec/http1"

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
	t.unlinkLocked(k)
	c.mu.Unlock()
}

// unlinkLocked takes k out of the line, if it is in it.
func (t *httpTransport) unlinkLocked(k *call) {
	switch {
	case k.prev != nil:
		k.prev.next = k.next
	case t.head == k:
		t.head = k.next
	default:
		return
	}
	if k.next != nil {
		k.next.prev = k.prev
	} else {
		t.tail = k.prev
	}
	k.next, k.prev = nil, nil
	t.beatAt.Store(0) // whatever streams now sets it again
}

// replace moves what is k's to know of stuck's response, and its place in the line if it still has one.
func (t *httpTransport) replace(c *conn, stuck, k *call) {
	k.keepAlive, k.http10, k.takesSSE, k.origin = stuck.keepAlive, stuck.http10, stuck.takesSSE, stuck.origin
	k.started = true
	c.mu.Lock()
	defer c.mu.Unlock()
	k.streaming = stuck.streaming
	k.answer, stuck.answer = stuck.answer, nil
	k.trail, stuck.trail = stuck.trail, nil
	k.adrift, stuck.adrift = stuck.adrift, false
	switch {
	case stuck.prev != nil:
		stuck.prev.next = k
	case t.head == stuck:
		t.head = k
	default:
		return // the line ended with its connection
	}
	if stuck.next != nil {
		stuck.next.prev = k
	} else {
		t.tail = k
	}
	k.next, k.prev = stuck.next, stuck.prev
	stuck.next, stuck.prev = nil, nil
}

// starts notes that a worker has k. When k is first in the line and too much waits behind it, nothing else is started
// until it is answered.
func (t *httpTransport) starts(c *conn, k *call) {
	c.mu.Lock()
	k.started = true
	if c.reason == stillOpen {
		t.throttleLocked(c)
	}
	c.mu.Unlock()
}

// waitsAgain takes back that a worker has k, which was parked and goes on: what waits for its answer must not keep it from
// being taken.
func (t *httpTransport) waitsAgain(c *conn, k *call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if k.started = false; c.reason == stillOpen {
		t.throttleLocked(c)
	}
}

// keepLocked keeps a ready answer, of which n bytes are new, until its turn.
func (t *httpTransport) keepLocked(c *conn, k *call, n int) {
	k.done = true
	t.holdLocked(c, n)
}

// holdLocked puts n more bytes that wait for their turn on the books.
func (t *httpTransport) holdLocked(c *conn, n int) {
	s := c.loop.srv
	c.held += n
	if s.outBytes.Add(int64(n)) > int64(s.opts.MaxOutboxTotalBytes) {
		c.closeLocked(closeOutboxBudget)
		return
	}
	c.throttleLocked()
	t.throttleLocked(c)
}

// throttleLocked starts no more calls of a connection behind whose first one too many answers wait already. The first
// one itself must have started: paused, it would wait for ever.
func (t *httpTransport) throttleLocked(c *conn) {
	if c.held > c.loop.srv.opts.MaxOutboxBytes && t.head != nil && t.head.started {
		c.stopLaneLocked(stopOrder)
	} else {
		c.startLaneLocked(stopOrder)
	}
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
	place := l.newCall()
	place.answer = appendHTTP(getBuffer(len(message)+httpHeadRoom), c, k, message)
	c.mu.Lock()
	defer c.mu.Unlock()
	if t.head == nil { // the last one left meanwhile
		c.sendLocked(place.answer)
		putBuffer(place.answer)
		place.release()
		return
	}
	t.linkLocked(place)
	t.keepLocked(c, place, len(place.answer))
}

// answersNow reports whether no request waits before the one at hand. Only the loop adds, so a yes stays true.
func (t *httpTransport) answersNow(c *conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return t.head == nil
}

// done reports whether nothing that c was asked is in progress, so that it may become another transport: also a call that
// is adrift comes back to this one. Only the loop adds, so a yes stays true.
func (t *httpTransport) done(c *conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return t.head == nil && c.adrift == 0
}

// deliver sends k's answer if it is k's turn, and the ready ones behind it; else it keeps the answer. HTTP answers are
// never left in out: another worker may send the next one as soon as this one has left the line.
func (t *httpTransport) deliver(c *conn, k *call, message, out []byte) []byte {
	mark := len(out)
	if k.trail != nil {
		return t.conclude(c, k, message, out)
	}
	if k.streaming {
		out = appendLastEvent(out, message)
	} else {
		out = appendHTTP(out, c, k, message)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	t.deliverLocked(c, k, out[mark:])
	return out[:mark]
}

// deliverLocked sends k's answer, the last of its response, in its turn.
func (t *httpTransport) deliverLocked(c *conn, k *call, answer []byte) {
	switch {
	case c.reason != stillOpen:
		c.forgetLocked(k)
		t.unlinkLocked(k) // before it is used again: gone may not have come by yet
		c.forgetLocked(k)
		k.release()
	case t.head != k:
		k.answer = appendBuffer(k.answer, answer)
		t.keepLocked(c, k, len(answer))
	default:
		c.sendLocked(answer)
		t.unlinkLocked(k)
		k.release()
		t.sendReadyLocked(c)
	}
}

func (t *httpTransport) sendReadyLocked(c *conn) {
	for t.head != nil && t.head.done {
		k := t.head
		c.sendLocked(k.answer)
		c.forgetLocked(k)
		t.unlinkLocked(k)
		k.release()
	}
	if k := t.head; k != nil && k.streaming {
		t.advanceLocked(c)
		if k.stream != nil || k.trail != nil {
			c.post() // it may be owed more, or have been resumed elsewhere: before its turn that woke nobody
		}
	}
	t.throttleLocked(c)
	c.relaxLocked()
}

// forgetLocked drops what k keeps, and takes it off the books.
func (c *conn) forgetLocked(k *call) {
	c.held -= len(k.answer)
	c.loop.srv.outBytes.Add(-int64(len(k.answer)))
	putBuffer(k.answer)
	k.answer = nil
}

func (t *httpTransport) farewell(*conn) {}

// gone ends the line. Requests of the stateless era are cancelled with their connection (MCP 2026-07-28,
// basic/patterns/cancellation); the older ones must not be (MCP 2025-11-25, basic/transports) and run to their end, but for
// those that only wait.
func (t *httpTransport) gone(c *conn) (cancelled int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for k := t.head; k != nil; {
		next := k.next
		if k.done {
			c.forgetLocked(k)
			k.release()
		} else {
			k.next, k.prev = nil, nil
			c.forgetLocked(k)
			if k.stream != nil { // nobody else has it
				c.loop.closeStream(k)
			} else if k.trail != nil {
				c.strandLocked(k)
			} else if k.EndsWithPeer() {
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
	status := k.statusCode()
	h := http1.Response{
		Status: status, ContentType: jsonType, Date: c.loop.srv.date(),
		SessionID: k.SessionID, RetryAfter: k.retryAfterSeconds(status),
		Close: !k.keepAlive, KeepAlive: k.keepAlive && k.http10,
	}
	if status == 401 {
		h.WWWAuthenticate = c.loop.srv.resource.Challenge(k.badToken)
	}
	if k.allow {
		h.Allow = "POST, GET, DELETE, OPTIONS"
	}
	switch {
	case status == 426:
		h.Extra = "Sec-WebSocket-Version: 13\r\n" // RFC 6455 4.4
	case k.origin != nil:
		h.Extra = k.origin.Answer
		if k.allow {
			h.Extra = k.origin.Preflight
		}
	}
	return http1.AppendResponse(dst, &h, message)
}
