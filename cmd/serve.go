package cmd

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"syscall"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"weir/codec/option"
	"weir/reactor/auth"
)

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
	log.Info().Str("version", config.program.Version).Any("listeners", s.addresses).
		Int("max_connections", config.Queue.MaxConnections).
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
		log.Error().Stringer("signal", cause).Int64("connections", s.reactor.Connections()).
			Msg("stopped at once, the drain was not finished")
		return exitRuntime
	}
}

// notStarted says why, and what to do about the commonest cause.
func notStarted(log zerolog.Logger, err error) int {
	line := log.Error().Err(err)
	if errors.Is(err, unix.EADDRINUSE) {
		line = line.Str("hint", "another process listens there (ss -ltnp names it): stop it, or give this listener's flag "+
			"another address; port 0 is any free one")
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

// startServer builds registry and reactor, in that order, and starts them; then the admin listener. The ports are bound
// before anything runs, so a taken one leaves nothing to undo.
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

// reloadTokens reads the tokens file again. A file with mistakes changes nothing: who was let in still is.
func (s *server) reloadTokens() {
	tokens, mistakes := loadTokens(s.config.Server.Auth.TokensFile, option.Place{})
	if err := mistakes.Err(); err != nil {
		s.log.Error().Err(err).Msg("tokens not reloaded, the former ones hold on")
		return
	}
	n := tokens.Len()
	s.reactor.ReplaceTokens(tokens)
	s.log.Info().Int("tokens", n).Msg("tokens reloaded")
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
