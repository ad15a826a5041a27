package backpressure

// The age limit, in two places: a worker refuses what it finds too old, and a sweep what no worker comes for, as when
// every one of them is in a tool that does not return.

// verdict is how long a message may have waited, 0 for ever, and which refusal is due beyond.
type verdict struct {
	most   int64
	beyond Refusal
}

// leave takes the messages of b, which wait no more, off the books of their work and returns what they cost.
func (q *Queue) leave(c Class, b batch) (cost int64) {
	if c != Compute {
		return 0
	}
	var work *Work
	n := 0
	for t := b.first; t != nil; t = t.next {
		if t.Work != work {
			cost += work.leave(n)
			work, n = t.Work, 0
		}
		n++
	}
	return cost + work.leave(n)
}

// age tells each ticket how long it has waited at now and refuses those that waited too long. The histograms are
// updated once per batch; the wait that counts is the oldest message's.
func (q *Queue) age(b batch, now int64, v verdict, s *shard) {
	late := false
	for t := b.first; t != nil; t = t.next {
		t.since = now - t.since
		t.waiting = false
		if v.most > 0 && t.since > v.most {
			t.Refused, late = v.beyond, true
		}
	}
	if late && v.beyond == Overload {
		q.foundLate(now)
	}
	s.observe(b)
}

// Expire takes the messages that have waited longer at now than a worker would accept out of l, the oldest of each
// class first and at most most of them. They are the caller's, linked by Next, with their counts given back and Refused
// set. What a paused lane holds is left: its peer does not read, and would not read this. Concurrent; it allocates
// nothing.
func (q *Queue) Expire(l *Lane, now int64, most int) (expired *Ticket, n int) {
	var cuts [classes]batch
	var verdicts [classes]verdict
	l.mu.Lock()
	if l.flags&(paused|closed) == 0 {
		for c := range Class(classes) {
			v := q.verdict(l, c, now)
			if v.most > 0 {
				cuts[c] = l.cut(c, l.aged(c, now-v.most, most-n))
				n += cuts[c].n
			}
			verdicts[c] = v
		}
	}
	drained := n > 0 && q.madeRoom(l)
	l.mu.Unlock()
	if n == 0 {
		return nil, 0
	}
	if drained {
		q.tellDrained(l)
	}
	for c, b := range cuts {
		if b.n == 0 {
			continue
		}
		q.held.give(b.held)
		q.waiting.give(int64(b.n))
		q.leave(Class(c), b)
		q.age(b, now, verdicts[c], q.metrics.nextShard(Class(c)))
		expired = b.before(expired)
	}
	q.wakeDrain()
	return expired, n
}

// aged is how many messages of class c were admitted before then, most at most. Needs l.mu.
func (l *Lane) aged(c Class, then int64, most int) (n int) {
	newest := l.tails[c]
	if newest == nil {
		return 0
	}
	for t := newest.next; n < most && t.since < then; t = t.next {
		n++
		if t == newest {
			break
		}
	}
	return n
}

// before links the tickets of b before others.
func (b batch) before(others *Ticket) *Ticket {
	last := b.first
	for last.next != nil {
		last = last.next
	}
	last.next = others
	return b.first
}
