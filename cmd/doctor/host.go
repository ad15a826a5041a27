package doctor

import (
	"bufio"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"weir/cmd/memory"
)

// Host is what was read of a machine, and of the process that read it.
type Host struct {
	root fs.FS

	OpenFiles uint64       // RLIMIT_NOFILE, the hard limit: Go raises the soft one to it
	Memory    memory.Limit // the least that the process may have in all
	Available int64        // MemAvailable, bytes; 0: not known
	CPUs      int          // that are online
	Quota     float64      // processors that the control groups allow; 0: no quota
	PageBytes int64
	Unit      Unit // of the service, if it has one
}

// Read reads the machine. root is its file system, os.DirFS("/"); unit names the systemd unit that runs the server.
func Read(root fs.FS, unit string, pageBytes int64) *Host {
	h := &Host{root: root, PageBytes: pageBytes, Memory: memory.Of(root), Unit: readUnit(root, unit)}
	for line := range h.lines("proc/self/limits") {
		if rest, ok := strings.CutPrefix(line, "Max open files"); ok {
			if fields := strings.Fields(rest); len(fields) > 1 {
				h.OpenFiles, _ = strconv.ParseUint(fields[1], 10, 64) // 0 is not known
			}
		}
	}
	for line := range h.lines("proc/meminfo") {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "MemAvailable:" {
			kib, _ := strconv.ParseInt(fields[1], 10, 64)
			h.Available = kib << 10
		}
	}
	for line := range h.lines("proc/cpuinfo") {
		if strings.HasPrefix(line, "processor") {
			h.CPUs++
		}
	}
	h.Quota = h.quota()
	return h
}

// text is what a file holds, without the blanks around it; "" for none.
func (h *Host) text(name string) string {
	content, err := fs.ReadFile(h.root, name)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(content))
}

// lines are those of a file; none if there is none.
func (h *Host) lines(name string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		file, err := h.root.Open(name)
		if err != nil {
			return
		}
		defer file.Close()
		for lines := bufio.NewScanner(file); lines.Scan(); {
			if !yield(lines.Text()) {
				return
			}
		}
	}
}

// sysctl is the n-th number of a kernel setting, such as net.ipv4.tcp_mem. One above 2^63, as systemd sets fs.file-max,
// is 2^63-1.
func (h *Host) sysctl(key string, n int) (value int64, known bool) {
	fields := strings.Fields(h.text(sysctlFile(key)))
	if n >= len(fields) {
		return 0, false
	}
	value, err := strconv.ParseInt(fields[n], 10, 64)
	if err != nil && value == 0 {
		return 0, false
	}
	return value, true
}

// sysctlFile is where a setting is. Its own name may hold dots only as separators: none of ours has an interface in it.
func sysctlFile(key string) string { return "proc/sys/" + strings.ReplaceAll(key, ".", "/") }

// quota is how many processors the control groups leave: cpu.max (v2), cpu.cfs_quota_us (v1), the least of the group
// and those above it, as far as they are mounted.
func (h *Host) quota() float64 {
	least := 0.0
	take := func(quota, period string) {
		q, err1 := strconv.ParseFloat(quota, 64)
		p, err2 := strconv.ParseFloat(period, 64)
		if err1 == nil && err2 == nil && q > 0 && p > 0 && (least == 0 || q/p < least) {
			least = q / p
		}
	}
	for _, folder := range h.groupFolders("", "sys/fs/cgroup") {
		if fields := strings.Fields(h.text(path.Join(folder, "cpu.max"))); len(fields) == 2 {
			take(fields[0], fields[1])
		}
	}
	for _, point := range []string{"sys/fs/cgroup/cpu", "sys/fs/cgroup/cpu,cpuacct"} {
		for _, folder := range h.groupFolders("cpu", point) {
			take(h.text(path.Join(folder, "cpu.cfs_quota_us")), h.text(path.Join(folder, "cpu.cfs_period_us")))
		}
	}
	return least
}

// pidsMax is the least number of threads that the control groups allow; 0 for no limit.
func (h *Host) pidsMax() int64 {
	least := int64(0)
	for _, folder := range append(h.groupFolders("", "sys/fs/cgroup"), h.groupFolders("pids", "sys/fs/cgroup/pids")...) {
		n, err := strconv.ParseInt(h.text(path.Join(folder, "pids.max")), 10, 64)
		if err == nil && (least == 0 || n < least) {
			least = n
		}
	}
	return least
}

// groupFolders are those of the process's group and of all above it. controller is "" for version 2.
func (h *Host) groupFolders(controller, point string) (folders []string) {
	for line := range h.lines("proc/self/cgroup") {
		parts := strings.SplitN(line, ":", 3)
		if len(parts) != 3 || !strings.Contains(","+parts[1]+",", ","+controller+",") {
			continue
		}
		for at := path.Clean("/" + parts[2]); ; at = path.Dir(at) {
			folders = append(folders, path.Join(point, at))
			if at == "/" {
				return folders
			}
		}
	}
	return folders
}
