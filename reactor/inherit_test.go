package reactor

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestPollersAreNotInherited: neither a successor nor a mount's program gets what netpoll's pollers wait in.
func TestPollersAreNotInherited(t *testing.T) {
	startConfig(t, func(*Config) {})
	for _, fd := range pollers(t) { // as netpoll makes its own, whatever was started before in this process
		_, err := unix.FcntlInt(uintptr(fd), unix.F_SETFD, 0)
		must(t, err)
	}
	startConfig(t, func(*Config) {})
	all := pollers(t)
	for _, fd := range all {
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		must(t, err)
		if flags&unix.FD_CLOEXEC == 0 {
			t.Errorf("descriptor %d would be inherited", fd)
		}
	}
	if len(all) < 4 { // our set and netpoll's, each with its eventfd
		t.Errorf("%d epoll sets and eventfds", len(all))
	}
}

// pollers are the epoll sets and eventfds of this process.
func pollers(t *testing.T) (fds []int) {
	links, err := filepath.Glob("/proc/self/fd/*")
	must(t, err)
	for _, link := range links {
		if to, _ := os.Readlink(link); strings.HasPrefix(to, "anon_inode:[event") {
			fd, err := strconv.Atoi(filepath.Base(link))
			must(t, err)
			fds = append(fds, fd)
		}
	}
	return fds
}
