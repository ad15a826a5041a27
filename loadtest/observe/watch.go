package observe

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"weir/loadtest/wire"
)

// ServerStats is the state of a server and of the machine under it at one moment, as far as it can be seen from
// outside.
type ServerStats struct {
	CPUSeconds      float64 `json:"cpu_seconds,omitempty"` // since it was started
	ResidentBytes   int64   `json:"resident_bytes,omitempty"`
	PeakBytes       int64   `json:"peak_bytes,omitempty"`
	Threads         int     `json:"threads,omitempty"`
	Goroutines      int     `json:"goroutines,omitempty"`
	HeapBytes       int64   `json:"heap_bytes,omitempty"`
	Connections     int     `json:"connections,omitempty"`
	QueueMessages   int64   `json:"queue_messages,omitempty"`
	QueuePeak       int64   `json:"queue_peak_messages,omitempty"`
	QueueBytes      int64   `json:"queue_bytes,omitempty"`
	Refusals        float64 `json:"refusals,omitempty"`
	SocketBytes     int64   `json:"socket_bytes"` // buffers of all TCP sockets of the machine
	SlabBytes       int64   `json:"slab_bytes"`   // all kernel objects of the machine: sockets, inodes, files, watches
	ListenDrops     int64   `json:"listen_drops"`
	ListenOverflows int64   `json:"listen_overflows"`

	pauses []bucket
	closed map[string]uint64 // connections, by reason, since the server was started
}

// bucket is one of a Prometheus histogram: how many values were at most bound.
type bucket struct {
	bound float64
	count float64
}

// ServerLimits are what the server itself says it is held to.
type ServerLimits struct {
	Version          string `json:"version,omitempty"`
	Commit           string `json:"commit,omitempty"`
	Connections      int    `json:"connections,omitempty"`
	OpenFiles        int    `json:"open_files,omitempty"`
	QueueMessages    int    `json:"queue_messages,omitempty"`
	QueueBytes       int    `json:"queue_bytes,omitempty"`
	MemorySoftBytes  int64  `json:"memory_soft_bytes,omitempty"`
	MemoryLimitBytes int64  `json:"cgroup_memory_bytes,omitempty"`
}

// Watcher reads what can be seen of one server. Its methods may be called from any goroutine.
type Watcher struct {
	Admin  string // host:port; "" without one
	client http.Client
	PID    int // 0: unknown
	Limits ServerLimits

	mu     sync.Mutex
	latest ServerStats
}

const (
	adminTimeout = 2 * time.Second
	maxAdminBody = 16 << 20
)

// adminStatus is the part of Weir's /status that is used here.
type adminStatus struct {
	Version     string
	Commit      string
	PID         int
	Listeners   map[string]string
	Goroutines  int
	Connections struct {
		Open, Limit int
		Files       int `json:"open_file_limit"`
	}
	Queue struct {
		Waiting   int64 `json:"waiting_messages"`
		Limit     int   `json:"waiting_limit_messages"`
		Held      int64 `json:"bytes"`
		HeldLimit int   `json:"limit_bytes"`
	}
	Memory struct {
		Heap int64 `json:"heap_bytes"`
		Soft int64 `json:"limit_bytes"`
	}
}

