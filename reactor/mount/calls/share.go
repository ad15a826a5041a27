package calls

import (
	"weir/reactor/mount/reason"
	"weir/registry/call"
)

// What one client may have of a mount, so that nobody fills it for everybody. A client that is at its share of what may
// be in flight is held back in a queue of its own, or those behind it would wait for it.

// client is who has calls at a mount.
type client struct {
	key           any
	sent, waiting int // its calls; those that are held wait
	bytes         int // of its requests
	slots         int // that name it
	held          queue
}

// keyOf names the client of a call: its principal, or its connection if that is nobody's.
func keyOf(c *call.Call) any {
	if c.Principal != "" {
		return c.Principal
	}
	return c.Responder.Peer()
}

// clientOf is the client of a call, whom a slot is to name.
func (t *Table) clientOf(c *call.Call) *client {
	key := keyOf(c)
	one := t.clients[key]
	if one == nil {
		one = &client{key: key, held: queue{first: Nowhere, last: Nowhere}}
		t.clients[key] = one
	}
	return one
}

// leave forgets a client of whom no slot is left.
func (t *Table) leave(c *client) {
	if c == nil {
		return
	}
	if c.slots--; c.slots == 0 {
		delete(t.clients, c.key)
	}
}

// queueOf is the queue in which a slot is, or is to be.
func (t *Table) queueOf(s *Slot) *queue {
	if s.Line == Held {
		return &s.client.held
	}
	return &t.queues[s.Line]
}

// count counts n calls more where s stands.
func (t *Table) count(s *Slot, n int) {
	if s.client == nil {
		return
	}
	switch s.Line {
	case Sent:
		s.client.sent += n
	case Held:
		t.held += n
		s.client.waiting += n
	case Waiting:
		s.client.waiting += n
	}
}

// book books n bytes more of a call.
func (t *Table) book(s *Slot, n int) {
	t.bytes += n
	s.client.bytes += n
}

// MostOfAClient is how many calls are in flight of the client that has the most.
func (t *Table) MostOfAClient() (most int) {
	for _, c := range t.clients {
		most = max(most, c.sent)
	}
	return most
}

// ShareOf is what one client may have of a bound, rounded up.
func (b *Bounds) ShareOf(bound int) int { return (bound*b.Share + 99) / 100 }

// isAtShare says whether c has in flight what it may have.
func (t *Table) isAtShare(c *client) bool { return c.sent >= t.bounds.ShareOf(t.bounds.InFlight) }

// hasRoom says whether one more call may be sent; blocked: none may be, for another cause.
func (t *Table) hasRoom(blocked bool) bool {
	n := t.queues[Sent].n
	if t.bounds.AskingCounts {
		n += t.queues[Asking].n
	}
	return n < t.bounds.InFlight && !blocked
}

// Open gives a call a place, in the line Sent if it is its turn, or says why it has none. name is that of what is
// called; blocked: nothing can be sent now.
func (t *Table) Open(f *call.Forwarded, name string, blocked bool, now int64) (Place, reason.Failure) {
	c := t.clientOf(f.Call)
	to, why := t.lineFor(c, f.Bytes, blocked)
	if why != reason.Failures {
		if c.slots == 0 {
			delete(t.clients, c.key)
		}
		return Nowhere, why
	}
	at, s := t.open()
	s.Of, s.Name, s.client = f, name, c
	c.slots++
	t.book(s, f.Bytes)
	t.enqueue(at, to, now)
	return at, reason.Failures
}

// lineFor says in which line a call of c is to stand, or why in none; bytes is what it holds.
func (t *Table) lineFor(c *client, bytes int, blocked bool) (Line, reason.Failure) {
	b := &t.bounds
	to := Sent
	switch atShare := c.sent+inTurn(c) >= b.ShareOf(b.InFlight); {
	case t.bytes+bytes > b.Bytes:
		return to, reason.FailFull
	case c.slots > 0 && c.bytes+bytes > b.ShareOf(b.Bytes):
		return to, reason.FailShare
	case atShare || c.held.n > 0:
		to = Held
	case t.queues[Waiting].n > 0 || !t.hasRoom(blocked):
		to = Waiting
	}
	switch {
	case to == Sent:
	case t.Waits() >= b.Waiting:
		return to, reason.FailFull
	case c.waiting >= b.ShareOf(b.Waiting):
		return to, reason.FailShare
	}
	return to, reason.Failures
}

// Late is the call that has waited for its turn for too long; Nowhere: none has.
func (t *Table) Late(now int64) Place {
	late := func(at Place) bool { return at != Nowhere && now-t.slots[at].Since > int64(t.bounds.Wait) }
	if at := t.queues[Waiting].first; late(at) {
		return at
	}
	if t.held > 0 {
		for _, c := range t.clients {
			if late(c.held.first) {
				return c.held.first
			}
		}
	}
	return Nowhere
}

// Next is the call whose turn has come; Nowhere: none's. Those that meet their client's share are held. blocked:
// nothing can be sent now.
func (t *Table) Next(blocked bool) Place {
	for t.hasRoom(blocked) {
		at := t.queues[Waiting].first
		if at == Nowhere {
			return Nowhere
		}
		if !t.isAtShare(t.slots[at].client) {
			return at
		}
		t.move(at, Held)
	}
	return Nowhere
}

// release lets calls of c that are held wait in turn, as many as it may send. Whoever took one of c's away calls it.
func (t *Table) release(c *client) {
	for c != nil && c.held.n > 0 && !t.isAtShare(c) && inTurn(c) < t.bounds.ShareOf(t.bounds.InFlight)-c.sent {
		t.move(c.held.first, Waiting)
	}
}

// inTurn is how many calls of c wait in turn.
func inTurn(c *client) int { return c.waiting - c.held.n }

// move puts a call that waits in another line, behind those that have waited longer: the first is the next to be late.
func (t *Table) move(at Place, to Line) {
	s := &t.slots[at]
	t.dequeue(at)
	since := s.Since
	t.enqueue(at, to, since)
	q := t.queueOf(s)
	before := s.prev
	for before != Nowhere && t.slots[before].Since > since {
		before = t.slots[before].prev
	}
	if before == s.prev {
		return
	}
	q.last = s.prev // it is not alone, and goes before another
	t.slots[q.last].next = Nowhere
	s.prev = before
	if before == Nowhere {
		s.next, q.first = q.first, at
	} else {
		s.next, t.slots[before].next = t.slots[before].next, at
	}
	t.slots[s.next].prev = at
}
