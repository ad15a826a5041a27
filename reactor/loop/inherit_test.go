package loop

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"weir/reactor/loop/socket"
)

// TestPollersAreNotInherited: neither a successor nor a mount's program gets what netpoll's pollers wait in.
func TestPollersAreNotInherited(t *testing.T) {
	_, d, _ := drivenLoop(t)
	defer stop(t, d)
	socket.KeepPollers()
	links, err := filepath.Glob("/proc/self/fd/*")
	must(t, err)
	seen := 0
	for _, link := range links {
		if to, _ := os.Readlink(link); !strings.HasPrefix(to, "anon_inode:[event") {
			continue
		}
		fd, err := strconv.Atoi(filepath.Base(link))
		must(t, err)
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		must(t, err)
		if seen++; flags&unix.FD_CLOEXEC == 0 {
			t.Errorf("descriptor %d would be inherited", fd)
		}
	}
	if seen < 4 { // our set and netpoll's, each with its eventfd
		t.Errorf("%d epoll sets and eventfds", seen)
	}
}
