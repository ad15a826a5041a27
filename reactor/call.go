package reactor

import (
	"sync"

	"weir/backpressure"
	"weir/registry"
)

// call is one message on its way from admission to its answer. It is pooled: release it once, by whoever took it last.
type call struct {
	registry.Exchange
	ticket backpressure.Ticket
	group  *batchGroup // the JSON-RPC batch it came in, or nil

	// The place in an HTTP connection's pipeline; guarded by conn.mu from admission on.
	next, prev *call
	answer     []byte // the complete response, once it is known and earlier ones are not
	done       bool

	// How an HTTP response is to look.
	keepAlive  bool
	http10     bool
	allow      bool  // list the methods
	retryAfter int32 // seconds; 0 when k was not refused
}

var callPool = sync.Pool{New: func() any {
	k := new(call)
	k.ticket.Job = k
	return k
}}

// newCall returns an empty call.
func newCall() *call { return callPool.Get().(*call) }

// own copies the message out of the loop's read buffer: the one copy a queued message makes.
func (k *call) own(message []byte) { k.Raw = append(getBuffer(len(message)), message...) }

// release gives the call and the message it owns back. owned says whether Raw is the call's own copy.
func (k *call) release(owned bool) {
	if owned {
		putBuffer(k.Raw)
	}
	k.Exchange.Reset()
	k.group, k.next, k.prev, k.answer = nil, nil, nil, nil
	k.done, k.keepAlive, k.http10, k.allow, k.retryAfter = false, false, false, false, 0
	callPool.Put(k)
}
