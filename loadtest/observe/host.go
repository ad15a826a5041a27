package observe

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Host is the machine that a figure belongs to: a figure without it says nothing.
type Host struct {
	CPU         string `json:"cpu"`
	Cores       int    `json:"cores"`
	MemoryBytes int64  `json:"memory_bytes"`
	Kernel      string `json:"kernel"`
	Go          string `json:"go"`
	OpenFiles   uint64 `json:"open_files_limit"` // per process
}

// ThisHost describes the machine that the caller runs on; what cannot be read stays empty.
func ThisHost() Host {
	h := Host{Cores: runtime.NumCPU(), Go: runtime.Version()}
	h.CPU = procField("/proc/cpuinfo", "model name")
	h.MemoryBytes = memoryInfo("MemTotal")
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		h.Kernel = unix.ByteSliceToString(u.Release[:])
	}
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) == nil {
		h.OpenFiles = limit.Cur
	}
	return h
}

// memoryInfo returns a line of /proc/meminfo in bytes; 0 if it cannot be read.
func memoryInfo(name string) int64 {
	kb, err := strconv.ParseInt(strings.TrimSuffix(procField("/proc/meminfo", name), " kB"), 10, 64)
	if err != nil {
		return 0
	}
	return kb << 10
}

// procField returns the value of the first "name : value" line of a file in /proc.
func procField(path, name string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(b)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// ListenDrops returns how many connections the kernel has dropped because a backlog was full, on the whole machine. A
// client whose handshake is dropped waits a second and tries again: it shows as latency, never as a refusal.
func ListenDrops() (int64, error) {
	counted, err := netstat("ListenDrops")
	if err != nil {
		return 0, fmt.Errorf("listen drops: %w", err)
	}
	return counted[0], nil
}

// netstat returns counters of the kernel's TCP by name.
func netstat(wanted ...string) ([]int64, error) {
	const file = "/proc/net/netstat"
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	values := map[string]string{}
	var names []string
	for line := range strings.Lines(string(b)) {
		fields := strings.Fields(line)
		if len(fields) == 0 || fields[0] != "TcpExt:" {
			continue
		}
		if names == nil {
			names = fields
			continue
		}
		for i := range min(len(names), len(fields)) {
			values[names[i]] = fields[i]
		}
	}
	counted := make([]int64, len(wanted))
	for i, name := range wanted {
		if counted[i], err = strconv.ParseInt(values[name], 10, 64); err != nil {
			return nil, fmt.Errorf("%s has no TcpExt %s", file, name)
		}
	}
	return counted, nil
}
