package mount

import (
	"weir/backpressure"
	"weir/registry/call"
)

// What one client may have of a mount, so that nobody fills it for everybody. A client that is at its share of
// max_in_flight is held back in a queue of its own, or those behind it would wait for it.

// keyOf names the client of a call: its principal, or its connection if that is nobody's.
func keyOf(c *call.Call) any {
	if c.Principal != "" {
		return c.Principal
	}
	return c.Responder.Peer()
}

// clientOf is the client of a call, whom a slot is to name.
func (t *table) clientOf(c *call.Call) *client {
	key := keyOf(c)
	one := t.clients[key]
	if one == nil {
		one = &client{key: key, held: queue{first: nowhere, last: nowhere}}
		t.clients[key] = one
	}
	return one
}

// leave forgets a client of whom no slot is left.
func (t *table) leave(c *client) {
	if c == nil {
		return
	}
	if c.slots--; c.slots == 0 {
		delete(t.clients, c.key)
	}
}

// queueOf is the queue in which a slot is, or is to be.
func (t *table) queueOf(s *slot) *queue {
	if s.line == held {
		return &s.client.held
	}
	return &t.queues[s.line]
}

// count counts n calls more where s stands.
func (t *table) count(s *slot, n int) {
	if s.client == nil {
		return
	}
	switch s.line {
	case sent:
		s.client.sent += n
	case held:
		t.heldN += n
		s.client.waiting += n
	case waiting:
		s.client.waiting += n
	}
}

// book books n bytes more of a call.
func (t *table) book(s *slot, n int) {
	t.bytes += n
	s.client.bytes += n
}

// waits is how many calls wait for their turn.
func (t *table) waits() int { return t.queues[waiting].n + t.heldN }

// mostOfAClient is how many calls are in flight of the client that has the most.
func (t *table) mostOfAClient() (most int) {
	for _, c := range t.clients {
		most = max(most, c.sent)
	}
	return most
}

// share is what one client may have of a bound, rounded up.
func (m *Mount) share(of int) int { return (of*m.opt.MaxShare + 99) / 100 }

// isAtShare says whether c has in flight what it may have.
func (m *Mount) isAtShare(c *client) bool { return c.sent >= m.share(m.opt.inFlight()) }

// placeLocked says in which line a call of c is to stand, or why in none; bytes is what it holds.
func (m *Mount) placeLocked(c *client, bytes int) (line, Failure) {
	t := &m.table
	to := sent
	switch atShare := c.sent+m.inTurn(c) >= m.share(m.opt.inFlight()); {
	case t.bytes+bytes > m.opt.MaxBytes:
		return to, failFull
	case c.slots > 0 && c.bytes+bytes > m.share(m.opt.MaxBytes):
		return to, failShare
	case atShare || c.held.n > 0:
		to = held
	case t.queues[waiting].n > 0 || !m.hasRoomLocked():
		to = waiting
	}
	switch {
	case to == sent:
	case t.waits() >= m.opt.MaxWaiting:
		return to, failFull
	case c.waiting >= m.share(m.opt.MaxWaiting):
		return to, failShare
	}
	return to, failures
}

// lateLocked is the call that has waited for its turn for too long; nowhere: none has.
func (m *Mount) lateLocked(now int64) place {
	late := func(at place) bool { return at != nowhere && now-m.table.slots[at].since > int64(m.opt.WaitTimeout) }
	if at := m.table.queues[waiting].first; late(at) {
		return at
	}
	if m.table.heldN > 0 {
		for _, c := range m.table.clients {
			if late(c.held.first) {
				return c.held.first
			}
		}
	}
	return nowhere
}

// nextLocked is the call whose turn has come; nowhere: none's. Those that meet their client's share are held.
func (m *Mount) nextLocked() place {
	for m.hasRoomLocked() {
		at := m.table.queues[waiting].first
		if at == nowhere {
			return nowhere
		}
		s := &m.table.slots[at]
		if !m.isAtShare(s.client) {
			return at
		}
		m.move(at, held)
	}
	return nowhere
}

// freeLocked lets calls of c that are held wait in turn, as many as it may send. Whoever took one of c's away calls it.
func (m *Mount) freeLocked(c *client) {
	for c != nil && c.held.n > 0 && !m.isAtShare(c) && m.inTurn(c) < m.share(m.opt.inFlight())-c.sent {
		m.move(c.held.first, waiting)
	}
}

// takeLocked closes a slot, returns what was in it, and lets the next call of its client have its turn.
func (m *Mount) takeLocked(at place) slot {
	was := m.table.take(at)
	m.freeLocked(was.client)
	return was
}

// inTurn is how many calls of c wait in turn.
func (m *Mount) inTurn(c *client) int { return c.waiting - c.held.n }

// move puts a call that waits in another line, behind those that have waited longer: the first is the next to be late.
func (m *Mount) move(at place, to line) {
	t := &m.table
	s := &t.slots[at]
	t.dequeue(at)
	since := s.since
	t.enqueue(at, to, since)
	q := t.queueOf(s)
	before := s.prev
	for before != nowhere && t.slots[before].since > since {
		before = t.slots[before].prev
	}
	if before == s.prev {
		return
	}
	q.last = s.prev // it is not alone, and goes before another
	t.slots[q.last].next = nowhere
	s.prev = before
	if before == nowhere {
		s.next, q.first = q.first, at
	} else {
		s.next, t.slots[before].next = t.slots[before].next, at
	}
	t.slots[s.next].prev = at
}

// openLocked gives a call of c its slot.
func (m *Mount) openLocked(c *client, f *call.Forwarded, name string, to line) place {
	at, s := m.table.open()
	s.of, s.name, s.client = f, name, c
	c.slots++
	m.table.book(s, f.Bytes)
	m.table.enqueue(at, to, backpressure.Now())
	return at
}
