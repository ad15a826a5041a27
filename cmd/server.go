package cmd

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"weir/backpressure"
	"weir/cmd/admin"
	"weir/cmd/demo"
	"weir/cmd/live"
	"weir/cmd/nodes"
	"weir/cmd/observers"
	"weir/cmd/succession"
	"weir/reactor"
	"weir/reactor/auth"
	"weir/reactor/cluster"
	"weir/registry"
)

// server is the assembled process. Its fields are set by startServer, and only read afterwards.
type server struct {
	config    *Config
	log       *journal
	started   time.Time
	metrics   *metrics.Set
	registry  *registry.Registry
	reactor   *reactor.Server
	admin     *admin.Server
	admins    atomic.Pointer[auth.Tokens] // whom it lets in; nil is everybody
	watch     *watch
	strain    *strain
	observers *observers.Observers
	nodes     *nodes.Nodes // nil: this process is alone
	reloading sync.Mutex   // held while it reads again
	stateKey  string       // seals states
	draining  atomic.Pointer[time.Time]

	live       *live.View // nil without an admin listener
	succession *succession.Succession
	addresses  map[string]string // http, tcp, unix, admin: what was bound, with its real port
}

func (s *server) bind() error {
	if err := s.build(); err != nil {
		return err
	}
	if err := s.reactor.Listen(); err != nil {
		return err
	}
	s.addresses = s.reactor.Addrs()
	return nil
}

func (s *server) build() error {
	offered := s.config.MCP
	offered.StateKey = s.stateKey
	offered.Metrics, offered.PrivateLists = s.metrics, s.config.tokens != nil
	var err error
	s.nodes, err = nodes.New(s.config.Mode, s.config.Cluster, s.config.program.Version+" "+commit(), s.clusterLoad,
		s.metrics, s.log.Logger)
	if err != nil {
		return err
	}
	offered.IDs = s.nodes.IDs()
	s.registry, err = registry.New(offered)
	if err != nil {
		return err
	}
	if s.config.Demo {
		demo.AddTools(s.registry)
	}
	if offer := s.config.program.Offer; offer != nil {
		if err := offer(s.registry); err != nil {
			return err
		}
	}
	calls, err := nodes.Calls(s.config.Mode, s.config.Cluster)
	if err != nil {
		return err
	}
	c := reactor.Config{
		Calls: calls, Options: &s.config.Server, Sockets: s.config.sockets, OwnSockets: s.config.own,
		Queue: &s.config.Queue, Tokens: s.config.tokens, Mounts: s.config.mounts,
		Metrics: s.metrics, Log: &s.log.Logger, Trace: s.observers.Trace, Audit: s.observers.Audit,
		ShutdownTimeout: s.config.ShutdownTimeout,
	}
	if s.nodes != nil {
		c.Node, c.Forward = s.nodes.Node, &s.config.Cluster.Forward
	}
	s.reactor, err = reactor.New(s.registry, c)
	return err
}

// stop is the stop sequence, bounded by shutdown_timeout. The admin listener says "draining" and closes last.
func (s *server) stop() {
	now := time.Now().UTC()
	s.draining.Store(&now)
	s.nodes.Drain()
	ctx, cancel := context.WithTimeout(context.Background(), s.config.ShutdownTimeout)
	defer cancel()
	s.reactor.Shutdown(ctx)
	s.end(s.config.ShutdownTimeout - time.Since(now))
}

// end ends what goes on beside the reactor, which has stopped and left so much of the stop's time. A stop that took it
// all is given up soon (orders.LateAfter), so what it waits for then is less together.
func (s *server) end(left time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), max(left, lastWords/2))
	defer cancel()
	s.nodes.Close(ctx)
	s.watch.end()
	s.strain.end()
	s.observers.Close(max(left, lastWords/2), lastWords)
	if s.admin != nil {
		s.admin.Stop()
		s.live.End()
	}
}

// clusterLoad is what this node says to the others.
func (s *server) clusterLoad() cluster.Load {
	now := s.reactor.Status()
	return cluster.Load{Draining: now.Refusing == backpressure.Draining.String(), Connections: now.Connections,
		MaxConnections: now.MaxConnections, Waiting: now.WaitingMessages,
		Executing: now.ExecutingCompute + now.ExecutingBlocking}
}
