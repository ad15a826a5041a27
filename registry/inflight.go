package registry

import (
	"bytes"
	"hash/maphash"
	"sync"
	"sync/atomic"

	"weir/codec"
	"weir/registry/event"
	"weir/registry/protocol"
)

// Conversation is what a server remembers of one client between its messages: the negotiated revision, and which
// requests are in flight. The zero value is ready; a line or WebSocket connection embeds it by value. It weighs 56
// bytes and holds a table only while more than one request is in flight. Safe for concurrent use; must not be copied.
type Conversation struct {
	mu    sync.Mutex
	state atomic.Uint32 // index into revisions, plus one; zero before initialize. From levelShift on: log level, plus one.
	// From capabilityShift on: what its client can be asked
	// told are the numbers of the lists that its client knows of. On a connection its loop's, in a session fixed.
	told event.Told
	one  *Exchange // in flight alone: the usual case needs no table
	more *inflight // in flight with others

	subscriber atomic.Pointer[event.Subscriber] // what it wants to hear of; nil while that is nothing

	listens    atomic.Int32 // open subscriptions/listen requests
	unanswered atomic.Int32 // our requests that its client has not answered
}

// negotiated is the index of the revision, plus one, or zero before initialize.
func (c *Conversation) negotiated() int { return int(c.state.Load() & (1<<levelShift - 1)) }

// negotiate fixes the revision, and what the client can be asked.
func (c *Conversation) negotiate(revision int, declared protocol.Capabilities) {
	c.state.Store(uint32(revision+1) | uint32(declared)<<capabilityShift)
}

const (
	levelShift      = 8
	capabilityShift = 16
)

// logLevel is the lowest level of log messages that the client wants; protocol.DefaultLogLevel before it said so.
func (c *Conversation) logLevel() protocol.LogLevel {
	if set := uint8(c.state.Load() >> levelShift); set > 0 {
		return protocol.LogLevel(set - 1)
	}
	return protocol.DefaultLogLevel
}

// setLogLevel is logging/setLevel. What else is in state is fixed by now; of two at once one wins.
func (c *Conversation) setLogLevel(level protocol.LogLevel) {
	c.state.Store(c.state.Load()&^(0xff<<levelShift) | uint32(level+1)<<levelShift)
}

// capabilities is what a legacy client declared that it can be asked.
func (c *Conversation) capabilities() protocol.Capabilities {
	return protocol.Capabilities(c.state.Load() >> capabilityShift)
}

// Unanswered implements clientreq.Client.
func (c *Conversation) Unanswered() *atomic.Int32 { return &c.unanswered }

// Over implements clientreq.Client.
func (c *Conversation) Over() bool {
	s := c.subscriber.Load()
	return s != nil && s.Over()
}

// busy says whether any request is in flight. One that was cancelled is not: nobody waits for it, though its handler
// may still run.
func (c *Conversation) busy() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.one != nil || c.more != nil
}

// CancelAll cancels every request in flight, as when the peer is gone, and returns how many there were. They stay in
// the table until their End: who could reuse their ids is gone too.
func (c *Conversation) CancelAll() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.one != nil {
		c.one.Cancel()
		return 1
	}
	if c.more == nil {
		return 0
	}
	for _, x := range c.more.chains {
		for ; x != nil; x = x.next {
			x.Cancel()
		}
	}
	return c.more.n
}

// Begin marks a request as in flight in its conversation, from where a cancellation finds it. An id that is in flight
// already is refused with -32600, and the first request is answered as if nothing had happened: a second answer to one
// id would reach whoever waits for the first (many clients use the same id for everything). No-op without a
// conversation and for what is not a request.
func (r *Registry) Begin(x *Exchange) *codec.Error {
	if x.Conv == nil || x.Env.Kind != codec.KindRequest {
		return nil
	}
	id, c := x.id(), x.Conv
	hash := maphash.Bytes(r.seed, id)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.find(hash, id) != nil {
		return errDuplicateID
	}
	x.idHash, x.listed = hash, true
	if c.one == nil && c.more == nil {
		c.one = x
		return nil
	}
	if c.more == nil {
		c.more = tables.Get().(*inflight)
		c.more.add(c.one)
		c.one = nil
	}
	c.more.add(x)
	return nil
}

// End takes the request out of its conversation: nothing can cancel it from then on, and x may be reused. It must be
// called after a Begin that returned nil, before the answer is sent: if x is Cancelled after it, there is none, for its
// id may be another request's by now. Idempotent.
func (r *Registry) End(x *Exchange) {
	c := x.Conv
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if x.listed { // else Begin had nothing to mark, or it was cancelled
		c.remove(x)
	}
}

// remove needs c.mu, and x listed.
func (c *Conversation) remove(x *Exchange) {
	x.listed = false
	if c.one == x {
		c.one = nil
		return
	}
	c.more.remove(x)
	if c.more.n == 0 {
		if len(c.more.chains) <= maxPooledChains {
			tables.Put(c.more)
		}
		c.more = nil
	}
}

// cancelID cancels the request with this id; false when it is not in flight. A cancelled request is never answered, so
// its id is free at once, whatever its handler does about it. Under the lock, so that the exchange cannot end, and be
// reused for another request, in between.
func (c *Conversation) cancelID(hash uint64, id []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	x := c.find(hash, id)
	if x == nil {
		return false
	}
	c.remove(x)
	x.Cancel()
	return true
}

// find needs c.mu. Ids are compared as tokens: the string "1" and the number 1 are different ids (JSON-RPC 2.0,
// section 4), and so, which nobody will miss, are two spellings of one string.
func (c *Conversation) find(hash uint64, id []byte) *Exchange {
	if c.one != nil {
		if c.one.idHash == hash && bytes.Equal(c.one.id(), id) {
			return c.one
		}
		return nil
	}
	if c.more == nil {
		return nil
	}
	for x := c.more.chains[hash&c.more.mask()]; x != nil; x = x.next {
		if x.idHash == hash && bytes.Equal(x.id(), id) {
			return x
		}
	}
	return nil
}

// inflight is a hash table whose links are in the exchanges, so that a request in flight allocates nothing. Its size
// follows what the queue admits per connection.
type inflight struct {
	chains []*Exchange // a power of two
	n      int
}

const (
	minChains       = 8
	maxPooledChains = 1024 // 8 KiB: what one burst needed is not kept for ever
)

// tables lends tables to conversations with more than one request in flight.
var tables = sync.Pool{New: func() any { return &inflight{chains: make([]*Exchange, minChains)} }}

func (t *inflight) mask() uint64 { return uint64(len(t.chains) - 1) }

func (t *inflight) add(x *Exchange) {
	if t.n == len(t.chains) {
		t.grow()
	}
	chain := &t.chains[x.idHash&t.mask()]
	x.next, *chain = *chain, x
	t.n++
}

func (t *inflight) remove(x *Exchange) {
	for at := &t.chains[x.idHash&t.mask()]; *at != nil; at = &(*at).next {
		if *at == x {
			*at, x.next = x.next, nil
			t.n--
			return
		}
	}
	panic("registry: End of an exchange that is not in flight")
}

func (t *inflight) grow() {
	old := t.chains
	t.chains = make([]*Exchange, 2*len(old))
	for _, x := range old {
		for x != nil {
			next := x.next
			chain := &t.chains[x.idHash&t.mask()]
			x.next, *chain = *chain, x
			x = next
		}
	}
}
