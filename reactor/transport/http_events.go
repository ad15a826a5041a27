package transport

import (
	"time"

	"weir/codec"
	"weir/codec/http1"
	"weir/reactor/loop/buffer"
	"weir/reactor/pipeline"
	"weir/registry/event"
)

// A response becomes an event stream with the first message that goes ahead of its answer (MCP 2025-11-25 and
// 2026-07-28, basic/transports): chunks of events, the answer as the last of them, and the connection goes on. A
// client that did not offer to take one gets its answer alone. To HTTP/1.0, which has no chunks, the stream ends with
// the connection. In a pipeline the stream of a request that is not at the head of the order is held back like an
// answer would be.

// eventRoom is what an event and its chunk add to a message, about.
const eventRoom = 64

// eventStream is the event stream that k's response is, or becomes. Guarded by the connection's lock.
type eventStream struct {
	order *answerOrder
	conn  *pipeline.Conn
	k     *pipeline.Call
}

// notify sends a message ahead of the answer, or drops it and says false.
func (s eventStream) notify(message []byte) bool {
	c, k := s.conn, s.k
	if !k.TakesSSE(pipeline.SSEAhead) {
		return false
	}
	frame := buffer.Get(len(message) + eventRoom + httpHeadRoom)
	defer func() { buffer.Put(frame) }()
	c.Lock()
	defer c.Unlock()
	lost := k.PostStream != nil && (k.Detached || !c.OpenLocked() || !k.PostStream.Posted()) // then it may still be kept
	if !lost && !c.RoomLocked(len(message)+eventRoom) {
		return false
	}
	stream := resumable{s}.postStreamLocked()
	var id event.ID
	if stream != nil {
		var posted, kept bool
		if id, posted, kept = stream.Append(message); lost || !posted {
			return kept
		}
	}
	if !k.Streaming {
		frame = appendStreamHead(frame, c, k)
		if stream != nil && stream.Primes() {
			frame = delimiterOf(k).priming(frame, stream.First(), 0)
		}
	}
	frame = delimiterOf(k).event(frame, id, message)
	s.sendLocked(frame)
	return true
}

// breakSilenceLocked makes the response to a call that has said nothing for long an event stream, so that nothing
// between takes the connection for dead.
func (s eventStream) breakSilenceLocked() {
	frame := appendStreamHead(buffer.Get(httpHeadRoom+eventRoom), s.conn, s.k)
	if stream := (resumable{s}).postStreamLocked(); stream != nil && stream.Primes() {
		frame = delimiterOf(s.k).priming(frame, stream.First(), 0)
	} else {
		frame = delimiterOf(s.k).sign(frame)
	}
	s.sendLocked(frame)
	buffer.Put(frame)
}

// beginLocked notes that the response is an event stream from here on.
func (s eventStream) beginLocked() {
	if !s.k.Streaming {
		s.k.Streaming = true
		deskOf(s.conn.Intake()).metrics.streamsOpened.Inc()
	}
}

// sendLocked sends a part of the stream, or holds it until it is k's turn.
func (s eventStream) sendLocked(part []byte) {
	s.beginLocked()
	if s.order.head != s.k {
		s.order.holdLocked(s.conn, s.k, part, 0)
		return
	}
	s.conn.SendLocked(part)
	s.order.rearmLocked(s.conn)
}

// appendStreamHead appends the head of a response that is an event stream.
func appendStreamHead(dst []byte, c *pipeline.Conn, k *pipeline.Call) []byte {
	fields := "Cache-Control: no-store\r\n"
	if k.Origin != nil {
		fields += k.Origin.Answer
	}
	return http1.AppendResponse(dst, &http1.Response{
		Status: 200, ContentType: http1.EventStreamType, Date: deskOf(c.Intake()).date(), SessionID: k.SessionID,
		Stream: true, UntilClose: k.HTTP10, NoBuffering: true, Close: !k.KeepAlive, Extra: fields,
	}, nil)
}

// delimiter is how the body of an event stream is delimited: by chunks, or, for HTTP/1.0, by the end of the connection
// (RFC 9112 6.3), of which such a request is the last.
type delimiter bool

const (
	inChunks   delimiter = false
	untilClose delimiter = true
)

func delimiterOf(k *pipeline.Call) delimiter { return delimiter(k.HTTP10) }

// event appends a message as an event in a chunk of its own, so that nothing between waits for more.
func (d delimiter) event(dst []byte, id event.ID, message []byte) []byte {
	var room [24]byte
	e := codec.SSEEvent{Data: message}
	if id != 0 {
		e.ID = event.AppendID(room[:0], id)
	}
	return d.append(dst, &e)
}

// priming appends an event without data, from whose id the client may resume (MCP 2025-11-25; SEP-1699). retry is when,
// if the stream ends before its time; 0 leaves it out.
func (d delimiter) priming(dst []byte, id event.ID, retry time.Duration) []byte {
	var room [24]byte
	return d.append(dst, &codec.SSEEvent{ID: event.AppendID(room[:0], id), Retry: int(retry.Milliseconds())})
}

func (d delimiter) append(dst []byte, e *codec.SSEEvent) []byte {
	if d == untilClose {
		return codec.AppendSSEEvent(dst, e)
	}
	from := len(dst)
	return http1.EndChunk(codec.AppendSSEEvent(http1.BeginChunk(dst), e), from)
}

// sign appends a comment.
func (d delimiter) sign(dst []byte) []byte {
	if d == untilClose {
		return append(dst, codec.SSEComment...)
	}
	from := len(dst)
	return http1.EndChunk(append(http1.BeginChunk(dst), codec.SSEComment...), from)
}

// lastEvent appends the answer, if there is one, and ends the stream.
func (d delimiter) lastEvent(dst, message []byte) []byte {
	if len(message) > 0 {
		dst = d.event(dst, 0, message)
	}
	return d.end(dst)
}

// end ends the stream.
func (d delimiter) end(dst []byte) []byte {
	if d == untilClose {
		return dst
	}
	return http1.AppendLastChunk(dst)
}
