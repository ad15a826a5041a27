package reactor

import (
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/rs/zerolog"

	"weir/backpressure"
	"weir/backpressure/pressure"
	"weir/reactor/auth"
	"weir/reactor/census"
	"weir/reactor/loop"
	"weir/reactor/mount"
	"weir/reactor/pipeline"
	"weir/reactor/transport"
	"weir/registry"
	"weir/registry/engine"
)

// Server serves what a registry offers. It owns the listeners, the loops, the connections, the queue and its workers.
// Its life is New and Serve (or ServeStdio), or step by step New, Listen, Start and Shutdown: each once, in order, on
// one goroutine. When New, Listen or Start fails, nothing of the server is left. The other methods may be called on
// any goroutine.
type Server struct {
	opts   Options
	grace  time.Duration // of Serve and ServeStdio
	stdio  stdioTimes
	engine *engine.Engine
	queue  *backpressure.Queue
	limits *backpressure.Limits
	bounds backpressure.Options // of both, resolved
	log    zerolog.Logger

	sockets  map[string]*os.File
	own      map[string]bool // of sockets
	loops    *loop.Loops
	pipeline pipeline.Pipeline
	site     transport.Site
	mounts   *mount.Mounts
	life     life
	census   *census.Census

	failures  sync.Map // *logwriter.Gate, by engine.FailureKind
	clockStop chan struct{}
	clock     sync.WaitGroup
}

// New makes a server around what reg offers, which no other server may serve at the same time. It does nothing yet. The
// error joins everything that is wrong with the configuration.
func New(reg *registry.Registry, c Config) (*Server, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Server{opts: *c.Options, grace: c.ShutdownTimeout, stdio: defaultStdioTimes, engine: reg.Engine(),
		log: *c.Log, sockets: c.Sockets, own: c.OwnSockets, clockStop: make(chan struct{}),
		life: life{ended: make(chan struct{})}}
	if s.opts.Loops == 0 {
		s.opts.Loops = runtime.GOMAXPROCS(0)
	}
	if err := s.makeQueue(c.Queue, c.Metrics); err != nil {
		return nil, err
	}
	s.pipeline.Options = s.opts.ofPipeline()
	s.pipeline.Engine, s.pipeline.Queue, s.pipeline.Limits, s.pipeline.Log = s.engine, s.queue, s.limits, s.log
	s.pipeline.Trace, s.pipeline.Audit = c.Trace, c.Audit
	s.site.Options, s.site.Pipeline, s.site.Endpoints = s.opts.ofTransports(), &s.pipeline, s.engine.Offer()
	s.site.Rules = auth.NewRules(s.opts.AllowedHosts, s.opts.AllowedOrigins)
	s.site.Resource = auth.NewResource(s.opts.HTTPPath, s.opts.Auth.Resource, s.opts.Auth.AuthorizationServers)
	s.site.Tokens.Store(c.Tokens)
	if s.loops, err = loop.New(s.opts.ofLoops(), &s.site, c.Metrics, s.log); err != nil {
		return nil, err
	}
	s.census = census.New(s.loops)
	s.pipeline.Init(s.loops, c.Metrics)
	s.site.Init(s.loops, c.Metrics)
	name, version := s.engine.Identity()
	s.mounts = mount.New(mount.Config{Mounts: c.Mounts, Loops: s.loops, Engine: s.engine, JSON: s.opts.Messages.JSON,
		Metrics: c.Metrics, Log: s.log, Name: name, Version: version})
	if err := s.engine.Attach((*attachment)(s)); err != nil {
		s.release()
		return nil, err
	}
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
		s.log.Warn().Bool("exceeded", exceeded).Int("connections", connections).
			Int("soft_connections", s.limits.Bounds.Load().SoftConnections).Msg("soft limit of connections crossed")
	}
	s.limits, err = backpressure.NewLimits(*o, s.queue, onSoft, set)
	return err
}

// Connections returns how many connections are open. Any goroutine.
func (s *Server) Connections() int64 { return s.loops.Connections() }

// Census is who is connected. Any goroutine, after Start.
func (s *Server) Census() *census.Census { return s.census }

// lookEvery is how often the server looks for what has waited or run too long.
const lookEvery = 250 * time.Millisecond

// runClock ends calls whose handlers have run too long; once a second it formats the Date of responses (RFC 9110
// 6.6.1) and ends what is too old: idle sessions, tasks.
func (s *Server) runClock() {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	var second int64
	for {
		select {
		case now := <-tick.C:
			s.pipeline.Tick(now)
			if now.Unix() != second {
				second = now.Unix()
				s.site.SetDate(now)
				s.engine.ExpireSessions(now)
			}
		case <-s.clockStop:
			return
		}
	}
}

// release closes what a server that never started, or has stopped, holds.
func (s *Server) release() {
	s.engine.Detach((*attachment)(s))
	s.loops.Release()
}

// ReplaceTokens lets in whom tokens name from now on. Connections whose token is not among them, or for another
// principal, are closed within 250 ms. Only for a server that was made with tokens. Any goroutine, one at a time; the
// server keeps them.
func (s *Server) ReplaceTokens(tokens *auth.Tokens) {
	tokens.Succeed(s.site.Tokens.Load())
	s.site.Tokens.Store(tokens)
}

// StopLowestClass begins or ends the emergency stop: calls of handlers that wait for something, and calls that become
// tasks, are refused with emergency_stop, but for one in 16. Any goroutine.
func (s *Server) StopLowestClass(on bool) { s.queue.Shedding().StopLowestClass(on) }

// SetPressure has the server do what a level asks for. While memory is short it wants to be called again and again:
// each time the connections are closed that hold most for longest. Any goroutine.
func (s *Server) SetPressure(p pressure.State) {
	s.site.Pressure.Store(uint32(p.Level))
	s.queue.Shedding().RefuseCalls(p.Level >= pressure.RefuseCalls)
	s.queue.Shedding().RefuseConnections(p.Level >= pressure.RefuseConnections)
	if p.ShortOfMemory() {
		s.loops.Relieve()
	}
}
