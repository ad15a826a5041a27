package doctor

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

// plan is for n connections with Weir's defaults.
func plan(n int) Plan {
	return Plan{Connections: n, Backlog: 4096, PeerTimeout: 20 * time.Second, Budgets: 256 << 20, Weight: Assumed}
}

// good is a machine with all that 100,000 connections need.
var good = map[string]string{
	"proc/self/limits": "Limit                     Soft Limit           Hard Limit           Units\n" +
		"Max open files            1024                 1048576              files\n",
	"proc/meminfo":          "MemTotal: 8000000 kB\nMemAvailable: 6000000 kB\nSlab: 90000 kB\n",
	"proc/cpuinfo":          "processor\t: 0\nprocessor\t: 1\n",
	"proc/swaps":            "Filename\tType\n",
	"proc/net/softnet_stat": "00000001 00000000 00000000\n",

	"proc/sys/fs/nr_open": "1048576\n", "proc/sys/fs/file-max": "9223372036854775807\n",
	"proc/sys/fs/file-nr": "2000\t0\t9223372036854775807\n", "proc/sys/fs/epoll/max_user_watches": "1800000\n",
	"proc/sys/net/core/somaxconn": "65535\n", "proc/sys/net/core/netdev_max_backlog": "1000\n",
	"proc/sys/net/ipv4/tcp_max_syn_backlog": "512\n", "proc/sys/net/ipv4/tcp_syncookies": "1\n",
	"proc/sys/net/ipv4/tcp_mem": "150000\t200000\t400000\n", "proc/sys/net/ipv4/tcp_rmem": "4096\t131072\t6291456\n",
	"proc/sys/net/ipv4/tcp_wmem": "4096\t16384\t4194304\n", "proc/sys/net/ipv4/tcp_max_orphans": "131072\n",
	"proc/sys/net/ipv4/ip_local_port_range": "10240\t65535\n", "proc/sys/net/ipv4/tcp_keepalive_time": "7200\n",
	"proc/sys/net/ipv4/tcp_tw_reuse":                                  "2\n",
	"sys/kernel/mm/transparent_hugepage/enabled":                      "always [madvise] never\n",
	"sys/devices/system/cpu/cpu0/cpufreq/scaling_governor":            "performance\n",
	"sys/devices/system/clocksource/clocksource0/current_clocksource": "tsc\n",
}

// host is the good machine with some files that say something else; "" is no such file.
func host(changed ...string) *Host {
	root := fstest.MapFS{}
	for name, text := range good {
		root[name] = &fstest.MapFile{Data: []byte(text)}
	}
	for i := 0; i < len(changed); i += 2 {
		delete(root, changed[i])
		if changed[i+1] != "" {
			root[changed[i]] = &fstest.MapFile{Data: []byte(changed[i+1])}
		}
	}
	return Read(root, "weir.service", 4096)
}

