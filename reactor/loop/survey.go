package loop

// What is asked of connections from outside: to look at all of them, and to end one that is named.

// surveyedPerTurn is how many connections a survey looks at before the loop serves whoever is ready.
const surveyedPerTurn = 256

// survey looks at every connection of a loop, some per turn. It is a Job.
type survey struct {
	look func(Handler)
	at   int // the next slot
	done func(loop int)
}

// Survey has look see the Handler of every connection there is, on its loop, some per turn, and calls done once for
// each loop, on it; neither may block. Loops that do not turn are not heard of. Any goroutine.
func (s *Loops) Survey(look func(Handler), done func(loop int)) {
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
	v.done(l.id)
}

// ID names one connection among all that a server ever has.
type ID struct{ Loop, Slot, Generation uint32 }

// ID is c's name. Loop only.
func (c *Conn) ID() ID {
	return ID{Loop: uint32(c.loop.id), Slot: uint32(c.tag), Generation: uint32(c.tag >> 32)}
}

// Opened is the second in which c became its loop's, and LastRead when its peer was last heard of, or excused; both on
// the clock of Loop.Now. Loop only.
func (c *Conn) Opened() uint32 { return c.opened }

// LastRead: see Opened.
func (c *Conn) LastRead() int64 { return c.lastRead }

// kick ends one connection. It is a Job.
type kick struct {
	id   ID
	may  func(Handler) bool
	done chan<- bool
}

// Kick ends the connection of that name at once (kicked), and sends whether there was one to done, which has room for
// it. One whose Handler may does not allow is none; may is called on its loop. Nothing is sent by a loop that does not
// turn. Any goroutine.
func (s *Loops) Kick(id ID, may func(Handler) bool, done chan<- bool) {
	if int(id.Loop) >= len(s.all) {
		done <- false
		return
	}
	s.all[id.Loop].Do(&kick{id, may, done})
}

// OnLoop implements Job.
func (k *kick) OnLoop(l *Loop) {
	if int(k.id.Slot) < len(l.slots) {
		if place := l.slots[k.id.Slot]; place.conn != nil && place.generation == k.id.Generation &&
			k.may(place.conn.handler) {
			place.conn.Close(CloseKicked)
			l.finish(place.conn)
			k.done <- true
			return
		}
	}
	k.done <- false
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
