package reactor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"weir/reactor/loop"
)

// A process that is launched by its one client speaks with it on standard input and output (MCP 2026-07-28
// basic/transports/stdio). A loop serves one end of a socket pair as it serves any connection; two goroutines copy
// between the other end and the streams. That is two goroutines for a connection, which there are not elsewhere: here
// there is one connection in the process's life, and the streams may be files, which epoll does not take, or a
// terminal, whose flags are its shell's too and not to be made non-blocking.
//
// Back pressure passes through: a client that does not read blocks the copying of the output, the socket pair fills,
// then the outbox; the loop stops reading, the socket pair fills the other way, and the input is not read.

// streams are an input and an output that are served as one connection. All methods are safe for concurrent use.
type streams struct {
	peer  *net.UnixConn // our end of the socket pair
	out   *output
	times stdioTimes
	// input has one value when the input has come to its end: nil, or why it cannot be read any further. It has none if
	// the conversation ended before.
	input  chan error
	reason chan string   // one value: why the loop closed its end
	over   chan struct{} // closed when the conversation has ended, and the output is written or cannot be
	ending ending        // set before over is closed
}

// ending is how a conversation over streams ended.
type ending struct {
	reason string // of the connection, as in the metrics
	err    error  // nil: all that the server said is written
}

// orderly says that nobody has to look into it: the client closed its end, maybe without a newline behind the last
// message, or the server was stopped.
func (e ending) orderly() bool {
	return e.err == nil && (e.reason == loop.ClosePeer.String() || e.reason == loop.ClosePeerTruncated.String() ||
		e.reason == loop.CloseDrain.String())
}

// attachStreams serves lines that are read from in and written to out; as attach otherwise. The end of in is a client
// that closes its sending side: what it asked is answered. An error of out is one that is gone, and cancels; so does
// the end of its reader, if out is a file. A Read that blocks keeps its goroutine, since nothing interrupts it, until
// it returns or the process ends.
func (s *Server) attachStreams(name string, in io.Reader, out io.Writer) (*streams, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("attach %s: make a socket pair: %w", name, err)
	}
	ours := os.NewFile(uintptr(pair[0]), name)
	defer ours.Close() // FileConn has a copy
	conn, err := net.FileConn(ours)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("attach %s: %w", name, err), unix.Close(pair[1]))
	}
	peer, ok := conn.(*net.UnixConn)
	if !ok {
		panic(fmt.Sprintf("a Unix socket pair became a %T", conn))
	}
	t := &streams{peer: peer, out: &output{Writer: out}, times: s.stdio, input: make(chan error, 1),
		reason: make(chan string, 1), over: make(chan struct{})}
	if err := s.attach(name, pair[1], func(reason string) { t.reason <- reason }); err != nil {
		return nil, errors.Join(err, peer.Close(), unix.Close(pair[1]))
	}
	if err := t.out.watchReader(t.readerGone); err != nil {
		s.log.Warn().Err(err).Msg("nobody watches for the end of the output's reader: a write will notice")
	}
	go t.copyInput(in)
	go t.copyOutput()
	return t, nil
}

// plainReader and plainWriter hide what else a stream can do from io.Copy, which would splice: plain reads and writes
// work on whatever a process is given as its standard streams.
type (
	plainReader struct{ io.Reader }
	plainWriter struct{ io.Writer }
)

// pairEnd is our end of the socket pair, as plain. Its errors are told from those of the streams, which may be sockets
// too.
type (
	pairEnd   struct{ conn *net.UnixConn }
	pairError struct{ error }
)

func (p pairEnd) Read(b []byte) (n int, err error) {
	if n, err = p.conn.Read(b); err != nil && err != io.EOF {
		err = pairError{err}
	}
	return n, err
}

func (p pairEnd) Write(b []byte) (n int, err error) {
	if n, err = p.conn.Write(b); err != nil {
		err = pairError{err}
	}
	return n, err
}

