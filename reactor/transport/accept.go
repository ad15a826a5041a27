package transport

import (
	"net/netip"

	"weir/backpressure"
	"weir/reactor/loop"
	"weir/reactor/pipeline"
)

// Accept implements loop.Host: it makes a connection that speaks what its listener is for, if the limits allow one
// more.
func (s *Site) Accept(home *loop.Loop, ln *loop.Listener, fd int32, addr netip.Addr, now int64) (
	*loop.Conn, backpressure.Refusal,
) {
	limits := s.Pipeline.Limits
	if refusal := limits.Open(addr); refusal != backpressure.Accepted {
		return nil, refusal
	}
	c := s.connection(home, ln, fd, addr)
	if refusal := s.awaitToken(c, now); refusal != backpressure.Accepted {
		limits.Close(addr)
		return nil, refusal
	}
	return c.Counted(), backpressure.Accepted
}

func (s *Site) connection(home *loop.Loop, ln *loop.Listener, fd int32, addr netip.Addr) *pipeline.Conn {
	var t pipeline.Transport
	if ln.Name == HTTPListener {
		t = new(httpTransport)
	} else {
		t = new(lineTransport)
	}
	c := pipeline.NewConn(s.Pipeline.Intake(home), t)
	c.Init(home, ln, fd, addr, c)
	return c
}

// Attach makes a connection that nobody accepted and that speaks lines. It counts as one, nobody is asked for a token,
// and its peer, who is alone with the server, is read as fast as it is served: nothing is refused for being late.
func (s *Site) Attach(home *loop.Loop, ln *loop.Listener, fd int32) (*loop.Conn, backpressure.Refusal) {
	var nowhere netip.Addr
	if refusal := s.Pipeline.Limits.Open(nowhere); refusal != backpressure.Accepted {
		return nil, refusal
	}
	c := s.connection(home, ln, fd, nowhere)
	c.BePatient()
	return c.Counted(), backpressure.Accepted
}

// AppendRefusal implements loop.Host.
func (s *Site) AppendRefusal(dst []byte, ln *loop.Listener, refusal backpressure.Refusal) []byte {
	after := s.Pipeline.Queue.RetryAfter(refusal)
	if ln.Name != HTTPListener {
		return append(pipeline.AppendOverloaded(dst, pipeline.NullID, refusal, after), '\n')
	}
	return s.appendTurnAway(dst, refusal, after)
}
