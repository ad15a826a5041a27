package census

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"weir/reactor/loop"
	"weir/reactor/pipeline"
)

// patience is how long a census waits for its turn, and then for loops that are busy.
const patience = time.Second

// ErrBusy is returned when another census goes on for longer than one waits. Come again.
var ErrBusy = errors.New("another list of connections is being made: come again")

// Row is a connection as a census found it.
type Row struct {
	Mark
	Transport string
	Peer      string // address and port; "" on Unix sockets
	Principal string // "" is anybody
	Age       time.Duration
	Silence   time.Duration // of the peer, as far as it is its own
	Bytes     int           // what it makes the server hold
	InFlight  int           // what it asked and is not answered
	Paused    bool          // it is not read at the moment

	conn *pipeline.Conn
}

// Page is one page of connections.
type Page struct {
	Rows    []Row
	Matched int   // how many the filter leaves, on all pages
	Open    int   // how many there are
	Missing int   // loops that did not answer in time: theirs are not here
	Next    *Mark // behind the last row; nil when there are no more
}

// Census looks at the connections of a server. Its methods are for any goroutine.
type Census struct {
	loops *loop.Loops
	turn  chan struct{} // holds a token while a census is taken
	left  atomic.Int32  // loops that are not done with it
}

// New makes the census of loops.
func New(loops *loop.Loops) *Census { return &Census{loops: loops, turn: make(chan struct{}, 1)} }

// part is what one loop finds. It is the loop's until it is done.
type part struct {
	Page
	q *Query
}

// List takes a census. It waits for a second at most for one that goes on, and for another one for the loops.
func (s *Census) List(q Query) (Page, error) {
	q.Rows = min(max(q.Rows, 1), MaxRows)
	select {
	case s.turn <- struct{}{}:
	case <-time.After(patience):
		return Page{}, ErrBusy
	}
	n := s.loops.Len()
	parts, done := make([]part, n), make(chan int, n)
	for i := range parts {
		parts[i].q = &q
	}
	s.left.Store(int32(n))
	s.loops.Survey(func(h loop.Handler) {
		if c, ok := h.(*pipeline.Conn); ok { // a mount's is nobody's who is connected
			parts[c.Loop().ID()].see(c)
		}
	}, func(loop int) {
		parts[loop].complete()
		done <- loop
		if s.left.Add(-1) == 0 {
			<-s.turn
		}
	})
	page := Page{Missing: n}
	for over := time.After(patience); page.Missing > 0; {
		select {
		case loop := <-done:
			page.add(&parts[loop].Page)
			page.Missing--
		case <-over:
			return page.cut(q.Rows), nil
		}
	}
	return page.cut(q.Rows), nil
}

// see looks at one connection. Its loop.
func (p *part) see(c *pipeline.Conn) {
	p.Open++
	q, now := p.q, c.Loop().Now()
	age := time.Duration(now/int64(time.Second)-int64(c.Opened())) * time.Second
	silence := time.Duration(now - c.LastRead())
	switch {
	case q.Transport != "" && q.Transport != c.Kind().String(),
		q.Principal != "" && q.Principal != c.Principal(),
		q.Peer.IsValid() && !q.Peer.Contains(c.Addr().Unmap()),
		age < q.MinAge, silence < q.MinSilence, c.Pending() < q.MinInFlight:
		return
	}
	row := Row{Mark: Mark{ID: c.ID()}, Age: age, Silence: silence, InFlight: c.Pending(), Bytes: -1, conn: c}
	if q.MinBytes > 0 || q.Order == ByBytes {
		account := c.Account()
		if row.Bytes = account.Total(); row.Bytes < q.MinBytes {
			return
		}
	}
	p.Matched++
	row.Key = [orders]int64{-int64(c.Opened()), -c.LastRead(), int64(row.Bytes), int64(row.InFlight)}[q.Order]
	if q.After != nil && !q.After.before(row.Mark) {
		return
	}
	if p.Rows = append(p.Rows, row); len(p.Rows) >= 2*q.Rows+2 {
		p.Page = p.cut(q.Rows + 1) // one more tells that there is another page
	}
}

// complete says of the rows that are left what takes longer to find. Its loop.
func (p *part) complete() {
	p.Page = p.cut(p.q.Rows + 1)
	p.Next = nil
	for i := range p.Rows {
		r := &p.Rows[i]
		c := r.conn
		if r.conn = nil; c.Finished() {
			continue // since it was seen
		}
		r.Transport, r.Principal, r.Paused = c.Kind().String(), c.Principal(), c.Halted()
		if r.Bytes < 0 {
			account := c.Account()
			r.Bytes = account.Total()
		}
		r.Peer = peerOf(c)
	}
	p.Rows = slices.DeleteFunc(p.Rows, func(r Row) bool { return r.Transport == "" })
}

// peerOf is the address of c's peer with its port, which only the kernel remembers.
func peerOf(c *pipeline.Conn) string {
	addr := c.Addr().Unmap()
	if !addr.IsValid() {
		return ""
	}
	switch at, _ := unix.Getpeername(c.Fd()); at := at.(type) { // nil when the peer is gone already
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(addr, uint16(at.Port)).String()
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(addr, uint16(at.Port)).String()
	}
	return addr.String()
}

// add adds what a loop has found.
func (p *Page) add(part *Page) {
	p.Rows = append(p.Rows, part.Rows...)
	p.Matched += part.Matched
	p.Open += part.Open
}

// cut returns p with its first n rows, in order.
func (p *Page) cut(n int) Page {
	slices.SortFunc(p.Rows, func(a, b Row) int {
		if a.before(b.Mark) {
			return -1
		}
		return 1
	})
	cut := *p
	if cut.Rows = p.Rows[:min(n, len(p.Rows))]; len(p.Rows) > n {
		clear(p.Rows[n:])
		cut.Next = &Mark{cut.Rows[n-1].Key, cut.Rows[n-1].ID}
	}
	return cut
}

// isClient says whether a connection is a client's: a mount's is nobody's who is connected.
func isClient(h loop.Handler) bool {
	_, ok := h.(*pipeline.Conn)
	return ok
}

// Kick ends the client's connection of that name, at once, and says whether there was one. An error says that its loop
// does not answer within a second; it will end it when it turns again.
func (s *Census) Kick(id loop.ID) (was bool, err error) {
	done := make(chan bool, 1)
	s.loops.Kick(id, isClient, done)
	select {
	case was = <-done:
		return was, nil
	case <-time.After(patience):
		return false, fmt.Errorf("loop %d does not answer; it ends the connection when it does", id.Loop)
	}
}
