package socket

import (
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// KeepPollers has the programs that this process starts from now on not inherit its epoll sets and eventfds. netpoll
// makes its own without O_CLOEXEC: each upgrade would add them to the next process for good, and the program of a mount
// could wake or end our pollers with them. Without /proc they are inherited. Any goroutine.
func KeepPollers() {
	links, _ := filepath.Glob("/proc/self/fd/*") // the pattern is valid
	for _, link := range links {
		if to, _ := os.Readlink(link); to != "anon_inode:[eventpoll]" && to != "anon_inode:[eventfd]" {
			continue
		}
		if fd, err := strconv.Atoi(filepath.Base(link)); err == nil {
			unix.CloseOnExec(fd)
		}
	}
}
