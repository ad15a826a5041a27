package reactor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/rs/zerolog"

	"weir/backpressure"
	"weir/registry"
)

// Deps are what a server stands on. All are needed, and outlive the server.
type Deps struct {
	Registry *registry.Registry
	Queue    *backpressure.Queue // started by the caller before Start
	Limits   *backpressure.Limits
	Metrics  *metrics.Set
	Log      zerolog.Logger
	// Tokens are those who may come; nil: anybody may. They are the server's from New on.
	Tokens *Tokens
}

// Server owns the listeners, the loops and the connections. Its life: New, Listen, Start, Drain; each once, in order. After
// a Listen that failed nothing is left to do, after a Start that failed Drain is.
type Server struct {
	opts     Options
	registry *registry.Registry
	queue    *backpressure.Queue
	detached *backpressure.Detached // of the queue: tasks
	limits   *backpressure.Limits
	log      zerolog.Logger
	metrics  serverMetrics
	origins  []allowedOrigin
	tokens   atomic.Pointer[Tokens] // nil: anybody is served
	metadata []byte                 // of the protected resource; nil: none is served

	challenges challenges

	loops     []*loop
	listeners []*listener
	drivers   []*driver
	ctx       context.Context // for binding only
	draining  atomic.Bool

	seats []registry.Seat // of the workers, by number
	runs  []run           // likewise; only those of class Compute take batches

	outBytes   atomic.Int64 // in all outboxes
	inBytes    atomic.Int64 // capacity of all unfinished input
	dateText   atomic.Pointer[string]
	wall       atomic.Int64 // Unix seconds, of the Date header
	complaints complaints
	reserve    struct {
		sync.Mutex
		fd int
	}
	detachedCalls detachedCalls
	sse           sseSessions
	clockStop     chan struct{}
	clock         sync.WaitGroup
}

// New makes a server that does nothing yet. The error joins everything that Validate finds.
func New(o Options, d Deps) (*Server, error) {
	if errs := o.Validate(); len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	if o.Auth.TokensFile != "" && d.Tokens == nil { // it must not come to serving everybody
		return nil, errors.New("auth.tokens_file: it names a file, and New was given no tokens")
	}
	if o.Loops == 0 {
		o.Loops = runtime.GOMAXPROCS(0)
	}
	s := &Server{opts: o, registry: d.Registry, queue: d.Queue, limits: d.Limits, log: d.Log, ctx: context.Background(),
		clockStop: make(chan struct{})}
	s.origins = newAllowedOrigins(o.AllowedOrigins)
	s.seats, s.runs = make([]registry.Seat, s.queue.MaxWorkers()), make([]run, s.queue.MaxWorkers())
	if d.Tokens != nil {
		s.tokens.Store(d.Tokens)
	}
	s.challenges, s.metadata = newChallenges(&o.Auth), newMetadata(&o.Auth)
	s.detachedCalls.init()
	s.reserve.fd = -1
	for id := range o.Loops {
		l, err := newLoop(s, id)
		if err != nil {
			s.release()
			return nil, err
		}
		s.loops = append(s.loops, l)
	}
	s.detached = s.queue.Detach(taskRunner{})
	if err := s.registry.Attach((*attachment)(s)); err != nil {
		s.release()
		return nil, err
	}
	s.registerMetrics(d.Metrics)
	s.setDate(time.Now())
	return s, nil
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
			s.release()
			return err
		}
	}
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

// Start runs the loops, and returns when every one of them turns. When it fails, some may: Drain ends them. The goroutines
// it starts are netpoll's (one per loop, for the life of the process), one per loop that waits for the end, and the clock of
// the Date header.
func (s *Server) Start() error {
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

// LoopConnections returns how many connections each loop has. Any goroutine.
func (s *Server) LoopConnections() []int64 {
	counts := make([]int64, len(s.loops))
	for i, l := range s.loops {
		counts[i] = l.stats.connections.Load()
	}
	return counts
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
