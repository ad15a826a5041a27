package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"weir/reactor"
)

// weir stdio is the same server with one client: the process that launched it and holds the other ends of its standard
// input and output (MCP 2026-07-28 basic/transports/stdio). The reactor serves one end of a socket pair as it serves any
// connection; two goroutines copy between the other end and the standard streams. That is two goroutines for a
// connection, which this server refuses elsewhere: here there is one connection in the process's life, and the streams
// may be files, which epoll does not take, or a terminal, whose flags are its shell's too and not to be made non-blocking.
//
// Back pressure passes through: a client that does not read blocks the copying of the output, the socket pair fills,
// then the outbox; the reactor stops reading, the socket pair fills the other way, and standard input is not read.

// lastWrites is how much longer than shutdown_timeout the copying of what is left in the socket pair may take.
const lastWrites = time.Second

// streams are the standard streams while they are served.
type streams struct {
	peer   *net.UnixConn // our end of the socket pair
	input  chan error    // one value: all of stdin is with the reactor (nil), or cannot be read
	ended  chan ending   // one value
	reason chan string   // one value: why the reactor closed its end, for ended
}

// ending is how a conversation ended.
type ending struct {
	reason string // as the reactor names it (docs/OPERATING.md)
	err    error  // nil: all that the reactor said is written
}

// orderly says that nobody has to look into it: the client closed its end, maybe without a newline behind the last
// message, or the server was stopped.
func (e ending) orderly() bool {
	return e.err == nil && (e.reason == "peer_closed" || e.reason == "peer_truncated" || e.reason == "drain")
}

// stdio serves standard input and output until the client closes its end or a signal comes, and returns the process's
// exit code.
func stdio(config *Config, stdin io.Reader, stdout, stderr io.Writer) int {
	log := newLogger(config.Log, stderr)
	setMemoryLimit(config.MemoryLimitBytes)
	signal.Ignore(syscall.SIGPIPE) // a client that is gone is an error of the write, not the end of this process
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	defer signal.Stop(signals)
	s, err := startServer(config, log)
	if err != nil {
		log.Error().Err(err).Msg("not started")
		return exitRuntime
	}
	with, err := s.converse(stdin, stdout)
	if err != nil {
		log.Error().Err(err).Msg("not started")
		s.stop()
		return exitRuntime
	}
	log.Info().Str("version", version).Any("listening", s.addresses).Int("workers", config.Queue.Workers).
		Msg("serving standard input and output")
	drain := false
	var unread error
	select {
	case cause := <-signals:
		drain = true
		log.Info().Stringer("signal", cause).Stringer("timeout", config.ShutdownTimeout).Msg("draining")
	case unread = <-with.input:
		log.Info().Stringer("timeout", config.ShutdownTimeout).Msg("end of input, finishing")
	case early := <-with.ended:
		with.ended <- early
	}
	stopped := make(chan ending, 1)
	go func() { stopped <- s.end(with, drain) }()
	select {
	case end := <-stopped:
		if unread != nil || !end.orderly() {
			log.Error().Err(errors.Join(unread, end.err)).Str("reason", end.reason).Msg("the conversation broke off")
			return exitRuntime
		}
		return exitOK
	case cause := <-signals:
		log.Error().Stringer("signal", cause).Msg("stopped at once, the drain was not finished")
		return exitRuntime
	}
}

// converse joins the standard streams to the reactor.
func (s *server) converse(stdin io.Reader, stdout io.Writer) (*streams, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("make a socket pair: %w", err)
	}
	ours := os.NewFile(uintptr(pair[0]), "stdio")
	defer ours.Close() // FileConn has a copy
	conn, err := net.FileConn(ours)
	if err != nil {
		return nil, errors.Join(err, unix.Close(pair[1]))
	}
	peer, ok := conn.(*net.UnixConn)
	if !ok {
		panic(fmt.Sprintf("a Unix socket pair became a %T", conn))
	}
	with := &streams{peer: peer, input: make(chan error, 1), ended: make(chan ending, 1), reason: make(chan string, 1)}
	if err := s.reactor.Attach("stdio", pair[1], func(reason string) { with.reason <- reason }); err != nil {
		return nil, errors.Join(err, peer.Close(), unix.Close(pair[1]))
	}
	go with.copyInput(stdin)
	go with.copyOutput(stdout)
	return with, nil
}

// plainReader and plainWriter hide what else a stream can do from io.Copy, which would splice: plain reads and writes
// work on whatever a process is given as its standard streams.
type (
	plainReader struct{ io.Reader }
	plainWriter struct{ io.Writer }
)

// copyInput ends with the input. It may outlive everything else: nothing interrupts the reading of a terminal.
func (with *streams) copyInput(stdin io.Reader) {
	_, err := io.Copy(plainWriter{with.peer}, plainReader{stdin})
	if ours := (*net.OpError)(nil); errors.As(err, &ours) {
		return // the reactor has ended the conversation: the other half says why
	}
	_ = with.peer.CloseWrite() // fails only if that was ended meanwhile
	if err != nil {
		err = fmt.Errorf("read standard input: %w", err)
	}
	with.input <- err
}

// copyOutput ends when the reactor has closed its end, or nobody reads standard output any more. Then it closes ours: a
// conversation without its answers is over, and its calls are cancelled.
func (with *streams) copyOutput(stdout io.Writer) {
	_, err := io.Copy(plainWriter{stdout}, plainReader{with.peer})
	_ = with.peer.Close() // nothing can be lost in it any more
	if ours := (*net.OpError)(nil); errors.As(err, &ours) {
		err = nil // the reactor cut the conversation short, and says why
	} else if err != nil {
		err = fmt.Errorf("write standard output: %w", err)
	}
	with.ended <- ending{reason: <-with.reason, err: err}
}

// end stops the server and says how the conversation ended, within shutdown_timeout. Unless it is to drain, which
// refuses what comes in, it first waits until everything that was said is answered.
func (s *server) end(with *streams, drain bool) ending {
	deadline := time.Now().Add(s.config.ShutdownTimeout)
	ctx, cancel := context.WithDeadline(context.Background(), deadline)
	defer cancel()
	last, cancelLast := context.WithDeadline(context.Background(), deadline.Add(lastWrites))
	defer cancelLast()
	end := ending{reason: "drain", err: errors.New("standard output was not read to its end")}
	ended := false
	await := func(ctx context.Context) {
		select {
		case end = <-with.ended:
			ended = true
		case <-ctx.Done():
		}
	}
	if !drain {
		await(ctx)
	}
	report := s.stopWithin(ctx)
	if !ended {
		await(last)
	}
	logStopped(s, report).Msg("stopped")
	return end
}

// logStopped is the last log line of a server, which counts what its stop has cut.
func logStopped(s *server, report reactor.DrainReport) *zerolog.Event {
	return s.log.Info().Int("messages_cut", report.Messages).Int64("answer_bytes_cut", report.OutboxBytes).
		Int64("connections_closed", report.Connections).Stringer("uptime", time.Since(s.started).Round(time.Millisecond))
}
