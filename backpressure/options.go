package backpressure

import (
	"fmt"
	"math"
	"runtime"
	"time"
)

// Options are the bounds of queue, workers and connections. DefaultOptions has working values; Resolve
// fills in what depends on the machine; Validate judges the whole.
type Options struct {
	// MaxWaitingPerConnection is how many messages of one connection may wait for a worker. The next one
	// is refused with connection_queue_full. At about 200 bytes of bookkeeping per message that is 2 MB
	// beside the messages themselves.
	MaxWaitingPerConnection int `yaml:"max_waiting_per_connection"`

	// MaxWaitingBytesPerConnection is how many bytes of one connection's messages may wait. The next one
	// is refused with connection_queue_bytes. A message bigger than this is never accepted, so it should
	// not be less than the biggest message that a listener lets in.
	MaxWaitingBytesPerConnection int `yaml:"max_waiting_bytes_per_connection"`

	// MaxWaiting is how many messages may wait in all. The next one is refused with queue_full.
	MaxWaiting int `yaml:"max_waiting"`

	// MaxQueueBytes is how many bytes all messages in the queue may hold, waiting or executing, and the
	// bookkeeping of each with it: until a message is done its bytes are still in memory. The next one is
	// refused with queue_bytes. The default is what 350 MB resident leave beside 120 MB of base and 100,000
	// connections.
	MaxQueueBytes int `yaml:"max_queue_bytes"`

	// MaxExecutingPerConnection is how many messages of one connection may be with workers at once; the
	// others wait. It bounds what one connection's burst can delay the others. Class Wait leaves one of
	// them to class Compute, so that slow tools do not lock out quick ones on the same connection.
	MaxExecutingPerConnection int `yaml:"max_executing_per_connection"`

	// MaxBatch is how many messages a worker takes from a connection at once (class Compute; Wait takes
	// one). A batch never waits to become full.
	MaxBatch int `yaml:"max_batch"`

	// MaxQueueAge is how long a message may wait. One that a worker finds older is refused with queue_age
	// instead of being run: its sender has most likely given up. What no worker comes for is looked at four
	// times a second. 0 turns the limit off.
	MaxQueueAge time.Duration `yaml:"max_queue_age"`

	// OverloadAfter is for how long all workers (class Compute) must have been busy without a pause for the
	// queue to be one that stands, and not a burst that passes. From then on messages may only wait for
	// OverloadWait, until for as long again a worker was to spare and nothing late. So a burst of a second's work for all cores is served to
	// its end: of 10,000 calls on one connection, if a call takes less than 200 us on two cores.
	OverloadAfter time.Duration `yaml:"overload_after"`

	// OverloadWait is how long a message may wait while the workers are overloaded; older ones are refused with
	// overload. It is about how late the answers are that are given then, whatever is asked. Longer serves
	// more of what comes in waves, shorter answers sooner; the answers per second are the same. 0 turns it
	// off: then every answer of an overloaded server is as late as MaxQueueAge lets it be.
	OverloadWait time.Duration `yaml:"overload_wait"`

	// Workers is how many goroutines run class Compute. 0 means two per core: one more than the core can
	// run, so that a worker that is descheduled does not idle its core. On two cores shared with the load, one
	// to four workers differed within the noise and eight were mostly slower.
	Workers int `yaml:"workers"`

	// MaxWaitingTools is how many messages of class Wait may run at once, each on a goroutine of its own
	// (about 8 KiB of stack: 32 MiB at the default). The others wait in the queue.
	MaxWaitingTools int `yaml:"max_waiting_tools"`

	// TaskLanes is how many connections the work of all MCP tasks together counts as: in how many lanes it stands, and so
	// how many turns it gets beside everybody else. At most max_executing_per_connection less one of each run at once, which
	// at the defaults leaves half of max_waiting_tools to calls that somebody waits for.
	TaskLanes int `yaml:"task_lanes"`

	// ComputeScratchBytes is how much of its answer buffer a Compute worker keeps between batches.
	ComputeScratchBytes int `yaml:"compute_scratch_bytes"`

	// WaitScratchBytes is the same for a goroutine of class Wait; it is small, because MaxWaitingTools of
	// them may hold one while their tools wait (16 MiB at the defaults).
	WaitScratchBytes int `yaml:"wait_scratch_bytes"`

	// RetryAfterMin is the least time that a refused peer is told to wait.
	RetryAfterMin time.Duration `yaml:"retry_after_min"`

	// RetryAfterMax is the most, reached as the queue gets full. At least three times RetryAfterMin, which
	// leaves room for the spread of +-50 %.
	RetryAfterMax time.Duration `yaml:"retry_after_max"`

	// MaxConnections is how many connections may be open. The next one is refused with connection_limit.
	// 0 means what the descriptor limit allows: 0.9 x RLIMIT_NOFILE - 256, at most 1,048,576. The rings of
	// runnable connections take 32 bytes for each.
	MaxConnections int `yaml:"max_connections"`

	// SoftConnections is the number of open connections that raises the yellow alert. Nothing is refused.
	// 0 means three quarters of MaxConnections.
	SoftConnections int `yaml:"soft_connections"`

	// MaxConnectionsPerAddress is how many connections one IP address may have open. The next one is
	// refused with address_limit. Unix sockets have no address and are not counted. 0 turns it off.
	MaxConnectionsPerAddress int `yaml:"max_connections_per_address"`

	// MaxConnectionsPerPrincipal is how many connections one principal may have open, where peers say who they are
	// (auth.tokens_file). The next one is refused with principal_limit. An HTTP connection is the principal's of its
	// latest request. 0 turns it off.
	MaxConnectionsPerPrincipal int `yaml:"max_connections_per_principal"`

	// RefuseAbove is the fill of the queue, by messages or by bytes, above which new connections are
	// refused with queue_pressure: 0.80 of 500,000 waiting messages still opens, one more refuses.
	RefuseAbove float64 `yaml:"refuse_above"`

	// ReopenBelow is the fill below which they are taken again.
	ReopenBelow float64 `yaml:"reopen_below"`

	// MaxAcceptRate is how many connections may be opened per second, with bursts of one second's worth.
	// The next one is refused with accept_rate. 0 turns it off.
	MaxAcceptRate int `yaml:"max_accept_rate"`
}

