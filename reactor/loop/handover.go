package loop

import (
	"errors"

	"golang.org/x/sys/unix"

	"weir/reactor/loop/socket"
)

// What a process does that another one takes over from, or that gives connections back to it. Both have the same open
// sockets then, so closing one is not enough: an epoll set goes on telling of a socket until the last process has
// closed it, and each is taken off the set first.

// Fd is the listening socket; -1 once it is closed. Between Listen and StopAccepting, whoever calls that.
func (ln *Listener) Fd() int { return int(ln.fd) }

// PauseAccepting leaves newcomers in the backlog, and returns when no loop takes any. ResumeAccepting takes it back,
// within a sweep.
func (s *Loops) PauseAccepting() {
	s.paused.Store(true)
	p := &acceptPause{done: make(chan struct{}, len(s.drivers))}
	for _, l := range s.all[:len(s.drivers)] { // nobody turns the others
		l.Do(p)
	}
	for range s.drivers {
		<-p.done
	}
}

// ResumeAccepting: see PauseAccepting.
func (s *Loops) ResumeAccepting() { s.paused.Store(false) }

// acceptPause is a Job that shuts a loop's listeners.
type acceptPause struct{ done chan struct{} }

// OnLoop implements Job.
func (p *acceptPause) OnLoop(l *Loop) {
	for _, ln := range l.listeners {
		if ln.fd >= 0 && !ln.shut {
			ln.setShut(true)
		}
	}
	p.done <- struct{}{}
}

// LeaveListeners is StopAccepting for listening sockets that another process has, too: what is in their backlogs is
// that one's, and the files of Unix sockets stay.
func (s *Loops) LeaveListeners() {
	s.left.Store(true)
	s.StopAccepting()
}

// ErrOwing is that a connection cannot be handed over, because its peer is still to get something from here.
var ErrOwing = errors.New("the connection still carries an answer")

// HandOver gives the connection to another process: give sends it the descriptor, without waiting. Only a connection
// goes that owes its peer nothing (ErrOwing); what was read of it and not served is the caller's to send along. With an
// error it stays as it is. Loop only.
func (c *Conn) HandOver(give func(fd int) error) error {
	c.Lock()
	defer c.Unlock()
	if c.reason != StillOpen || c.goodbye != StillOpen || c.pending.Load() != 0 || c.UnsentLocked() > 0 {
		return ErrOwing
	}
	if err := give(int(c.fd)); err != nil {
		return err
	}
	_ = socket.Watch(c.loop.epfd, unix.EPOLL_CTL_DEL, c.fd, 0, c.tag) // it is there
	c.CloseLocked(CloseHandedOver)
	return nil
}

// AdoptRead is Adopt for a connection of which another process has read something already; read is the loop's from
// here on, and served is called when it was decoded.
func (s *Loops) AdoptRead(c *Conn, read []byte, served func()) {
	c.loop.stats.connections.Add(1)
	c.loop.Do(&arrival{c, read, served})
}

// arrival is a Job that adopts a connection with what was read of it.
type arrival struct {
	conn   *Conn
	read   []byte
	served func()
}

// OnLoop implements Job.
func (a *arrival) OnLoop(l *Loop) {
	c := a.conn
	l.adopt(c)
	if !c.finished {
		c.spoke = true
		l.decode(c, a.read)
		c.Settle()
		if l.ending {
			l.end(c)
		}
	}
	a.served()
}
