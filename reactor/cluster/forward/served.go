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
	"weir/reactor/loop/buffer"
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
	f     *Forwarder
	key   servedKey
	conn  *loop.Conn   // once it is attached
	heard atomic.Int64 // when the entry was last heard

	mu      sync.Mutex
	pieces  []byte // of a request that has not come to its end
	handed  bool   // the host has it
	dropped bool   // it has ended without a connection
	ready   bool   // it has a connection that may be told of
	window  int    // bytes that may be on their way
	sent    int    // bytes of the response that are with the engine
	taken   int    // and with the client
	stalled bool   // the connection waits for more
	gone    bool   // the entry wants to hear no end
	listed  bool   // it is in Forwarder.waits
	over    bool   // the connection has ended
	fate    Fate   // with which it did

	// Guarded by the connection's lock.
	whole bool // all that was written last is on its way
	begun bool // the response has begun
	said  bool // it was sent whole: nobody waits for its end
}

// take takes a request, or a piece of one.
func (f *Forwarder) take(key servedKey, kind cluster.Kind, data []byte) {
	at := 0
	if kind != kindRequest {
		at, data = readPart(data)
	}
	s, more := f.served.find(key)
	switch {
	case more && !s.goesOn(at): // the id was given twice, which it never is, or a piece was lost
		f.m.late.Inc()
		return
	case !more && at != 0: // its beginning was refused, or lost
		f.m.late.Inc()
		if kind == kindLast {
			_ = f.nodes.Send(key.from, kindEnd, key.id, []byte{byte(Full), 0})
		}
		return
	case !more:
		s = &Served{f: f, key: key}
		s.heard.Store(backpressure.Now())
		if !f.served.put(key, s, f.opt.MaxForwarded) {
			_ = f.nodes.Send(key.from, kindEnd, key.id, []byte{byte(Limit), 0})
			return
		}
	}
	if kind != kindRequest {
		if !f.host.TakeInput(len(data)) {
			s.drop(Full)
			return
		}
		if data = s.addPiece(data, kind == kindLast); data == nil {
			return
		}
		defer f.host.GiveInput(len(data))
	}
	r, err := readRequest(data)
	if err != nil {
		s.drop(Cut)
		return
	}
	f.m.served.Inc()
	s.serve(&r)
}

// goesOn says whether a piece that begins at so many bytes comes next. Another one ends what has no connection yet.
func (s *Served) goesOn(at int) bool {
	s.mu.Lock()
	next, handed := len(s.pieces), s.handed
	s.mu.Unlock()
	switch {
	case handed:
		return false
	case next != at:
		s.drop(Full)
		return false
	}
	return true
}

// addPiece adds a piece that is on the books. With the last one it returns the request, which stays on the books; nil:
// there is none yet, or none any more.
func (s *Served) addPiece(data []byte, last bool) []byte {
	s.mu.Lock()
	dropped := s.dropped
	var whole []byte
	if !dropped {
		s.pieces = append(s.pieces, data...)
		if last {
			whole, s.pieces = s.pieces, nil
		}
	}
	s.mu.Unlock()
	if dropped {
		s.f.host.GiveInput(len(data))
	}
	return whole
}

// serve has the host serve the request. That nobody wants the response may be heard meanwhile.
func (s *Served) serve(r *Request) {
	s.mu.Lock()
	s.window, s.handed = r.window, true
	dropped := s.dropped
	s.mu.Unlock()
	if dropped {
		return
	}
	s.f.host.Serve(s, r)
	s.mu.Lock()
	s.ready = s.conn != nil
	closes := s.ready && s.gone
	s.mu.Unlock()
	if closes {
		s.conn.Close(loop.ClosePeerReset)
	}
}

// drop ends what has no connection.
func (s *Served) drop(fate Fate) {
	if !s.f.served.take(s.key) {
		return
	}
	s.mu.Lock()
	held := len(s.pieces)
	s.pieces, s.dropped = nil, true
	s.mu.Unlock()
	s.f.host.GiveInput(held)
	s.finish(fate)
}

// Refuse answers the request with a response, without a connection.
func (s *Served) Refuse(response []byte) {
	if isFull(s.f.nodes.Send(s.key.from, kindWhole, s.key.id, response)) {
		s.drop(Full)
		return
	}
	s.f.served.take(s.key)
}

// Attach says on which connection the request is served. Before it is its loop's.
func (s *Served) Attach(c *loop.Conn) { s.conn = c }

// Listen makes ln that of the connection.
func (s *Served) Listen(ln *loop.Listener) { ln.Wire, ln.Ended = s, s.ended }

// Write implements loop.Wire.
func (s *Served) Write(p []byte) (int, error) {
	s.mu.Lock()
	at := s.sent
	n := min(len(p), s.window-(at-s.taken))
	s.sent += n
	s.stalled = n < len(p)
	s.mu.Unlock()
	if n < len(p) {
		s.whole = false
		s.f.m.stalled.Inc()
	}
	if n == 0 {
		return 0, unix.EAGAIN
	}
	kind, err := s.send(p, n, at)
	if err == nil {
		s.whole = n == len(p)
		s.begun = s.begun || !bytes.HasPrefix(p, []byte(interim))
		s.said = kind == kindWhole
		s.f.m.sentBytes.Add(n)
		return n, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent -= n
	if !isFull(err) {
		return 0, unix.EPIPE
	}
	s.stalled = true
	s.oweLocked()
	return 0, unix.EAGAIN
}

// send sends the first n bytes of p, which begin at so many of the response.
func (s *Served) send(p []byte, n, at int) (cluster.Kind, error) {
	kind := kindAnswer
	switch {
	case n < len(p):
		kind = kindCut
	case !s.begun && isWhole(p):
		return kindWhole, s.f.nodes.Send(s.key.from, kindWhole, s.key.id, p)
	}
	b := appendPart(buffer.Get(n+binary.MaxVarintLen64), at, p[:n])
	defer buffer.Put(b)
	return kind, s.f.nodes.Send(s.key.from, kind, s.key.id, b)
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
		n, _ := readPart(data) // of all, so that one that was lost is made good by the next
		s.mu.Lock()
		s.taken = max(s.taken, min(n, s.sent))
		wakes := s.stalled && s.sent-s.taken < s.window
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
	handed, ready := s.handed, s.ready
	s.mu.Unlock()
	switch {
	case ready:
		s.conn.Close(loop.ClosePeerReset)
	case !handed: // else serve closes it
		s.drop(Left)
	}
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
	gone, sent := s.gone, s.sent
	s.mu.Unlock()
	if gone {
		return
	}
	if isFull(s.f.nodes.Send(s.key.from, kindEnd, s.key.id, appendPart([]byte{byte(fate)}, sent, nil))) {
		s.mu.Lock()
		s.over, s.fate = true, fate
		s.oweLocked()
		s.mu.Unlock()
	}
}
