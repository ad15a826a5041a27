package forward

import (
	"bytes"
	"encoding/binary"
	"strconv"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"weir/backpressure"
	"weir/reactor/cluster"
	"weir/reactor/loop"
)

// Host serves the requests of other nodes' clients. Any goroutine; it must not block.
type Host interface {
	// Serve serves r on a connection that it gives to s.Attach, and whose loop.Listener has s.Listen. r.HTTP is the
	// caller's again afterwards. What cannot be served is answered with s.Refuse.
	Serve(s *Served, r *Request)
	// TakeInput puts n bytes of requests that have not come to their end on the books; false: they do not fit.
	TakeInput(n int) bool
	// GiveInput takes them off again.
	GiveInput(n int)
}

type servedKey struct {
	from string
	id   uint64
}

// Served is a request of another node's client that this node serves. It is the loop.Wire of its connection.
type Served struct {
	f      *Forwarder
	key    servedKey
	conn   *loop.Conn   // once it is attached
	pieces []byte       // of a request that has not come to its end
	heard  atomic.Int64 // when the entry was last heard

	mu      sync.Mutex
	credit  int  // bytes that the entry has room for
	stalled bool // the connection waits for more
	gone    bool // the entry wants to hear no end
	listed  bool // it is in Forwarder.waits
	over    bool // the connection has ended
	fate    Fate // with which it did

	// Guarded by the connection's lock.
	whole bool // all that was written last is on its way
	begun bool // the response has begun
	said  bool // it was sent whole: nobody waits for its end
}

// take takes a request, or a piece of one.
func (f *Forwarder) take(key servedKey, last bool, data []byte) {
	s, more := f.served.find(key)
	switch {
	case more && s.conn != nil: // the id was given twice, which it never is
		f.m.late.Inc()
		return
	case !more:
		s = &Served{f: f, key: key}
		s.heard.Store(backpressure.Now())
		if !f.served.put(key, s, f.opt.MaxForwarded) {
			if last {
				_ = f.nodes.Send(key.from, kindEnd, key.id, []byte{byte(Limit)})
			}
			return
		}
	}
	if !last || more {
		if !f.host.TakeInput(len(data)) {
			s.drop(Full)
			return
		}
		s.pieces = append(s.pieces, data...)
		if !last {
			return
		}
		data = s.pieces
		s.pieces = nil
		defer f.host.GiveInput(len(data))
	}
	r, err := readRequest(data)
	if err != nil {
		s.drop(Cut)
		return
	}
	f.m.served.Inc()
	s.credit = r.window
	f.host.Serve(s, &r)
}

// drop ends what has no connection.
func (s *Served) drop(fate Fate) {
	if s.f.served.take(s.key) {
		s.f.host.GiveInput(len(s.pieces))
		s.pieces = nil
		s.finish(fate)
	}
}

// Refuse answers the request with a response, without a connection.
func (s *Served) Refuse(response []byte) {
	_ = s.f.nodes.Send(s.key.from, kindAnswer, s.key.id, response)
	s.drop(Answered)
}

// Attach says on which connection the request is served. Before it is its loop's.
func (s *Served) Attach(c *loop.Conn) { s.conn = c }

// Listen makes ln that of the connection.
func (s *Served) Listen(ln *loop.Listener) { ln.Wire, ln.Ended = s, s.ended }

// Write implements loop.Wire.
func (s *Served) Write(p []byte) (int, error) {
	s.mu.Lock()
	n := min(len(p), s.credit)
	s.credit -= n
	s.stalled = n < len(p)
	s.mu.Unlock()
	kind := kindAnswer
	if n < len(p) {
		kind = kindCut
		s.whole = false
		s.f.m.stalled.Inc()
	}
	if n == 0 {
		return 0, unix.EAGAIN
	}
	if kind == kindAnswer && !s.begun && isWhole(p) {
		kind = kindWhole
	}
	err := s.f.nodes.Send(s.key.from, kind, s.key.id, p[:n])
	switch {
	case err == nil:
		s.whole = n == len(p)
		s.begun = s.begun || !bytes.HasPrefix(p, []byte(interim))
		s.said = kind == kindWhole
		s.f.m.sentBytes.Add(n)
		return n, nil
	case !isFull(err):
		return 0, unix.EPIPE
	}
	s.mu.Lock()
	s.credit += n
	s.stalled = true
	s.oweLocked()
	s.mu.Unlock()
	return 0, unix.EAGAIN
}

// interim begins a response that another one follows (RFC 9110 15.2).
const interim = "HTTP/1.1 1"

// isWhole says whether p is a response that ends with p. Then its end need not be told by a message of its own.
func isWhole(p []byte) bool {
	const length = "\r\nContent-Length: "
	head, body, ended := bytes.Cut(p, []byte("\r\n\r\n"))
	at := bytes.Index(head, []byte(length))
	if !ended || at < 0 || bytes.HasPrefix(p, []byte(interim)) {
		return false
	}
	digits, _, _ := bytes.Cut(head[at+len(length):], []byte("\r\n"))
	n, err := strconv.Atoi(string(digits))
	return err == nil && n == len(body)
}

// oweLocked has pay be called soon.
func (s *Served) oweLocked() {
	if !s.listed {
		s.listed = true
		s.f.owe(s)
	}
}

// pay implements debtor.
func (s *Served) pay() bool {
	s.mu.Lock()
	s.listed = false
	over, fate, stalled := s.over, s.fate, s.stalled
	s.mu.Unlock()
	if over {
		s.finish(fate)
		return true
	}
	if stalled {
		s.conn.Post()
	}
	return true
}

// told takes what the entry says.
func (s *Served) told(kind cluster.Kind, data []byte) {
	s.heard.Store(backpressure.Now())
	switch kind {
	case kindLeft:
		s.left()
	case kindHalf:
		if s.conn != nil {
			s.conn.Loop().Do(half{s.conn})
		}
	case kindCredit:
		n, _ := binary.Uvarint(data)
		s.mu.Lock()
		s.credit += int(min(n, maxWindow))
		wakes := s.stalled && s.credit > 0
		s.stalled = s.stalled && !wakes
		s.mu.Unlock()
		if wakes && s.conn != nil {
			s.conn.Post()
		}
	}
}

// half is a Job that tells a connection that its peer has closed its sending side.
type half struct{ conn *loop.Conn }

// OnLoop implements loop.Job.
func (h half) OnLoop(*loop.Loop) { h.conn.PeerLeft() }

// left ends it: nobody wants the response.
func (s *Served) left() {
	s.mu.Lock()
	s.gone = true
	s.mu.Unlock()
	if s.conn == nil {
		s.drop(Left)
		return
	}
	s.conn.Close(loop.ClosePeerReset)
}

// ended hears why the connection has ended, on its loop.
func (s *Served) ended(why loop.Reason) {
	if !s.f.served.take(s.key) || s.said { // its loop is the last who could have written
		return
	}
	fate := Cut
	switch why {
	case loop.CloseRequested, loop.ClosePeer, loop.CloseBadRequest:
		if s.whole {
			fate = Answered
		}
	}
	s.finish(fate)
}

// finish tells the entry that nothing follows.
func (s *Served) finish(fate Fate) {
	s.mu.Lock()
	gone := s.gone
	s.mu.Unlock()
	if gone {
		return
	}
	if isFull(s.f.nodes.Send(s.key.from, kindEnd, s.key.id, []byte{byte(fate)})) {
		s.mu.Lock()
		s.over, s.fate = true, fate
		s.oweLocked()
		s.mu.Unlock()
	}
}
