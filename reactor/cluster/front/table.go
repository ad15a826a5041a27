package front

import (
	"math/rand/v2"

	"weir/registry/call"
	"weir/registry/clientreq"
)

// A table is where calls wait for their answers, in the order in which they came. A call's id is its place and how
// often that was used, so an answer that comes late meets nobody. Each process counts from another number on: what is
// said to one that had this name before, or has it as well, is late too.

const slotBits = 24

type place uint32

const nowhere = ^place(0)

// slot is one call.
type slot struct {
	of         *call.Forwarded
	asked      []*clientreq.Requests // of its client, for the worker
	since      int64
	used       uint32
	next, prev place
	pushed     bool // the broker may have it
}

type table struct {
	slots       []slot
	free        []place
	first, last place
	n           int
	unused      uint32 // slot.used of a new slot
}

func (t *table) init() { t.first, t.last, t.unused = nowhere, nowhere, rand.Uint32() }

// add puts a call last and returns its id.
func (t *table) add(f *call.Forwarded, now int64) uint64 {
	var at place
	if n := len(t.free); n > 0 {
		at, t.free = t.free[n-1], t.free[:n-1]
	} else {
		at = place(len(t.slots))
		t.slots = append(t.slots, slot{used: t.unused})
	}
	s := &t.slots[at]
	s.of, s.since, s.prev, s.next = f, now, t.last, nowhere
	if t.last == nowhere {
		t.first = at
	} else {
		t.slots[t.last].next = at
	}
	t.last = at
	t.n++
	return t.id(at)
}

func (t *table) id(at place) uint64 { return uint64(t.slots[at].used)<<slotBits | uint64(at) }

// find is the call of an id; nil if it is over.
func (t *table) find(id uint64) *slot {
	at := id & (1<<slotBits - 1)
	if at >= uint64(len(t.slots)) || uint64(t.slots[at].used) != id>>slotBits || t.slots[at].of == nil {
		return nil
	}
	return &t.slots[at]
}

// take takes the call of an id out, and returns what was in its slot.
func (t *table) take(id uint64) (was slot, ok bool) {
	s := t.find(id)
	if s == nil {
		return slot{}, false
	}
	was = *s
	if was.prev == nowhere {
		t.first = was.next
	} else {
		t.slots[was.prev].next = was.next
	}
	if was.next == nowhere {
		t.last = was.prev
	} else {
		t.slots[was.next].prev = was.prev
	}
	t.n--
	*s = slot{used: was.used + 1}
	t.free = append(t.free, place(id&(1<<slotBits-1)))
	return was, true
}
