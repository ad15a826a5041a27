package reactor

import "time"

// A handler that does not return cannot be stopped, so its call is ended without it: a stand-in takes the call's place in
// its connection's line and carries the answer, and the line moves on. The call itself stays with its worker, which counts
// as busy, until the handler returns; nobody hears what it says then.

// endOverdue ends the calls whose handlers' deadlines have passed at now. Any goroutine.
func (s *Server) endOverdue(now time.Time) {
	for _, x := range s.registry.Overdue(s.seats, now) {
		x.Back.(*call).endWithoutHandler()
	}
}

// endWithoutHandler answers k, whose worker is still in its handler.
func (k *call) endWithoutHandler() {
	c := k.conn
	s := c.loop.srv
	message := s.registry.AppendOverdue(getBuffer(outRoom), &k.Exchange)
	if len(message) == 0 {
		s.metrics.dropped[dropCancelled].Inc()
	}
	standIn := thawed.Get().(*call)
	standIn.conn, standIn.group, standIn.Status = c, k.group, k.Status
	c.transport.address(standIn)
	c.transport.replace(c, k, standIn)
	k.letGo()
	c.settleWorker(c.conclude(standIn, message, nil), 1)
	putBuffer(message)
}

// letGo is called by both who hold a call whose handler is overdue, its worker and who ended it; the last one gives it
// back.
func (k *call) letGo() {
	if k.oneLeft.Swap(true) {
		k.release(true)
	}
}

// lookEvery is how often the server looks for what has waited or run too long.
const lookEvery = 250 * time.Millisecond
