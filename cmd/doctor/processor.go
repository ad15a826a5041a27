package doctor

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// processor are what makes answers late, and no connection less: all of it is advice.
var processor = []setting{
	{
		name: "processors",
		find: func(h *Host, _ Plan) finding {
			f := finding{have: strconv.Itoa(h.CPUs), need: "no quota below 1", short: h.Quota > 0 && h.Quota < 1,
				unknown: h.CPUs == 0}
			if h.Quota > 0 {
				f.have = fmt.Sprintf("%d, quota %.2g", h.CPUs, h.Quota)
			}
			return f
		},
		fix:  fixed("CPUQuota=100% or more in the unit, or cpu.max of the control group"),
		why:  "with a quota below one processor everything stands still for the rest of each 100 ms",
		does: "How many processors there are, and what the control groups leave of them (cpu.max, cpu.cfs_quota_us).",
		sum: "none from the number of connections: idle ones cost a look four times a second. Calls decide, 10 us " +
			"each at full load for the cheapest tool (docs/BENCHMARKS.md); Go takes a quota for the number of its " +
			"processors by itself",
		verify: "`nr_throttled` in cpu.stat of the group",
		fails:  "Latencies have steps of up to 100 ms at any load",
		shows:  "`weir_queue_wait_seconds` and `weir_queue_overloaded` while the machine looks idle",
	},
	{
		name: "CPU governor",
		find: func(h *Host, _ Plan) finding {
			governor := h.text("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
			return finding{have: governor, need: "performance or schedutil", unknown: governor == "",
				short: governor != "performance" && governor != "schedutil"}
		},
		fix: fixed("cpupower frequency-set -g performance"),
		why: "a processor that sleeps deep or runs slow answers the first call late",
		does: "How the kernel chooses the clock rate. With intel_pstate or amd_pstate in active mode `powersave` is " +
			"not slow under load, and its advice can be left.",
		sum:    "none",
		verify: "`cat /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor`; a virtual machine has none",
		fails:  "Latency at low load is worse than at half load",
		shows:  "`weir_tool_duration_seconds` falls as the load rises",
	},
	{
		name: "transparent huge pages",
		find: func(h *Host, _ Plan) finding {
			have := chosen(h.text("sys/kernel/mm/transparent_hugepage/enabled"))
			return finding{have: have, need: "madvise or never", short: have == "always", unknown: have == ""}
		},
		fix:    fixed("echo madvise > /sys/kernel/mm/transparent_hugepage/enabled (transparent_hugepage=madvise at boot)"),
		why:    "always lets the kernel fill holes of the heap with pages of 2 MiB",
		does:   "Whether the kernel makes pages of 2 MiB of a process's memory unasked.",
		sum:    "none",
		verify: "`grep AnonHuge /proc/$(pidof weir)/smaps_rollup`",
		fails:  "Resident memory is above what the heap holds and does not come down after a peak",
		shows:  "`process_resident_memory_bytes` far above `go_memstats_heap_inuse_bytes`",
	},
	{
		name: "swap",
		find: func(h *Host, _ Plan) finding {
			n := 0
			for range h.lines("proc/swaps") {
				n++
			}
			return finding{have: fmt.Sprintf("%d in use", max(0, n-1)), need: "none for the server",
				short: n > 1, unknown: n == 0}
		},
		fix:    fixed("MemorySwapMax=0 in the unit, or swapoff -a"),
		why:    "the collector walks the whole heap: a page that is out comes back from the disk first",
		does:   "Whether memory of processes may go to a disk.",
		sum:    "none",
		verify: "`VmSwap` in /proc/PID/status",
		fails:  "Every connection stands still for as long as the disk takes, at each collection",
		shows: "`weir_queue_wait_seconds`, `go_gc_pauses_seconds`, and `process_resident_memory_bytes` that falls by " +
			"itself",
	},
	{
		name: "threads",
		find: func(h *Host, _ Plan) finding {
			most := h.pidsMax()
			if most == 0 {
				return finding{have: "no limit", need: "128"}
			}
			return atLeast(most, true, 128)
		},
		fix:  fixed("TasksMax=128 or more in the unit, or pids.max of the control group"),
		why:  "Go has a thread for each processor and each blocking system call",
		does: "The most threads and processes of the control group (pids.max). Connections have none.",
		sum: "128, whatever the connections: processors, the collector, and files that tools read. Tools that start " +
			"processes need more",
		verify: "`ls /proc/$(pidof weir)/task | wc -l`",
		fails:  "Go ends the process: `runtime: failed to create new OS thread`",
		shows:  "Nothing; the trace is on standard error",
	},
	{
		name: "clock source",
		find: func(h *Host, _ Plan) finding {
			const folder = "sys/devices/system/clocksource/clocksource0/"
			have := h.text(folder + "current_clocksource")
			return finding{have: have, need: "one read without a system call", unknown: have == "",
				short: !slices.Contains(fastClocks, have)}
		},
		fix: fixed("echo tsc > /sys/devices/system/clocksource/clocksource0/current_clocksource, if " +
			"available_clocksource has it"),
		why:  "with another one each look at the clock is a system call",
		does: "What the kernel counts time by. Read without a system call are " + strings.Join(fastClocks, ", ") + ".",
		sum:  "none: every turn of a loop and every call look at the clock",
		verify: "`cat /sys/devices/system/clocksource/clocksource0/current_clocksource`; `strace -c` shows " +
			"clock_gettime",
		fails: "The processor is busier for the same calls, by some microseconds each",
		shows: "`process_cpu_seconds_total` for each call",
	},
}

var fastClocks = []string{"tsc", "kvm-clock", "arch_sys_counter", "hyperv_clocksource_tsc_page"}

// all are every setting, in the order of report and page.
func all() []setting { return slices.Concat(limits, network, processor) }
