package reactor

import (
	"context"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"weir/backpressure"
	"weir/reactor/loop"
	"weir/reactor/transport"
)

// Handover is the server's side of an upgrade (reactor/upgrade): of the one that is followed, and of the one that
// follows. Its methods may be called on any goroutine, after Listen and before Shutdown.
type Handover Server

// Handover returns s as who hands it over knows it.
func (s *Server) Handover() *Handover { return (*Handover)(s) }

// ListeningSocket is one that a successor is given.
type ListeningSocket struct {
	Name string
	Fd   int
	// Lent: it is a service manager's, whatever the configuration says of addresses.
	Lent bool
}

// Sockets are the listening sockets. They stay open until Leave, or Shutdown.
func (h *Handover) Sockets() (all []ListeningSocket) {
	for _, ln := range h.loops.Listeners() {
		all = append(all, ListeningSocket{Name: ln.Name, Fd: ln.Fd(), Lent: ln.Lent})
	}
	return all
}

// Pause accepts nobody any more, for a successor to begin, and returns when that is so. Resume takes it back.
func (h *Handover) Pause() { h.loops.PauseAccepting() }

// Resume: see Pause.
func (h *Handover) Resume() { h.loops.ResumeAccepting() }

// Leave lets go of the listening sockets and has clients go to the successor: HTTP connections end with their next
// answer, listens over HTTP with their result, over drain_spread. Everything else is served until Shutdown. It returns
// when the listens have ended, or ctx has.
func (h *Handover) Leave(ctx context.Context) {
	s := (*Server)(h)
	s.pipeline.Leave()
	s.loops.LeaveListeners()
	s.part(ctx, s.opts.DrainSpread)
}

// AwaitNobody waits until nobody is connected, and no session or task is left that somebody may come back to.
func (h *Handover) AwaitNobody(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for h.loops.Connections() > 0 || h.engine.Kept() > 0 {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Take serves a connection that the successor gives back, because what was read of it asks for something of this
// server. It is counted and limited as if it had been accepted; taken is called when it was looked at. Both are the
// server's from here on.
func (h *Handover) Take(fd int, read []byte, taken func()) {
	s := (*Server)(h)
	ln := s.httpListener()
	if ln == nil || unix.SetNonblock(fd, true) != nil {
		_ = unix.Close(fd) // it is not from a successor of this configuration
		taken()
		return
	}
	c, refusal := s.site.Accept(s.loops.LeastLoaded(), ln, int32(fd), peerOf(fd), backpressure.Now())
	if refusal != backpressure.Accepted {
		s.turnAway(ln, fd, refusal)
		taken()
		return
	}
	s.loops.AdoptRead(c, read, taken)
}

// turnAway tells a peer why it is refused, and closes its connection.
func (s *Server) turnAway(ln *loop.Listener, fd int, refusal backpressure.Refusal) {
	s.site.CountRefusal(refusal)
	_, _ = unix.Write(fd, s.site.AppendRefusal(nil, ln, refusal)) // if the peer is gone, so be it
	_ = unix.Shutdown(fd, unix.SHUT_WR)
	_ = unix.Close(fd)
}

func (s *Server) httpListener() *loop.Listener {
	for _, ln := range s.loops.Listeners() {
		if ln.Name == transport.HTTPListener {
			return ln
		}
	}
	return nil
}

// peerOf is the address of a connection's peer; none on Unix sockets.
func peerOf(fd int) netip.Addr {
	switch name, _ := unix.Getpeername(fd); at := name.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrFrom4(at.Addr)
	case *unix.SockaddrInet6:
		return netip.AddrFrom16(at.Addr).Unmap()
	}
	return netip.Addr{}
}

// GiveBack has requests that are about what only the predecessor has given to it, until StopGiving: give sends a
// descriptor and what was read, without waiting, and its error is ErrPredecessorGone when it takes none any more.
func (h *Handover) GiveBack(give func(fd int, read []byte) error) {
	predecessor := transport.Predecessor(give)
	h.site.Predecessor.Store(&predecessor)
}

// ErrPredecessorGone is what GiveBack's function returns when the request is to be judged here.
var ErrPredecessorGone = transport.ErrPredecessorGone

// StopGiving: see GiveBack. What comes now is judged here.
func (h *Handover) StopGiving() {
	h.site.Predecessor.Store(nil)
	h.CountElsewhere(0)
}

// CountElsewhere has max_connections count n connections of the predecessor.
func (h *Handover) CountElsewhere(n int) { h.limits.CountElsewhere(n) }