const (
	reservedDescriptors = 256     // listeners, epoll sets, logs, upstreams, the admin listener
	mostConnections     = 1 << 20 // what MaxConnections is derived up to
)

// DefaultOptions returns the defaults. MaxConnections, SoftConnections and Workers are 0 until Resolve.
func DefaultOptions() Options {
	return Options{
		MaxWaitingPerConnection:      10_000,
		MaxWaitingBytesPerConnection: 1 << 20,
		MaxWaiting:                   500_000,
		MaxQueueBytes:                128 << 20,
		MaxExecutingPerConnection:    32,
		MaxBatch:                     100,
		MaxQueueAge:                  5 * time.Second,
		OverloadAfter:                time.Second,
		OverloadWait:                 75 * time.Millisecond,
		MaxWaitingTools:              4096,
		TaskLanes:                    64,
		ComputeScratchBytes:          64 << 10,
		WaitScratchBytes:             4 << 10,
		RetryAfterMin:                500 * time.Millisecond,
		RetryAfterMax:                30 * time.Second,
		RefuseAbove:                  0.80,
		ReopenBelow:                  0.75,
	}
}

// Resolve returns o with every "0 means" of this machine filled in. descriptors is RLIMIT_NOFILE.
func (o Options) Resolve(descriptors uint64) Options {
	if o.MaxConnections == 0 {
		usable := int64(0.9*math.Min(float64(descriptors), 2*mostConnections)) - reservedDescriptors
		o.MaxConnections = int(min(max(usable, 1), mostConnections))
	}
	if o.SoftConnections == 0 {
		o.SoftConnections = max(1, o.MaxConnections/4*3+o.MaxConnections%4*3/4)
	}
	if o.Workers == 0 {
		o.Workers = 2 * runtime.GOMAXPROCS(0)
	}
	return o
}

// Validate returns everything that is wrong with o, one error per key, each with the key, the value and
// what is allowed. A nil result means that NewQueue and NewLimits will work, after Resolve.
func (o Options) Validate() []error {
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	number := func(key string, value, least, most int) {
		if value < least || value > most {
			fail("%s: %d is not allowed: want %d to %d", key, value, least, most)
		}
	}
	number("max_waiting_per_connection", o.MaxWaitingPerConnection, 1, 1<<30)
	number("max_waiting_bytes_per_connection", o.MaxWaitingBytesPerConnection, 1, 1<<30)
	number("max_waiting", o.MaxWaiting, 1, 1<<30)
	number("max_queue_bytes", o.MaxQueueBytes, 1, 1<<40)
	number("max_executing_per_connection", o.MaxExecutingPerConnection, 1, math.MaxUint16)
	number("max_batch", o.MaxBatch, 1, math.MaxUint16)
	number("workers", o.Workers, 0, 4096)
	number("max_waiting_tools", o.MaxWaitingTools, 1, 1<<20)
	number("task_lanes", o.TaskLanes, 1, 4096)
	number("compute_scratch_bytes", o.ComputeScratchBytes, 0, 1<<30)
	number("wait_scratch_bytes", o.WaitScratchBytes, 0, 1<<30)
	number("max_connections", o.MaxConnections, 0, 1<<26)
	number("soft_connections", o.SoftConnections, 0, 1<<26)
	number("max_connections_per_address", o.MaxConnectionsPerAddress, 0, 1<<26)
	number("max_connections_per_principal", o.MaxConnectionsPerPrincipal, 0, 1<<26)
	number("max_accept_rate", o.MaxAcceptRate, 0, 1<<30)
	if o.MaxConnections > 0 && o.SoftConnections > o.MaxConnections {
		fail("soft_connections: %d is not allowed: want at most max_connections (%d)", o.SoftConnections, o.MaxConnections)
	}
	if o.MaxQueueAge < 0 {
		fail("max_queue_age: %v is not allowed: want 0s (off) or more", o.MaxQueueAge)
	}
	if o.OverloadAfter <= 0 {
		fail("overload_after: %v is not allowed: want more than 0s", o.OverloadAfter)
	}
	if o.OverloadWait < 0 {
		fail("overload_wait: %v is not allowed: want 0s (off) or more", o.OverloadWait)
	}
	if o.RetryAfterMin <= 0 {
		fail("retry_after_min: %v is not allowed: want more than 0s", o.RetryAfterMin)
	}
	if o.RetryAfterMax < 3*o.RetryAfterMin {
		fail("retry_after_max: %v is not allowed: want at least three times retry_after_min (%v)", o.RetryAfterMax, o.RetryAfterMin)
	}
	// Written so that NaN fails too.
	if !(o.RefuseAbove > 0 && o.RefuseAbove <= 1) {
		fail("refuse_above: %v is not allowed: want more than 0, at most 1", o.RefuseAbove)
	}
	if !(o.ReopenBelow > 0 && o.ReopenBelow <= o.RefuseAbove) {
		fail("reopen_below: %v is not allowed: want more than 0, at most refuse_above (%v)", o.ReopenBelow, o.RefuseAbove)
	}
	return errs
}
