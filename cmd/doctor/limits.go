package doctor

import (
	"fmt"
)

// limits are what is counted by processes, users and the whole machine: descriptors, watches, memory.
var limits = []setting{
	{
		name: "RLIMIT_NOFILE", must: true, number: files,
		find: func(h *Host, p Plan) finding {
			return atLeast(int64(min(h.OpenFiles, 1<<62)), h.OpenFiles > 0, files(p.Connections))
		},
		fix: func(p Plan) string {
			n := number(files(p.Connections))
			return "LimitNOFILE=" + n + " in the unit (systemctl edit weir.service), or ulimit -Hn " + n +
				" as root in the shell that starts it, or --ulimit nofile=" + n + " for a container"
		},
		why: "each connection is a descriptor of the process",
		does: "The most descriptors that one process may have open. The hard limit counts: Go raises the soft one to " +
			"it.",
		sum: "a descriptor for each connection, and 256 for log, epoll sets, listeners and what tools open",
		verify: "`grep 'open files' /proc/$(pidof weir)/limits`; `/status` of the admin listener has " +
			"`open_file_limit`. A limit in /etc/security/limits.d holds for logins and for no service",
		fails: "With `max_connections` set above it nothing starts: exit code 2, and the message names the limit. " +
			"Without the key, fewer connections are held: 0.9 of the limit less 256",
		shows: "`weir_connections` at `weir_connections_limit` and " +
			"`weir_refusals_total{reason=\"connection_limit\"}`; where tools take the descriptors, " +
			"`weir_out_of_descriptors_total` and the log line `out of file descriptors`",
	},
	{
		name: "LimitNOFILE of the unit", must: true, number: files,
		find: func(h *Host, p Plan) finding {
			return atLeast(int64(h.Unit.OpenFiles), h.Unit.Name != "", files(p.Connections))
		},
		fix: func(p Plan) string {
			return "LimitNOFILE=" + number(files(p.Connections)) +
				" (systemctl edit weir.service, systemctl restart weir.service)"
		},
		why: "a service has the limits of its unit, not those of your shell",
		does: "What systemd sets RLIMIT_NOFILE to for the service. Doctor reads weir.service and its drop-ins; " +
			"without the line the hard limit is 524,288 (DefaultLimitNOFILE).",
		sum:    "as RLIMIT_NOFILE",
		verify: "`systemctl show weir.service -p LimitNOFILE`",
		fails:  "As RLIMIT_NOFILE, under systemd only: the same command works from a shell",
		shows:  "As RLIMIT_NOFILE",
	},
	{
		name: "fs.nr_open", must: true, number: files, key: "fs.nr_open",
		find:  sysctlAtLeast("fs.nr_open", 0, files),
		value: func(n int) string { return number(max(1<<20, powerOfTwo(files(n)))) },
		why:   "no process's limit on open files can be above it",
		does:  "The ceiling of every RLIMIT_NOFILE. It gives nothing by itself. The kernel's default is 1,048,576.",
		sum:   "as RLIMIT_NOFILE; the file has the next power of two, and not less than the default",
		verify: "`sysctl fs.nr_open`; then a limit above it is refused: `prlimit --nofile` says EPERM, systemd logs " +
			"that it could not adjust the limit",
		fails: "The limit cannot be raised, and stays at what it was, for root too",
		shows: "As RLIMIT_NOFILE",
	},
	{
		name: "fs.file-max", must: true, number: files,
		find: func(h *Host, p Plan) finding {
			have, known := h.sysctl("fs.file-max", 0)
			open, _ := h.sysctl("fs.file-nr", 0) // of all processes
			return atLeast(have, known, open+files(p.Connections))
		},
		fix: func(p Plan) string {
			return "sysctl -w fs.file-max=" + number(powerOfTwo(2*files(p.Connections))) + ", or more"
		},
		why: "it bounds the open files of all processes together; what is open now is added",
		does: "The most open files of the whole machine. The default is a tenth of its memory in KiB; systemd sets it " +
			"to no limit. It is not in the file: a fixed line would lower it on such machines.",
		sum:    "as RLIMIT_NOFILE, and what is open already (the first number of fs.file-nr)",
		verify: "`sysctl fs.file-nr fs.file-max`",
		fails: "accept fails with ENFILE for everybody but root (CAP_SYS_ADMIN); the kernel logs `VFS: file-max limit " +
			"reached`",
		shows: "`weir_out_of_descriptors_total` rises and the log has `out of file descriptors`, below " +
			"`max_connections`",
	},
	{
		name: "fs.epoll.max_user_watches", must: true, number: files,
		find: sysctlAtLeast("fs.epoll.max_user_watches", 0, files),
		fix: func(p Plan) string {
			return "sysctl -w fs.epoll.max_user_watches=" + number(powerOfTwo(2*files(p.Connections)))
		},
		why: "each connection is a watch of its user's",
		does: "The most descriptors that all epoll sets of one user may watch. The default is what 4 % of memory " +
			"hold, about 230,000 for each GiB, so it is not in the file.",
		sum:    "a watch for each connection, and what else the user runs",
		verify: "`sysctl fs.epoll.max_user_watches`; what is in use is not shown by the kernel",
		fails:  "epoll_ctl fails with ENOSPC: a connection is accepted and closed at once",
		shows:  "`weir_connections_closed_total{reason=\"error\"}` and the log line `cannot watch a new connection`",
	},
	{
		name: "memory, idle", must: true,
		find: func(h *Host, p Plan) finding { return memoryFinding(h, p.MemoryBytes()) },
		unit: " MiB",
		number: func(n int) int64 {
			return Plan{Connections: n, Weight: Assumed}.MemoryBytes() >> 20 // MiB
		},
		fix:  fixed("more memory for the machine or the control group (MemoryMax=), or a lower max_connections"),
		why:  "what so many idle connections take in process and kernel",
		does: "The least of what the machine has available and what the control groups and the unit allow.",
		sum: fmt.Sprintf("%d MiB for a server without connections; for each, %d bytes in the process and what the "+
			"kernel keeps, which doctor weighs: %d bytes where this table was made (socket, inode, dentry, file, watch).",
			baseBytes>>20, userBytes, Assumed.Bytes),
		verify: "`/status` for the process; `grep ^Slab /proc/meminfo` before and after, or `slabtop`, for the " +
			"kernel. A control group is charged for less than half of the kernel's part: the socket itself is made in an " +
			"interrupt, on nobody's account",
		fails: "The kernel kills the process (`oom-kill` in its log); before that a control group at `memory.high` " +
			"slows it down until it is of no use",
		shows: "Nothing: there is no last word. Before, `process_resident_memory_bytes` and `/status`",
	},
	{
		name: "memory, all budgets full",
		find: func(h *Host, p Plan) finding { return memoryFinding(h, p.MemoryBytes()+p.Budgets) },
		unit: " MiB",
		number: func(n int) int64 {
			return (Plan{Connections: n, Weight: Assumed}.MemoryBytes() + 256<<20) >> 20
		},
		fix:  fixed("more memory, or smaller max_queue_bytes, max_outbox_total_bytes and max_input_total_bytes"),
		why:  "the same while queue, outboxes and unfinished input hold all they may",
		does: "The same at the worst: every byte budget is used up.",
		sum: "the row above and `max_queue_bytes`, `max_outbox_total_bytes` and `max_input_total_bytes`, 256 MiB at " +
			"the defaults; what the kernel's buffers hold is bounded by tcp_mem and comes on top.",
		verify: "`weir_queue_bytes`, `weir_outbox_bytes` and `weir_input_bytes` against their limits",
		fails: "As above, under load and not before. Where memory is below 512 MiB the defaults are smaller by " +
			"themselves",
		shows: "The warning at the start that keys allow more memory than there is; the three series at their limits",
	},
}

// memoryFinding holds bytes against the least of all limits.
func memoryFinding(h *Host, bytes int64) finding {
	have := h.Available
	for _, limit := range []int64{h.Memory.Bytes, h.Unit.Memory} {
		if limit > 0 && (have == 0 || limit < have) {
			have = limit
		}
	}
	return finding{have: mib(have), need: mib(bytes), short: have < bytes, unknown: have == 0}
}
