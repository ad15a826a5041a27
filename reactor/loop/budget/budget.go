package budget

import (
	"sync"
	"sync/atomic"

	"weir/backpressure"
)

// Floor is what a connection may hold whatever the others hold.
const Floor = 4 << 10

// Budget bounds what all connections together hold of one kind. When one takes more than is left, the heaviest
// holder gives way: it is told why. A newcomer that is served at once weighs next to nothing, a large
// holder whose peer does nothing about it weighs more with every second.
//
// What is below the floor is counted and costs no lock. The lock is taken after a connection's, and before a loop's
// inbox.
type Budget struct {
	most  int64
	why   uint8
	total atomic.Int64

	mu      sync.Mutex
	holders []*Holding // those above the floor
}

// Holding is what one connection holds of a budget. Its owner, whoever may touch what is held, is one at a time.
type Holding struct {
	Owner  Owner // set before anything is taken
	bytes  int64 // the owner's while it is not listed, guarded by the budget's lock while it is
	listed bool  // the owner's: it is, or was until it had to give way, among the holders

	// Guarded by the budget's lock.
	at     int   // its place among the holders
	since  int64 // when the peer last did something about it
	moved  bool  // it has taken some of it: it reads
	gaveUp bool  // it has given way, and is off the books
}

// Owner is whoever holds something of a budget.
type Owner interface {
	// GiveWay has it let go of all it holds, soon; why is the word that the budget was made with, or Relieve was given.
	// It is called under the budget's lock, by any goroutine: it must not block, nor call the budget.
	GiveWay(why uint8)
}

// New makes a budget of most bytes, whose holders give way for why, a word of the owners' own.
func New(most int64, why uint8) *Budget { return &Budget{most: most, why: why} }

// Total is what is on the books. Any goroutine.
func (b *Budget) Total() int64 { return b.total.Load() }

// Borrow puts n more bytes on the books that belong to no holder, or says that there is no room for them. Return takes
// them off again. Any goroutine.
func (b *Budget) Borrow(n int) bool {
	if b.total.Load()+int64(n) > b.most {
		return false
	}
	b.total.Add(int64(n))
	return true
}

// Return: see Borrow.
func (b *Budget) Return(n int) { b.total.Add(-int64(n)) }

// Take puts n more bytes on the books of h. fresh says that the peer has just done something about them. It reports
// false when it is h that has to give way: the caller closes its connection.
func (b *Budget) Take(h *Holding, n int64, fresh bool) bool {
	if !h.listed {
		h.bytes += n
		b.total.Add(n)
		if h.bytes <= Floor {
			return true
		}
	}
	now := backpressure.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case h.gaveUp:
		return false
	case h.listed:
		h.bytes += n
		b.total.Add(n)
	default:
		b.listLocked(h, now)
	}
	if fresh {
		h.since = now
	}
	for b.total.Load() > b.most {
		heaviest := b.heaviestLocked(now)
		if heaviest == nil {
			return true // nobody is above the floor
		}
		b.dropLocked(heaviest)
		heaviest.gaveUp = true
		if heaviest == h {
			return false
		}
		heaviest.Owner.GiveWay(b.why)
	}
	return true
}

// promiseShare is how much of a budget promises may take, of 8 parts: what is left is for answers that are too small to
// ask first.
const promiseShare = 7

// stale is for how long a holder's peer has done nothing when it has to give way to an answer that has not begun.
const stale = int64(1e9)

// Promise puts n more bytes on the books of h, which belong to something that has not begun. So unlike Take it cuts
// nobody off who is reading: only those give way who hold more for longer, and have not moved for a second or never. It
// reports false when that is not enough; then nothing has changed.
func (b *Budget) Promise(h *Holding, n int64) bool {
	now := backpressure.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	if h.listed && h.gaveUp {
		return true // it is being closed: nobody will read it
	}
	most := b.most / 8 * promiseShare
	if over := b.total.Load() + n - most; over > 0 {
		var idle []*Holding
		for _, other := range b.holders {
			if other != h && other.yields(h.bytes+n, now) {
				idle = append(idle, other)
				over -= other.bytes
			}
		}
		if over > 0 {
			return false
		}
		for _, other := range idle {
			if b.total.Load()+n <= most {
				break
			}
			b.dropLocked(other)
			other.gaveUp = true
			other.Owner.GiveWay(b.why)
		}
	}
	b.total.Add(n)
	if h.bytes += n; !h.listed && h.bytes > Floor {
		b.listLocked(h, now)
	}
	return true
}

// yields says whether h gives way to n bytes of a newcomer.
func (h *Holding) yields(n, now int64) bool {
	age := now - h.since
	if float64(h.bytes)*float64(age+stale) <= float64(n)*float64(stale) {
		return false
	}
	return age >= stale || !h.moved && h.bytes >= 2*n
}

// listLocked puts h among the holders.
func (b *Budget) listLocked(h *Holding, now int64) {
	h.listed, h.at, h.since, h.moved = true, len(b.holders), now, false
	b.holders = append(b.holders, h)
}

// Progress notes that the peer of h has just done something about what it holds.
func (b *Budget) Progress(h *Holding) {
	if !h.listed {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	h.since, h.moved = backpressure.Now(), true
}

// Give takes n bytes off again. It is progress, unless h has given way.
func (b *Budget) Give(h *Holding, n int64) {
	if !h.listed {
		h.bytes -= n
		b.total.Add(-n)
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if h.gaveUp {
		return
	}
	h.bytes -= n
	b.total.Add(-n)
	h.since = backpressure.Now()
	if h.bytes <= Floor/2 {
		left := h.bytes
		b.dropLocked(h)
		b.total.Add(left)
		h.bytes, h.listed = left, false
	}
}

// GiveAll takes off whatever h holds.
func (b *Budget) GiveAll(h *Holding) {
	if !h.listed {
		b.total.Add(-h.bytes)
		h.bytes = 0
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !h.gaveUp {
		b.dropLocked(h)
	}
	h.listed = false
}

// dropLocked takes h off the books and from among the holders.
func (b *Budget) dropLocked(h *Holding) {
	b.total.Add(-h.bytes)
	h.bytes = 0
	last := len(b.holders) - 1
	b.holders[last].at = h.at
	b.holders[h.at] = b.holders[last]
	b.holders[last] = nil
	b.holders = b.holders[:last]
}

// heaviestLocked finds who holds most for longest: bytes by seconds, of which everybody has one.
func (b *Budget) heaviestLocked(now int64) (heaviest *Holding) {
	const second = 1e9
	var most float64
	for _, h := range b.holders {
		if weight := float64(h.bytes) * float64(now-h.since+second); weight > most {
			heaviest, most = h, weight
		}
	}
	return heaviest
}

// relievePart is of how much of what is held is let go of at once when memory is short, and relieveAbove from where on
// a holder is worth it.
const (
	relievePart  = 8
	relieveAbove = 64 << 10
)

// Relieve has the heaviest holders give way for why, until an eighth of what is held is free or nobody holds much.
func (b *Budget) Relieve(why uint8) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now, goal := backpressure.Now(), b.total.Load()/relievePart*(relievePart-1)
	for b.total.Load() > goal {
		heaviest := b.heaviestLocked(now)
		if heaviest == nil || heaviest.bytes < relieveAbove {
			return
		}
		b.dropLocked(heaviest)
		heaviest.gaveUp = true
		heaviest.Owner.GiveWay(why)
	}
}
