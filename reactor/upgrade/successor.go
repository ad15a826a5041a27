package upgrade

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// Variable names the descriptor of the socket pair in the new process's environment.
const Variable = "WEIR_UPGRADE_FD"

// Options say what is started.
type Options struct {
	// Program is its file, Args its arguments behind the name, Env its environment.
	Program string
	Args    []string
	Env     []string
	// Timeout is how long it may take to be ready.
	Timeout time.Duration
}

// Successor is the new process, as the old one sees it.
type Successor struct {
	link     link
	receiver *receiver
	process  *exec.Cmd
	exited   chan struct{} // closed when the process has ended
	stopOnce sync.Once
	stopped  atomic.Bool   // by StopTaking
	patience time.Duration // for answers that it has ready
}

// Start starts a new process, and returns when it is ready to accept, or why it is not: then it has been ended. ctx
// ends the waiting.
func Start(ctx context.Context, o Options, offer Offer) (*Successor, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("make a socket pair: %w", err)
	}
	for _, fd := range pair { // the kernel cuts it to net.core.wmem_max, and doubles that
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, maxMessageBytes)
	}
	theirs := os.NewFile(uintptr(pair[1]), "upgrade")
	defer theirs.Close()
	l, err := newLink(pair[0])
	if err != nil {
		return nil, fmt.Errorf("make a socket pair: %w", err)
	}
	s := &Successor{link: l, receiver: l.receiver(maxMessageBytes), patience: replyTimeout, exited: make(chan struct{})}
	s.process = exec.Command(o.Program, o.Args...)
	s.process.Env = append(append([]string(nil), o.Env...), Variable+"=3") // the first of ExtraFiles
	s.process.ExtraFiles, s.process.Stdout, s.process.Stderr = []*os.File{theirs}, os.Stdout, os.Stderr
	if err := s.process.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", o.Program, err), l.conn.Close())
	}
	go func() {
		_ = s.process.Wait() // ProcessState has it
		close(s.exited)
	}()
	theirs.Close() // or its end would not be noticed
	if err := s.await(ctx, o.Timeout, offer); err != nil {
		s.kill()
		return nil, err
	}
	return s, nil
}

// PID is the new process's.
func (s *Successor) PID() int { return s.process.Process.Pid }

// await gives the new process what it needs, and waits for its word. The sockets are sent to who has said hello: one
// that does not read them keeps them open, and so do those whom a script has started and whom its end leaves alone.
func (s *Successor) await(ctx context.Context, timeout time.Duration, offer Offer) error {
	defer context.AfterFunc(ctx, func() { _ = s.link.conn.SetReadDeadline(time.Unix(1, 0)) })()
	by := time.Now().Add(timeout)
	m, err := s.receiver.next(by)
	var sent error
	if err == nil && m.kind == kindHello {
		var fds []int
		for _, socket := range offer.Sockets {
			fds = append(fds, socket.Fd)
		}
		sent = s.link.send(kindOffer, offer, fds...)
		m, err = s.receiver.next(by)
	}
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return errors.New("it was ended, because this process is to stop")
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("it was not ready within upgrade_timeout (%v), and was ended", timeout)
	default:
		return s.ended(errors.Join(sent, err))
	}
	m.close()
	switch m.kind {
	case kindReady:
		return nil
	case kindRefused:
		var said refused
		if err := m.read(&said); err != nil {
			return err
		}
		return errors.New(strings.TrimSpace(said.Why))
	}
	return fmt.Errorf("it speaks another language: a message of kind %q", m.kind)
}

// ended says how a process ended that did not say why.
func (s *Successor) ended(err error) error {
	select {
	case <-s.exited:
		return fmt.Errorf("it ended before it was ready: %v; what it said stands before this line in the log",
			s.process.ProcessState)
	case <-time.After(replyTimeout):
		return fmt.Errorf("it lives and closed its end before it was ready (%w), and was ended", err)
	}
}

// kill ends the new process, which has accepted nobody.
func (s *Successor) kill() {
	_ = s.process.Process.Kill() // it may have ended
	<-s.exited
	_ = s.link.conn.Close()
}

// Taker is who serves in the old process what the new one gives back.
type Taker struct {
	// Take owns the descriptor, but not what was read; it may wait, and then the new process is told to.
	Take func(fd int, read []byte)
	// Reload reads again what can be read again while a process drains.
	Reload func()
}

// take takes a message, unless it is something else.
func (t Taker) take(m message) bool {
	switch {
	case m.kind == kindConnection && len(m.fds) == 1:
		t.Take(m.fds[0], m.body)
	case m.kind == kindReload:
		t.Reload()
	default:
		m.close()
		return false
	}
	return true
}

// Go has the new process accept; the old one does not any more, and has so many connections. The new one gives back
// from its first connection on, so taker may be called before it says that it serves. With an error the new process
// was ended.
func (s *Successor) Go(connections int, taker Taker) error {
	by := time.Now().Add(s.patience)
	err := s.link.send(kindGo, count{connections})
	var m message
	for err == nil {
		if m, err = s.receiver.next(by); err == nil && !taker.take(m) {
			break
		}
	}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = fmt.Errorf("it was ready and did not serve within %v, and was ended", s.patience)
	case err != nil:
		err = s.ended(err)
	case m.kind == kindRefused:
		var said refused
		err = errors.Join(m.read(&said), errors.New(said.Why))
	case m.kind != kindServing:
		err = fmt.Errorf("it speaks another language: a message of kind %q", m.kind)
	}
	if err != nil {
		s.kill()
	}
	return err
}

// Count tells the new process how many connections the old one has.
func (s *Successor) Count(connections int) { _ = s.link.send(kindCount, count{connections}) } // it may have ended

// Serve takes what the new process gives back, until StopTaking was called and all of it has come, or the new process
// has ended: false.
func (s *Successor) Serve(taker Taker) (stopped bool) {
	for {
		m, err := s.receiver.next(time.Time{})
		if err != nil {
			return s.stopped.Load()
		}
		taker.take(m)
	}
}

// StopTaking has the new process judge for itself what comes from now on. What it has given already is still taken.
func (s *Successor) StopTaking() {
	s.stopOnce.Do(func() { s.stopped.Store(true); _ = s.link.conn.CloseRead() })
}

// Close closes the link. The new process lives on.
func (s *Successor) Close() { _ = s.link.conn.Close() }
