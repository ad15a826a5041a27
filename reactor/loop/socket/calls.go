package socket

import (
	"net/netip"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The calls of the hot path. Our descriptors never block, so the scheduler need not be told that a system call begins
// (RawSyscall): that saves about a tenth of the cost of a small read.

// Read reads into p, which must not be empty. (0, nil) is the end of the stream.
func Read(fd int32, p []byte) (int, error) {
	for {
		n, _, errno := syscall.RawSyscall(unix.SYS_READ, uintptr(fd),
			uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)))
		if errno == 0 {
			return int(n), nil
		}
		if errno != unix.EINTR {
			return 0, errno
		}
	}
}

// Write writes what the kernel takes of p, which must not be empty. A full socket is (0, EAGAIN).
func Write(fd int32, p []byte) (int, error) {
	for {
		n, _, errno := syscall.RawSyscall(unix.SYS_WRITE, uintptr(fd),
			uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)))
		if errno == 0 {
			return int(n), nil
		}
		if errno != unix.EINTR {
			return 0, errno
		}
	}
}

// Poll returns the events that are ready in an epoll set, without waiting.
func Poll(epfd int, events []unix.EpollEvent) int {
	n, _, errno := syscall.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(epfd),
		uintptr(unsafe.Pointer(unsafe.SliceData(events))), uintptr(len(events)), 0, 0, 0)
	if errno != 0 {
		return 0 // EINTR: the set stays readable and the next turn comes at once
	}
	return int(n)
}

// Watch adds fd to an epoll set, or changes what is asked of it. tag comes back with every event.
func Watch(epfd, op int, fd int32, events uint32, tag uint64) error {
	event := unix.EpollEvent{Events: events, Fd: int32(uint32(tag)), Pad: int32(uint32(tag >> 32))}
	return unix.EpollCtl(epfd, op, int(fd), &event)
}

// TagOf is the tag that Watch was given.
func TagOf(event *unix.EpollEvent) uint64 {
	return uint64(uint32(event.Fd)) | uint64(uint32(event.Pad))<<32
}

// ResetOnClose makes the coming close of fd send a reset and drop what the kernel still holds for the peer.
func ResetOnClose(fd int32) {
	// Best effort: on a Unix socket there is nothing to reset, and the close that follows frees the buffers anyway.
	_ = unix.SetsockoptLinger(int(fd), unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1, Linger: 0})
}

// probeEvery is how often the kernel asks for a peer that has closed its side while its calls run, in seconds.
const probeEvery = 5

// Probe has the kernel ask whether the peer of fd is still there. A FIN does not say whether it closed both sides; one
// that closed only its sending side acknowledges the probes, one that closed both resets the connection as soon as
// its kernel has forgotten it (tcp_fin_timeout, 60 seconds on Linux).
func Probe(fd int32) {
	// Best effort: without it the answer finds out. On a Unix socket there is nothing to ask, a full close shows.
	_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, probeEvery)
	_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, probeEvery)
}

// Unacknowledged is how many bytes the kernel holds for the peer: over TCP what it has not acknowledged, on a Unix
// socket what it has not read. 0 where nobody can tell.
func Unacknowledged(fd int32) int {
	n, err := unix.IoctlGetInt(int(fd), unix.SIOCOUTQ)
	if err != nil {
		return 0
	}
	return n
}

// Unread is how many bytes of the peer's wait in the kernel.
func Unread(fd int32) int {
	n, err := unix.IoctlGetInt(int(fd), unix.SIOCINQ)
	if err != nil {
		return 0
	}
	return n
}

// Accept takes one connection off the backlog, not blocking and closed on exec. It allocates nothing, unlike
// unix.Accept4: a refused connection must cost next to nothing.
func Accept(listener int32) (fd int32, addr netip.Addr, err error) {
	var raw unix.RawSockaddrAny
	size := uint32(unix.SizeofSockaddrAny)
	n, _, errno := syscall.RawSyscall6(unix.SYS_ACCEPT4, uintptr(listener), uintptr(unsafe.Pointer(&raw)),
		uintptr(unsafe.Pointer(&size)), unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
	if errno != 0 {
		return -1, addr, errno
	}
	switch raw.Addr.Family {
	case unix.AF_INET:
		addr = netip.AddrFrom4((*unix.RawSockaddrInet4)(unsafe.Pointer(&raw)).Addr)
	case unix.AF_INET6:
		addr = netip.AddrFrom16((*unix.RawSockaddrInet6)(unsafe.Pointer(&raw)).Addr).Unmap()
	}
	return int32(n), addr, nil
}
