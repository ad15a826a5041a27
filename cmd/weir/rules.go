package main

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

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

// validate applies every rule: the process's own, those of each package on its section, and those across packages.
// Each error of a package begins with the key it is about, and is shown where that key was written.
func (c *Config) validate(p *problems, positions map[string]position, openFiles uint64) {
	check := func(section string, errs []error) {
		for _, err := range errs {
			text := join(section, err.Error())
			path, complaint, _ := strings.Cut(text, ": ")
			at := locate(positions, path)
			if at.flag != "" {
				text = complaint // the flag's name, shown in front, is the key's
			}
			p.add(at, "%s", text)
		}
	}
	check("", c.Server.Validate())
	check("", c.Queue.Validate())
	check("mcp", c.MCP.Validate())
	check("", c.ownRules())
	check("", c.rulesAcross(openFiles))
}

// locate finds where a key was written; a key that nobody wrote is shown at its section, if there is one.
func locate(positions map[string]position, path string) position {
	for {
		if at, ok := positions[path]; ok {
			return at
		}
		dot := strings.LastIndexByte(path, '.')
		if dot < 0 {
			return position{}
		}
		path = path[:dot]
	}
}

// ownRules are those of the keys that no package owns.
func (c *Config) ownRules() []error {
	var errs []error
	refuse := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	oneOf := func(key, value string, allowed ...string) {
		if !slices.Contains(allowed, value) {
			refuse("%s: %q is unknown, allowed is one of %s", key, value, strings.Join(allowed, ", "))
		}
	}
	if c.Server.HTTP == "" && c.Server.TCP == "" && c.Server.Unix == "" && !c.stdio {
		refuse("http: every listener is off, set at least one of http, tcp and unix")
	}
	if err := checkAddress(c.Admin); err != nil {
		refuse("admin: %w", err)
	} else if !c.AdminAllowRemote && c.Admin != "" && !auth.IsLoopbackAddress(c.Admin) {
		refuse("admin: %q is not a loopback address and the admin listener asks for no password; use 127.0.0.1, or set admin_allow_remote: true behind a firewall", c.Admin)
	}
	oneOf("log.level", c.Log.Level, "debug", "info", "warn", "error")
	oneOf("log.format", c.Log.Format, "auto", "console", "json")
	if c.MemoryLimitBytes != 0 && c.MemoryLimitBytes < 32<<20 {
		refuse("memory_limit_bytes: %d is out of range, allowed is 0 (none) or 33554432 (32MiB) and more", c.MemoryLimitBytes)
	}
	if c.ShutdownTimeout <= 0 || c.ShutdownTimeout > time.Hour {
		refuse("shutdown_timeout: %v is out of range, allowed is more than 0s up to 1h", c.ShutdownTimeout)
	}
	return errs
}

// rulesAcross are those that no package can judge alone: two packages' options against each other, or against the
// machine.
func (c *Config) rulesAcross(openFiles uint64) []error {
	var errs []error
	refuse := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if err := c.checkConnections(openFiles); err != nil {
		refuse("max_connections: %w", err)
	}
	m := &c.Server.Messages
	if largest := max(m.Line.MaxMessageBytes, m.HTTP.MaxBodyBytes, m.WebSocket.MaxMessageBytes); c.Queue.MaxWaitingBytesPerConnection < largest {
		refuse("max_waiting_bytes_per_connection: %d is less than the largest message that messages allows (%d), which would always be refused",
			c.Queue.MaxWaitingBytesPerConnection, largest)
	}
	budgets := int64(c.Queue.MaxQueueBytes) + int64(c.Server.MaxOutboxTotalBytes) + int64(c.Server.MaxInputTotalBytes)
	if c.MemoryLimitBytes >= 32<<20 && c.MemoryLimitBytes < budgets {
		refuse("memory_limit_bytes: %d is less than max_queue_bytes + max_outbox_total_bytes + max_input_total_bytes (%d), which may all be full at once",
			c.MemoryLimitBytes, budgets)
	}
	return errs
}

// checkConnections holds max_connections against the files that this process may open. Go has raised the soft limit
// to the hard one already, so only the operator can help.
func (c *Config) checkConnections(openFiles uint64) error {
	const how = `raise it with "ulimit -n", or LimitNOFILE= in the systemd unit`
	carried := int64(min(openFiles, 1<<30)) - reservedFiles
	asked := int64(c.Queue.MaxConnections)
	if asked == 0 { // chosen from the limit, which must leave something
		asked = 1
		carried = int64(float64(min(openFiles, 1<<30))*0.9) - reservedFiles
	}
	if asked > carried {
		return fmt.Errorf("%d connections and %d files for the rest are more than the limit on open files (%d); %s",
			asked, reservedFiles, openFiles, how)
	}
	return nil
}

func checkAddress(address string) error {
	if address == "" {
		return nil
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("%q is not an address, want host:port such as 127.0.0.1:8080, or \"\" for off", address)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("%q has no port from 0 to 65535 behind the last colon", address)
	}
	return nil
}