func (t *streams) copyInput(in io.Reader) {
	_, err := io.Copy(pairEnd{t.peer}, plainReader{in})
	if ours := (pairError{}); errors.As(err, &ours) {
		return // the loop has ended the conversation: the other half says why
	}
	_ = t.peer.CloseWrite() // fails only if that was ended meanwhile
	if err != nil {
		err = fmt.Errorf("read the input: %w", err)
	}
	t.input <- err
}

// copyOutput ends when the loop has closed its end, or the output cannot be written any more. Then it closes ours: a
// conversation without its answers is over, and its calls are cancelled.
func (t *streams) copyOutput() {
	_, err := io.Copy(plainWriter{t.out}, pairEnd{t.peer})
	_ = t.peer.Close() // nothing can be lost in it any more
	t.out.unwatch()
	if ours := (pairError{}); t.out.gone.Load() || errors.Is(err, unix.EPIPE) && !errors.As(err, &ours) {
		err = errNobodyReads
	} else if errors.As(err, &ours) {
		err = nil // the loop cut the conversation short, and says why
	} else if err != nil {
		err = fmt.Errorf("write the output: %w", err)
	}
	t.ending = ending{reason: <-t.reason, err: err}
	close(t.over)
}

// conclude ends the conversation and the server, within grace and times.last, and returns how the conversation ended.
// stop stops the server and is given what is left of grace. With drain it is called at once, so that what still comes
// in is refused; without, when everything that was said is answered, which is for after the end of the input. An output
// that is stuck or broken makes it shorter.
func (t *streams) conclude(grace time.Duration, drain bool, stop func(ctx context.Context)) ending {
	deadline := time.Now().Add(grace)
	hurried, hurry := context.WithCancel(context.Background())
	defer hurry()
	defer t.out.unwatch()
	go t.hurry(hurried, hurry)
	ctx, cancel := context.WithDeadline(hurried, deadline)
	defer cancel()
	if !drain {
		select {
		case <-t.over:
		case <-ctx.Done():
		}
	}
	stop(ctx)
	last, cancelLast := context.WithDeadline(hurried, deadline.Add(t.times.last))
	defer cancelLast()
	select {
	case <-t.over:
	case <-last.Done():
		select {
		case <-t.over: // as well
		default:
			return ending{reason: loop.CloseDrain.String(), err: errNotRead}
		}
	}
	return t.ending
}

// StdioError says why a conversation over standard streams broke off.
type StdioError struct {
	Reason string // why the connection ended, in the word of the metrics
	Err    error  // of the streams; nil when the server ended it
}

// Error implements error.
func (e *StdioError) Error() string {
	if e.Err == nil {
		return "the server ended the conversation: " + e.Reason
	}
	return e.Err.Error()
}

// Unwrap gives the error of the streams.
func (e *StdioError) Unwrap() error { return e.Err }

// ServeStdio serves the one client that launched the process, on in and out (os.Stdin and os.Stdout), until the input
// ends, or ctx is over, or nobody can read the output any more; then it drains as Serve does, except that it gives up a
// reader that takes nothing for three seconds. It binds no address: a program that wants to be reached otherwise
// too calls Listen before. A *StdioError says why the conversation broke off; nil is an orderly end. Nothing else may
// write to out.
func (s *Server) ServeStdio(ctx context.Context, in io.Reader, out io.Writer) error {
	if err := s.begin(); err != nil {
		return err
	}
	t, err := s.attachStreams("stdio", in, out)
	if err != nil {
		over, cancel := context.WithCancel(context.Background())
		cancel()
		s.Shutdown(over)
		return err
	}
	drain := false
	var unread error
	select {
	case <-ctx.Done():
		drain = true
	case unread = <-t.input:
		s.log.Info().Stringer("shutdown_timeout", s.grace).Msg("end of input, finishing")
	case <-t.over:
	}
	end := t.conclude(s.grace, drain, func(ctx context.Context) { s.Shutdown(ctx) })
	if unread == nil && end.orderly() {
		return nil
	}
	return &StdioError{Reason: end.reason, Err: errors.Join(unread, end.err)}
}
