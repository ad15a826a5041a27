package socket

import (
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Wait returns the events of an epoll set, as Poll, and waits for the first one for d at most, in milliseconds. The
// processor that the goroutine has is another's from the beginning of the wait on: what syscall.Syscall and netpoll do
// keeps it until the runtime's monitor comes by, which is up to 10 ms later
// (docs/decisions/0077-a-loop-that-waits-gives-its-processor-away.md).
func Wait(epfd int, events []unix.EpollEvent, d time.Duration) int {
	n, errno := wait(uintptr(epfd), unsafe.Pointer(unsafe.SliceData(events)), uintptr(len(events)),
		uintptr(d/time.Millisecond))
	if errno != 0 {
		return 0
	}
	return int(n)
}

// wait must not grow its stack: the collector may look at it meanwhile.
//
//go:nosplit
func wait(epfd uintptr, events unsafe.Pointer, length, millis uintptr) (uintptr, syscall.Errno) {
	entersyscallblock()
	n, _, errno := syscall.RawSyscall6(unix.SYS_EPOLL_PWAIT, epfd, uintptr(events), length, millis, 0, 0)
	exitsyscall()
	return n, errno
}

// The runtime says of these two that their signatures stay, because others (gVisor) use them as we do.

//go:linkname entersyscallblock runtime.entersyscallblock
func entersyscallblock()

//go:linkname exitsyscall runtime.exitsyscall
func exitsyscall()
