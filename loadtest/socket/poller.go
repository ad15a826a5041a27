package socket

import (
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Poller is one epoll set and the eventfd that wakes whoever waits in it.
type Poller struct {
	fd, wakeFd int
	events     []unix.EpollEvent
}

// WakeSlot marks the eventfd among the events; connections carry their slot, which is never negative.
const WakeSlot = -1

// NewPoller makes an epoll set that returns at most maxEvents events at a time.
func NewPoller(maxEvents int) (*Poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll_create1: %w", err)
	}
	wakeFd, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("eventfd: %w", err)
	}
	p := &Poller{fd: fd, wakeFd: wakeFd, events: make([]unix.EpollEvent, maxEvents)}
	if err := p.Control(unix.EPOLL_CTL_ADD, int32(wakeFd), unix.EPOLLIN, WakeSlot, 0); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

// Close frees the set. The connections in it are the caller's to close.
func (p *Poller) Close() {
	unix.Close(p.wakeFd)
	unix.Close(p.fd)
}

// Control adds or changes fd. slot and generation come back with its events: a slot may be reused within one batch of
// events, and then the generation tells the old owner's events from the new one's.
func (p *Poller) Control(op int, fd int32, events uint32, slot, generation int32) error {
	ev := unix.EpollEvent{Events: events, Fd: slot, Pad: generation}
	if err := unix.EpollCtl(p.fd, op, int(fd), &ev); err != nil {
		return fmt.Errorf("epoll_ctl: %w", err)
	}
	return nil
}

// Wait returns the events that are there, waiting for one at most ns nanoseconds (negative: without end). It asks once
// without blocking first: under load the answer is at hand, and a blocking call would give the processor away for
// nothing.
func (p *Poller) Wait(ns int64) ([]unix.EpollEvent, error) {
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

// Sleep blocks the thread: the runtime's timers are later than the kernel's.
func Sleep(d time.Duration) {
	ts := unix.NsecToTimespec(int64(d))
	_ = unix.Nanosleep(&ts, nil) // EINTR: it was shorter, which does no harm
}

// Wake makes a wait return. Any goroutine.
func (p *Poller) Wake() {
	one := [8]byte{1}
	// The only possible failure is EAGAIN: the counter is full of wakes already.
	_, _ = unix.Write(p.wakeFd, one[:])
}

// DrainWake makes the set quiet again after a wake.
func (p *Poller) DrainWake() {
	var buf [8]byte
	_, _ = unix.Read(p.wakeFd, buf[:]) // EAGAIN: another wait has drained it
}
