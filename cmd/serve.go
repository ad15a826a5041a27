package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"weir/cmd/demo"
	"weir/reactor"
	"weir/registry"
)

// server is the assembled process. Its fields are set by startServer, and only read afterwards.
type server struct {
	config    *Config
	log       zerolog.Logger
	started   time.Time
	metrics   *metrics.Set
	registry  *registry.Registry
	reactor   *reactor.Server
	admin     *admin
	addresses map[string]string // http, tcp, unix, admin: what was bound, with its real port
}

// serve runs the server until a signal ends it, and returns the process's exit code.
func serve(config *Config, stdout, stderr io.Writer) int {
	log := newLogger(config.Log, stderr)
	setMemoryLimit(config.MemoryLimitBytes)
	// Before the first listener: a signal that comes while it binds must not be lost.
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	defer signal.Stop(signals)
	hangups := make(chan os.Signal, 1) // apart, so that many of them leave room for the one that stops
	if config.tokens != nil {
		signal.Notify(hangups, syscall.SIGHUP)
		defer signal.Stop(hangups)
	}
	s, err := startServer(config, log)
	if err != nil {
		return notStarted(log, err)
	}
	log.Info().Str("version", config.program.Version).Any("listeners", s.addresses).Int("max_connections", config.Queue.MaxConnections).
		Int("workers", config.Queue.Workers).Msg("serving")
	s.warnOfOpenDoors()
	if isTerminal(stdout) || config.Demo { // somebody is trying it out
		printBanner(stdout, config, s.addresses)
	}
	cause := s.awaitStop(signals, hangups)
	log.Info().Stringer("signal", cause).Stringer("shutdown_timeout", config.ShutdownTimeout).Msg("draining")
	stopped := make(chan struct{})
	go func() { s.stop(); close(stopped) }()
	select {
	case <-stopped:
		return exitOK
	case cause = <-signals:
		log.Error().Stringer("signal", cause).Int64("connections", s.reactor.Connections()).Msg("stopped at once, the drain was not finished")
		return exitRuntime
	}
}

// notStarted says why, and what to do about the commonest cause.
func notStarted(log zerolog.Logger, err error) int {
	line := log.Error().Err(err)
	if errors.Is(err, unix.EADDRINUSE) {
		line = line.Str("hint", "another process listens there (ss -ltnp names it): stop it, or give this listener's flag another address; port 0 is any free one")
	}
	line.Msg("not started")
	return exitRuntime
}

// awaitStop waits for the signal that ends the server, and reloads the tokens for others.
func (s *server) awaitStop(stops, hangups <-chan os.Signal) os.Signal {
	for {
		select {
		case cause := <-stops:
			return cause
		case <-hangups:
			s.reloadTokens()
		}
	}
}

// startServer builds registry and reactor, in that order, and starts them; then the admin listener. The ports are bound before
// anything runs, so a taken one leaves nothing to undo.
func startServer(config *Config, log zerolog.Logger) (*server, error) {
	s := &server{config: config, log: log, started: time.Now(), metrics: metrics.NewSet()}
	adminListener, err := listenAdmin(config.Admin)
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
	if adminListener != nil {
		s.addresses["admin"] = adminListener.Addr().String()
		s.admin = startAdmin(adminListener, adminHandler(s.adminSource(), config.AdminAllowedHosts))
	}
	return s, nil
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
	offered.Metrics, offered.PrivateLists = s.metrics, s.config.tokens != nil
	var err error
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
	s.reactor, err = reactor.New(s.registry, reactor.Config{
		Options: &s.config.Server, Queue: &s.config.Queue, Tokens: s.config.tokens, Metrics: s.metrics, Log: &s.log,
		ShutdownTimeout: s.config.ShutdownTimeout,
	})
	return err
}

// stop is the stop sequence, bounded by shutdown_timeout. The admin listener, which said "draining" all the while, closes
// last.
func (s *server) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), s.config.ShutdownTimeout)
	defer cancel()
	s.reactor.Shutdown(ctx)
	s.closeAdmin()
}

func (s *server) closeAdmin() {
	if s.admin != nil {
		s.admin.stop()
	}
}

func listenAdmin(address string) (net.Listener, error) {
	if address == "" {
		return nil, nil
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("admin: %w", err)
	}
	return listener, nil
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

func newLogger(options LogConfig, out io.Writer) zerolog.Logger {
	level, err := zerolog.ParseLevel(options.Level)
	if err != nil {
		panic(fmt.Sprintf("log level %q passed the rules and is unknown to the logger", options.Level))
	}
	if options.Format == "console" || options.Format == "auto" && isTerminal(out) {
		out = zerolog.ConsoleWriter{Out: out, TimeFormat: time.TimeOnly, NoColor: !isTerminal(out)}
	}
	return zerolog.New(out).Level(level).With().Timestamp().Logger()
}

func isTerminal(out any) bool {
	file, ok := out.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(file.Fd()), unix.TCGETS)
	return err == nil
}
