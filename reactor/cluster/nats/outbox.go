package nats

import (
	"context"
	"encoding/binary"
	"sync"

	"weir/reactor/cluster"
)

// outbox is what waits to leave: records in one buffer that senders append to, and that a goroutine takes whole.
//
// A record is its length (4 bytes), the receiver's name behind its length (1 byte; none: all), and a message as it goes
// on the wire.
type outbox struct {
	most int

	mu      sync.Mutex
	buffer  []byte
	spare   []byte // the last buffer, once it was written
	writing int    // bytes that were taken and are not written yet
	closed  bool
	filled  chan struct{} // has a token when there is something
	empty   *sync.Cond    // nothing waits and nothing is being written
}

// keptBytes is the largest buffer that is used again.
const keptBytes = 1 << 20

func newOutbox(most int) *outbox {
	o := &outbox{most: most, filled: make(chan struct{}, 1)}
	o.empty = sync.NewCond(&o.mu)
	return o
}

// add appends a message to what waits.
func (o *outbox) add(to string, h *head, data []byte) error {
	o.mu.Lock()
	if o.closed {
		o.mu.Unlock()
		return cluster.ErrClosed
	}
	length := 1 + len(to) + fixedHead + len(h.from) + len(data)
	if len(o.buffer)+o.writing+4+length > o.most+maxHead+4 {
		o.mu.Unlock()
		return cluster.ErrFull
	}
	first := len(o.buffer) == 0
	o.buffer = binary.BigEndian.AppendUint32(o.buffer, uint32(length))
	o.buffer = append(append(o.buffer, byte(len(to))), to...)
	o.buffer = append(h.append(o.buffer), data...)
	o.mu.Unlock()
	if first {
		select {
		case o.filled <- struct{}{}:
		default:
		}
	}
	return nil
}

// take returns what waits. It is the caller's until done.
func (o *outbox) take() []byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	taken := o.buffer
	o.buffer, o.spare, o.writing = o.spare[:0], nil, len(taken)
	return taken
}

// done gives back what take returned.
func (o *outbox) done(taken []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.writing = 0
	if cap(taken) <= keptBytes {
		o.spare = taken
	}
	if len(o.buffer) == 0 {
		o.empty.Broadcast()
	}
}

// waiting is how much waits.
func (o *outbox) waiting() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.buffer) + o.writing
}

// close refuses what comes from now on, and waits until what was accepted is written, or ctx ends.
func (o *outbox) close(ctx context.Context) {
	unblock := context.AfterFunc(ctx, func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.empty.Broadcast()
	})
	defer unblock()
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	for len(o.buffer)+o.writing > 0 && ctx.Err() == nil {
		o.empty.Wait()
	}
}

// next cuts the first record off what was taken.
func next(taken []byte) (to, message, rest []byte) {
	length := binary.BigEndian.Uint32(taken)
	record, rest := taken[4:4+length], taken[4+length:]
	name := int(record[0])
	return record[1 : 1+name], record[1+name:], rest
}