// NewWatcher finds the server's process and admin listener. admin is what the user said; "" tries the default quietly.
// Notes say what could not be found.
func NewWatcher(ctx context.Context, t *wire.Target, admin string, pid int) (w *Watcher, notes []string) {
	w = &Watcher{PID: pid}
	w.client.Timeout = adminTimeout
	asked := admin != ""
	if !asked && t.Local() {
		admin = "127.0.0.1:9090"
	}
	if admin != "" && admin != "off" {
		w.Admin = admin
		status, err := w.status(ctx)
		switch {
		case err != nil && asked:
			notes = append(notes, fmt.Sprintf("the admin listener %s does not answer (%v): no queue, no goroutines, no pauses",
				admin, err))
			w.Admin = ""
		case err != nil, !asked && !status.serves(t):
			w.Admin = "" // another server's, or none
		default:
			w.Limits = ServerLimits{Version: status.Version, Commit: status.Commit, Connections: status.Connections.Limit,
				OpenFiles: status.Connections.Files, QueueMessages: status.Queue.Limit, QueueBytes: status.Queue.HeldLimit,
				MemorySoftBytes: status.Memory.Soft}
			if w.PID == 0 && t.Local() {
				w.PID = status.PID
			}
		}
	}
	if w.PID == 0 && t.Local() {
		w.PID = listenerPID(t)
	}
	if w.PID == 0 {
		notes = append(notes, "the server's process was not found (--pid or --admin names it): no memory, no CPU")
	} else if _, err := Attach("the server", w.PID).CPU(); err != nil {
		notes = append(notes, fmt.Sprintf("process %d cannot be read (%v): no memory, no CPU", w.PID, err))
		w.PID = 0
	}
	w.Read(ctx)
	return w, notes
}

// serves says whether this is the status of the server under load.
func (s *adminStatus) serves(t *wire.Target) bool {
	for _, address := range s.Listeners {
		if address == t.Address || t.Network == "tcp" && portOf(address) == portOf(t.Address) {
			return true
		}
	}
	return false
}

func portOf(address string) string { return address[strings.LastIndexByte(address, ':')+1:] }

func (w *Watcher) get(ctx context.Context, path string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+w.Admin+path, nil)
	if err != nil {
		return nil, err
	}
	answer, err := w.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", path, answer.Status)
	}
	return io.ReadAll(io.LimitReader(answer.Body, maxAdminBody))
}

func (w *Watcher) status(ctx context.Context) (adminStatus, error) {
	var s adminStatus
	text, err := w.get(ctx, "/status")
	if err != nil {
		return s, err
	}
	return s, json.Unmarshal(text, &s)
}

// Run looks every interval until ctx ends.
func (w *Watcher) Run(ctx context.Context, interval time.Duration) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			w.Read(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// Stats returns the last look.
func (w *Watcher) Stats() ServerStats {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.latest
}

// ProcessEnded says whether the process that was there has ended.
func (w *Watcher) ProcessEnded() bool {
	return w.PID != 0 && Attach("the server", w.PID).Gone()
}

// Read reads everything once. What cannot be read keeps its last value: a server that is too busy for its admin
// listener has not lost its memory.
func (w *Watcher) Read(ctx context.Context) {
	v := w.Stats()
	if w.PID != 0 {
		p := Attach("the server", w.PID)
		if m, err := p.Memory(); err == nil {
			v.ResidentBytes, v.PeakBytes, v.Threads = m.ResidentBytes, m.PeakBytes, m.Threads
		}
		if cpu, err := p.CPU(); err == nil {
			v.CPUSeconds = cpu.Seconds()
		}
	}
	if w.Admin != "" {
		if s, err := w.status(ctx); err == nil {
			v.Goroutines, v.HeapBytes, v.Connections = s.Goroutines, s.Memory.Heap, s.Connections.Open
			v.QueueMessages, v.QueueBytes = s.Queue.Waiting, s.Queue.Held
		}
		if text, err := w.get(ctx, "/metrics"); err == nil {
			v.readMetrics(string(text))
		}
	}
	v.SocketBytes, v.SlabBytes = socketBytes(), memoryInfo("Slab")
	if counted, err := netstat("ListenDrops", "ListenOverflows"); err == nil {
		v.ListenDrops, v.ListenOverflows = counted[0], counted[1]
	}
	w.mu.Lock()
	w.latest = v
	w.mu.Unlock()
}

// readMetrics reads the series that are of interest from a page in the Prometheus text format.
func (v *ServerStats) readMetrics(page string) {
	v.Refusals, v.pauses, v.closed = 0, nil, map[string]uint64{}
	for line := range strings.Lines(page) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok || strings.HasPrefix(name, "#") {
			continue
		}
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			continue
		}
		switch {
		case strings.HasPrefix(name, "weir_refusals_total{"):
			v.Refusals += n
		case strings.HasPrefix(name, `weir_connections_closed_total{reason="`):
			_, reason, _ := strings.Cut(name, `reason="`)
			v.closed[strings.TrimSuffix(reason, `"}`)] = uint64(n)
		case name == "weir_queue_waiting_peak_messages":
			v.QueuePeak = int64(n)
		case strings.HasPrefix(name, "go_gc_pauses_seconds_bucket{"):
			_, le, _ := strings.Cut(name, `le="`)
			if bound, err := strconv.ParseFloat(strings.TrimSuffix(le, `"}`), 64); err == nil {
				v.pauses = append(v.pauses, bucket{bound, n})
			}
		}
	}
}

