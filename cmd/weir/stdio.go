package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"syscall"

	"weir/reactor"
)

// stdio serves standard input and output until the client closes its end or a signal comes, and returns the process's
// exit code. It is the same server with one client (reactor/stdio.go says how).
func stdio(config *Config, stdin io.Reader, stdout, stderr io.Writer) int {
	log := newLogger(config.Log, stderr)
	setMemoryLimit(config.MemoryLimitBytes)
	signal.Ignore(syscall.SIGPIPE) // a client that is gone is an error of the write, not the end of this process
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	defer signal.Stop(signals)
	s, err := startServer(config, log)
	if err != nil {
		return notStarted(log, err)
	}
	streams, err := s.reactor.AttachStreams("stdio", stdin, stdout)
	if err != nil {
		s.stop()
		return notStarted(log, err)
	}
	log.Info().Str("version", version).Any("listening", s.addresses).Int("workers", config.Queue.Workers).
		Msg("serving standard input and output")
	drain := false
	var unread error
	select {
	case cause := <-signals:
		drain = true
		log.Info().Stringer("signal", cause).Stringer("timeout", config.ShutdownTimeout).Msg("draining")
	case unread = <-streams.Input():
		log.Info().Stringer("timeout", config.ShutdownTimeout).Msg("end of input, finishing")
	case <-streams.Over():
	}
	ended := make(chan reactor.Ending, 1)
	go func() {
		ended <- streams.Conclude(config.ShutdownTimeout, drain, func(ctx context.Context) {
			s.logStopped(s.stopWithin(ctx))
		})
	}()
	select {
	case end := <-ended:
		if unread != nil || !end.Orderly() {
			log.Error().Err(errors.Join(unread, end.Err)).Str("reason", end.Reason).Msg("the conversation broke off")
			return exitRuntime
		}
		return exitOK
	case cause := <-signals:
		log.Error().Stringer("signal", cause).Msg("stopped at once, the drain was not finished")
		return exitRuntime
	}
}
