package forward

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"weir/backpressure"
	"weir/reactor/cluster"
)

// TestLostPiece: a client writes its body, so that what is left of its request once a piece was lost, or refused, may
// read as the request of anybody. It is nobody's.
func TestLostPiece(t *testing.T) {
	forged := appendRequest(nil, &Request{Principal: "root", HTTP: []byte("DELETE /mcp"), window: 100})
	body := bytes.Repeat([]byte("x"), 3*pieceBytes)
	request := appendRequest(nil, &Request{Principal: "mallory", HTTP: body, window: 100})
	request = append(request[:2*pieceBytes], forged...)
	serves := func(lose, refuse int) (served, ends int) {
		owner := &link{serve: func(s *Served, r *Request) {
			served++
			if r.Principal != "mallory" {
				t.Errorf("a request of %q", r.Principal)
			}
			s.Refuse([]byte("no"))
		}}
		f := newForwarder(owner)
		for i, from := 0, request; len(from) > 0; i++ {
			n := min(len(from), pieceBytes)
			kind := kindPiece
			if n == len(from) {
				kind = kindLast
			}
			owner.full = i == refuse
			if i != lose {
				f.Receive("a", kind, 1, appendPart(nil, i*pieceBytes, from[:n]))
			}
			from = from[n:]
		}
		if owner.held != 0 {
			t.Errorf("%d bytes are held", owner.held)
		}
		for _, sent := range owner.sent {
			if sent == "a end [2 0]" { // Full
				ends++
			}
		}
		return served, ends
	}
	if served, _ := serves(-1, -1); served != 1 {
		t.Errorf("the whole one was served %d times", served)
	}
	for i := range 2 {
		if served, ends := serves(i, -1); served != 0 || ends == 0 {
			t.Errorf("piece %d is lost: %d were served, %d ended", i, served, ends)
		}
		if served, ends := serves(-1, i); served != 0 || ends == 0 {
			t.Errorf("piece %d finds no room: %d were served, %d ended", i, served, ends)
		}
	}
}

// TestLostPart: a response of which a part was lost on the way is none, and what follows is not taken for it.
func TestLostPart(t *testing.T) {
	l := new(link)
	f := newForwarder(l)
	begin := func() *Asked { return l.forward(t, f, 1, backpressure.Accepted, true) }
	a := begin()
	f.Receive("b", kindAnswer, a.id, part(0, "one"))
	f.Receive("b", kindAnswer, a.id, part(6, "three"))
	f.Receive("b", kindEnd, a.id, []byte{0, 11})
	l.want(t, "b request true, b left", "one true, cut")
	a = begin()
	f.Receive("b", kindAnswer, a.id, part(0, "one"))
	f.Receive("b", kindEnd, a.id, []byte{0, 6})
	l.want(t, "b request true", "one true, cut")
	a = begin()
	f.Receive("b", kindEnd, a.id, []byte{0, 3})
	l.want(t, "b request true", "cut")
	a = begin()
	f.Receive("b", kindEnd, a.id, []byte{0})
	f.Receive("b", kindEnd, a.id, nil)
	l.want(t, "b request true", "cut")
}

// TestLostCredit: an owner that was not told what its client took is told with the next, or when it is asked.
func TestLostCredit(t *testing.T) {
	l := new(link)
	f := newForwarder(l)
	a := l.forward(t, f, 1, backpressure.Accepted, true)
	a.Taken(60)
	a.ask()
	l.want(t, "b request true, b credit [60], b credit [60]", "")
	var s *Served
	l.serve = func(served *Served, _ *Request) { s = served }
	f.Receive("a", kindRequest, 1, appendRequest(nil, &Request{window: 100}))
	if n, err := s.Write(make([]byte, 100)); n != 100 || err != nil {
		t.Fatal(n, err)
	}
	for _, taken := range []byte{60, 50} { // 60 again, and one that comes late
		f.Receive("a", kindCredit, 1, []byte{taken})
	}
	if n, err := s.Write(make([]byte, 100)); n != 60 || err != nil {
		t.Error(n, err)
	}
	if n, err := s.Write(make([]byte, 100)); n != 0 || err != unix.EAGAIN {
		t.Error(n, err)
	}
}

// TestRefusedWithoutRoom: a refusal that finds no room to leave is told later, and is no answer of nothing.
func TestRefusedWithoutRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := new(link)
		f := newForwarder(l)
		l.serve = func(s *Served, _ *Request) {
			l.fails = cluster.ErrFull
			s.Refuse([]byte("no"))
		}
		f.Receive("a", kindRequest, 1, appendRequest(nil, &Request{window: 100}))
		l.mu.Lock()
		l.fails = nil
		l.mu.Unlock()
		time.Sleep(2 * payEvery)
		synctest.Wait()
		l.want(t, "a end [2 0]", "")
	})
}
