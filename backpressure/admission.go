package backpressure

import "fmt"

// Admit asks for a place in the queue for one message of the given class and size; bytes is what its
// peer sent of it, to which t.SetOverhead adds what the caller keeps. now is Now, read once per read event.
//
// Accepted: the ticket is linked and will end in exactly one Run or drop, though nobody is woken before
// Schedule. Anything else: nothing was counted, the ticket is still the caller's, and the caller answers
// the peer (and calls CountRefusal) or holds the message back until Drained.
//
// Calls for one lane must not overlap; different lanes are independent. It never blocks or allocates.
func (q *Queue) Admit(l *Lane, t *Ticket, c Class, bytes int, now int64) Refusal {
	return q.admit(l, t, c, bytes, now, fresh)
}

// AdmitFirst is Admit for a message that has run once and goes on: it is older than all that wait, and goes before
// them. Its age counts anew, so those behind it may be found too old that much later by Expire.
func (q *Queue) AdmitFirst(l *Lane, t *Ticket, c Class, bytes int, now int64) Refusal {
	return q.admit(l, t, c, bytes, now, goesFirst)
}

// AdmitPatient is Admit for a message that nobody waits for, or that has been executed in part: it stands in line
// like any other, and how long it will wait is no reason to refuse it.
func (q *Queue) AdmitPatient(l *Lane, t *Ticket, c Class, bytes int, now int64) Refusal {
	return q.admit(l, t, c, bytes, now, goesOn)
}

// entry is how a message comes to be admitted.
type entry uint8

const (
	fresh     entry = iota
	goesOn          // however long it will wait
	goesFirst       // before all that wait
)

