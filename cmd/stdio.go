package cmd

import (
	"context"
	"errors"
	"io"
	"sync"

	"weir/cmd/orders"
	"weir/reactor"
)

// stdio serves standard input and output until the client closes its end or a signal comes, and returns the process's
// exit code. It is the same server with one client (reactor.Server.ServeStdio).
func stdio(config *Config, stdin io.Reader, stdout, stderr io.Writer) int {
	signals, done := orders.Obey()
	defer done()
	log := newJournal(config.Log, stderr)
	defer log.flush()
	defer log.takeStandardLog()()
	setMemoryLimit(config.MemoryLimitBytes)
	s, err := startServer(config, log, nil)
	if err != nil {
		return notStarted(log, err)
	}
	s.sayMemory()
	log.Info().Str("version", config.program.Version).Any("listeners", s.addresses).Int("workers", config.Queue.Workers).
		Msg("serving standard input and output")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	input := &watchedInput{Reader: stdin, ended: make(chan struct{})}
	ended := make(chan int, 1)
	go func() {
		err := s.reactor.ServeStdio(ctx, input, stdout)
		s.end()
		ended <- conversationEnded(log, err)
	}()
	return signals.Attend(orders.Running{
		Log: &log.Logger, Timeout: config.ShutdownTimeout, Ended: ended, Begun: input.ended, Reload: s.reload,
		Connections: s.reactor.Connections, Stop: cancel,
		Upgrade: func() {
			log.Error().Str("reason", "standard input and output cannot be handed over").Msg("not upgraded")
		},
	})
}

// conversationEnded logs what broke the conversation off, if anything did, and returns the exit code.
func conversationEnded(log *journal, err error) int {
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
