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
	"time"

	"github.com/VictoriaMetrics/metrics"
	"golang.org/x/sys/unix"

	"weir/cmd/admin"
	"weir/cmd/systemd"
	"weir/codec/option"
	"weir/reactor/auth"
	"weir/reactor/logwriter"
)

// serve runs the server until a signal ends it, and returns the process's exit code.
func serve(config *Config, stdout, stderr io.Writer) int {
	orders, done := obey()
	defer done()
	log := newJournal(config.Log, stderr)
	defer log.flush()
	defer log.takeStandardLog()()
	setMemoryLimit(config.MemoryLimitBytes)
	manager, err := systemd.Notify()
	if err != nil {
		log.Warn().Err(err).Msg("the service manager does not hear that this server is ready")
	}
	if config.sockets, err = systemd.Sockets("http", "tcp", "unix", "admin"); err != nil {
		return notStarted(log, err)
	}
	s, err := startServer(config, log)
	if err != nil {
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
	ended := make(chan int, 1)
	return orders.attend(running{
		log: log, timeout: config.ShutdownTimeout, ended: ended, reload: s.reload, connections: s.reactor.Connections,
		stop: func() { manager.Say(systemd.Stopping); go func() { s.stop(); ended <- exitOK }() },
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
func startServer(config *Config, log *journal) (*server, error) {
	s := &server{config: config, log: log, started: time.Now(), metrics: metrics.NewSet()}
	log.register(s.metrics)
	adminListener, err := admin.Listen(config.Admin, config.sockets["admin"])
	if err != nil {
		return nil, err
	}
	if err := s.bind(); err != nil {
		closeIfOpen(adminListener)
		return nil, err
	}
	if err := s.reactor.Start(); err != nil {
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

// reload reads again what can be read again while the server runs: the tokens files, and the section alerts.
func (s *server) reload() {
	if s.config.tokens != nil && !s.config.stdio {
		s.reloadTokens(tokensKey, s.config.Server.Auth.TokensFile, s.reactor.ReplaceTokens)
	}
	if s.admins.Load() != nil {
		s.reloadTokens(adminsKey, s.config.AdminTokensFile, s.admins.Store)
	}
	s.reloadAlerts()
}

// reloadTokens reads the tokens file of a key again. One with mistakes changes nothing: who was let in still is.
func (s *server) reloadTokens(key, path string, use func(*auth.Tokens)) {
	tokens, mistakes := loadTokens(path, key, option.Place{})
	if err := mistakes.Err(); err != nil {
		s.log.Error().Err(err).Msg("tokens not reloaded, the former ones hold on")
		return
	}
	n := tokens.Len()
	use(tokens)
	s.log.Info().Str("key", key).Int("tokens", n).Msg("tokens reloaded")
}

// reloadAlerts reads the configuration again and takes its section alerts. Of a file with mistakes nothing is taken;
// other keys that changed are named, because they take effect with a restart.
func (s *server) reloadAlerts() {
	config, err := s.config.again()
	if err != nil {
		s.log.Error().Err(err).Msg("alerts not reloaded, the former ones hold on")
		return
	}
	s.watch.replace(config.Alerts, config.webhookToken)
	line := s.log.Info()
	if others := s.config.differs(&config); len(others) > 0 {
		line = s.log.Warn().Strs("changed_keys_that_need_a_restart", others)
	}
	line.Msg("alerts reloaded")
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
