package memory

import (
	"os"
	"testing"
	"testing/fstest"
)

// mountinfo has every kind of line that is none of a memory hierarchy too.
const (
	rootLine      = "23 1 254:0 / / rw,relatime - ext4 /dev/root rw\n"
	v1Line        = "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory\n"
	cpuLine       = "32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n"
	containerLine = "35 31 0:32 /docker/1 /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n"
	v2Line        = "41 31 0:38 / /sys/fs/cgroup rw,nosuid,nodev - cgroup2 cgroup2 rw,nsdelegate\n"
)

func TestLimit(t *testing.T) {
	f := func(name string, files map[string]string, want Limit) {
		t.Helper()
		root := fstest.MapFS{}
		for path, text := range files {
			root[path] = &fstest.MapFile{Data: []byte(text)}
		}
		if got := Of(root); got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
	f("nothing", nil, Limit{})
	f("the machine", map[string]string{"proc/meminfo": "MemTotal:         250000 kB\nMemFree: 3 kB\n"},
		Limit{256_000_000, "/proc/meminfo"})
	f("v2", map[string]string{
		"proc/meminfo": "MemTotal: 8000000 kB\n", "proc/self/cgroup": "0::/system.slice/weir.service\n",
		"proc/self/mountinfo": rootLine + v2Line, "sys/fs/cgroup/system.slice/weir.service/memory.max": "67108864\n",
		"sys/fs/cgroup/system.slice/memory.max": "max\n",
	}, Limit{64 << 20, "/sys/fs/cgroup/system.slice/weir.service/memory.max"})
	f("v2, a group above is smaller", map[string]string{
		"proc/self/cgroup": "0::/a.slice/b\n", "proc/self/mountinfo": v2Line,
		"sys/fs/cgroup/a.slice/b/memory.max": "67108864\n", "sys/fs/cgroup/a.slice/memory.max": "33554432\n",
	}, Limit{32 << 20, "/sys/fs/cgroup/a.slice/memory.max"})
	f("v2, slowed down before", map[string]string{
		"proc/self/cgroup": "0::/a\n", "proc/self/mountinfo": v2Line,
		"sys/fs/cgroup/a/memory.max": "67108864\n", "sys/fs/cgroup/a/memory.high": "60000000\n",
	}, Limit{60_000_000, "/sys/fs/cgroup/a/memory.high"})
	f("v2, no limit", map[string]string{"proc/self/cgroup": "0::/a\n", "proc/self/mountinfo": v2Line,
		"sys/fs/cgroup/a/memory.max": "max\n", "sys/fs/cgroup/a/memory.high": "max\n"}, Limit{})
	f("v2 in a container", map[string]string{"proc/self/cgroup": "0::/\n", "proc/self/mountinfo": v2Line,
		"sys/fs/cgroup/memory.max": "67108864\n"},
		Limit{64 << 20, "/sys/fs/cgroup/memory.max"})
	f("v2 in a container that sees the machine's name", map[string]string{"proc/self/cgroup": "0::/../../docker/1\n",
		"proc/self/mountinfo": v2Line, "sys/fs/cgroup/memory.max": "67108864\n"},
		Limit{64 << 20, "/sys/fs/cgroup/memory.max"})
	f("v1", map[string]string{
		"proc/self/cgroup":    "8:pids:/\n4:memory:/docker/1\n0::/\n",
		"proc/self/mountinfo": rootLine + cpuLine + v1Line,
		"sys/fs/cgroup/memory/docker/1/memory.limit_in_bytes":   "67108864\n",
		"sys/fs/cgroup/memory/docker/memory.limit_in_bytes":     "9223372036854771712\n",
		"sys/fs/cgroup/memory/docker/1/memory.max":              "1\n",
		"sys/fs/cgroup/memory/docker/2/memory.limit_in_bytes":   "1000\n",
		"sys/fs/cgroup/cpu/docker/1/memory.limit_in_bytes":      "1000\n",
		"sys/fs/cgroup/memory/docker/1/deeper/memory.limit_in_": "1000\n",
	}, Limit{64 << 20, "/sys/fs/cgroup/memory/docker/1/memory.limit_in_bytes"})
	f("v1, with other controllers", map[string]string{
		"proc/self/cgroup":                 "4:cpu,memory:/a\n",
		"proc/self/mountinfo":              "35 31 0:32 / /cg\\040roups rw - cgroup cgroup rw,cpu,memory\n",
		"cg roups/a/memory.limit_in_bytes": "67108864",
	}, Limit{64 << 20, "/cg roups/a/memory.limit_in_bytes"})
	f("v1, no limit", map[string]string{"proc/self/cgroup": "4:memory:/a\n", "proc/self/mountinfo": v1Line,
		"sys/fs/cgroup/memory/a/memory.limit_in_bytes": "9223372036854771712\n"}, Limit{})
	f("v1, the container's group is the mount", map[string]string{
		"proc/self/cgroup":                           "4:memory:/docker/1\n",
		"proc/self/mountinfo":                        containerLine,
		"sys/fs/cgroup/memory/memory.limit_in_bytes": "67108864\n",
	}, Limit{64 << 20, "/sys/fs/cgroup/memory/memory.limit_in_bytes"})
	f("v1, another group is the mount", map[string]string{
		"proc/self/cgroup":                           "4:memory:/docker/10\n",
		"proc/self/mountinfo":                        containerLine,
		"sys/fs/cgroup/memory/memory.limit_in_bytes": "67108864\n",
	}, Limit{64 << 20, "/sys/fs/cgroup/memory/memory.limit_in_bytes"})
	f("nonsense", map[string]string{"proc/self/cgroup": "x\n\n0:\n", "proc/self/mountinfo": "a b\n - \nq w e r t - \n",
		"proc/meminfo": "MemTotal: many\nMemTotal:\n"}, Limit{})
}

// TestLimitHere: whatever this machine has, it has some memory.
func TestLimitHere(t *testing.T) {
	if got := Of(os.DirFS("/")); got.Bytes <= 0 || got.Source == "" {
		t.Errorf("%+v", got)
	}
}