// ClosedSince is which connections ended between two looks, by the server's reasons.
func ClosedSince(before, after *ServerStats) map[string]uint64 {
	since := map[string]uint64{}
	for reason, n := range after.closed {
		if n > before.closed[reason] {
			since[reason] = n - before.closed[reason]
		}
	}
	return since
}

// PauseQuantile is an upper bound, in milliseconds, of a quantile of the pauses between two looks; 0 when there were
// none.
func PauseQuantile(before, after *ServerStats, q float64) float64 {
	if len(after.pauses) == 0 || len(before.pauses) != len(after.pauses) {
		return 0
	}
	last := len(after.pauses) - 1
	total := after.pauses[last].count - before.pauses[last].count
	for i := range after.pauses {
		if n := after.pauses[i].count - before.pauses[i].count; total > 0 && n >= q*total {
			return after.pauses[min(i, last-1)].bound * 1000
		}
	}
	return 0
}

// socketBytes is what the buffers of the machine's TCP sockets hold: pages counted in /proc/net/sockstat. The sockets
// themselves are not in it.
func socketBytes() int64 {
	text, err := os.ReadFile("/proc/net/sockstat")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) == 0 || fields[0] != "TCP:" {
			continue
		}
		for i := 1; i+1 < len(fields); i += 2 {
			if n, err := strconv.ParseInt(fields[i+1], 10, 64); fields[i] == "mem" && err == nil {
				return n * int64(os.Getpagesize())
			}
		}
	}
	return 0
}

// listenerPID finds the process that listens on the target's port, among those whose descriptors we may look at; 0
// without one. Two that share a port are told apart by nobody: the first is taken.
func listenerPID(t *wire.Target) int {
	inodes := map[string]bool{}
	if t.Network == "unix" {
		collectInodes(inodes, "/proc/net/unix", func(f []string) (string, bool) {
			return f[6], len(f) > 7 && f[7] == t.Address && f[3] == "00010000"
		})
	} else {
		port, err := strconv.Atoi(portOf(t.Address))
		if err != nil {
			return 0
		}
		suffix := fmt.Sprintf(":%04X", port)
		for _, file := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
			collectInodes(inodes, file, func(f []string) (string, bool) {
				return f[9], len(f) > 9 && strings.HasSuffix(f[1], suffix) && f[3] == "0A"
			})
		}
	}
	links, err := filepath.Glob("/proc/[0-9]*/fd/*")
	if err != nil || len(inodes) == 0 {
		return 0
	}
	for _, link := range links {
		to, err := os.Readlink(link)
		if err == nil && strings.HasPrefix(to, "socket:[") && inodes[strings.TrimSuffix(to[len("socket:["):], "]")] {
			pid, _ := strconv.Atoi(strings.Split(link, "/")[2]) // the pattern wants digits
			return pid
		}
	}
	return 0
}

// collectInodes adds what pick finds in the lines of a /proc/net file with at least seven fields.
func collectInodes(into map[string]bool, file string, pick func(fields []string) (inode string, ok bool)) {
	f, err := os.Open(file)
	if err != nil {
		return
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		fields := append(strings.Fields(lines.Text()), "", "", "")
		if len(fields) < 10 {
			continue
		}
		if inode, ok := pick(fields); ok {
			into[inode] = true
		}
	}
}
