package client

import "time"

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
	if c.due = l.when(c, 0); c.due != Never {
		l.schedule.add(c)
	}
}

// when is when call k of a connection's plan should leave, on the loop's clock.
func (l *loop) when(c *connection, k uint64) time.Duration {
	at := l.plan.When(c.origin + float64(k))
	if at == Never {
		return Never
	}
	return l.planAt + at
}
