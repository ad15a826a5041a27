package reactor

import (
	"sync"
	"sync/atomic"

	"weir/backpressure"
	"weir/reactor/auth"
	"weir/reactor/loop"
	"weir/registry"
	"weir/registry/event"
)

// call is one message on its way from admission to its answer. It is born in two ways: newCall is for what a loop reads,
// newSharedCall for what any goroutine makes. Whoever holds it last gives it back, with release.
type call struct {
	registry.Exchange
	ticket backpressure.Ticket
	conn   *conn             // whose it is
	stream *event.Stream     // what keeps the answer open: of a listen, or of a session's GET
	group  *batchGroup       // the JSON-RPC batch it came in, or nil
	stock  *callStock        // where it goes back to; nil: the shared pool
	room   *[roomBytes]byte  // what holds Raw when it is short
	trail  *event.PostStream // of a POST whose event stream can be resumed; guarded by conn.mu

	// The place in an HTTP connection's pipeline; guarded by conn.mu from admission on. In the stock, next links calls.
	next, prev *call
	answer     []byte // the complete response, once it is known and earlier ones are not
	done       bool
	started    bool // a worker has it
	streaming  bool // messages went ahead: the response is an event stream. Fixed once the handler returned
	detached   bool // the response ended before the call: what follows is for whoever resumes the trail

	class      backpressure.Class
	ownsBuffer bool // Raw is a buffer of its own (own); else it lies in room, or is borrowed

	// How an HTTP response is to look.
	keepAlive  bool
	http10     bool
	allow      bool   // list the methods
	badToken   bool   // of a 401: a token came and is not good
	takesSSE   bool   // the client takes messages ahead of the answer
	status     uint16 // HTTP's own judgement of the request; 0: the outcome has one (httpStatuses)
	retryAfter uint16 // when it may come again if it was refused, in seconds; 0: it was not
	origin     *auth.Origin
}

const (
	// roomBytes holds a typical tools/call, so that most calls need no buffer beside themselves.
	roomBytes = 256
	// callBytes is about what a queued call takes beside its message; the queue's budget counts it.
	callBytes = 640
	// maxStock is how many unused calls a loop keeps: a burst of hundreds of thousands must not be remembered for ever.
	// At 700 bytes each that is 1.4 MB per loop.
	maxStock = 2048
)

// sharedCalls are the calls that belong to no loop's stock.
var sharedCalls = sync.Pool{New: func() any { return bornCall(nil) }}

// newSharedCall returns an empty call for a message on c. Any goroutine.
func newSharedCall(c *conn) *call { return sharedCalls.Get().(*call).on(c) }

// newCall returns an empty call for a message on c, which is the loop's. Loop only.
func (in *intake) newCall(c *conn) *call { return in.calls.take().on(c) }

// on makes k a call on c.
func (k *call) on(c *conn) *call {
	k.conn = c
	c.transport.address(k)
	return k
}

// bornCall makes a call with what stays with it over all its lives.
func bornCall(stock *callStock) *call {
	k := &call{stock: stock}
	k.ticket.Job, k.Responder = k, k
	return k
}

// callStock is a loop's stock of unused calls. The loop takes from it and anybody gives back, mostly workers. A sync.Pool
// cost three times as much here: it is made for goroutines that give back on the core on which they took.
type callStock struct {
	mine     *call                // the loop's
	returned atomic.Pointer[call] // a stack that others push on and the loop empties whole, so no pop can meet an old head
	unused   atomic.Int32         // in both lists
}

// take returns an empty call. Loop only.
func (s *callStock) take() *call {
	if s.mine == nil {
		if s.mine = s.returned.Swap(nil); s.mine == nil {
			return bornCall(s)
		}
	}
	k := s.mine
	s.mine, k.next = k.next, nil
	s.unused.Add(-1)
	return k
}

func (s *callStock) give(k *call) {
	if s.unused.Add(1) > maxStock {
		s.unused.Add(-1) // the garbage collector's
		return
	}
	for {
		k.next = s.returned.Load()
		if s.returned.CompareAndSwap(k.next, k) {
			return
		}
	}
}

// own copies the message out of the loop's read buffer: the one copy a queued message makes. Before it Raw is borrowed.
func (k *call) own(message []byte) {
	if len(message) > roomBytes {
		k.Raw = append(loop.GetBuffer(len(message)), message...)
		k.ownsBuffer = true
		return
	}
	if k.room == nil {
		k.room = new([roomBytes]byte)
	}
	k.Raw = append(k.room[:0], message...)
}

// release is the last word of one who holds the call. There is one holder, or two once its handler has missed its deadline: its
// worker and who ended it (timeout.go). The last of them gives back the call and what it owns.
func (k *call) release() {
	if k.TimedOut() && !k.LastHolder() {
		return
	}
	if k.ownsBuffer {
		loop.PutBuffer(k.Raw)
	}
	k.Exchange.Reset()
	k.conn, k.stream, k.group, k.next, k.prev, k.answer = nil, nil, nil, nil, nil, nil
	k.started, k.origin, k.ownsBuffer = false, nil, false
	k.done, k.keepAlive, k.http10, k.allow, k.status, k.retryAfter = false, false, false, false, 0, 0
	k.takesSSE, k.streaming, k.badToken, k.trail, k.detached = false, false, false, nil, false
	if k.stock == nil {
		sharedCalls.Put(k)
		return
	}
	k.stock.give(k)
}
