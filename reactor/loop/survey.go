package loop

// surveyedPerTurn is how many connections a survey looks at before the loop serves whoever is ready.
const surveyedPerTurn = 256

// survey looks at every connection of a loop, some per turn. It is a Job.
type survey struct {
	look func(Handler)
	at   int // the next slot
	done chan<- struct{}
}

// Survey has look see the Handler of every connection there is, on its loop, some per turn, and sends to done once for
// each loop, which has room for that. Loops that do not turn send nothing. Any goroutine.
func (s *Loops) Survey(look func(Handler), done chan<- struct{}) {
	for _, l := range s.all {
		l.Do(&survey{look: look, done: done})
	}
}

// OnLoop implements Job.
func (v *survey) OnLoop(l *Loop) {
	for until := v.at + surveyedPerTurn; v.at < len(l.slots); v.at++ {
		if v.at == until {
			l.Do(v)
			return
		}
		if c := l.slots[v.at].conn; c != nil {
			v.look(c.handler)
		}
	}
	v.done <- struct{}{}
}

// Holds is how much room the connection takes on the books: for a message that is not complete, for what the peer has
// not read, and for what the Handler keeps for it. Loop only.
func (c *Conn) Holds() (unfinished, unread, kept int) {
	if c.unfinished != nil {
		unfinished = cap(c.unfinished.buf)
	}
	c.Lock()
	defer c.Unlock()
	if o := c.outbox; o != nil {
		unread, kept = cap(o.buf), o.kept+o.promised
	}
	return unfinished, unread, kept
}
