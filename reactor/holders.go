package reactor

import (
	"slices"
	"strings"
	"sync"
	"time"

	"weir/reactor/loop"
	"weir/reactor/pipeline"
	"weir/registry/engine"
)

// Holder is a connection or a session, and where the bytes are that it makes the server hold.
type Holder struct {
	Session   bool   // of HTTP, which is no connection's; else a connection
	Transport string // the listener of a connection
	Peer      string // its address; "" on Unix sockets
	Principal string // "" is anybody
	pipeline.Account
}

const (
	// surveyTimeout is how long Holders waits for loops that are busy.
	surveyTimeout = time.Second
	// worthTelling is from where on somebody is a holder.
	worthTelling = 4 << 10
)

// Holders returns who holds most, at most n, the largest first. It costs each loop some microseconds for a hundred
// connections, in turns, and leaves out loops that do not come to it within a second. Any goroutine, after Start.
func (s *Server) Holders(n int) []Holder {
	most := &largest{n: n}
	done := make(chan struct{}, s.loops.Len())
	s.loops.Survey(func(h loop.Handler) {
		c, ok := h.(*pipeline.Conn)
		if !ok {
			return // a mount's
		}
		if a := c.Account(); a.Total() >= worthTelling {
			found := Holder{Transport: c.Listener().Name, Principal: c.Principal(), Account: a}
			if c.Addr().IsValid() {
				found.Peer = c.Addr().String()
			}
			most.add(found)
		}
	}, func(int) { done <- struct{}{} })
	s.engine.EachSession(func(principal string, c *engine.Conversation) {
		var a pipeline.Account
		a.Subscribed, a.Events = c.Holds()
		a.Suspended = s.engine.SuspendedBytes(c)
		if a.Total() >= worthTelling {
			most.add(Holder{Session: true, Principal: principal, Account: a})
		}
	})
	patience := time.After(surveyTimeout)
	for range s.loops.Len() {
		select {
		case <-done:
		case <-patience:
			return most.found()
		}
	}
	return most.found()
}

// largest keeps the n largest of the holders that it is told of. Any goroutine.
type largest struct {
	n    int
	mu   sync.Mutex
	held []Holder
}

func (l *largest) add(h Holder) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held = append(l.held, h)
	if len(l.held) >= 2*l.n+64 {
		l.cutLocked()
	}
}

// cutLocked drops all but the n largest, which are in order then.
func (l *largest) cutLocked() {
	slices.SortStableFunc(l.held, func(a, b Holder) int {
		if a.Total() != b.Total() {
			return b.Total() - a.Total()
		}
		return strings.Compare(a.Peer, b.Peer)
	})
	l.held = l.held[:min(len(l.held), l.n)]
}

func (l *largest) found() []Holder {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cutLocked()
	return slices.Clone(l.held)
}
