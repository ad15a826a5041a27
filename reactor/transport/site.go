package transport

import (
	"net/http"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"weir/backpressure"
	"weir/backpressure/pressure"
	"weir/codec/http1"
	"weir/reactor/auth"
	"weir/reactor/cluster/forward"
	"weir/reactor/logwriter"
	"weir/reactor/loop"
	"weir/reactor/pipeline"
	"weir/reactor/transport/paths"
	"weir/registry/engine"
	"weir/registry/nodeid"
	"weir/registry/offer"
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

	// Endpoints finds the endpoint of a name.
	Endpoints *offer.Offer

	// Predecessor is the process that this one takes over from; nil: there is none.
	Predecessor atomic.Pointer[Predecessor]

	// Forwarder carries requests to the nodes that IDs say they belong to; nil: this server is no node of a cluster.
	Forwarder *forward.Forwarder
	IDs       *nodeid.Maker
	// MaxForwarded is how many requests of one connection may be under way while one is carried: at their owner each is
	// a connection with bounds of its own.
	MaxForwarded int

	// Pressure is a pressure.Level, which changes while the server runs.
	Pressure atomic.Uint32

	loops     *loop.Loops
	paths     paths.Paths
	metrics   siteMetrics
	strange   struct{ origins, hosts logwriter.Gate } // of the log lines of logRefused
	sessions  sseSessions
	tlsSpoken logwriter.Gate
	dateText  atomic.Pointer[string]
}

// desk is what a loop needs to read requests, once for all its connections.
type desk struct {
	*Site
	request http1.Request
	raw     []byte // what it came as
	header  engine.Header
	accept  http1.Accepted // of the request
	at      *offer.View    // what its endpoint has; nil: the main one

	// The last one that came, which browsers repeat with every request, and where.
	lastOrigin *auth.Origin
	lastPlace  auth.Place
}

// Init makes the site ready for the connections of loops, which have not started.
func (s *Site) Init(loops *loop.Loops, set *metrics.Set) {
	s.loops = loops
	for id := range loops.Len() {
		s.Pipeline.Intake(loops.Loop(id)).Front = &desk{Site: s}
	}
	s.paths = paths.New(s.Options.HTTPPath, s.Options.HTTPSSEPath)
	s.registerMetrics(set)
	s.SetDate(time.Now())
}

// idleLimit is what is left of an idle deadline under pressure: a quarter. 0 is never.
func (s *Site) idleLimit(limit time.Duration) int64 {
	if s.Pressure.Load() >= uint32(pressure.ShortenIdle) {
		limit /= 4
	}
	return int64(limit)
}

// closesAfterAnswer says whether an HTTP connection is to end with its answer.
func (s *Site) closesAfterAnswer() bool {
	return s.Pipeline.Draining() || s.Pipeline.Leaving() || s.Pressure.Load() >= uint32(pressure.CloseAfterAnswer)
}

// deskOf is that of a loop.
func deskOf(in *pipeline.Intake) *desk { return in.Front.(*desk) }

// SetDate makes now the Date of responses (RFC 9110 6.6.1). It wants to be called once a second. Any goroutine.
func (s *Site) SetDate(now time.Time) {
	text := now.UTC().Format(http.TimeFormat)
	s.dateText.Store(&text)
}

func (s *Site) date() string { return *s.dateText.Load() }

// CountRefusal implements loop.Host.
func (s *Site) CountRefusal(refusal backpressure.Refusal) { s.Pipeline.Queue.CountRefusal(refusal) }

// Tick implements loop.Host.
func (s *Site) Tick(l *loop.Loop) { s.Pipeline.BeginSweep(l) }

// Crowded implements loop.Host.
func (s *Site) Crowded() bool { return s.Pipeline.Queue.Crowded() }
