package mount

import (
	"weir/registry/call"
)

// A table is where the requests of a mount wait: its calls, and a few of its own. A request's place is an index; with
// the generation of the place it is the id that goes upstream. Nothing is hashed, and an answer that comes for a place
// that is another's by now is known by the generation.

// slotBits of an id are the place. The rest is the generation; together they fit what JavaScript counts exactly.
const slotBits = 20

type place uint32

const nowhere = ^place(0)

// slot is one request.
type slot struct {
	of         *call.Forwarded // the call; nil: a request of the mount's own, or none
	own        chan<- answer   // of a request of the mount's own
	question   *question       // of a call that asks
	client     *client         // whose call it is
	name       string          // of what is called, as the upstream has it
	since      int64           // when it was sent, or began to wait
	generation uint32
	next, prev place
	line       line
}

// client is who has calls at a mount.
type client struct {
	key           any
	sent, waiting int // its calls; those that are held wait
	bytes         int // of its requests
	slots         int // that name it
	held          queue
}

// line says in which of the table's queues a slot is.
type line uint8

const (
	waiting line = iota // a call, for its turn
	held                // a call, until its client has less in flight; in that one's queue
	sent                // a call, for its answer
	ours                // a request of the mount's own, for its answer
	asking              // a call, for what its client was asked for; nobody has it meanwhile
	lines
)

// answer is what came of a request of the mount's own.
type answer struct {
	result []byte
	err    *downError
}

// question is what a call asks for.
type question struct {
	id    []byte // the upstream's
	asked *call.Asked
}

// queue is a list of slots in the order in which they came.
type queue struct {
	first, last place
	n           int
}

type table struct {
	slots  []slot
	free   []place
	queues [lines]queue
	bytes  int // of the requests of calls

	clients map[any]*client // that have calls
	heldN   int             // calls that are held
}

func (t *table) init() {
	t.clients = map[any]*client{}
	for i := range t.queues {
		t.queues[i] = queue{first: nowhere, last: nowhere}
	}
}

// open takes a free slot, which is in no queue yet.
func (t *table) open() (place, *slot) {
	if n := len(t.free); n > 0 {
		at := t.free[n-1]
		t.free = t.free[:n-1]
		return at, &t.slots[at]
	}
	t.slots = append(t.slots, slot{})
	at := place(len(t.slots) - 1)
	return at, &t.slots[at]
}

// enqueue puts a slot last.
func (t *table) enqueue(at place, to line, now int64) {
	s := &t.slots[at]
	s.line, s.since = to, now
	t.count(s, 1)
	q := t.queueOf(s)
	s.prev, s.next = q.last, nowhere
	if q.last == nowhere {
		q.first = at
	} else {
		t.slots[q.last].next = at
	}
	q.last = at
	q.n++
}

func (t *table) dequeue(at place) {
	s := &t.slots[at]
	t.count(s, -1)
	q := t.queueOf(s)
	if s.prev == nowhere {
		q.first = s.next
	} else {
		t.slots[s.prev].next = s.next
	}
	if s.next == nowhere {
		q.last = s.prev
	} else {
		t.slots[s.next].prev = s.prev
	}
	q.n--
}

// take closes a slot and returns what was in it.
func (t *table) take(at place) slot {
	t.dequeue(at)
	s := &t.slots[at]
	was := *s
	if was.of != nil {
		t.book(s, -was.of.Bytes)
	}
	t.leave(was.client)
	*s = slot{generation: s.generation + 1}
	t.free = append(t.free, at)
	return was
}

// id is what goes upstream for a place.
func (t *table) id(at place) uint64 { return uint64(t.slots[at].generation)<<slotBits | uint64(at) }

// find is the place of an id; false if that is another's by now, or never was any.
func (t *table) find(id uint64) (place, bool) {
	at := place(id & (1<<slotBits - 1))
	if int(at) >= len(t.slots) || uint64(t.slots[at].generation) != id>>slotBits {
		return nowhere, false
	}
	s := &t.slots[at]
	return at, s.of != nil || s.own != nil || s.question != nil
}
