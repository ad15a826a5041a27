package socket

import (
	"fmt"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The system calls of the package. read and write are raw: the sockets never block, and telling the scheduler about
// each call (as unix.Read does) would cost more than the rest of a small answer.

// Read reads into b, which must not be empty.
func Read(fd int32, b []byte) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
	return int(n), errno
}

// Stamp has the kernel note when what a socket receives arrives. Best effort: without it ReadStamped tells no times,
// and the first socket of a machine that asks has none for a moment.
func Stamp(fd int32) { _ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1) }

// ReadStamped is Read on a socket that was given to Stamp, and says when the last byte of it arrived, in nanoseconds of
// Unix time; 0: nobody knows. control is room for what the kernel says.
func ReadStamped(fd int32, b, control []byte) (n int, at int64, errno unix.Errno) {
	vector := unix.Iovec{Base: &b[0], Len: uint64(len(b))}
	header := unix.Msghdr{Iov: &vector, Iovlen: 1, Control: &control[0], Controllen: uint64(len(control))}
	got, _, errno := unix.RawSyscall(unix.SYS_RECVMSG, uintptr(fd), uintptr(unsafe.Pointer(&header)), 0)
	if errno != 0 || header.Controllen < uint64(unix.CmsgLen(int(unsafe.Sizeof(unix.Timespec{})))) {
		return int(got), 0, errno
	}
	head := (*unix.Cmsghdr)(unsafe.Pointer(&control[0]))
	if head.Level == unix.SOL_SOCKET && head.Type == unix.SCM_TIMESTAMPNS {
		at = (*unix.Timespec)(unsafe.Pointer(&control[unix.CmsgLen(0)])).Nano()
	}
	return int(got), at, 0
}

// Write writes b, which must not be empty.
func Write(fd int32, b []byte) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall(unix.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
	return int(n), errno
}

// NoSource lets the kernel choose.
var NoSource netip.Addr

// Dial starts a connection and returns at once; the socket turns writable when it is made or has failed. source may be
// the zero address. EAGAIN on a Unix socket means that the listener's backlog is full: try again later.
func Dial(to unix.Sockaddr, source netip.Addr, receiveBytes, sendBytes int) (int32, error) {
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

// Reset closes a socket at once. A TCP connection is reset: a generator that closes 18,000 connections politely leaves
// as many ports in TIME_WAIT, and the next run would find none.
func Reset(fd int32) {
	_ = unix.SetsockoptLinger(int(fd), unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}) // polite is good enough
	unix.Close(int(fd))
}

// Address is a numeric host:port, or a path where the network is unix, as the kernel wants it. Connecting writes into
// it: each goroutine needs one of its own.
func Address(network, address string) (unix.Sockaddr, error) {
	if network == "unix" {
		return &unix.SockaddrUnix{Name: address}, nil
	}
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, err
	}
	if ap.Addr().Is6() && !ap.Addr().Is4In6() {
		return &unix.SockaddrInet6{Port: int(ap.Port()), Addr: ap.Addr().As16()}, nil
	}
	return &unix.SockaddrInet4{Port: int(ap.Port()), Addr: ap.Addr().Unmap().As4()}, nil
}
