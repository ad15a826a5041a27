package reactor

import (
	"net/netip"

	"weir/backpressure"
	"weir/reactor/loop"
)

// host is the server as its loops know it.
type host Server

// Accept makes a connection that speaks what its listener is for, if the limits allow one more.
func (h *host) Accept(home *loop.Loop, ln *loop.Listener, fd int32, addr netip.Addr, now int64) (*loop.Conn, backpressure.Refusal) {
	s := (*Server)(h)
	if refusal := s.limits.Open(addr); refusal != backpressure.Accepted {
		return nil, refusal
	}
	var t transport
	if ln.Name == httpListener {
		t = new(httpTransport)
	} else {
		t = new(lineTransport)
	}
	c := newConn(s.intakes[home.ID()], t)
	c.Init(home, ln, fd, addr, c)
	if refusal := s.awaitToken(c, now); refusal != backpressure.Accepted {
		s.limits.Close(addr)
		return nil, refusal
	}
	return &c.Conn, backpressure.Accepted
}

// CountRefusal counts a connection that is refused as a whole.
func (h *host) CountRefusal(refusal backpressure.Refusal) { h.queue.CountRefusal(refusal) }

// AppendRefusal appends what such a connection gets, in the words of its listener.
func (h *host) AppendRefusal(dst []byte, ln *loop.Listener, refusal backpressure.Refusal) []byte {
	after := h.queue.RetryAfter(refusal)
	if ln.Name != httpListener {
		return append(appendOverloaded(dst, nullID, refusal, after), '\n')
	}
	return (*Server)(h).appendHTTPTurnAway(dst, refusal, after)
}

// Tick begins a part of a loop's sweep.
func (h *host) Tick(l *loop.Loop) {
	in := h.intakes[l.ID()]
	in.refused = 0
	if l.ID() == 0 {
		h.detachedCalls.refuseAged(in, refusalsPerTurn)
	}
}
