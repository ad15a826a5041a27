package reactor

import (
	"context"
	"time"

	"weir/reactor/transport"
)

// Serve binds the configured addresses, serves until ctx is over, and drains: what was accepted may finish within
// Config.ShutdownTimeout. A step that was done before (Listen, Start) is not done again. The error says why it could
// not begin; nil is the end of ctx, or Shutdown.
func (s *Server) Serve(ctx context.Context) error {
	if !s.life.bound {
		if err := s.Listen(); err != nil {
			return err
		}
	}
	if err := s.begin(); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
	case <-s.life.ended: // somebody called Shutdown
		return nil
	}
	over, cancel := context.WithTimeout(context.Background(), s.grace)
	defer cancel()
	s.Shutdown(over)
	return nil
}

// begin starts what was not started yet.
func (s *Server) begin() error {
	if s.life.started.IsZero() {
		return s.Start()
	}
	return nil
}

// Listen binds every configured address. Nothing is accepted before Start, but the kernel queues connections.
func (s *Server) Listen() error {
	err := s.life.step(s.bind)
	if err != nil {
		s.life.endSteps()
		s.life.stop.Do(func() { s.release(); close(s.life.ended) })
	}
	return err
}

func (s *Server) bind() error {
	for _, a := range []struct{ name, network, value string }{
		{transport.HTTPListener, "tcp", s.opts.HTTP}, {"tcp", "tcp", s.opts.TCP}, {"unix", "unix", s.opts.Unix},
	} {
		if socket := s.sockets[a.name]; socket != nil {
			if err := s.loops.ListenOn(a.name, socket, !s.own[a.name]); err != nil {
				return err
			}
			continue
		}
		if a.value == "" {
			continue
		}
		if err := s.loops.Listen(a.name, a.network, a.value); err != nil {
			return err
		}
	}
	s.life.bound = true
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
// netpoll's (one per loop, for the life of the process), one per loop that waits for the end, the clock of the Date
// header, a few for each mount, and those of a broker's client.
func (s *Server) Start() error {
	err := s.life.step(func() error {
		s.life.started = time.Now()
		s.queue.Start()
		if err := s.loops.Start(); err != nil {
			return err
		}
		s.clock.Go(s.runClock)
		s.mounts.Start()
		return s.startCalls()
	})
	if err != nil { // some of the loops may run
		over, cancel := context.WithCancel(context.Background())
		cancel()
		s.Shutdown(over)
	}
	return err
}
