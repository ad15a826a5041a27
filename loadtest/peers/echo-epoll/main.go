// Command echo-epoll is the floor that Weir is measured against over TCP: one bare epoll loop per core, raw system
// calls, no parsing, no queue, no workers. For every line it reads it writes one line of the size that a real server
// would write, so that both servers move the same bytes and the difference is what Weir's own work costs.
//
// -refuse TEXT makes it the floor of a refusal instead: every connection is sent the text and closed.
//
// It prints "listening ADDRESS" and serves until it is killed.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// idDigits is the width of the ids that the load generator sends: always `{"jsonrpc":"2.0","id":` and ten digits.
const idDigits = 10

const (
	idPrefix      = `{"jsonrpc":"2.0","id":`
	defaultAnswer = idPrefix + `0000000000,"result":{"content":[{"type":"text","text":"0123456789abcdef"}]}}`
)

func main() {
	answer := flag.String("answer", defaultAnswer, "the answer to every request; its ten id digits are replaced by the "+
		"request's")
	refuse := flag.String("refuse", "", "send this line to every connection and close it")
	flag.Parse()
	if err := run(*answer, *refuse); err != nil {
		fmt.Fprintln(os.Stderr, "echo-epoll:", err)
		os.Exit(1)
	}
}

func run(answer, refuse string) error {
	if len(answer) < len(idPrefix)+idDigits || answer[:len(idPrefix)] != idPrefix {
		return fmt.Errorf("-answer must begin with %s and %d digits", idPrefix, idDigits)
	}
	port := 0
	loops := runtime.GOMAXPROCS(0)
	failed := make(chan error, loops)
	for range loops {
		l, err := newLoop(port, []byte(answer+"\n"))
		if err != nil {
			return err
		}
		if refuse != "" {
			l.refusal = []byte(refuse + "\n")
		}
		port = l.port
		go func() { failed <- l.serve() }()
	}
	fmt.Printf("listening 127.0.0.1:%d\n", port)
	return <-failed
}

// conn holds what one connection has not finished: input without its newline and output that the socket did not take.
type conn struct {
	in, out []byte
}

// loop is one epoll set with its own SO_REUSEPORT listening socket; the kernel spreads the connections.
type loop struct {
	epfd, listener, port int
	conns                []*conn // by descriptor
	answer, refusal      []byte
	in, out              []byte // one read, and the answers to it
}

func newLoop(port int, answer []byte) (*loop, error) {
	l := &loop{answer: answer, in: make([]byte, 64<<10)}
	var err error
	if l.listener, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0); err != nil {
		return nil, fmt.Errorf("socket: %w", err)
	}
	for _, opt := range [][3]int{{unix.SOL_SOCKET, unix.SO_REUSEPORT, 1}, {unix.IPPROTO_TCP, unix.TCP_NODELAY, 1}} {
		if err = unix.SetsockoptInt(l.listener, opt[0], opt[1], opt[2]); err != nil {
			return nil, fmt.Errorf("setsockopt: %w", err)
		}
	}
	if err = unix.Bind(l.listener, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return nil, fmt.Errorf("bind: %w", err)
	}
	if err = unix.Listen(l.listener, 4096); err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	name, err := unix.Getsockname(l.listener)
	if err != nil {
		return nil, fmt.Errorf("getsockname: %w", err)
	}
	l.port = name.(*unix.SockaddrInet4).Port
	if l.epfd, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, fmt.Errorf("epoll_create1: %w", err)
	}
	return l, l.watch(unix.EPOLL_CTL_ADD, l.listener, unix.EPOLLIN)
}

func (l *loop) watch(op, fd int, events uint32) error {
	return unix.EpollCtl(l.epfd, op, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)})
}

func (l *loop) serve() error {
	events := make([]unix.EpollEvent, 256)
	for {
		n, errno := sysWait(l.epfd, events)
		if errno == unix.EINTR {
			continue
		}
		if errno != 0 {
			return fmt.Errorf("epoll_pwait: %w", errno)
		}
		for _, ev := range events[:n] {
			switch {
			case int(ev.Fd) == l.listener:
				l.accept()
			case ev.Events&unix.EPOLLOUT != 0:
				l.flush(ev.Fd)
			default:
				l.read(ev.Fd)
			}
		}
	}
}

func (l *loop) accept() {
	for {
		fd, _, err := unix.Accept4(l.listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		if err != nil {
			return // EAGAIN: all taken; anything else: the next readiness tries again
		}
		if l.refusal != nil {
			sysWrite(int32(fd), l.refusal) // a fresh socket takes a line; if the peer has gone nobody misses it
			unix.Close(fd)
			continue
		}
		if err := l.watch(unix.EPOLL_CTL_ADD, fd, unix.EPOLLIN); err != nil {
			unix.Close(fd)
			continue
		}
		for fd >= len(l.conns) {
			l.conns = append(l.conns, nil)
		}
		l.conns[fd] = &conn{}
	}
}

func (l *loop) close(fd int32) {
	l.conns[fd] = nil
	unix.Close(int(fd))
}

func (l *loop) read(fd int32) {
	c := l.conns[fd]
	if c == nil {
		return // closed earlier in this turn
	}
	n, errno := sysRead(fd, l.in)
	if errno == unix.EAGAIN {
		return
	}
	if errno != 0 || n == 0 {
		l.close(fd)
		return
	}
	in := l.in[:n]
	if len(c.in) > 0 {
		c.in = append(c.in, in...)
		in = c.in
	}
	l.out = l.out[:0]
	for {
		end := bytes.IndexByte(in, '\n')
		if end < 0 {
			break
		}
		l.out = l.reply(l.out, in[:end])
		in = in[end+1:]
	}
	c.in = append(c.in[:0], in...)
	l.write(fd, c)
}

// reply appends the answer to one line; a line without an id is a notification and gets none.
func (l *loop) reply(dst, line []byte) []byte {
	if len(line) < len(idPrefix)+idDigits || string(line[:len(idPrefix)]) != idPrefix {
		return dst
	}
	at := len(dst) + len(idPrefix)
	dst = append(dst, l.answer...)
	copy(dst[at:at+idDigits], line[len(idPrefix):])
	return dst
}

func (l *loop) write(fd int32, c *conn) {
	if len(l.out) == 0 {
		return
	}
	n, errno := sysWrite(fd, l.out)
	if errno == unix.EAGAIN {
		n, errno = 0, 0
	}
	if errno != 0 {
		l.close(fd)
		return
	}
	if n == len(l.out) {
		return
	}
	// Reading stops until the peer has taken this, so that a peer that never reads costs one buffer.
	c.out = append(c.out, l.out[n:]...)
	if err := l.watch(unix.EPOLL_CTL_MOD, int(fd), unix.EPOLLOUT); err != nil {
		l.close(fd)
	}
}

func (l *loop) flush(fd int32) {
	c := l.conns[fd]
	if c == nil {
		return
	}
	l.out = append(l.out[:0], c.out...)
	c.out = c.out[:0]
	if err := l.watch(unix.EPOLL_CTL_MOD, int(fd), unix.EPOLLIN); err != nil {
		l.close(fd)
		return
	}
	l.write(fd, c)
}
