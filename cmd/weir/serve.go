package main

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

	"weir/backpressure"
	"weir/reactor"
	"weir/registry"
)

// server is the assembled process. Its fields are set by startServer, and only read afterwards.
type server struct {
	config    *Config
	log       zerolog.Logger
	started   time.Time
	metrics   *metrics.Set
	queue     *backpressure.Queue
	limits    *backpressure.Limits
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
	log.Info().Str("version", version).Any("listening", s.addresses).Int("max_connections", config.Queue.MaxConnections).
		Int("workers", config.Queue.Workers).Msg("serving")
	s.warnOfOpenDoors()
	if isTerminal(stdout) || config.Demo { // somebody is trying it out
		printBanner(stdout, config, s.addresses)
	}
	cause := s.awaitStop(signals, hangups)
	log.Info().Stringer("signal", cause).Stringer("timeout", config.ShutdownTimeout).Msg("draining")
	stopped := make(chan reactor.DrainReport, 1)
	go func() { stopped <- s.stop() }()
	select {
	case report := <-stopped:
		s.logStopped(report)
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

// startServer builds metrics, backpressure, registry and reactor, in that order, and starts them; then the admin
// listener. The ports are bound before anything runs, so a taken one leaves nothing to undo.
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
	s.queue.Start()
	if err := s.reactor.Start(); err != nil {
		closeIfOpen(adminListener)
		s.stop()
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

func (s *server) build() (err error) {
	if s.queue, err = backpressure.NewQueue(s.config.Queue, s.metrics); err != nil {
		return err
	}
	s.queue.OnPanic(func(value any, stack []byte) {
		s.log.Error().Any("panic", value).Bytes("stack", stack).Msg("a worker recovered")
	})
	onSoft := func(exceeded bool, connections int) {
		s.log.Warn().Bool("exceeded", exceeded).Int("connections", connections).Int("soft_connections", s.config.Queue.SoftConnections).
			Msg("soft limit of connections crossed")
	}
	if s.limits, err = backpressure.NewLimits(s.config.Queue, s.queue, onSoft, s.metrics); err != nil {
		return err
	}
	offered := s.config.MCP
	offered.Metrics, offered.PrivateLists = s.metrics, s.config.tokens != nil
	offered.OnPanic = func(name string, value any, stack []byte) {
		s.log.Error().Str("name", name).Any("panic", value).Bytes("stack", stack).Msg("a handler panicked")
	}
	if s.registry, err = registry.New(offered); err != nil {
		return err
	}
	if s.config.Demo {
		registry.AddDemoTools(s.registry)
	}
	s.reactor, err = reactor.New(s.config.Server, reactor.Deps{
		Registry: s.registry, Queue: s.queue, Limits: s.limits, Metrics: s.metrics, Log: s.log, Tokens: s.config.tokens,
	})
	return err
}

// stop is the stop sequence, bounded by shutdown_timeout.
func (s *server) stop() reactor.DrainReport {
	ctx, cancel := context.WithTimeout(context.Background(), s.config.ShutdownTimeout)
	defer cancel()
	return s.stopWithin(ctx)
}

// stopWithin lets the reactor drain and the workers end; the admin listener, which said "draining" all the while, closes
// last.
func (s *server) stopWithin(ctx context.Context) reactor.DrainReport {
	report := s.reactor.Drain(ctx)
	s.queue.Stop(ctx)
	if s.admin != nil {
		s.admin.stop()
	}
	return report
}

// logStopped is the last line of an orderly stop, which counts what it has cut.
func (s *server) logStopped(report reactor.DrainReport) {
	s.log.Info().Int("messages_cut", report.Messages).Int64("answer_bytes_cut", report.OutboxBytes).
		Int64("connections_closed", report.Connections).Stringer("uptime", time.Since(s.started).Round(time.Millisecond)).Msg("stopped")
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
