package doctor

import (
	"fmt"
	"strconv"
	"strings"
)

// network are the kernel's settings of TCP and what is around it.
var network = []setting{
	{
		name: "net.core.somaxconn", number: atOnce, key: "net.core.somaxconn",
		find:  sysctlAtLeast("net.core.somaxconn", 0, atOnce),
		value: func(int) string { return number(mostBacklog) },
		why: "the kernel cuts the key backlog to it; who does not fit in when all come back at once waits for a " +
			"second or more",
		does: "The longest queue of connections that are made and not accepted yet. It is a bound: an empty queue of " +
			"65,535 takes no memory. The default is 4,096 since Linux 5.4.",
		sum: "all clients at once, as after a restart without jitter, up to 65,535, which is as far as the key " +
			"`backlog` goes. The key must be raised too: the lesser of both counts",
		verify: "`ss -ltn`: Send-Q of a listener is its bound, Recv-Q what waits; `nstat -az TcpExtListenOverflows " +
			"TcpExtListenDrops`",
		fails: "The kernel drops the handshake and says nothing. The client tries again after 1, 3 and 7 seconds: " +
			"connecting is slow for some, and nobody is refused",
		shows: "Nothing of those that were dropped: `weir_connections_accept_rate` is flat while clients wait. `weir " +
			"load` counts the machine's ListenDrops during its run",
	},
	{
		name: "the key backlog", number: atOnce,
		find: func(_ *Host, p Plan) finding {
			return atLeast(int64(p.Backlog), true, atOnce(p.Connections))
		},
		fix:    func(p Plan) string { return "backlog: " + number(atOnce(p.Connections)) + " in the configuration" },
		why:    "what Weir asks of the kernel for its listeners; the lesser of it and somaxconn counts",
		does:   "Weir's own key, 4,096 by default.",
		sum:    "as net.core.somaxconn",
		verify: "`ss -ltn`: Send-Q",
		fails:  "As net.core.somaxconn",
		shows:  "As net.core.somaxconn",
	},
	{
		name: "net.ipv4.tcp_max_syn_backlog",
		find: func(h *Host, p Plan) finding {
			have, known := h.sysctl("net.ipv4.tcp_max_syn_backlog", 0)
			if cookies, _ := h.sysctl("net.ipv4.tcp_syncookies", 0); cookies != 0 {
				return finding{have: group(have), need: "any, with SYN cookies", unknown: !known}
			}
			return atLeast(have, known, atOnce(p.Connections)*4/3)
		},
		fix: fixed("sysctl -w net.ipv4.tcp_syncookies=1"),
		why: "it is read only while SYN cookies are off",
		does: "Without SYN cookies, how many half-open handshakes a listener may have; the last quarter is kept for " +
			"peers known from before. With `tcp_syncookies = 1`, the default, the kernel does not read it: the queue of " +
			"half-open handshakes is as long as the listener's backlog, and cookies are sent beyond.",
		sum:    "with cookies none; without, 4/3 of the backlog",
		verify: "`sysctl net.ipv4.tcp_syncookies`; `nstat -az TcpExtTCPReqQFullDoCookies TcpExtTCPReqQFullDrop`",
		fails:  "Without cookies SYNs are dropped, as with a full backlog",
		shows:  "As net.core.somaxconn",
	},
	{
		name: "net.ipv4.tcp_mem (max)", must: true, number: pages, key: "net.ipv4.tcp_mem",
		find: sysctlAtLeast("net.ipv4.tcp_mem", 2, pages),
		value: func(n int) string {
			return number(pressurePages(n)*3/4) + " " + number(pressurePages(n)) + " " + number(2*pressurePages(n))
		},
		why: "pages of all TCP buffers: one message to or from everybody at once is a page for each",
		does: "The most pages that the buffers of all TCP sockets of the machine may hold. Idle sockets hold none. " +
			"The default is 9.4 % of memory.",
		sum: "a page for each connection: the least that one unread message takes, however short (200 unread bytes on " +
			"each of 5,000 sockets raised `mem` of /proc/net/sockstat by 4,608, which the kernel counts in steps of " +
			"256). The file has four, for both directions and some that are larger",
		verify: "`grep ^TCP: /proc/net/sockstat`, `mem`, in pages",
		fails: "The kernel drops what arrives and cuts off sockets with unsent data; it logs `TCP: out of memory -- " +
			"consider tuning tcp_mem`; `nstat -az TcpExtTCPAbortOnMemory TcpExtTCPRcvQDrop`",
		shows: "`weir_connections_closed_total{reason=\"peer_reset\"}` and `{reason=\"write_timeout\"}` rise for many " +
			"at once",
	},
	{
		name: "net.ipv4.tcp_mem (pressure)", number: pressurePages,
		find: sysctlAtLeast("net.ipv4.tcp_mem", 1, pressurePages),
		fix:  fixed("the line net.ipv4.tcp_mem of the file"),
		why:  "from here on the kernel shrinks windows; a message in each direction for everybody should be below",
		does: "From this many pages on until it is below the first number, receive windows shrink and buffers stop " +
			"growing. The default is 6.25 % of memory.",
		sum:    "two pages for each connection: a request that comes and an answer that leaves",
		verify: "`nstat -az TcpExtTCPMemoryPressures`",
		fails:  "Everything gets slower for everybody, the more the larger the messages; nothing breaks",
		shows:  "`weir_outbox_bytes` rises, large answers take longer; `weir_queue_wait_seconds` does not move",
	},
	{
		name: "net.ipv4.tcp_rmem (default)",
		find: atMost("net.ipv4.tcp_rmem", 1, 128<<10),
		fix:  fixed("sysctl -w net.ipv4.tcp_rmem='4096 131072 6291456'"),
		why:  "a peer that is not read may leave that much in the kernel, times connections",
		does: "min, default and max bytes of a socket's receive buffer. Sockets begin at the default and grow to the " +
			"max while they are read fast. Nothing is allocated ahead: an idle socket has none.",
		sum:    "not more than the kernel's default, 131,072. Raising it for many connections is the wrong way round",
		verify: "`ss -tm`: `rb` is the bound, `r` what is held",
		fails: "Peers that send while they are not read (`on_full: pause`, a full outbox) bring TCP memory to tcp_mem " +
			"sooner",
		shows: "`weir_outbox_full_total` rises, then the signs of tcp_mem",
	},
	{
		name: "net.ipv4.tcp_wmem (default)",
		find: atMost("net.ipv4.tcp_wmem", 1, 64<<10),
		fix:  fixed("sysctl -w net.ipv4.tcp_wmem='4096 16384 4194304'"),
		why:  "a peer that does not read pins that much before Weir sees it, times connections",
		does: "The same for sending. `send_buffer_bytes` (TCP_NOTSENT_LOWAT) bounds what is unsent of each " +
			"connection, whatever these are; the max bounds what is on its way, and with it the speed of large answers " +
			"over long distances.",
		sum:    "not more than 65,536; the kernel's default is 16,384. Lower the max only if large answers may crawl",
		verify: "`ss -tm`: `tb`, `w`; `notsent` with `ss -ti`",
		fails:  "As tcp_rmem",
		shows:  "As tcp_rmem; `weir_connections_closed_total{reason=\"write_timeout\"}` frees them",
	},
	{
		name: "net.core.netdev_max_backlog",
		find: backlogOfCPUs,
		fix: fixed("sysctl -w net.core.netdev_max_backlog=10000, then watch the second column of " +
			"/proc/net/softnet_stat"),
		why: "packets that were dropped between driver and TCP, on loopback, veth and with RPS",
		does: "How many packets may wait for each processor between driver and protocol. Loopback and veth pass it, " +
			"and cards with RPS; without RPS a card's packets never do, and the setting does nothing for them.",
		sum:    "none: it is right while nothing is dropped, and 1,000, the default, mostly is",
		verify: "the second column of `/proc/net/softnet_stat`, hexadecimal, a line for each processor",
		fails:  "Packets are lost and sent again: 200 ms and more for those that it hits",
		shows:  "Nothing; latencies that clients measure have steps at 200 ms and 1 s",
	},
	{
		name: "net.netfilter.nf_conntrack_max", must: true, number: connections,
		find: conntrack,
		fix: func(p Plan) string {
			return "sysctl -w net.netfilter.nf_conntrack_max=" + number(powerOfTwo(2*int64(p.Connections))) +
				", or a NOTRACK rule for the server's ports"
		},
		why: "a firewall that tracks connections has a place for each",
		does: "The most connections that the firewall remembers. It counts only where rules need it " +
			"(`nf_conntrack_count` above 0); about 300 bytes each. It is not in the file: where the module is not loaded " +
			"the key does not exist.",
		sum:    "what is tracked now, and a place for each connection; TIME-WAIT ones keep theirs for two minutes more",
		verify: "`sysctl net.netfilter.nf_conntrack_count net.netfilter.nf_conntrack_max`",
		fails: "New connections are dropped without a word; the kernel logs `nf_conntrack: table full, dropping " +
			"packet`",
		shows: "`weir_connections` stops below its limit, and `weir_connections_accept_rate` falls to 0, with no " +
			"refusal counted",
	},
	{
		name: "net.ipv4.ip_local_port_range", number: ports, key: "net.ipv4.ip_local_port_range",
		find: func(h *Host, p Plan) finding {
			low, known := h.sysctl("net.ipv4.ip_local_port_range", 0)
			high, _ := h.sysctl("net.ipv4.ip_local_port_range", 1)
			return atLeast(high-low+1, known, ports(p.Connections))
		},
		value: func(int) string { return "10240 65535" },
		why:   "only if a proxy or weir load on this machine connects to Weir; accepted connections take no port",
		does: "The ports that clients on this machine take. A server's connections all have the port of its listener. " +
			"Who connects from here, a proxy or `weir load`, has a port for each address that it comes from and goes to.",
		sum: "a port for each connection from one address to one address and port; 55,296 are all that the range " +
			"10240 to 65535 has, and beyond it takes a second source address (127.0.0.2, as `weir load` does) or a " +
			"second listener",
		verify: "`ss -s`, or `ss -tn | wc -l` for one target",
		fails: "connect fails at the client with EADDRNOTAVAIL. A range that has a listener's port in it (7777, 8080, " +
			"9090) lets a client sit on it: then the server cannot be restarted, `address already in use`; " +
			"ip_local_reserved_ports keeps it",
		shows: "Nothing at the server: the connections never come. In a `weir load` report they are failed connects",
	},
	{
		name: "net.ipv4.tcp_max_orphans", number: connections, key: "net.ipv4.tcp_max_orphans",
		find:  sysctlAtLeast("net.ipv4.tcp_max_orphans", 0, connections),
		value: func(n int) string { return number(max(16384, powerOfTwo(int64(n)))) },
		why:   "at a stop all connections may be closed with their last bytes unacknowledged",
		does: "How many sockets that no process has any more may still wait for their last acknowledgement. The " +
			"default follows the size of memory.",
		sum:    "all connections, when peers are unreachable while the server stops. The file has the next power of two",
		verify: "`grep ^TCP: /proc/net/sockstat`, the third figure; `nstat -az TcpExtTCPAbortOnMemory`",
		fails:  "The kernel resets them: the end of the last answer is lost",
		shows:  "Not in Weir, which has closed them. Clients see resets after a stop",
	},
	{
		name: "net.ipv4.tcp_keepalive_time",
		find: func(h *Host, p Plan) finding {
			have, known := h.sysctl("net.ipv4.tcp_keepalive_time", 0)
			f := finding{have: group(have) + " s", need: "any, with peer_timeout", unknown: !known}
			if p.PeerTimeout == 0 {
				f.need, f.short = "600 s or less", have > 600
			}
			return f
		},
		fix: fixed("peer_timeout: 20s in the configuration, or sysctl -w net.ipv4.tcp_keepalive_time=600"),
		why: "Weir sets its own on each socket, from peer_timeout",
		does: "When the kernel begins to ask an idle peer whether it is there. Weir sets the three times on its " +
			"listeners from `peer_timeout`, 20 s by default, so the kernel's do nothing unless the key is 0.",
		sum:    "with `peer_timeout: 0s`, less than the idle timeout of whatever forgets connections on the way",
		verify: "`ss -to`: `timer:(keepalive,...)`",
		fails:  "Connections of peers that are gone stay for two hours, and each keeps its place",
		shows:  "`weir_connections` stays high while `weir_read_bytes_total` is flat",
	},
	{
		name: "net.ipv4.tcp_tw_reuse",
		find: func(h *Host, _ Plan) finding {
			have, known := h.sysctl("net.ipv4.tcp_tw_reuse", 0)
			return finding{have: strconv.FormatInt(have, 10), need: "any", unknown: !known}
		},
		why: "it is about connections that this machine opens: a server opens none",
		does: "Lets connect take a port whose last connection is in TIME-WAIT. accept does not read it. A proxy on " +
			"this machine that opens a connection for each request may want 1.",
		sum:    "none",
		verify: "`ss -s`: `timewait`",
		fails:  "At the proxy: EADDRNOTAVAIL, see ip_local_port_range",
		shows:  "Nothing",
	},
}

