package reactor

import (
	"context"
	"runtime"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/rs/zerolog"

	"weir/backpressure"
	"weir/reactor/auth"
	"weir/reactor/loop"
	"weir/reactor/pipeline"
	"weir/reactor/transport"
	"weir/registry"
)

// Server serves what a registry offers. It owns the listeners, the loops, the connections, the queue and its workers.
// Its life is New and Serve (or ServeStdio), or step by step New, Listen, Start and Shutdown: each once, in order, on
// one goroutine. When New, Listen or Start fails, nothing of the server is left. The other methods may be called on
// any goroutine.
type Server struct {
	opts     Options
	grace    time.Duration // of Serve and ServeStdio
	registry *registry.Registry
	queue    *backpressure.Queue
	limits   *backpressure.Limits
	bounds   backpressure.Options // of both, resolved
	log      zerolog.Logger

	loops    *loop.Loops
	pipeline pipeline.Pipeline
	site     transport.Site

	bound    bool       // Listen has succeeded
	starting sync.Mutex // held by start: who stops the server waits for it
	started  time.Time
	stop     sync.Once
	report   DrainReport   // of the stop, when it is over
	ended    chan struct{} // closed then

	failures  sync.Map // *complaints, by registry.FailureKind
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
	s := &Server{opts: *c.Options, grace: c.ShutdownTimeout, registry: reg, log: *c.Log,
		clockStop: make(chan struct{}), ended: make(chan struct{})}
	if s.opts.Loops == 0 {
		s.opts.Loops = runtime.GOMAXPROCS(0)
	}
	if err := s.makeQueue(c.Queue, c.Metrics); err != nil {
		return nil, err
	}
	s.pipeline.Options = s.opts.ofPipeline()
	s.pipeline.Registry, s.pipeline.Queue, s.pipeline.Limits, s.pipeline.Log = reg, s.queue, s.limits, s.log
	s.site.Options, s.site.Pipeline = s.opts.ofTransports(), &s.pipeline
	s.site.Rules = auth.NewRules(s.opts.AllowedHosts, s.opts.AllowedOrigins)
	s.site.Resource = auth.NewResource(s.opts.HTTPPath, s.opts.Auth.Resource, s.opts.Auth.AuthorizationServers)
	s.site.Tokens.Store(c.Tokens)
	if s.loops, err = loop.New(s.opts.ofLoops(), &s.site, c.Metrics, s.log); err != nil {
		return nil, err
	}
	s.pipeline.Init(s.loops, c.Metrics)
	s.site.Init(s.loops, c.Metrics)
	if err := reg.Attach((*attachment)(s)); err != nil {
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
		s.log.Warn().Bool("exceeded", exceeded).Int("connections", connections).Int("soft_connections", s.bounds.SoftConnections).
			Msg("soft limit of connections crossed")
	}
	if s.limits, err = backpressure.NewLimits(*o, s.queue, onSoft, set); err != nil {
		return err
	}
	return nil
}

// Serve binds the configured addresses, serves until ctx is over, and drains: what was accepted may finish within
// Config.ShutdownTimeout. A step that was done before (Listen, Start) is not done again. The error says why it could
// not begin; nil is the end of ctx, or Shutdown.
func (s *Server) Serve(ctx context.Context) error {
	if !s.bound {
		if err := s.Listen(); err != nil {
			return err
		}
	}
	if err := s.begin(); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
	case <-s.ended: // somebody called Shutdown
		return nil
	}
	over, cancel := context.WithTimeout(context.Background(), s.grace)
	defer cancel()
	s.Shutdown(over)
	return nil
}

// begin starts what was not started yet.
func (s *Server) begin() error {
	if s.started.IsZero() {
		return s.Start()
	}
	return nil
}

// Listen binds every configured address. Nothing is accepted before Start, but the kernel queues connections.
func (s *Server) Listen() error {
	type address struct{ name, network, value string }
	for _, a := range []address{{transport.HTTPListener, "tcp", s.opts.HTTP}, {"tcp", "tcp", s.opts.TCP}, {"unix", "unix", s.opts.Unix}} {
		if a.value == "" {
			continue
		}
		if err := s.loops.Listen(a.name, a.network, a.value); err != nil {
			s.stop.Do(func() { s.release(); close(s.ended) })
			return err
		}
	}
	s.bound = true
	return nil
}

// Addrs returns the bound address of each listener by its name: http, tcp, unix. After Listen.
func (s *Server) Addrs() map[string]string {
	listeners := s.loops.Listeners()
	addrs := make(map[string]string, len(listeners))
	for _, ln := range listeners {
		addrs[ln.Name] = ln.Address
	}
	return addrs
}

// Start serves: it runs the workers and the loops, and returns when every loop turns. Its goroutines are the workers,
// netpoll's (one per loop, for the life of the process), one per loop that waits for the end, and the clock of the
// Date header.
func (s *Server) Start() error {
	err := s.start()
	if err != nil { // some of the loops may run
		over, cancel := context.WithCancel(context.Background())
		cancel()
		s.Shutdown(over)
	}
	return err
}

func (s *Server) start() error {
	s.starting.Lock()
	defer s.starting.Unlock()
	s.started = time.Now()
	s.queue.Start()
	if err := s.loops.Start(); err != nil {
		return err
	}
	s.clock.Go(s.runClock)
	return nil
}

// Connections returns how many connections are open. Any goroutine.
func (s *Server) Connections() int64 { return s.loops.Connections() }

// lookEvery is how often the server looks for what has waited or run too long.
const lookEvery = 250 * time.Millisecond

// runClock ends calls whose handlers are overdue; once a second it formats the Date of responses (RFC 9110 6.6.1) and
// ends what is too old: idle sessions, tasks.
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
				s.registry.ExpireSessions(now)
			}
		case <-s.clockStop:
			return
		}
	}
}

// release closes what a server that never started, or has stopped, holds.
func (s *Server) release() {
	s.registry.Detach((*attachment)(s))
	s.loops.Release()
}

// ReplaceTokens lets in whom tokens name from now on. Connections whose token is not among them, or for another
// principal, are closed within 250 ms. Only for a server that was made with tokens. Any goroutine, one at a time; the
// server keeps them.
func (s *Server) ReplaceTokens(tokens *auth.Tokens) {
	tokens.Succeed(s.site.Tokens.Load())
	s.site.Tokens.Store(tokens)
}
