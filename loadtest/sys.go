package loadtest

import (
	"fmt"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The system calls of the package. read and write are raw: the sockets never block, and telling the scheduler about each
// call (as unix.Read does) would cost more than the rest of a small answer.

// read reads into b, which must not be empty.
func sysRead(fd int32, b []byte) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
	return int(n), errno
}

// write writes b, which must not be empty.
func sysWrite(fd int32, b []byte) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall(unix.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
	return int(n), errno
}

// poller is one epoll set and the eventfd that wakes whoever waits in it.
type poller struct {
	fd, wakeFd int
	events     []unix.EpollEvent
}

// wakeSlot marks the eventfd among the events; connections carry their slot, which is never negative.
const wakeSlot = -1

func newPoller(maxEvents int) (*poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll_create1: %w", err)
	}
	wakeFd, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("eventfd: %w", err)
	}
	p := &poller{fd: fd, wakeFd: wakeFd, events: make([]unix.EpollEvent, maxEvents)}
	if err := p.control(unix.EPOLL_CTL_ADD, int32(wakeFd), unix.EPOLLIN, wakeSlot, 0); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

func (p *poller) close() {
	unix.Close(p.wakeFd)
	unix.Close(p.fd)
}

// control adds or changes fd. slot and generation come back with its events: a slot may be reused within one batch of
// events, and then the generation tells the old owner's events from the new one's.
func (p *poller) control(op int, fd int32, events uint32, slot, generation int32) error {
	ev := unix.EpollEvent{Events: events, Fd: slot, Pad: generation}
	if err := unix.EpollCtl(p.fd, op, int(fd), &ev); err != nil {
		return fmt.Errorf("epoll_ctl: %w", err)
	}
	return nil
}

// wait returns the events that are there, waiting for one at most ns nanoseconds (negative: without end). It asks once
// without blocking first: under load the answer is at hand, and a blocking call would give the processor away for nothing.
func (p *poller) wait(ns int64) ([]unix.EpollEvent, error) {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(p.fd), uintptr(unsafe.Pointer(&p.events[0])),
		uintptr(len(p.events)), 0, 0, 0)
	if errno == 0 && n == 0 && ns != 0 {
		var timeout *unix.Timespec
		if ns > 0 {
			ts := unix.NsecToTimespec(ns)
			timeout = &ts
		}
		// epoll_pwait2 (Linux 5.11) takes nanoseconds: a pacer that can only wait whole milliseconds sends in bursts.
		n, _, errno = unix.Syscall6(unix.SYS_EPOLL_PWAIT2, uintptr(p.fd), uintptr(unsafe.Pointer(&p.events[0])),
			uintptr(len(p.events)), uintptr(unsafe.Pointer(timeout)), 0, 0)
	}
	if errno != 0 {
		if errno == unix.EINTR {
			return nil, nil
		}
		return nil, fmt.Errorf("epoll_pwait2: %w", errno)
	}
	return p.events[:n], nil
}

// wake makes a wait return. Any goroutine.
func (p *poller) wake() {
	one := [8]byte{1}
	// The only possible failure is EAGAIN: the counter is full of wakes already.
	_, _ = unix.Write(p.wakeFd, one[:])
}

func (p *poller) drainWake() {
	var buf [8]byte
	_, _ = unix.Read(p.wakeFd, buf[:]) // EAGAIN: another wait has drained it
}

// noSource lets the kernel choose.
var noSource netip.Addr

// dial starts a connection and returns at once; the socket turns writable when it is made or has failed. source may be the
// zero address. EAGAIN on a Unix socket means that the listener's backlog is full: try again later.
func dial(to unix.Sockaddr, source netip.Addr, receiveBytes, sendBytes int) (int32, error) {
	family := unix.AF_INET
	switch to.(type) {
	case *unix.SockaddrUnix:
		family = unix.AF_UNIX
	case *unix.SockaddrInet6:
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("socket: %w", err)
	}
	if err := prepare(fd, family, source, receiveBytes, sendBytes); err != nil {
		unix.Close(fd)
		return -1, err
	}
	if err := unix.Connect(fd, to); err != nil && err != unix.EINPROGRESS {
		unix.Close(fd)
		return -1, fmt.Errorf("connect: %w", err)
	}
	return int32(fd), nil
}

func prepare(fd, family int, source netip.Addr, receiveBytes, sendBytes int) error {
	set := func(level, option, value int) error {
		if err := unix.SetsockoptInt(fd, level, option, value); err != nil {
			return fmt.Errorf("setsockopt: %w", err)
		}
		return nil
	}
	if receiveBytes > 0 {
		if err := set(unix.SOL_SOCKET, unix.SO_RCVBUF, receiveBytes); err != nil {
			return err
		}
	}
	if sendBytes > 0 {
		if err := set(unix.SOL_SOCKET, unix.SO_SNDBUF, sendBytes); err != nil {
			return err
		}
	}
	if family == unix.AF_UNIX {
		return nil
	}
	if err := set(unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		return err
	}
	if !source.IsValid() || family != unix.AF_INET {
		return nil
	}
	// Without this bind takes a port that no other socket of this address has, whatever its peer: 28,000 in all.
	if err := set(unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1); err != nil {
		return err
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: source.As4()}); err != nil {
		return fmt.Errorf("bind: %w", err)
	}
	return nil
}

// hangUp closes a socket at once. A TCP connection is reset: a generator that closes 18,000 connections politely leaves as
// many ports in TIME_WAIT, and the next run would find none.
func hangUp(fd int32) {
	_ = unix.SetsockoptLinger(int(fd), unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}) // polite is good enough
	unix.Close(int(fd))
}