// atMost is the find of a number that may not be larger.
func atMost(key string, n int, most int64) func(*Host, Plan) finding {
	return func(h *Host, _ Plan) finding {
		have, known := h.sysctl(key, n)
		return finding{have: group(have), need: "at most " + group(most), short: have > most, unknown: !known}
	}
}

// raisedBacklogOfCPUs is what the setting is raised to where packets are dropped.
const raisedBacklogOfCPUs = 10_000

// backlogOfCPUs adds up what was dropped since the machine started: the count stays when the setting is raised, so that
// a raised one has nothing to mend.
func backlogOfCPUs(h *Host, _ Plan) finding {
	have, known := h.sysctl("net.core.netdev_max_backlog", 0)
	dropped := uint64(0)
	for line := range h.lines("proc/net/softnet_stat") {
		if fields := strings.Fields(line); len(fields) > 1 {
			n, _ := strconv.ParseUint(fields[1], 16, 64) // 0 is none dropped
			dropped += n
		}
	}
	return finding{have: fmt.Sprintf("%s, %s dropped", group(have), group(int64(dropped))),
		need: group(raisedBacklogOfCPUs) + ", or none dropped", short: dropped > 0 && have < raisedBacklogOfCPUs,
		unknown: !known}
}

func conntrack(h *Host, p Plan) finding {
	have, known := h.sysctl("net.netfilter.nf_conntrack_max", 0)
	tracked, _ := h.sysctl("net.netfilter.nf_conntrack_count", 0)
	if known && tracked == 0 {
		return finding{have: group(have), need: "any, nothing is tracked"}
	}
	return atLeast(have, known, tracked+int64(p.Connections))
}
