package cmd

import (
	"cmp"
	"errors"
	"io"
	"maps"
	"net"
	"os"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"golang.org/x/sys/unix"

	"weir/cmd/admin"
	"weir/cmd/nodes"
	"weir/cmd/observers"
	"weir/cmd/orders"
	"weir/cmd/succession"
	"weir/cmd/systemd"
	"weir/reactor/auth"
	"weir/reactor/logwriter"
	"weir/reactor/upgrade"
)

// serve runs the server until a signal ends it, and returns the process's exit code.
func serve(config *Config, stdout, stderr io.Writer) int {
	signals, done := orders.Obey()
	defer done()
	log := newJournal(LogConfig{Level: "debug", Format: config.Log.Format}, stderr)
	log.setLevel(config.Log.Level)
	defer log.flush()
	defer log.takeStandardLog()()
	setMemoryLimit(config.MemoryLimitBytes)
	heir, err := upgrade.Inherit()
	if err != nil {
		return notStarted(log, err)
	}
	manager, err := systemd.Notify()
	if err != nil {
		log.Warn().Err(err).Msg("the service manager does not hear that this server is ready")
	}
	if heir != nil {
		config.sockets, config.own = heir.Sockets(config.address)
	} else if config.sockets, err = systemd.Sockets("http", "tcp", "unix", "admin"); err != nil {
		return notStarted(log, err)
	}
	s, err := startServer(config, log, heir)
	if err != nil {
		if heir != nil {
			heir.Refuse(err)
		}
		return notStarted(log, err)
	}
	defer s.obeyManager(manager)()
	s.sayMemory()
	s.sayMachine()
	log.Info().Str("version", config.program.Version).Any("listeners", s.addresses).
		Str("preset", cmp.Or(config.Preset, "none")).Int("soft_connections", config.Queue.SoftConnections).
		Int("max_connections", config.Queue.MaxConnections).
		Int("workers", config.Queue.Workers).Msg("serving")
	s.warnOfOpenDoors()
	if isTerminal(stdout) { // somebody looks at it, or stopped it with Ctrl-S
		printBanner(logwriter.New(stdout, func(uint64) []byte { return nil }), config, s.addresses)
	}
	ended, begun := make(chan int, 1), make(chan struct{})
	stop := sync.OnceFunc(func() { s.stop(); ended <- exitOK })
	s.follows(manager, func() { close(begun); stop() })
	return signals.Attend(orders.Running{
		Log: &log.Logger, Timeout: config.ShutdownTimeout, Ended: ended, Begun: begun, Reload: s.reload,
		Connections: s.reactor.Connections, Upgrade: s.succession.Upgrade,
		Stop: func() { manager.Say(systemd.Stopping); s.succession.Stopping(); go stop() },
	})
}

// notStarted says why, and what to do about the commonest cause.
func notStarted(log *journal, err error) int {
	line := log.Error().Err(err)
	if errors.Is(err, unix.EADDRINUSE) {
		line = line.Str("hint", "another process listens there (ss -ltnp names it): stop it, or give this listener's flag "+
			"another address; port 0 is any free one")
	}
	line.Msg("not started")
	return exitRuntime
}

// startServer builds registry and reactor, in that order, and starts them; then the admin listener. The ports are bound
// before anything runs, so a taken one leaves nothing to undo.
//
// heir has the server take over from the process that started this one; nil: there is none.
func startServer(config *Config, log *journal, heir *upgrade.Predecessor) (*server, error) {
	s := &server{config: config, log: log, started: time.Now(), metrics: metrics.NewSet()}
	s.stateKey = succession.StateKey(config.MCP.StateKey, heir)
	log.register(s.metrics)
	adminListener, err := admin.Listen(config.Admin, config.sockets["admin"])
	if err != nil {
		return nil, err
	}
	s.observers, err = observers.Open(observers.Options{Trace: config.Trace, Headers: config.traceHeaders,
		Audit: config.Audit, Name: config.MCP.Name, Version: config.MCP.Version, Read: readBounded}, s.metrics, log.Logger)
	if err == nil {
		err = s.bind()
	}
	if err == nil && heir != nil && s.nodes != nil {
		err = nodes.ErrUpgrade
	}
	if err == nil {
		err = s.nodes.Start()
	}
	if err == nil {
		err = s.succeed(heir, adminListener)
	}
	if err != nil {
		s.nodes.Abandon()
		s.observers.Close(lastWords, lastWords)
		closeIfOpen(adminListener)
		return nil, err
	}
	s.watch, s.strain = startWatch(s), startStrain(s, readings(s))
	if adminListener != nil {
		s.admins.Store(config.admins)
		s.addresses["admin"] = adminListener.Addr().String()
		s.live = startLive(s)
		s.admin = admin.Serve(adminListener, s.adminSource(), config.AdminAllowedHosts)
	}
	return s, nil
}

func closeIfOpen(listener net.Listener) {
	if listener != nil {
		listener.Close()
	}
}

// setMemoryLimit gives the collector its soft limit, unless the environment has spoken.
func setMemoryLimit(bytes int64) {
	if bytes > 0 && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(bytes)
	}
}

// warnOfOpenDoors says once, at the start, who can come in: anybody who reaches a listener beyond loopback, or nobody.
func (s *server) warnOfOpenDoors() {
	if s.config.tokens != nil {
		if s.config.tokens.Len() == 0 {
			s.log.Warn().Str("tokens_file", s.config.Server.Auth.TokensFile).Msg("the tokens file is empty: nobody is let in")
		}
		return
	}
	var open []string
	for _, name := range slices.Sorted(maps.Keys(s.addresses)) {
		if (name == "http" || name == "tcp") && !auth.IsLoopbackAddress(s.addresses[name]) {
			open = append(open, name+" "+s.addresses[name])
		}
	}
	if len(open) > 0 {
		s.log.Warn().Strs("listeners", open).
			Msg("anybody who reaches these listeners is served: set auth.tokens_file (the command token makes its lines), " +
				"or listen on loopback behind a proxy that asks")
	}
}
