package client

import (
	"time"

	"weir/loadtest/pacing"
	"weir/loadtest/wire"
)

func (a schedule) first() *connection {
	if len(a) == 0 {
		return nil
	}
	return a[0]
}

func (a *schedule) add(c *connection) {
	*a = append(*a, c)
	a.up(len(*a) - 1)
}

func (a *schedule) remove(c *connection) {
	at, last := c.place, len(*a)-1
	if at < 0 {
		return
	}
	c.place = -1
	moved := (*a)[last]
	(*a)[last] = nil
	*a = (*a)[:last]
	if at == last {
		return
	}
	a.put(at, moved)
	a.up(at)
	a.down(moved.place)
}

func (a schedule) put(at int, c *connection) { a[at], c.place = c, at }

func (a schedule) up(at int) {
	c := a[at]
	for at > 0 && a[(at-1)/2].due > c.due {
		a.put(at, a[(at-1)/2])
		at = (at - 1) / 2
	}
	a.put(at, c)
}

// down moves an entry whose time has become later.
func (a schedule) down(at int) {
	c := a[at]
	for {
		child := 2*at + 1
		if child >= len(a) {
			break
		}
		if child+1 < len(a) && a[child+1].due < a[child].due {
			child++
		}
		if a[child].due >= c.due {
			break
		}
		a.put(at, a[child])
		at = child
	}
	a.put(at, c)
}

// join enters an open connection into the plan.
func (l *loop) join(c *connection, offset float64) {
	l.joined++
	begin := max(0, time.Since(l.base)-l.planAt)
	c.origin, c.planned, c.backlog, c.planID = l.plan.Calls(begin)+offset, 0, 0, c.nextID
	c.joined = true
	c.flights.sent, c.flights.again = 0, nil
	if c.due = l.when(c, 0); c.due != pacing.Never {
		l.schedule.add(c)
	}
}

// begin makes a connection, or takes one that has ended and has a place in the plan. What the plan asked of that one
// while it was away is its backlog, and the ids of its calls go on where they were.
func (l *loop) begin() *connection {
	n := len(l.absent)
	if n == 0 {
		return &connection{place: -1, nextID: wire.FirstID}
	}
	c := l.absent[n-1]
	l.absent = l.absent[:n-1]
	*c = connection{joined: true, place: c.place, due: c.due, origin: c.origin, planned: c.planned, backlog: c.backlog,
		planID: c.planID, nextID: c.nextID}
	return c
}

// usedID takes an id for what is no call; those of the calls come behind it.
func (l *loop) usedID(c *connection) {
	c.nextID++
	c.planID++
}

// when is when call k of a connection's plan should leave, on the loop's clock.
func (l *loop) when(c *connection, k uint64) time.Duration {
	at := l.plan.When(c.origin + float64(k))
	if at == pacing.Never {
		return pacing.Never
	}
	return l.planAt + at
}
