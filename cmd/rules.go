package cmd

import (
	"golang.org/x/sys/unix"

	"weir/cmd/nodes"
	"weir/codec/option"
	"weir/reactor"
	"weir/reactor/audit"
	"weir/reactor/auth"
)

// reservedFiles are descriptors that no client gets: log, epoll sets, listeners, the admin listener's connections and
// what tools open.
const reservedFiles = 256

// openFileLimit is RLIMIT_NOFILE. Go has raised the soft limit to the hard one before main, so this is all there is.
func openFileLimit() uint64 {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 1024 // POSIX's customary value: a limit that cannot be read is not one to build on
	}
	return limit.Cur
}

// validate applies every rule: the tags of every option, those of each package on its options, the process's own, and
// those across packages. Each error is an *option.Mistake about the key that should change.
func (c *Config) validate(openFiles uint64) []error {
	found := option.Check(c)
	c.checkProcess(&found)
	c.checkAcross(&found, openFiles)
	return found.Errors()
}

// checkProcess holds the rules of the keys that no package owns.
func (c *Config) checkProcess(found *option.Mistakes) {
	if c.Server.HTTP == "" && c.Server.TCP == "" && c.Server.Unix == "" && !c.stdio &&
		c.Mode != nodes.Worker {
		found.Add("http", "every listener is off: allowed is at least one of http, tcp and unix")
	}
	c.Cluster.CheckMode(c.Mode, c.MCP.StateKey, found)
	if c.stdio && c.Audit.File == audit.Standard {
		found.Add("audit.file", "- is standard output, on which this server speaks with its client: allowed is a path")
	}
	if err := reactor.CheckAddress(c.Admin); err != nil {
		found.Add("admin", "%v", err)
	} else if c.AdminTokensFile == "" && c.Admin != "" && !auth.IsLoopbackAddress(c.Admin) {
		found.Add("admin", "%q is not a loopback address, and nobody would be asked for a token there: allowed is 127.0.0.1,"+
			" or any with admin_tokens_file (the command token makes its lines)", c.Admin)
	}
	for _, other := range []struct{ key, address string }{{"http", c.Server.HTTP}, {"tcp", c.Server.TCP}} {
		if reactor.AddressesClash(c.Admin, other.address) {
			found.Add("admin", "%q and %s, %q, are one port, which only one of them can listen on: allowed is another port,"+
				" or \"\" (off) for one of them", c.Admin, other.key, other.address)
		}
	}
}

// checkAcross holds those that no package can judge alone: two packages' options against each other, or against the
// machine.
func (c *Config) checkAcross(found *option.Mistakes, openFiles uint64) {
	c.checkConnections(found, openFiles)
	if delay := c.Server.DrainDelay; delay >= c.ShutdownTimeout && !found.Has("drain_delay") {
		found.Add("drain_delay", "%s leaves nothing of shutdown_timeout, %s, for the stop itself: allowed is less",
			option.FormatTime(delay), option.FormatTime(c.ShutdownTimeout))
	}
	m := &c.Server.Messages
	largest := max(m.Line.MaxMessageBytes, m.HTTP.MaxBodyBytes, m.WebSocket.MaxMessageBytes)
	if c.Queue.MaxWaitingBytesPerConnection < largest && !found.Has("max_waiting_bytes_per_connection") {
		found.Add("max_waiting_bytes_per_connection",
			"%s is below the largest message that messages allows, which would always be refused: allowed is %s or more",
			option.FormatSize(int64(c.Queue.MaxWaitingBytesPerConnection)), option.FormatSize(int64(largest)))
	}
	budgets := c.largestBudgets()
	if c.MemoryLimitBytes != 0 && c.MemoryLimitBytes < budgets && !found.Has("memory_limit_bytes") {
		found.Add("memory_limit_bytes",
			"%s is below max_queue_bytes + max_outbox_total_bytes + max_input_total_bytes, which may all be full at once:"+
				" allowed is %s or more", option.FormatSize(c.MemoryLimitBytes), option.FormatSize(budgets))
	}
}

// checkConnections holds max_connections against the files that this process may open. Go has raised the soft limit
// to the hard one already, so only the operator can help.
func (c *Config) checkConnections(found *option.Mistakes, openFiles uint64) {
	carried := int64(min(openFiles, 1<<30)) - reservedFiles
	asked := int64(c.Queue.MaxConnections)
	if asked == 0 { // chosen from the limit, which must leave something
		asked = 1
		carried = int64(float64(min(openFiles, 1<<30))*0.9) - reservedFiles
	}
	if asked > carried && !found.Has("max_connections") {
		found.Add("max_connections", "%d and %d files for the rest are above the limit on open files (%d): allowed is at"+
			` most %d, or raise the limit with "ulimit -n", or LimitNOFILE= in the systemd unit`,
			asked, reservedFiles, openFiles, max(0, carried))
	}
}
