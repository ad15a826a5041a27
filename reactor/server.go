package reactor

import (
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/rs/zerolog"

	"weir/backpressure"
	"weir/reactor/auth"
	"weir/reactor/loop"
	"weir/registry"
)

// Server serves what a registry offers. It owns the listeners, the loops, the connections, the queue and its workers. Its
// life is New and Serve (or ServeStdio), or step by step New, Listen, Start and Shutdown: each once, in order, on one
// goroutine. When New, Listen or Start fails, nothing of the server is left. The other methods may be called on any goroutine.
type Server struct {
	opts     Options
	grace    time.Duration // of Serve and ServeStdio
	registry *registry.Registry
	queue    *backpressure.Queue
	detached *backpressure.Detached // of the queue: tasks
	limits   *backpressure.Limits
	bounds   backpressure.Options // of both, resolved
	log      zerolog.Logger
	metrics  serverMetrics
	rules    auth.Rules
	tokens   atomic.Pointer[auth.Tokens] // nil: anybody is served
	resource auth.Resource

	loops    *loop.Loops
	intakes  []*intake // of the loops, by number
	draining atomic.Bool
	life     life

	slots []registry.WorkerSlot // of the workers, by number
	runs  []run                 // likewise; only those of class Compute take batches

	dateText      atomic.Pointer[string]
	wall          atomic.Int64 // Unix seconds, of the Date header
	failures      sync.Map     // *complaints, by registry.FailureKind
	tlsSpoken     complaints
	detachedCalls detachedCalls
	sse           sseSessions
	clockStop     chan struct{}
	clock         sync.WaitGroup
}

// New makes a server around what reg offers, which no other server may serve at the same time. It does nothing yet. The
// error joins everything that is wrong with the configuration.
func New(reg *registry.Registry, c Config) (*Server, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Server{opts: *c.Options, grace: c.ShutdownTimeout, registry: reg, log: *c.Log,
		clockStop: make(chan struct{}), life: life{ended: make(chan struct{})}}
	if s.opts.Loops == 0 {
		s.opts.Loops = runtime.GOMAXPROCS(0)
	}
	if err := s.makeQueue(c.Queue, c.Metrics); err != nil {
		return nil, err
	}
	s.rules = auth.NewRules(s.opts.AllowedHosts, s.opts.AllowedOrigins)
	if c.Tokens != nil {
		s.tokens.Store(c.Tokens)
	}
	s.resource = auth.NewResource(s.opts.HTTPPath, s.opts.Auth.Resource, s.opts.Auth.AuthorizationServers)
	s.detachedCalls.init()
	if s.loops, err = loop.New(s.opts.ofLoops(), (*host)(s), c.Metrics, s.log); err != nil {
		return nil, err
	}
	for id := range s.opts.Loops {
		s.intakes = append(s.intakes, &intake{Loop: s.loops.Loop(id), srv: s})
	}
	if err := reg.Attach((*attachment)(s)); err != nil {
		s.release()
		return nil, err
	}
	s.registerMetrics(c.Metrics)
	s.setDate(time.Now())
	return s, nil
}

// makeQueue makes the queue and the limits of connections.
func (s *Server) makeQueue(o *backpressure.Options, set *metrics.Set) (err error) {
	if s.queue, err = backpressure.NewQueue(*o, set); err != nil {
		return err
	}
	s.queue.OnPanic(func(value any, stack []byte) {
		s.log.Error().Any("panic", value).Bytes("stack", stack).Msg("a worker recovered")
	})
	s.bounds = *o
	onSoft := func(exceeded bool, connections int) {
		s.log.Warn().Bool("exceeded", exceeded).Int("connections", connections).Int("soft_connections", s.bounds.SoftConnections).
			Msg("soft limit of connections crossed")
	}
	if s.limits, err = backpressure.NewLimits(*o, s.queue, onSoft, set); err != nil {
		return err
	}
	s.detached = s.queue.Detach(taskRunner{})
	s.slots, s.runs = make([]registry.WorkerSlot, s.queue.MaxWorkers()), make([]run, s.queue.MaxWorkers())
	return nil
}

// Connections returns how many connections are open. Any goroutine.
func (s *Server) Connections() int64 { return s.loops.Connections() }

// runClock ends calls whose handlers have run too long; once a second it formats the Date of responses (RFC 9110 6.6.1) and ends
// what is too old: idle sessions, tasks.
func (s *Server) runClock() {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	var second int64
	for {
		select {
		case now := <-tick.C:
			s.endTimedOut(now)
			if now.Unix() != second {
				second = now.Unix()
				s.setDate(now)
				s.registry.ExpireSessions(now)
			}
		case <-s.clockStop:
			return
		}
	}
}

func (s *Server) setDate(now time.Time) {
	text := now.UTC().Format(http.TimeFormat)
	s.dateText.Store(&text)
	s.wall.Store(now.Unix())
}

func (s *Server) date() string { return *s.dateText.Load() }

// release closes what a server that never started, or has stopped, holds.
func (s *Server) release() {
	s.registry.Detach((*attachment)(s))
	s.loops.Release()
}
