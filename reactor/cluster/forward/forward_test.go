package forward

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"weir/backpressure"
	"weir/reactor/cluster"
	"weir/reactor/loop"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var kindNames = map[cluster.Kind]string{kindRequest: "request", kindPiece: "piece", kindLast: "last", kindLeft: "left",
	kindHalf: "half", kindCredit: "credit", kindAnswer: "answer", kindCut: "cut", kindEnd: "end", kindWhole: "whole"}

// link is what a forwarder sends to, which writes it down; and the host and asker of the same test.
type link struct {
	mu    sync.Mutex
	sent  []string
	fails error
	state cluster.State
	heard []string // by the asker
	held  int      // input bytes
	serve func(*Served, *Request)
	full  bool
}

func (l *link) Send(to string, kind cluster.Kind, _ uint64, data []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fails != nil {
		return l.fails
	}
	text := string(data)
	switch kind {
	case kindRequest, kindPiece, kindLast:
		text = fmt.Sprint(len(data) > 0)
	case kindAnswer, kindCut:
		_, part := readPart(data)
		text = string(part)
	case kindCredit, kindEnd:
		text = fmt.Sprint(data)
	}
	l.sent = append(l.sent, strings.TrimSpace(to+" "+kindNames[kind]+" "+text))
	return nil
}

func (l *link) State(string) cluster.State { return l.state }

func (l *link) Serve(s *Served, r *Request) { l.serve(s, r) }

func (l *link) TakeInput(n int) bool {
	if !l.full {
		l.held += n
	}
	return !l.full
}

func (l *link) GiveInput(n int) { l.held -= n }

func (l *link) Part(p []byte, whole bool) { l.heard = append(l.heard, fmt.Sprintf("%s %v", p, whole)) }

func (l *link) End(fate Fate) { l.heard = append(l.heard, fate.String()) }

// want holds what was sent and heard since it was called last.
func (l *link) want(t *testing.T, sent, heard string) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if got := strings.Join(l.sent, ", "); got != sent {
		t.Errorf("sent  %q\n  not %q", got, sent)
	}
	if got := strings.Join(l.heard, ", "); got != heard {
		t.Errorf("heard %q\n  not %q", got, heard)
	}
	l.sent, l.heard = nil, nil
}

func newForwarder(l *link) *Forwarder {
	return New(Options{MaxForwarded: 2, ForwardWindowBytes: 100}, l, l, metrics.NewSet())
}

func (l *link) forward(t *testing.T, f *Forwarder, size int, want backpressure.Refusal, known bool) *Asked {
	t.Helper()
	a := new(Asked)
	refusal, there := f.Forward(a, "b", &Request{HTTP: make([]byte, size)}, l, false)
	if refusal != want || there != known {
		t.Errorf("%v, %v", refusal, there)
	}
	return a
}

// part is what carries a part of a response.
func part(at int, text string) []byte { return appendPart(nil, at, []byte(text)) }

// TestAsked: what an entry says and hears of a request.
func TestAsked(t *testing.T) {
	l := new(link)
	f := newForwarder(l)
	a := l.forward(t, f, 10, backpressure.Accepted, true)
	f.Receive("b", kindCut, a.id, part(0, "x"))
	f.Receive("c", kindAnswer, a.id, part(1, "of another node"))
	f.Receive("b", kindAnswer, a.id, part(1, "y"))
	a.Taken(300)
	a.Half()
	f.Receive("b", kindEnd, a.id, []byte{0, 2})
	f.Receive("b", kindEnd, a.id, []byte{0, 2})
	f.Receive("b", kindAnswer, a.id, part(2, "late"))
	l.want(t, "b request true, c left, b credit [172 2], b half, b left", "x false, y true, answered")

	a = l.forward(t, f, 2*pieceBytes, backpressure.Accepted, true)
	a.Leave()
	a.Leave()
	f.Receive("b", kindAnswer, a.id, part(0, "late"))
	f.Receive("b", kindWhole, a.id, []byte("late"))
	l.want(t, "b piece true, b piece true, b last true, b left, b left", "")

	a = l.forward(t, f, 1, backpressure.Accepted, true)
	f.Receive("b", kindWhole, a.id, []byte("all"))
	l.want(t, "b request true", "all true, answered")

	a, b := l.forward(t, f, 1, backpressure.Accepted, true), l.forward(t, f, 1, backpressure.Accepted, true)
	l.forward(t, f, 1, backpressure.ForwardLimit, true)
	f.Nobody("b", kindRequest, a.id)
	f.Nobody("c", kindRequest, b.id)
	f.Changed(cluster.Change{Node: "c", To: cluster.Dead})
	l.want(t, "b request true, b request true", "no_node")
	f.Changed(cluster.Change{Node: "b", To: cluster.Dead})
	l.want(t, "", "node_lost")

	f = func(fails error, state cluster.State) *Forwarder { l.fails, l.state = fails, state; return f }(cluster.ErrFull, 0)
	l.forward(t, f, 1, backpressure.ForwardFull, true)
	l.fails = cluster.ErrNoNode
	l.forward(t, f, 1, backpressure.Accepted, false)
	l.fails, l.state = nil, cluster.Suspected
	l.forward(t, f, 1, backpressure.NodeSuspected, true)
	l.state = cluster.Dead
	l.forward(t, f, 1, backpressure.Accepted, false)
	l.state = cluster.Alive
	f.draining.Store(true)
	l.forward(t, f, 1, backpressure.Draining, true)
	l.want(t, "", "")
	if n := f.asked.len(); n != 0 {
		t.Errorf("%d are left", n)
	}
}

