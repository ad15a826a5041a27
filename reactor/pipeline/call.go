package pipeline

import (
	"sync"
	"sync/atomic"

	"weir/backpressure"
	"weir/reactor/auth"
	"weir/reactor/loop/buffer"
	"weir/registry/engine"
	"weir/registry/event"
)

// Call is one message on its way from admission to its answer. It is born in two ways: Intake.NewCall is for what a
// loop reads, NewSharedCall for what any goroutine makes. Whoever holds it last gives it back, with Release.
type Call struct {
	engine.Exchange
	Conn   *Conn         // whose it is
	Source *event.Stream // what keeps the answer open: of a listen, or of a session's GET

	// PostStream is that of a POST whose event stream can be resumed; guarded by the connection's lock. With it the call
	// survives its connection.
	PostStream *event.PostStream

	ticket backpressure.Ticket
	group  *batchGroup      // the JSON-RPC batch it came in, or nil
	stock  *callStock       // where it goes back to; nil: the shared pool
	room   *[roomBytes]byte // what holds Raw when it is short

	// Away is what the transport has of a request that another node serves; nil: it is served here.
	Away any

	// The rest is for a transport with an Order: the pipeline only clears it. Next links the calls of a stock, too.

	// The place in the order; guarded by the connection's lock from admission on.
	Next, Prev *Call
	Answer     []byte // the complete response, once it is known and earlier ones are not
	Done       bool
	Started    bool // a worker has it
	Streaming  bool // messages went ahead: the response is an event stream. Fixed once the handler returned
	Detached   bool // the response ended before the call: what follows is for whoever resumes the stream

	class      backpressure.Class
	ownsBuffer bool // Raw is a buffer of its own (own); else it lies in room, or is borrowed

	// How the response is to look.
	KeepAlive  bool
	HTTP10     bool
	Head       bool   // it answers HEAD
	Allow      uint8  // which methods it lists, by the transport's numbers; 0: none
	BadToken   bool   // of a 401: a token came and is not good
	Takes      SSE    // when the client takes an event stream; guarded by the connection's lock from admission on
	Status     uint16 // HTTP's own judgement of the request; 0: the outcome has one
	RetryAfter uint16 // when it may come again if it was refused, in seconds; 0: it was not. Set by the pipeline
	Origin     *auth.Origin
}

// SSE is a set of the cases in which a client takes an event stream as a response.
type SSE uint8

const (
	// SSEAhead: if it carries messages ahead of the answer.
	SSEAhead SSE = 1 << iota
	// SSEWhole: if the answer can be nothing else.
	SSEWhole
	// SSEOnly: always, and nothing else.
	SSEOnly
)

// TakesSSE says whether the client takes an event stream in one of these cases.
func (k *Call) TakesSSE(in SSE) bool { return k.Takes&in != 0 }

const (
	// roomBytes holds a typical tools/call, so that most calls need no buffer beside themselves.
	roomBytes = 256
	// callBytes is what a call takes beside its message, and PlaceBytes what it takes without one (TestSizes).
	callBytes  = 576
	PlaceBytes = callBytes + roomBytes
	// maxStock is how many unused calls a loop keeps: a burst of hundreds of thousands must not be remembered for ever.
	// At 700 bytes each that is 1.4 MB per loop.
	maxStock = 2048
)

// sharedCalls are the calls that belong to no loop's stock.
var sharedCalls = sync.Pool{New: func() any { return bornCall(nil) }}

// NewSharedCall returns an empty call for a message on c. Any goroutine.
func NewSharedCall(c *Conn) *Call { return sharedCalls.Get().(*Call).on(c) }

// NewCall returns an empty call for a message on c, which is the loop's. Loop only.
func (in *Intake) NewCall(c *Conn) *Call { return in.calls.take().on(c) }

// on makes k a call on c.
func (k *Call) on(c *Conn) *Call {
	k.Conn = c
	c.transport.Address(k)
	return k
}

// bornCall makes a call with what stays with it over all its lives.
func bornCall(stock *callStock) *Call {
	k := &Call{stock: stock}
	k.ticket.Job, k.Responder = k, k
	return k
}

// callStock is a loop's stock of unused calls. The loop takes from it and anybody gives back, mostly workers. A
// sync.Pool cost three times as much here: it is made for goroutines that give back on the core on which they took.
type callStock struct {
	mine     *Call                // the loop's
	returned atomic.Pointer[Call] // a stack that others push on; the loop empties it whole, so no pop meets an old head
	unused   atomic.Int32         // in both lists
}

// take returns an empty call. Loop only.
func (s *callStock) take() *Call {
	if s.mine == nil {
		if s.mine = s.returned.Swap(nil); s.mine == nil {
			return bornCall(s)
		}
	}
	k := s.mine
	s.mine, k.Next = k.Next, nil
	s.unused.Add(-1)
	return k
}

func (s *callStock) give(k *Call) {
	if s.unused.Add(1) > maxStock {
		s.unused.Add(-1) // the garbage collector's
		return
	}
	for {
		k.Next = s.returned.Load()
		if s.returned.CompareAndSwap(k.Next, k) {
			return
		}
	}
}

// own copies the message out of the loop's read buffer: the one copy a queued message makes. Before it Raw is borrowed.
func (k *Call) own(message []byte) {
	if len(message) > roomBytes {
		k.Raw = append(buffer.Get(len(message)), message...)
		k.ownsBuffer = true
		return
	}
	if k.room == nil {
		k.room = new([roomBytes]byte)
	}
	k.Raw = append(k.room[:0], message...)
}

// overhead is what a queued call takes beside the bytes of its message; the queue's budget counts it.
func (k *Call) overhead() int { return callBytes + cap(k.Raw) - len(k.Raw) }

// DropMessage lets go of the message, when nobody asks for anything of it any more.
func (k *Call) DropMessage() {
	if k.ownsBuffer {
		buffer.Put(k.Raw)
	}
	k.Raw, k.ownsBuffer = nil, false
}

// Release is the last word of one who holds the call. There is one holder, or two once its handler has missed its
// deadline: its worker and who ended it (timeout.go). The last of them gives back the call and what it owns.
func (k *Call) Release() {
	if k.TimedOut() && !k.LastHolder() {
		return
	}
	if k.Span != nil {
		k.endSpan()
	}
	k.DropMessage()
	k.Exchange.Reset()
	k.Conn, k.Source, k.group, k.PostStream = nil, nil, nil, nil
	k.Next, k.Prev, k.Answer, k.Origin, k.Away = nil, nil, nil, nil, nil
	k.Done, k.Started, k.Streaming, k.Detached = false, false, false, false
	k.KeepAlive, k.HTTP10, k.Head, k.BadToken = false, false, false, false
	k.Status, k.RetryAfter, k.Allow, k.Takes = 0, 0, 0, 0
	if k.stock == nil {
		sharedCalls.Put(k)
		return
	}
	k.stock.give(k)
}
