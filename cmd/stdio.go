package cmd

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/rs/zerolog"

	"weir/reactor"
)

// stdio serves standard input and output until the client closes its end or a signal comes, and returns the process's
// exit code. It is the same server with one client (reactor.Server.ServeStdio).
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
	log.Info().Str("version", config.program.Version).Any("listeners", s.addresses).Int("workers", config.Queue.Workers).
		Msg("serving standard input and output")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	input := &watchedInput{Reader: stdin, ended: make(chan struct{})}
	ended := make(chan error, 1)
	go func() {
		err := s.reactor.ServeStdio(ctx, input, stdout)
		s.closeAdmin()
		ended <- err
	}()
	var first os.Signal
	inputEnded := input.ended
	for {
		select {
		case err := <-ended:
			return conversationEnded(log, err)
		case <-inputEnded:
			inputEnded = nil
		case cause := <-signals:
			if first != nil || inputEnded == nil { // it ends already
				log.Error().Stringer("signal", cause).Msg("stopped at once, the drain was not finished")
				return exitRuntime
			}
			first = cause
			log.Info().Stringer("signal", cause).Stringer("shutdown_timeout", config.ShutdownTimeout).Msg("draining")
			cancel()
		}
	}
}

// conversationEnded logs what broke the conversation off, if anything did, and returns the exit code.
func conversationEnded(log zerolog.Logger, err error) int {
	if err == nil {
		return exitOK
	}
	line := log.Error()
	if broken := (*reactor.StdioError)(nil); errors.As(err, &broken) {
		line, err = line.Str("reason", broken.Reason), broken.Err
	}
	line.Err(err).Msg("the conversation broke off")
	return exitRuntime
}

// watchedInput closes ended when its reader has no more.
type watchedInput struct {
	io.Reader
	once  sync.Once
	ended chan struct{}
}

func (w *watchedInput) Read(b []byte) (n int, err error) {
	if n, err = w.Reader.Read(b); err != nil {
		w.once.Do(func() { close(w.ended) })
	}
	return n, err
}
