package calls

import (
	"time"

	"weir/reactor/mount/reason"
	"weir/registry/call"
)

// idBits of an id are the place. The rest is the generation; together they fit what JavaScript counts exactly.
const idBits = 20

// Place is where a request waits.
type Place uint32

// Nowhere is no place.
const Nowhere = ^Place(0)

// Slot is one request.
type Slot struct {
	Of       *call.Forwarded // the call; nil: a request of the mount's own, or none
	Own      chan<- Answer   // of a request of the mount's own
	Question *Question       // of a call that asks
	Name     string          // of what is called, as the upstream has it
	Since    int64           // when it was sent, or began to wait
	Line     Line

	client     *client // whose call it is
	generation uint32
	next, prev Place
}

// Line says in which of the table's queues a slot is.
type Line uint8

const (
	Waiting Line = iota // a call, for its turn
	Held                // a call, until its client has less in flight; in that one's queue
	Sent                // a call, for its answer
	Ours                // a request of the mount's own, for its answer
	Asking              // a call, for what its client was asked for; nobody has it meanwhile
	lines
)

// Answer is what came of a request of the mount's own.
type Answer struct {
	Result []byte
	Err    *reason.Outage
}

// Question is what a call asks for.
type Question struct {
	ID    []byte // the upstream's
	Asked *call.Asked
}

// Bounds are what a table holds.
type Bounds struct {
	InFlight int // calls that are sent at once
	Waiting  int // calls that wait for their turn
	Bytes    int // of the requests of both
	// Share is how much of these one client may have, in percent.
	Share int
	// Wait is how long a call may wait for its turn.
	Wait time.Duration
	// AskingCounts: a call that asks its client counts as one that is sent.
	AskingCounts bool
}

// queue is a list of slots in the order in which they came.
type queue struct {
	first, last Place
	n           int
}

// Table is the requests of one mount.
type Table struct {
	bounds Bounds
	slots  []Slot
	free   []Place
	queues [lines]queue
	bytes  int // of the requests of calls

	clients map[any]*client // that have calls
	held    int             // calls that are held
}

// New makes an empty table.
func New(b Bounds) *Table {
	t := &Table{bounds: b, clients: map[any]*client{}}
	for i := range t.queues {
		t.queues[i] = queue{first: Nowhere, last: Nowhere}
	}
	return t
}

// ID is what goes upstream for a place.
func (t *Table) ID(at Place) uint64 { return uint64(t.slots[at].generation)<<idBits | uint64(at) }

// Find is the place of an id; false if that is another's by now, or never was any.
func (t *Table) Find(id uint64) (Place, bool) {
	at := Place(id & (1<<idBits - 1))
	if int(at) >= len(t.slots) || uint64(t.slots[at].generation) != id>>idBits {
		return Nowhere, false
	}
	s := &t.slots[at]
	return at, s.Of != nil || s.Own != nil || s.Question != nil
}

// At is the slot at a place that Find, First or Next has found. It is the table's, and only looked at.
func (t *Table) At(at Place) *Slot { return &t.slots[at] }

// First is the request that has been longest in a line, which is not Held; Nowhere: there is none.
func (t *Table) First(in Line) Place { return t.queues[in].first }

// Len is how many requests are in a line, which is not Held.
func (t *Table) Len(in Line) int { return t.queues[in].n }

// Waits is how many calls wait for their turn, or are held.
func (t *Table) Waits() int { return t.queues[Waiting].n + t.held }

// Bytes is what the requests of calls hold.
func (t *Table) Bytes() int { return t.bytes }

// Own opens a place for a request of the mount's own.
func (t *Table) Own(came chan<- Answer) Place {
	at, s := t.open()
	s.Own = came
	t.enqueue(at, Ours, 0)
	return at
}

// Send notes that a call whose turn has come is sent now.
func (t *Table) Send(at Place, now int64) {
	t.dequeue(at)
	t.enqueue(at, Sent, now)
}

// Ask notes that the call at a place asks its client for q. It is the caller's from now on, and its place is kept.
func (t *Table) Ask(at Place, q *Question, now int64) *call.Forwarded {
	s := &t.slots[at]
	f := s.Of
	t.dequeue(at)
	t.book(s, -f.Bytes)
	s.Of, s.Question = nil, q
	t.enqueue(at, Asking, now)
	t.release(s.client)
	return f
}

// Resume has f go on in the place of the call that has asked.
func (t *Table) Resume(at Place, f *call.Forwarded, now int64) {
	s := &t.slots[at]
	t.dequeue(at)
	t.book(s, f.Bytes)
	s.Of, s.Question = f, nil
	t.enqueue(at, Sent, now)
}

// Take closes a place, returns what was there, and lets the next call of its client have its turn.
func (t *Table) Take(at Place) Slot {
	was := t.take(at)
	t.release(was.client)
	return was
}

// TakeAll closes every place.
func (t *Table) TakeAll() (all []Slot) {
	for i := range t.queues {
		for q := &t.queues[i]; q.first != Nowhere; {
			all = append(all, t.take(q.first))
		}
	}
	for _, c := range t.clients {
		for c.held.n > 0 {
			all = append(all, t.take(c.held.first))
		}
	}
	return all
}

// open takes a free slot, which is in no queue yet.
func (t *Table) open() (Place, *Slot) {
	if n := len(t.free); n > 0 {
		at := t.free[n-1]
		t.free = t.free[:n-1]
		return at, &t.slots[at]
	}
	t.slots = append(t.slots, Slot{})
	at := Place(len(t.slots) - 1)
	return at, &t.slots[at]
}

// enqueue puts a slot last.
func (t *Table) enqueue(at Place, to Line, now int64) {
	s := &t.slots[at]
	s.Line, s.Since = to, now
	t.count(s, 1)
	q := t.queueOf(s)
	s.prev, s.next = q.last, Nowhere
	if q.last == Nowhere {
		q.first = at
	} else {
		t.slots[q.last].next = at
	}
	q.last = at
	q.n++
}

func (t *Table) dequeue(at Place) {
	s := &t.slots[at]
	t.count(s, -1)
	q := t.queueOf(s)
	if s.prev == Nowhere {
		q.first = s.next
	} else {
		t.slots[s.prev].next = s.next
	}
	if s.next == Nowhere {
		q.last = s.prev
	} else {
		t.slots[s.next].prev = s.prev
	}
	q.n--
}

// take closes a slot and returns what was in it.
func (t *Table) take(at Place) Slot {
	t.dequeue(at)
	s := &t.slots[at]
	was := *s
	if was.Of != nil {
		t.book(s, -was.Of.Bytes)
	}
	t.leave(was.client)
	*s = Slot{generation: s.generation + 1}
	t.free = append(t.free, at)
	return was
}
