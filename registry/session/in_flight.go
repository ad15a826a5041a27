package session

import (
	"bytes"
	"sync"
)

// Request is what can be in flight.
type Request interface {
	comparable
	// ID is its id token, which does not change while it is in flight.
	ID() []byte
	// SharesID says whether its answer finds its way while other requests with its id are in flight. It does not
	// change.
	SharesID() bool
	// Cancel ends it early. It is called under the conversation's lock and must neither block nor call the
	// conversation.
	Cancel()
}

// Entry is a request's place among those in flight. The request embeds it, so that being in flight allocates nothing.
// Guarded by the lock of the conversation, from Begin to End.
type Entry[R Request] struct {
	next    *Entry[R] // chain of the table
	hash    uint64
	request R // zero while it is not in flight
}

// InFlight is the requests of one client that are in flight. The zero value is ready. It weighs 24 bytes and holds a
// table only while there is more than one. Safe for concurrent use; must not be copied.
type InFlight[R Request] struct {
	mu   sync.Mutex
	one  *Entry[R] // in flight alone: the usual case needs no table
	more *table[R] // in flight with others
}

// maxTwins is how many requests may be in flight with one id: they are one chain of the table.
const maxTwins = 256

// Begin marks r as in flight, from where a cancellation finds it; false when another request with its id is, unless one
// of the two shares its id, and for more than maxTwins. hash is of the id, seeded: peers choose ids, so they must not
// be able to choose collisions. e is r's own entry.
func (f *InFlight[R]) Begin(r R, e *Entry[R], hash uint64) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	twins := 0
	for other := f.findLocked(hash, r.ID()); other != nil; other = other.twin() {
		if twins++; twins == maxTwins || !r.SharesID() && !other.request.SharesID() {
			return false
		}
	}
	e.hash, e.request = hash, r
	if f.one == nil && f.more == nil {
		f.one = e
		return true
	}
	if f.more == nil {
		f.more = newTable[R]()
		f.more.add(f.one)
		f.one = nil
	}
	f.more.add(e)
	return true
}

// End takes a request out: nothing can cancel it from then on. Idempotent, and harmless for one that never began.
func (f *InFlight[R]) End(e *Entry[R]) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var none R
	if e.request != none { // else there was nothing to mark, or it was cancelled
		f.removeLocked(e)
	}
}

// Busy says whether any request is in flight. One that was cancelled is not: nobody waits for it, though its handler
// may still run.
func (f *InFlight[R]) Busy() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.one != nil || f.more != nil
}

// CancelAll cancels every request in flight, as when the peer is gone, and returns how many there were. They stay in
// flight until their End: who could reuse their ids is gone too.
func (f *InFlight[R]) CancelAll() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.one != nil {
		f.one.request.Cancel()
		return 1
	}
	if f.more == nil {
		return 0
	}
	for _, e := range f.more.chains {
		for ; e != nil; e = e.next {
			e.request.Cancel()
		}
	}
	return f.more.n
}

// CancelID cancels the request with this id; false when it is not in flight, and when several are, as which of them is
// meant nobody knows: each may be another caller's. A cancelled request is never answered, so
// its id is free at once, whatever its handler does about it. Under the lock, so that the request cannot end, and be
// reused for another one, in between.
func (f *InFlight[R]) CancelID(hash uint64, id []byte) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	e := f.findLocked(hash, id)
	if e == nil || e.twin() != nil {
		return false
	}
	r := e.request
	f.removeLocked(e)
	r.Cancel()
	return true
}

func (f *InFlight[R]) removeLocked(e *Entry[R]) {
	var none R
	e.request = none
	if f.one == e {
		f.one = nil
		return
	}
	f.more.remove(e)
	if f.more.n == 0 {
		f.more.giveBack()
		f.more = nil
	}
}

// findLocked compares ids as tokens: the string "1" and the number 1 are different ids (JSON-RPC 2.0, section 4), and
// so, which nobody will miss, are two spellings of one string.
func (f *InFlight[R]) findLocked(hash uint64, id []byte) *Entry[R] {
	if f.one != nil {
		if f.one.hash == hash && bytes.Equal(f.one.request.ID(), id) {
			return f.one
		}
		return nil
	}
	if f.more == nil {
		return nil
	}
	return f.more.chains[hash&f.more.mask()].find(hash, id)
}

// find is the first in the chain from e on with this id; nil when there is none.
func (e *Entry[R]) find(hash uint64, id []byte) *Entry[R] {
	for ; e != nil; e = e.next {
		if e.hash == hash && bytes.Equal(e.request.ID(), id) {
			return e
		}
	}
	return nil
}

// twin is the next request in flight with e's id; nil when there is none.
func (e *Entry[R]) twin() *Entry[R] { return e.next.find(e.hash, e.request.ID()) }

// table is a hash table whose links are in the entries. Its size follows what the queue admits per connection.
type table[R Request] struct {
	chains []*Entry[R] // a power of two
	n      int
}

const (
	minChains       = 8
	maxPooledChains = 1024 // 8 KiB: what one burst needed is not kept for ever
)

// tables lends tables to conversations with more than one request in flight.
var tables sync.Pool

func newTable[R Request]() *table[R] {
	if t, ok := tables.Get().(*table[R]); ok {
		return t
	}
	return &table[R]{chains: make([]*Entry[R], minChains)}
}

// giveBack takes an empty table back.
func (t *table[R]) giveBack() {
	if len(t.chains) <= maxPooledChains {
		tables.Put(t)
	}
}

func (t *table[R]) mask() uint64 { return uint64(len(t.chains) - 1) }

func (t *table[R]) add(e *Entry[R]) {
	if t.n == len(t.chains) {
		t.grow()
	}
	chain := &t.chains[e.hash&t.mask()]
	e.next, *chain = *chain, e
	t.n++
}

func (t *table[R]) remove(e *Entry[R]) {
	for at := &t.chains[e.hash&t.mask()]; *at != nil; at = &(*at).next {
		if *at == e {
			*at, e.next = e.next, nil
			t.n--
			return
		}
	}
	panic("session: End of a request that is not in flight")
}

func (t *table[R]) grow() {
	old := t.chains
	t.chains = make([]*Entry[R], 2*len(old))
	for _, e := range old {
		for e != nil {
			next := e.next
			chain := &t.chains[e.hash&t.mask()]
			e.next, *chain = *chain, e
			e = next
		}
	}
}