// TestExamine plays machines: what falls short on each is what is wrong with it, and nothing else.
func TestExamine(t *testing.T) {
	f := func(name string, n int, h *Host, musts, advices string, change ...func(*Plan)) {
		t.Helper()
		p := plan(n)
		p.Backlog = mostBacklog
		for _, c := range change {
			c(&p)
		}
		r := Examine(h, p)
		if got := strings.Join(r.Musts(), "; "); got != musts {
			t.Errorf("%s: musts are %q, want %q", name, got, musts)
		}
		if got := strings.Join(r.Advices(), "; "); got != advices {
			t.Errorf("%s: advices are %q, want %q", name, got, advices)
		}
		if r.Fits != (musts == "") {
			t.Errorf("%s: fits is %v", name, r.Fits)
		}
	}
	const n, sys = 100_000, "proc/sys/"
	f("all is well", n, host(), "", "")
	f("nothing is known", n, Read(fstest.MapFS{}, "weir.service", 4096), "", "")
	f("few files", n, host("proc/self/limits", "Max open files 1024 20000 files\n"),
		"RLIMIT_NOFILE: 20,000, needed 100,256", "")
	f("few files, few connections", 15_000, host("proc/self/limits", "Max open files 1024 20000 files\n"), "", "")
	f("a million", 1_000_000, host(), "net.ipv4.tcp_mem (max): 400,000, needed 1,000,000",
		"net.ipv4.tcp_mem (pressure): 200,000, needed 2,000,000; net.ipv4.tcp_max_orphans: 131,072, needed 1,000,000")
	f("nr_open", n, host(sys+"fs/nr_open", "65536"), "fs.nr_open: 65,536, needed 100,256", "")
	f("file-max, others have some", n, host(sys+"fs/file-max", "102255", sys+"fs/file-nr", "2000 0 102255"),
		"fs.file-max: 102,255, needed 102,256", "")
	f("watches", n, host(sys+"fs/epoll/max_user_watches", "65536"),
		"fs.epoll.max_user_watches: 65,536, needed 100,256", "")
	f("somaxconn", n, host(sys+"net/core/somaxconn", "128"), "", "net.core.somaxconn: 128, needed 65,535")
	f("the key backlog", n, host(), "", "the key backlog: 4,096, needed 65,535", func(p *Plan) { p.Backlog = 4096 })
	f("no SYN cookies", n, host(sys+"net/ipv4/tcp_syncookies", "0"), "",
		"net.ipv4.tcp_max_syn_backlog: 512, needed 87,380")
	f("tcp_mem", n, host(sys+"net/ipv4/tcp_mem", "30000 50000 70000"), "net.ipv4.tcp_mem (max): 70,000, needed 100,000",
		"net.ipv4.tcp_mem (pressure): 50,000, needed 200,000")
	f("large buffers", n, host(sys+"net/ipv4/tcp_rmem", "4096 16777216 16777216",
		sys+"net/ipv4/tcp_wmem", "4096 1048576 1"), "",
		"net.ipv4.tcp_rmem (default): 16,777,216, needed at most 131,072; "+
			"net.ipv4.tcp_wmem (default): 1,048,576, needed at most 65,536")
	f("packets dropped", n, host("proc/net/softnet_stat", "01 0000000a 0\n02 00000001 0\n"), "",
		"net.core.netdev_max_backlog: 1,000, 11 dropped, needed 10,000, or none dropped")
	f("packets dropped before it was raised", n, host("proc/net/softnet_stat", "01 0000000a 0\n",
		sys+"net/core/netdev_max_backlog", "10000"), "", "")
	f("a firewall that tracks", n, host(sys+"net/netfilter/nf_conntrack_max", "65536",
		sys+"net/netfilter/nf_conntrack_count", "12"), "net.netfilter.nf_conntrack_max: 65,536, needed 100,012", "")
	f("one that does not", n, host(sys+"net/netfilter/nf_conntrack_max", "65536",
		sys+"net/netfilter/nf_conntrack_count", "0"), "", "")
	f("ports", n, host(sys+"net/ipv4/ip_local_port_range", "32768\t60999"), "",
		"net.ipv4.ip_local_port_range: 28,232, needed 55,296")
	f("last bytes on their way", n, host(sys+"net/ipv4/tcp_max_orphans", "4096"), "",
		"net.ipv4.tcp_max_orphans: 4,096, needed 100,000")
	f("keep-alive is the kernel's", n, host(), "", "net.ipv4.tcp_keepalive_time: 7,200 s, needed 600 s or less",
		func(p *Plan) { p.PeerTimeout = 0 })
	f("huge pages", n, host("sys/kernel/mm/transparent_hugepage/enabled", "[always] madvise never"), "",
		"transparent huge pages: always, needed madvise or never")
	f("governor", n, host("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "powersave"), "",
		"CPU governor: powersave, needed performance or schedutil")
	f("clock", n, host("sys/devices/system/clocksource/clocksource0/current_clocksource", "hpet"), "",
		"clock source: hpet, needed one read without a system call")
	f("swap", n, host("proc/swaps", "Filename\n/dev/sda2 partition\n"), "", "swap: 1 in use, needed none for the server")
	f("little memory", n, host("proc/meminfo", "MemTotal: 1000000 kB\nMemAvailable: 307200 kB\n"),
		"memory, idle: 300 MiB, needed 491 MiB", "memory, all budgets full: 300 MiB, needed 747 MiB")
	f("too little for the worst", n, host("proc/meminfo", "MemTotal: 1000000 kB\nMemAvailable: 614400 kB\n"), "",
		"memory, all budgets full: 600 MiB, needed 747 MiB")
	f("a group of version 2", n, host("proc/self/cgroup", "0::/a/b\n",
		"proc/self/mountinfo", "41 31 0:38 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
		"sys/fs/cgroup/a/memory.max", "209715200",
		"sys/fs/cgroup/a/cpu.max", "50000 100000", "sys/fs/cgroup/a/b/cpu.max", "max 100000",
		"sys/fs/cgroup/a/b/pids.max", "50"),
		"memory, idle: 200 MiB, needed 491 MiB", "memory, all budgets full: 200 MiB, needed 747 MiB; "+
			"processors: 2, quota 0.5, needed no quota below 1; threads: 50, needed 128")
	f("groups of version 1", n, host("proc/self/cgroup", "3:cpu,cpuacct:/a\n2:pids:/a\n1:memory:/a\n",
		"proc/self/mountinfo", "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n",
		"sys/fs/cgroup/memory/a/memory.limit_in_bytes", "209715200", "sys/fs/cgroup/pids/a/pids.max", "60",
		"sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us", "25000", "sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us", "100000"),
		"memory, idle: 200 MiB, needed 491 MiB", "memory, all budgets full: 200 MiB, needed 747 MiB; "+
			"processors: 2, quota 0.25, needed no quota below 1; threads: 60, needed 128")
	f("the unit of a service", n, host(
		"usr/lib/systemd/system/weir.service", "[Service]\nExecStart=/usr/bin/weir serve\n",
		"etc/systemd/system/weir.service.d/10-limits.conf", "[Service]\nLimitNOFILE=1024:65536\nMemoryMax=200M\n"),
		"LimitNOFILE of the unit: 65,536, needed 100,256; memory, idle: 200 MiB, needed 491 MiB",
		"memory, all budgets full: 200 MiB, needed 747 MiB")
}

func TestUnit(t *testing.T) {
	const name = "weir.service"
	f := func(want Unit, files ...string) {
		t.Helper()
		root := fstest.MapFS{}
		for i := 0; i < len(files); i += 2 {
			root[files[i]] = &fstest.MapFile{Data: []byte(files[i+1])}
		}
		if got := readUnit(root, name); got != want {
			t.Errorf("%v: %+v, want %+v", files, got, want)
		}
	}
	f(Unit{})
	f(Unit{}, "etc/systemd/system/weir.service.d/a.conf", "LimitNOFILE=1\n")
	f(Unit{name, systemdHardFiles, 0}, "etc/systemd/system/weir.service", "[Service]\n#LimitNOFILE=5\n; LimitNOFILE=6\n")
	f(Unit{name, 7, 0}, "etc/systemd/system/weir.service", "LimitNOFILE = 5\nLimitNOFILE=7\n",
		"usr/lib/systemd/system/weir.service", "LimitNOFILE=9\n")
	f(Unit{name, 1 << 62, 1 << 30}, "lib/systemd/system/weir.service",
		"LimitNOFILE=infinity\nMemoryMax=2G\nMemoryHigh=1G\n")
	f(Unit{name, 64 << 10, 0}, "lib/systemd/system/weir.service",
		"LimitNOFILE=64K\nMemoryMax=80%\nMemoryHigh=infinity\n")
	f(Unit{name, 3, 0}, "lib/systemd/system/weir.service", "LimitNOFILE=1",
		"etc/systemd/system/weir.service.d/b.conf", "LimitNOFILE=3",
		"lib/systemd/system/weir.service.d/a.conf", "LimitNOFILE=2",
		"lib/systemd/system/weir.service.d/b.conf", "LimitNOFILE=4")
}

// TestReport is what people read: what is wrong, by name, and the file that mends it.
func TestReport(t *testing.T) {
	h := host("proc/self/limits", "Max open files 1024 20000 files\n", "proc/sys/net/core/somaxconn", "4096",
		"proc/sys/net/ipv4/tcp_mem", "30000 50000 70000")
	r := Examine(h, plan(100_000))
	var text strings.Builder
	if err := r.Write(&text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"\nMUST    RLIMIT_NOFILE                   20,000", "\n-       LimitNOFILE of the unit         not known",
		"\n100,000 connections do not fit:\n  RLIMIT_NOFILE: 20,000, needed 100,256\n  net.ipv4.tcp_mem (max): 70,000",
		"LimitNOFILE=100256 in the unit", "the key backlog: backlog: 65535 in the configuration",
		"\n\nnet.core.somaxconn = 65535\nnet.ipv4.tcp_mem = 150000 200000 400000\n",
		"100,000 of them and the server: 491 MiB.", "No systemd unit weir.service was found",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in\n%s", want, &text)
		}
	}
	text.Reset()
	if err := Examine(host(), plan(100)).Write(&text); err != nil ||
		!strings.HasSuffix(text.String(), "\n100 connections fit.\n") {
		t.Errorf("a machine that is good:\n%s", &text)
	}
	encoded, err := json.Marshal(r)
	var back Report
	if err != nil || json.Unmarshal(encoded, &back) != nil || back.Fits || back.Sysctl != r.Sysctl ||
		!slices.Equal(back.Rows, r.Rows) {
		t.Errorf("as JSON: %v %s", err, encoded)
	}
}

