package reactor

import (
	"errors"

	"github.com/VictoriaMetrics/metrics"

	"weir/reactor/cluster/front"
	"weir/reactor/cluster/queue"
	"weir/reactor/cluster/work"
)

// Calls have the calls of tools go through a queue, between servers that are one program: front ends, which clients
// speak with, and workers, which run the tools. The tools of mounts are called by the server that has the mounts.
type Calls struct {
	// Works: the server is a worker. It may have listeners all the same; calls of their clients are run here.
	Works bool
	// Name is the server's, which no other has that is at the broker (queue.CheckName).
	Name string
	// Open joins the broker; package cmd knows how.
	Open func(queue.Config) (queue.Queue, error)
	// Options are the bounds.
	Options queue.Options
}

// validate returns everything that is wrong with c.
func (c *Calls) validate() (errs []error) {
	if c == nil {
		return nil
	}
	if !queue.CheckName(c.Name) {
		errs = append(errs, errors.New("Config.Calls.Name: allowed are 1 to 64 of a-z, A-Z, 0-9, _ and -"))
	}
	if c.Open == nil {
		errs = append(errs, errors.New("Config.Calls.Open: it is nil"))
	}
	return append(errs, c.Options.Validate()...)
}

// makeCalls makes the server a front end or a worker.
func (s *Server) makeCalls(c *Calls, set *metrics.Set) {
	switch {
	case c == nil:
	case c.Works:
		s.engine.WithoutTasks()
		s.work = work.New(work.Config{Name: c.Name, Open: c.Open, Options: &c.Options, Loops: s.loops,
			Pipeline: &s.pipeline, PerConnection: s.bounds.MaxExecutingPerConnection, Metrics: set, Log: s.log})
	default:
		s.front = front.New(front.Config{Name: c.Name, Open: c.Open, Options: &c.Options, Engine: s.engine, Metrics: set,
			Log: s.log})
		s.engine.SendToolsAway(s.front)
	}
}

// startCalls joins the broker.
func (s *Server) startCalls() error {
	if err := s.front.Start(); err != nil {
		return err
	}
	return s.work.Start()
}

// stopCalls leaves the broker.
func (s *Server) stopCalls() {
	s.work.Stop()
	s.front.Stop()
}