func (q *Queue) admit(l *Lane, t *Ticket, c Class, bytes int, now int64, e entry) Refusal {
	if bytes < 0 || t.waiting {
		panic(fmt.Sprintf("backpressure: bad ticket: %d bytes, waiting already: %t", bytes, t.waiting))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if r := q.check(l, int64(bytes)); r != Accepted {
		return r
	}
	if e == fresh && q.tooLong(l, t.Work, c, now) {
		return ExpectedWait
	}
	if e != goesFirst && q.shuts(l, c, now) { // what goes before the late ones is not late
		return Overload
	}
	if r := q.reserve(int64(bytes) + t.held()); r != Accepted {
		return r
	}
	t.since, t.bytes, t.Refused, t.waiting = now, uint32(bytes), Accepted, true
	t.cost = 0
	if c == Compute {
		t.cost = t.Work.join()
	}
	before := l.work
	l.link(c, t, e == goesFirst)
	if l.flags&paused != 0 {
		q.load.paused.Add(int64(l.work) - int64(before))
	}
	return Accepted
}

// check judges the lane's own caps. Needs l.mu.
func (q *Queue) check(l *Lane, bytes int64) Refusal {
	switch {
	case l.flags&closed != 0:
		return ConnectionClosed
	case int(l.waiting) >= q.options.MaxWaitingPerConnection:
		l.flags |= full
		return ConnectionQueueFull
	case int64(l.bytes)+bytes > int64(q.options.MaxWaitingBytesPerConnection):
		l.flags |= full
		return ConnectionQueueBytes
	}
	return Accepted
}

// reserve takes one message and its bytes from the process-wide budgets, or nothing.
func (q *Queue) reserve(bytes int64) Refusal {
	if !q.waiting.take(1) {
		return QueueFull
	}
	if !q.held.take(bytes) {
		q.waiting.give(1)
		q.wakeDrain()
		return QueueBytes
	}
	// Only now: either this sees that a drain began, or the drain sees the message that was just counted.
	if q.draining.Load() {
		q.held.give(bytes)
		q.waiting.give(1)
		q.wakeDrain()
		return Draining
	}
	return Accepted
}

// Schedule ends a read event: if l has work that may run and no worker knows of it, one is told. Concurrent.
func (q *Queue) Schedule(l *Lane) {
	l.mu.Lock()
	t := l.tails[Compute]
	isNew := t != nil && q.isNew(l, int64(t.next.cost))
	owed := q.enlist(l)
	if isNew {
		owed |= asNew
	}
	l.mu.Unlock()
	q.publish(l, owed)
}

// Pause stops taking messages from l until Resume: its peer does not read what it asked for. Messages that
// a worker already took still run. Concurrent.
func (q *Queue) Pause(l *Lane) {
	l.mu.Lock()
	if l.flags&(paused|closed) == 0 {
		l.flags |= paused
		q.load.paused.Add(int64(l.work))
	}
	l.mu.Unlock()
}

// Resume undoes Pause and schedules what waited. Concurrent.
func (q *Queue) Resume(l *Lane) {
	l.mu.Lock()
	if l.flags&paused != 0 {
		l.flags &^= paused
		q.load.paused.Add(-int64(l.work))
	}
	owed := q.enlist(l)
	l.mu.Unlock()
	q.publish(l, owed)
}

// Close ends l: every waiting message is handed to drop, oldest first within its class, with its counts
// given back before. Messages that a worker already took still run and settle. Later Admits answer
// ConnectionClosed; a second Close does nothing. Concurrent with workers; drop runs on the caller's
// goroutine and may reuse the ticket.
//
// A worker may still hold a pointer to l, and a ring may until a worker comes by: l must stay in memory
// (the garbage collector sees to that) and must not be reused. Close comes before Limits.Close of the
// same connection.
func (q *Queue) Close(l *Lane, drop func(*Ticket)) {
	l.mu.Lock()
	if l.flags&closed != 0 {
		l.mu.Unlock()
		return
	}
	if l.flags&paused != 0 {
		l.flags &^= paused
		q.load.paused.Add(-int64(l.work))
	}
	l.flags |= closed
	if l.flags&runnable != 0 {
		q.lingering.Add(1)
	}
	n, bytes := int64(l.waiting), int64(0)
	var dropped [classes]batch
	for c := range Class(classes) {
		dropped[c] = l.cut(c, int(l.waiting))
		bytes += dropped[c].held
	}
	l.mu.Unlock()

	q.held.give(bytes)
	q.waiting.give(n)
	q.wakeDrain()
	for c, b := range dropped {
		q.leave(Class(c), b)
		for t := b.first; t != nil; {
			next := t.next // before drop: the ticket may be in use again after it
			t.next, t.waiting = nil, false
			drop(t)
			t = next
		}
	}
}

// delist takes l, just popped from the ring of class c, off the books of that ring. Needs l.mu.
func (q *Queue) delist(l *Lane, c Class) {
	if c == Compute && l.flags&runnableCompute != 0 {
		q.fair.move(l.crowd, -1)
	}
	l.flags &^= runnableIn(c)
	if l.flags&closed != 0 && l.flags&runnable == 0 {
		q.lingering.Add(-1)
	}
}

// enlist marks l runnable where something of it may be taken; publish has the rest. Needs l.mu.
func (q *Queue) enlist(l *Lane) (owed laneFlags) {
	owed = l.enlist(q.options.MaxExecutingPerConnection)
	if owed&runnableCompute != 0 {
		q.fair.move(l.crowd, 1)
		if q.pools[Compute].sleepers.Load() > 0 {
			l.tails[Compute].next.listed = milliseconds(Now())
		}
	}
	return owed
}

// publish pushes l to the rings of the classes it was just enlisted in, and wakes at most one goroutine
// for each.
func (q *Queue) publish(l *Lane, owed laneFlags) {
	if owed&runnable == 0 {
		return
	}
	for c := range Class(classes) {
		if owed&runnableIn(c) != 0 {
			q.pools[c].push(l, c == Compute && owed&asNew != 0)
			q.pools[c].wake(true)
		}
	}
}
