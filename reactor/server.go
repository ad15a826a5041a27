package reactor

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/rs/zerolog"

	"weir/backpressure"
	"weir/reactor/auth"
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

	loops     []*loop
	listeners []*listener
	drivers   []*driver
	ctx       context.Context // for binding only
	bound     bool            // Listen has succeeded
	started   time.Time
	draining  atomic.Bool
	stop      sync.Once
	report    DrainReport   // of the stop, when it is over
	ended     chan struct{} // closed then

	seats []registry.Seat // of the workers, by number
	runs  []run           // likewise; only those of class Compute take batches

	outBytes   atomic.Int64 // in all outboxes
	inBytes    atomic.Int64 // capacity of all unfinished input
	dateText   atomic.Pointer[string]
	wall       atomic.Int64 // Unix seconds, of the Date header
	complaints complaints   // of descriptors that are out
	failures   sync.Map     // *complaints, by registry.FailureKind
	reserve    struct {
		sync.Mutex
		fd int
	}
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
	s := &Server{opts: *c.Options, grace: c.ShutdownTimeout, registry: reg, log: *c.Log, ctx: context.Background(),
		clockStop: make(chan struct{}), ended: make(chan struct{})}
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
	s.reserve.fd = -1
	for id := range s.opts.Loops {
		l, err := newLoop(s, id)
		if err != nil {
			s.release()
			return nil, err
		}
		s.loops = append(s.loops, l)
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
	s.seats, s.runs = make([]registry.Seat, s.queue.MaxWorkers()), make([]run, s.queue.MaxWorkers())
	return nil
}

// Serve binds the configured addresses, serves until ctx is over, and drains: what was accepted may finish within
// Config.ShutdownTimeout. A step that was done before (Listen, Start) is not done again. The error says why it could not
// begin; nil is the end of ctx, or Shutdown.
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
	for _, a := range []address{{"http", "tcp", s.opts.HTTP}, {"tcp", "tcp", s.opts.TCP}, {"unix", "unix", s.opts.Unix}} {
		if a.value == "" {
			continue
		}
		factory := func() transport { return new(lineTransport) }
		if a.name == "http" {
			factory = func() transport { return new(httpTransport) }
		}
		if err := s.listen(a.name, a.network, a.value, factory); err != nil {
			s.stop.Do(func() { s.release(); close(s.ended) })
			return err
		}
	}
	s.bound = true
	return nil
}

// Addrs returns the bound address of each listener by its name: http, tcp, unix. After Listen.
func (s *Server) Addrs() map[string]string {
	addrs := make(map[string]string, len(s.listeners))
	for _, ln := range s.listeners {
		addrs[ln.name] = ln.address
	}
	return addrs
}

// Start serves: it runs the workers and the loops, and returns when every loop turns. Its goroutines are the workers, netpoll's
// (one per loop, for the life of the process), one per loop that waits for the end, and the clock of the Date header.
func (s *Server) Start() error {
	s.started = time.Now()
	s.queue.Start()
	err := s.startLoops()
	if err != nil {
		over, cancel := context.WithCancel(context.Background())
		cancel()
		s.Shutdown(over)
	}
	return err
}

// startLoops may fail when some of the loops run: drain ends them.
func (s *Server) startLoops() error {
	if err := growPool(len(s.loops)); err != nil {
		return err
	}
	s.reserve.fd = openReserve()
	for _, ln := range s.listeners {
		if err := ln.open(); err != nil {
			return fmt.Errorf("watch the %s listener: %w", ln.name, err)
		}
	}
	for _, l := range s.loops {
		d, err := drive(l)
		if err != nil {
			return err
		}
		s.drivers = append(s.drivers, d)
	}
	s.clock.Go(s.runClock)
	return nil
}

// Connections returns how many connections are open. Any goroutine.
func (s *Server) Connections() int64 {
	total := int64(0)
	for _, l := range s.loops {
		total += l.stats.connections.Load()
	}
	return total
}

// takeInput accounts for n more bytes of unfinished input, or says that there are too many.
func (s *Server) takeInput(n int) bool {
	if n > 0 && s.inBytes.Load()+int64(n) > int64(s.opts.MaxInputTotalBytes) {
		return false
	}
	s.inBytes.Add(int64(n))
	return true
}

// runClock ends calls whose handlers are overdue; once a second it formats the Date of responses (RFC 9110 6.6.1) and ends
// what is too old: idle sessions, tasks.
func (s *Server) runClock() {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	var second int64
	for {
		select {
		case now := <-tick.C:
			s.endOverdue(now)
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
	for _, l := range s.loops {
		l.closeListeners()
		l.closeDescriptors()
	}
	s.reserve.Lock()
	defer s.reserve.Unlock()
	if s.reserve.fd >= 0 {
		closeQuietly(s.reserve.fd)
		s.reserve.fd = -1
	}
}
