package transport

import (
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"weir/backpressure"
	"weir/codec/http1"
	"weir/reactor/auth"
	"weir/reactor/logwriter"
	"weir/reactor/loop"
	"weir/reactor/pipeline"
	"weir/registry/engine"
)

// HTTPListener is the name of the listener that speaks HTTP; the others speak lines.
const HTTPListener = "http"

// Site is what all connections share, and the loop.Host that makes them. Its exported fields are set before Init, and
// not changed.
type Site struct {
	Options  Options
	Pipeline *pipeline.Pipeline
	Rules    auth.Rules
	Resource auth.Resource
	// Tokens are those who may come; nil: anybody.
	Tokens atomic.Pointer[auth.Tokens]

	metrics  siteMetrics
	strange  struct{ origins, hosts logwriter.Gate } // of the log lines of logRefused
	sessions sseSessions
	dateText atomic.Pointer[string]
}

// desk is what a loop needs to read requests, once for all its connections.
type desk struct {
	*Site
	request http1.Request
	header  engine.Header
	accept  accepted // of the request

	// The last one that came, which browsers repeat with every request, and where.
	lastOrigin *auth.Origin
	lastPlace  auth.Place
}

// Init makes the site ready for the connections of loops, which have not started.
func (s *Site) Init(loops *loop.Loops, set *metrics.Set) {
	for id := range loops.Len() {
		s.Pipeline.Intake(loops.Loop(id)).Front = &desk{Site: s}
	}
	s.registerMetrics(set)
	s.SetDate(time.Now())
}

// deskOf is that of a loop.
func deskOf(in *pipeline.Intake) *desk { return in.Front.(*desk) }

// SetDate makes now the Date of responses (RFC 9110 6.6.1). It wants to be called once a second. Any goroutine.
func (s *Site) SetDate(now time.Time) {
	text := now.UTC().Format(http.TimeFormat)
	s.dateText.Store(&text)
}

func (s *Site) date() string { return *s.dateText.Load() }

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
	return &c.Conn, backpressure.Accepted
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

// Attach makes a connection that nobody accepted and that speaks lines. It counts as one, and nobody is asked for a
// token.
func (s *Site) Attach(home *loop.Loop, ln *loop.Listener, fd int32) (*loop.Conn, backpressure.Refusal) {
	var nowhere netip.Addr
	if refusal := s.Pipeline.Limits.Open(nowhere); refusal != backpressure.Accepted {
		return nil, refusal
	}
	return &s.connection(home, ln, fd, nowhere).Conn, backpressure.Accepted
}

// CountRefusal implements loop.Host.
func (s *Site) CountRefusal(refusal backpressure.Refusal) { s.Pipeline.Queue.CountRefusal(refusal) }

// AppendRefusal implements loop.Host.
func (s *Site) AppendRefusal(dst []byte, ln *loop.Listener, refusal backpressure.Refusal) []byte {
	after := s.Pipeline.Queue.RetryAfter(refusal)
	if ln.Name != HTTPListener {
		return append(pipeline.AppendOverloaded(dst, pipeline.NullID, refusal, after), '\n')
	}
	return s.appendTurnAway(dst, refusal, after)
}

// Tick implements loop.Host.
func (s *Site) Tick(l *loop.Loop) { s.Pipeline.BeginSweep(l) }
