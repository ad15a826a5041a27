package reactor

import (
	"time"

	"weir/backpressure"
	"weir/codec"
	"weir/codec/http1"
	"weir/registry/event"
)

// A response becomes an event stream with the first message that goes ahead of its answer (MCP 2025-11-25 and 2026-07-28,
// basic/transports): chunks of events, the answer as the last of them, and the connection goes on. A client that did not
// offer to take one, or speaks HTTP/1.0, which has no chunks, gets its answer alone. In a pipeline the stream of a
// request that is not at the head of the line is held back like an answer would be.

// eventRoom is what an event and its chunk add to a message, about.
const eventRoom = 64

func (t *httpTransport) early(c *conn, k *call, message []byte) bool {
	if !k.takesSSE {
		return false
	}
	frame := getBuffer(len(message) + eventRoom + httpHeadRoom)
	defer func() { putBuffer(frame) }()
	c.mu.Lock()
	defer c.mu.Unlock()
	lost := k.trail != nil && (k.adrift || c.reason != stillOpen || !k.trail.Posted()) // then it may still be kept
	if !lost && !c.roomLocked(len(message)+eventRoom) {
		return false
	}
	trail := t.trailLocked(c, k)
	var id event.ID
	if trail != nil {
		var posted, kept bool
		if id, posted, kept = trail.Append(message); lost || !posted {
			return kept
		}
	}
	if !k.streaming {
		frame = appendStreamHead(frame, c, k)
		if trail != nil && trail.Primes() {
			frame = appendPriming(frame, trail.First(), 0)
		}
	}
	frame = appendEvent(frame, id, message)
	t.streamLocked(c, k, frame)
	return true
}

// streamLocked sends a part of k's event stream, or holds it until it is k's turn.
func (t *httpTransport) streamLocked(c *conn, k *call, part []byte) {
	if !k.streaming {
		k.streaming = true
		c.loop.srv.metrics.streamsOpened.Inc()
	}
	if t.head != k {
		k.answer = appendBuffer(k.answer, part)
		t.holdLocked(c, len(part))
		return
	}
	c.sendLocked(part)
	t.rearmLocked(c)
}

// advanceLocked sends what the stream that has come to the head of the line was holding.
func (t *httpTransport) advanceLocked(c *conn) {
	k := t.head
	c.sendLocked(k.answer)
	c.forgetLocked(k)
	t.rearmLocked(c)
}

// rearmLocked puts the next sign of life off: something was just sent.
func (t *httpTransport) rearmLocked(c *conn) {
	if every := int64(c.loop.srv.opts.SSEKeepAlive); every > 0 {
		t.beatAt.Store(backpressure.Now() + every)
	}
}

// beat sends a comment on an event stream that has been quiet for sse_keep_alive.
func (t *httpTransport) beat(c *conn) {
	if at := t.beatAt.Load(); at == 0 || c.loop.now < at {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if t.head == nil || !t.head.streaming {
		return
	}
	t.signLocked(c)
}

// signLocked sends a comment, unless the peer has not even read what is there.
func (t *httpTransport) signLocked(c *conn) {
	if c.unsentLocked() == 0 {
		sign := appendSign(getBuffer(eventRoom))
		c.sendLocked(sign)
		putBuffer(sign)
	}
	t.rearmLocked(c)
}

// appendSign appends a comment in a chunk of its own.
func appendSign(dst []byte) []byte {
	from := len(dst)
	return http1.EndChunk(append(http1.BeginChunk(dst), codec.SSEComment...), from)
}

// appendStreamHead appends the head of a response that is an event stream.
func appendStreamHead(dst []byte, c *conn, k *call) []byte {
	fields := "Cache-Control: no-store\r\n"
	if k.origin != nil {
		fields += k.origin.answer
	}
	return http1.AppendResponse(dst, &http1.Response{
		Status: 200, ContentType: eventStreamType, Date: c.loop.srv.date(), SessionID: k.SessionID,
		Stream: true, NoBuffering: true, Close: !k.keepAlive, Extra: fields,
	}, nil)
}

// appendEvent appends a message as an event in a chunk of its own, so that nothing between waits for more.
func appendEvent(dst []byte, id event.ID, message []byte) []byte {
	var room [24]byte
	e := codec.SSEEvent{Data: message}
	if id != 0 {
		e.ID = event.AppendID(room[:0], id)
	}
	return appendChunk(dst, &e)
}

// appendPriming appends an event without data, from whose id the client may resume (MCP 2025-11-25; SEP-1699). retry is
// when, if the stream ends before its time; 0 leaves it out.
func appendPriming(dst []byte, id event.ID, retry time.Duration) []byte {
	var room [24]byte
	return appendChunk(dst, &codec.SSEEvent{ID: event.AppendID(room[:0], id), Retry: int(retry.Milliseconds())})
}

func appendChunk(dst []byte, e *codec.SSEEvent) []byte {
	from := len(dst)
	return http1.EndChunk(codec.AppendSSEEvent(http1.BeginChunk(dst), e), from)
}

// appendLastEvent appends the answer, if there is one, and ends the stream.
func appendLastEvent(dst, message []byte) []byte {
	if len(message) > 0 {
		dst = appendEvent(dst, 0, message)
	}
	return http1.AppendLastChunk(dst)
}

// Send implements registry.Back. In a batch the messages of every element go ahead of the one answer.
func (k *call) Send(message []byte) bool {
	place := k
	if k.group != nil {
		place = k.group.anchor
	}
	return k.conn.transport.early(k.conn, place, message)
}
