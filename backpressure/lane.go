package backpressure

import (
	"math"
	"sync"
)

// Runner is a connection as the queue sees it.
type Runner interface {
	// Run executes a batch: n tickets, oldest first, linked by Next. It is called on a worker's goroutine;
	// several Runs of one connection may be in progress at once. In class Compute it must not block; in
	// class Blocking n is 1 and it may. Each ticket is the Runner's again from the start of Run. A panic is the
	// Runner's to recover, message by message, because only it knows whom to answer; one that escapes is
	// counted and reported, and the rest of the batch counts as done.
	Run(batch *Ticket, n int, w *Worker)

	// Drained is called once after a message was refused because of the connection's own caps, when what
	// waits has fallen to half of them: the time to read again for a caller that pauses instead of
	// refusing. Likewise after AwaitLittle. It runs on a worker's goroutine, before the batch that made room,
	// and must not block.
	Drained()
}

// Lane is one connection's place in the queue, embedded by value in the connection. It is 72 bytes: 100,000 of them are
// 7.2 MB.
//
// A lane is not reused after Close: a ring may still point at it.
type Lane struct {
	mu    sync.Mutex
	owner Runner

	// tails are FIFOs of waiting tickets, one per class, each a circle entered at its newest ticket: the
	// newest's next is the oldest. That makes both ends reachable through one pointer.
	tails     [classes]*Ticket
	bytes     uint32          // of waiting tickets
	waiting   uint32          // tickets, of both classes
	work      uint32          // what they cost, as known at their admission; it may stop at its end
	credit    int32           // what it has saved of its turns, or owes (class Compute)
	executing [classes]uint16 // tickets
	crowd     uint16          // the number of its principal; 0: it is by itself
	flags     laneFlags
	patient   bool   // see BePatient
	round     uint32 // when it was served last (ring.Pair): it is new again when that round is over
}

type laneFlags uint8

const (
	runnableCompute  laneFlags = 1 << iota // in the ring of class Compute
	runnableBlocking                       // in the ring of class Blocking; must follow runnableCompute
	asNew                                  // of what is owed: to the ring of new lanes; never in Lane.flags
	paused                                 // nothing is taken until Resume
	closed                                 // for good
	full                                   // refused for its own caps, Drained is owed
	awaited                                // Drained is owed when little waits

	runnable = runnableCompute | runnableBlocking
)

func runnableIn(c Class) laneFlags { return runnableCompute << c }

// Init ties l to its connection. Once, before anything else.
func (l *Lane) Init(owner Runner) { l.owner = owner }

// BePatient has nothing in l be too old, in overload neither: its peer is the only one there is, and whoever holds l's
// messages back when it is full makes it ask no faster than it is served. Once, before anything is admitted.
func (l *Lane) BePatient() { l.patient = true }

// Waiting returns how many messages and bytes of l wait. Concurrent.
func (l *Lane) Waiting() (messages, bytes int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return int(l.waiting), int(l.bytes)
}

// HeldBytes returns how many bytes the messages hold that wait in l, with their overhead. It walks all of them, at most
// Options.MaxWaitingPerConnection. Concurrent.
func (l *Lane) HeldBytes() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	held := int64(l.bytes)
	for _, newest := range l.tails {
		for t := newest; t != nil; {
			held += t.held()
			if t = t.next; t == newest {
				break
			}
		}
	}
	return int(held)
}

// Executing returns how many messages of l are with workers. Concurrent.
func (l *Lane) Executing() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.running()
}

// Idle reports whether l has nothing waiting and nothing executing. Concurrent.
func (l *Lane) Idle() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.waiting == 0 && l.running() == 0
}

// The methods below need l.mu.

func (l *Lane) running() int { return int(l.executing[Compute]) + int(l.executing[Blocking]) }

// link puts t behind the newest ticket of class c, or before the oldest: in the circle that is one place, and the
// difference who is called the newest.
func (l *Lane) link(c Class, t *Ticket, first bool) {
	newest := l.tails[c]
	if newest == nil {
		t.next = t
	} else {
		t.next = newest.next
		newest.next = t
	}
	if newest == nil || !first {
		l.tails[c] = t
	}
	t.listed = 0
	l.waiting++
	l.bytes += t.bytes
	l.work += min(t.cost, math.MaxUint32-l.work)
}

// room is how many more messages of class c may execute. Blocking leaves the last one to Compute, unless
// there is only one.
func (l *Lane) room(c Class, limit int) int {
	left := limit - l.running()
	if c == Blocking && limit > 1 {
		left--
	}
	return left
}

// enlist marks l runnable in each class in which something may be taken and it is not runnable already.
// The caller owes a push to the rings of the returned classes, after unlocking.
func (l *Lane) enlist(limit int) (owed laneFlags) {
	if l.flags&(paused|closed) != 0 {
		return 0
	}
	for c := range Class(classes) {
		if l.flags&runnableIn(c) == 0 && l.tails[c] != nil && l.room(c, limit) > 0 {
			owed |= runnableIn(c)
		}
	}
	l.flags |= owed
	return owed
}

// cut unlinks up to n of the oldest tickets of class c: a list that ends in nil.
func (l *Lane) cut(c Class, n int) (b batch) {
	newest := l.tails[c]
	if newest == nil || n <= 0 {
		return batch{}
	}
	oldest := newest.next
	last := oldest
	b.n, b.bytes, b.held = 1, int64(oldest.bytes), oldest.held()
	cost := int64(oldest.cost)
	for ; b.n < n && last != newest; b.n++ {
		last = last.next
		b.bytes += int64(last.bytes)
		b.held += last.held()
		cost += int64(last.cost)
	}
	b.held += b.bytes
	if last == newest {
		l.tails[c] = nil
	} else {
		newest.next = last.next
	}
	last.next = nil
	b.first = oldest
	l.bytes -= uint32(b.bytes)
	l.work -= uint32(min(cost, int64(l.work)))
	if l.waiting -= uint32(b.n); l.waiting == 0 {
		l.work = 0
	}
	return b
}

// batch is what cut took out of a lane. Its counts are kept beside the tickets because those belong to the
// Runner, and may be in use for other messages, before the counts are given back.
type batch struct {
	first *Ticket
	n     int
	bytes int64 // of the messages
	held  int64 // and of what is kept beside them
	cost  int64 // of class Compute, as it was known when they were taken
}