// TestFileMendsWhatFallsShort: a machine that has the file's values has what its number of connections needs of them.
func TestFileMendsWhatFallsShort(t *testing.T) {
	for _, n := range sizes {
		var changed []string
		for line := range strings.Lines(SysctlFile(n)) {
			if key, value, ok := strings.Cut(strings.TrimSpace(line), " = "); ok && !strings.HasPrefix(line, "#") {
				changed = append(changed, sysctlFile(key), value)
			}
		}
		if len(changed) != 2*5 {
			t.Fatalf("%d: %q", n, changed)
		}
		for _, row := range Examine(host(changed...), plan(n)).Rows {
			isInFile := slices.ContainsFunc(all(), func(s setting) bool { return s.name == row.Name && s.key != "" })
			if isInFile && !row.OK {
				t.Errorf("%d: %+v", n, row)
			}
		}
	}
}

// TestWeighReads: of slab caches whole objects of each pair count, and what others do in the meantime does not.
func TestWeighReads(t *testing.T) {
	slabs := func(text string) map[string]cache {
		text = "slabinfo - version: 2.1\n# name <active_objs>\n" + text
		root := fstest.MapFS{"proc/slabinfo": &fstest.MapFile{Data: []byte(text)}}
		return (&Host{root: root, PageBytes: 4096}).slabCaches()
	}
	before := slabs("TCP 100 110 2432 13 8 : tunables\ndentry 9000 9100 192 21 1 :\nfilp 500 500 192 21 1 :\n")
	after := slabs("TCP 903 910 2432 13 8 : tunables\ndentry 9790 9900 192 21 1 :\nfilp 1300 1300 192 21 1 :\n" +
		"ext4_inode 150 150 1000 4 1 :\nepi 400 400 128 32 1 :\n")
	if got, want := perPair(before, after, 400), int64(2*2520+2*195+2*195+128); got != want {
		t.Errorf("a pair weighs %d, want %d", got, want)
	}
	if len(slabs("")) != 0 || perPair(nil, nil, 400) != 0 {
		t.Error("nothing weighs something")
	}
}

// TestWeigh weighs sockets of this kernel, and leaves none behind.
func TestWeigh(t *testing.T) {
	open := func() int {
		names, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Skip(err)
		}
		return len(names)
	}
	before := open()
	w, err := Weigh(os.DirFS("/"), int64(os.Getpagesize()))
	if err != nil || !plausible(w.Bytes) || w.Source == "" {
		t.Errorf("%+v, %v", w, err)
	}
	if after := open(); after > before {
		t.Errorf("%d files were open before, %d after", before, after)
	}
	t.Log(w)
	if w, err := Weigh(fstest.MapFS{}, 4096); err != nil || w != Assumed {
		t.Errorf("nothing to read: %+v, %v", w, err)
	}
}
