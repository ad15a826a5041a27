package pipeline

import (
	"strconv"

	"weir/codec"
)

// An answer that the server could not keep until its peer has read it is refused before it begins: once its first byte
// has left, all that could be done is to cut it.

// askAbove is from where on an answer asks for room. What is shorter the kernel takes at once, but for peers that do
// not read.
const askAbove = 16 << 10

// asksFirst says whether an answer has to ask.
func asksFirst(message []byte) bool { return len(message) > askAbove }

// afford returns k's answer, for which there is room from here on, or the error that stands for it. What sends the
// answer, or keeps it until its turn, takes the room up. Any goroutine, without the connection's lock.
func (c *Conn) afford(k *Call, message []byte) []byte {
	if !asksFirst(message) {
		return message
	}
	c.Lock()
	defer c.Unlock()
	return c.affordLocked(k, message)
}

// affordLocked is afford for who has the lock.
func (c *Conn) affordLocked(k *Call, message []byte) []byte {
	if !asksFirst(message) || c.PromiseLocked(len(message)) {
		return message
	}
	p := c.intake.p
	p.metrics.unaffordable.Inc()
	text := "the answer has " + strconv.Itoa(len(message)) + " bytes, for which there is no room now: what waits for" +
		" clients to read it may have " + strconv.Itoa(c.Loop().OutboxLimits()) + " in all (max_outbox_total_bytes)"
	return codec.AppendError(message[:0], k.ID(), &codec.Error{Code: codec.CodeInternal, Message: text,
		Data: []byte(`{"reason":"outbox_total_bytes","executed":true}`)})
}