// TestNoRoomToSay: what finds no room is said when there is some, the end of all first of all.
func TestNoRoomToSay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := new(link)
		f := newForwarder(l)
		a := l.forward(t, f, 1, backpressure.Accepted, true)
		b := l.forward(t, f, 1, backpressure.Accepted, true)
		l.want(t, "b request true, b request true", "")
		l.fails = cluster.ErrFull
		a.Taken(1)
		a.Half()
		a.Taken(2)
		b.Taken(4)
		b.Leave()
		time.Sleep(10 * payEvery)
		l.want(t, "", "")
		l.mu.Lock()
		l.fails = nil
		l.mu.Unlock()
		time.Sleep(2 * payEvery)
		synctest.Wait()
		l.want(t, "b credit [3], b half, b left", "")
	})
}

// TestServed: what an owner writes, within its credit, and how it ends.
func TestServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := new(link)
		f := newForwarder(l)
		var s *Served
		l.serve = func(served *Served, r *Request) { s = served }
		request := appendRequest(nil, &Request{HTTP: []byte("GET"), window: 5})
		write := func(text string, want int, err error) {
			t.Helper()
			if n, got := s.Write([]byte(text)); n != want || got != err {
				t.Errorf("%d %v", n, got)
			}
		}
		f.Receive("a", kindRequest, 7, request)
		write("123", 3, nil)
		write("456", 2, nil)
		write("6", 0, unix.EAGAIN)
		f.Receive("a", kindCredit, 7, []byte{3})
		l.fails = cluster.ErrFull
		write("6", 0, unix.EAGAIN)
		l.fails = cluster.ErrNoNode
		write("6", 0, unix.EPIPE)
		l.fails = nil
		f.served.take(s.key)
		s.finish(Answered)
		l.want(t, "a answer 123, a cut 45, a end [0 5]", "")

		for _, n := range []int{1, 2} { // in pieces
			f.Receive("a", kindPiece, 8, appendPart(nil, 0, request[:n]))
			f.Receive("a", kindLast, 8, appendPart(nil, n, request[n:]))
			s.Refuse([]byte("no"))
		}
		f.Receive("a", kindPiece, 9, appendPart(nil, 0, request[:3]))
		f.Receive("a", kindLeft, 9, nil)
		f.Receive("a", kindRequest, 10, []byte("?"))
		l.full = true
		f.Receive("a", kindPiece, 11, appendPart(nil, 0, request))
		l.full = false
		l.want(t, "a whole no, a whole no, a end [5 0], a end [2 0]", "")
		f.Receive("a", kindCredit, 12, []byte{0}) // whoever waits for what is not here waits in vain
		f.Receive("a", kindHalf, 12, nil)
		l.want(t, "a end [5 0]", "")
		if f.served.len() != 0 || l.held != 0 {
			t.Errorf("%d are left, and %d bytes", f.served.len(), l.held)
		}
		f.Receive("a", kindRequest, 14, appendRequest(nil, &Request{window: 100}))
		for _, text := range []string{"HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"} {
			write(text, len(text), nil)
		}
		s.ended(loop.CloseRequested)
		l.want(t, "a answer HTTP/1.1 100 Continue, a whole HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "")
		l.fails = cluster.ErrFull
		f.Receive("a", kindRequest, 13, []byte("?"))
		time.Sleep(2 * payEvery)
		l.mu.Lock()
		l.fails = nil
		l.mu.Unlock()
		time.Sleep(2 * payEvery)
		synctest.Wait()
		l.want(t, "a end [5 0]", "")
	})
}

// TestSilence: what is open for long is asked for, and nobody keeps what is not.
func TestSilence(t *testing.T) {
	l := new(link)
	f := newForwarder(l)
	a := l.forward(t, f, 1, backpressure.Accepted, true)
	f.Receive("a", kindPiece, 1, part(0, "?"))
	l.want(t, "b request true", "")
	now := time.Now()
	tick := func(silent time.Duration) {
		a.heard.Store(backpressure.Now() - int64(silent))
		for _, s := range f.served.those(func(*Served) bool { return true }) {
			s.heard.Store(backpressure.Now() - int64(silent))
		}
		now = now.Add(checkEvery)
		f.Tick(now)
	}
	tick(askAfter / 2)
	l.want(t, "", "")
	tick(askAfter + 1)
	l.want(t, "b credit [0]", "")
	tick(dropAfter + 1)
	l.want(t, "b credit [0]", "")
	if f.served.len() != 0 || f.asked.len() != 1 || l.held != 0 {
		t.Errorf("%d served, %d asked, %d bytes", f.served.len(), f.asked.len(), l.held)
	}
}
