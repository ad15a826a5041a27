package backpressure

import (
	"math"
	"runtime"
	"time"

	"weir/codec/option"
)

// Options are the bounds of queue, workers and connections. DefaultOptions has working values; Resolve
// fills in what depends on the machine; Validate judges the whole.
type Options struct {
	// MaxWaitingPerConnection is how many messages of one connection may wait for a worker. The next one
	// is refused with connection_queue_full. At about 200 bytes of bookkeeping per message that is 2 MB
	// beside the messages themselves.
	MaxWaitingPerConnection int `yaml:"max_waiting_per_connection" default:"10000" min:"1" max:"1073741824" unit:"messages"`

	// MaxWaitingBytesPerConnection is how many bytes of one connection's messages may wait. The next one
	// is refused with connection_queue_bytes. A message bigger than this is never accepted, so it should
	// not be less than the biggest message that a listener lets in.
	MaxWaitingBytesPerConnection int `yaml:"max_waiting_bytes_per_connection" default:"1 MiB" min:"1 B" max:"1 GiB" unit:"bytes"`

	// MaxWaiting is how many messages may wait in all. The next one is refused with queue_full.
	MaxWaiting int `yaml:"max_waiting" default:"500000" min:"1" max:"1073741824" unit:"messages"`

	// MaxQueueBytes is how many bytes all messages in the queue may hold, waiting or executing, and the
	// bookkeeping of each with it: until a message is done its bytes are still in memory. The next one is
	// refused with queue_bytes. The default is what 350 MB resident leave beside 120 MB of base and 100,000
	// connections.
	MaxQueueBytes int `yaml:"max_queue_bytes" default:"128 MiB" min:"1 B" max:"1 TiB" unit:"bytes"`

	// MaxExecutingPerConnection is how many messages of one connection may be with workers at once; the
	// others wait. It bounds what one connection's burst can delay the others. Class Blocking leaves one of
	// them to class Compute, so that slow tools do not lock out quick ones on the same connection. In a cluster what
	// another node is to serve is refused (connection_queue_full) while so many requests of its connection are under way.
	MaxExecutingPerConnection int `yaml:"max_executing_per_connection" default:"32" min:"1" max:"65535" unit:"messages"`

	// WorkerBatch is how many messages a worker takes from a connection at once (class Compute; Blocking takes
	// one). A batch never waits to become full.
	WorkerBatch int `yaml:"worker_batch" was:"max_batch" default:"100" min:"1" max:"65535" unit:"messages"`

	// QueueTimeout is how long a message may wait. One that a worker finds older is refused with queue_timeout instead of
	// being run: its sender has most likely given up. What no worker comes for is looked at four times a second.
	QueueTimeout time.Duration `yaml:"queue_timeout" was:"max_queue_age" default:"5s" min:"0s" zero:"off"`

	// MaxExpectedWait is how long a message of a tool that computes (class Compute) may be expected to wait when it comes.
	// One that could not start by then is refused with expected_wait at once, before it is copied. What waits is counted
	// in time: what each tool's calls took lately, divided by what the cores do. A connection's message waits for its
	// share, not for all that others have asked for. The default leaves a third of 150 ms to the call itself.
	MaxExpectedWait time.Duration `yaml:"max_expected_wait" default:"100ms" min:"0s" max:"1h" zero:"off"`

	// OverloadAfter is for how long all workers (class Compute) must have been busy without a pause for the queue to be
	// one that stands, and not a burst that passes. From then on messages may only wait for OverloadQueueTimeout, until
	// for as long again a worker was to spare and nothing late. So a burst of a second's work for all cores is served to
	// its end: of 10,000 calls on one connection, if a call takes less than 200 us on two cores.
	OverloadAfter time.Duration `yaml:"overload_after" default:"1s" above:"0s"`

	// OverloadQueueTimeout is how long a message may wait while the workers are overloaded; older ones are refused with
	// overload. It is about how late the answers are that are given then, whatever is asked. Longer serves more of what
	// comes in waves, shorter answers sooner; the answers per second are the same. Without it every answer of an
	// overloaded server is as late as QueueTimeout lets it be.
	OverloadQueueTimeout time.Duration `yaml:"overload_queue_timeout" was:"overload_wait" default:"150ms" min:"0s" zero:"off"`

	// Workers is how many goroutines run class Compute. One per core: of more, some wait for the cores, and the loops,
	// which have refusals to tell, wait behind them. Where there is one core there are two, so that one call that takes
	// long is not all that is done.
	Workers int `yaml:"workers" min:"0" max:"4096" zero:"one per core" unit:"workers"`

	// MaxBlockingWorkers is how many messages of class Blocking may run at once, each on a goroutine of its own
	// (about 8 KiB of stack: 32 MiB at the default). The others wait in the queue.
	MaxBlockingWorkers int `yaml:"max_blocking_workers" was:"max_waiting_tools" default:"4096" min:"1" max:"1048576" unit:"workers"`

	// TaskLanes is how many connections the work of all MCP tasks together counts as: in how many lanes it stands, and
	// so how many turns it gets beside everybody else. At most max_executing_per_connection less one of each run at
	// once, which at the defaults leaves half of max_blocking_workers to calls that somebody waits for.
	TaskLanes int `yaml:"task_lanes" default:"64" min:"1" max:"4096" unit:"lanes"`

	// ComputeScratchBytes is how much of its answer buffer a Compute worker keeps between batches.
	ComputeScratchBytes int `yaml:"compute_scratch_bytes" default:"64 KiB" min:"0" max:"1 GiB" unit:"bytes"`

	// BlockingScratchBytes is the same for a goroutine of class Blocking; it is small, because MaxBlockingWorkers of
	// them may hold one while their tools wait (16 MiB at the defaults).
	BlockingScratchBytes int `yaml:"blocking_scratch_bytes" was:"wait_scratch_bytes" default:"4 KiB" min:"0" max:"1 GiB" unit:"bytes"`

	// MinRetryAfter is the least time that a refused peer is told to wait.
	MinRetryAfter time.Duration `yaml:"min_retry_after" was:"retry_after_min" default:"500ms" above:"0s"`

	// MaxRetryAfter is the most, reached as the queue gets full. At least three times MinRetryAfter, which
	// leaves room for the spread of +-50 %.
	MaxRetryAfter time.Duration `yaml:"max_retry_after" was:"retry_after_max" default:"30s"`

	// MaxConnections is how many connections may be open. The next one is refused with connection_limit. The open-file
	// limit (RLIMIT_NOFILE) never makes it more than 1,048,576. The rings of runnable connections take 32 bytes for
	// each.
	MaxConnections int `yaml:"max_connections" min:"0" max:"67108864" zero:"0.9 x open-file limit - 256" unit:"connections"`

	// SoftConnections is the number of open connections that raises the yellow alert. Nothing is refused.
	SoftConnections int `yaml:"soft_connections" min:"0" max:"67108864" zero:"three quarters of max_connections" unit:"connections"`

	// MaxConnectionsPerAddress is how many connections one IP address may have open. The next one is refused with
	// connection_limit_per_address. Unix sockets have no address and are not counted.
	MaxConnectionsPerAddress int `yaml:"max_connections_per_address" min:"0" max:"67108864" zero:"off" unit:"connections"`

	// MaxConnectionsPerPrincipal is how many connections one principal may have open, where peers say who they are
	// (auth.tokens_file). The next one is refused with connection_limit_per_principal. An HTTP connection is the
	// principal's of its latest request.
	MaxConnectionsPerPrincipal int `yaml:"max_connections_per_principal" min:"0" max:"67108864" zero:"off" unit:"connections"`

	// RefuseAbove is the fill of the queue, by messages or by bytes, above which new connections are
	// refused with queue_pressure: 0.80 of 500,000 waiting messages still opens, one more refuses.
	RefuseAbove float64 `yaml:"refuse_above" default:"0.80" above:"0" max:"1"`

	// ReopenBelow is the fill below which they are taken again.
	ReopenBelow float64 `yaml:"reopen_below" default:"0.75" above:"0" max:"1"`

	// MaxAcceptRate is how many connections may be opened per second, with bursts of one second's worth. The next one
	// is refused with accept_rate.
	MaxAcceptRate int `yaml:"max_accept_rate" min:"0" max:"1073741824" zero:"off" unit:"connections/s"`
}

const (
	reservedDescriptors = 256     // listeners, epoll sets, logs, upstreams, the admin listener
	mostConnections     = 1 << 20 // what MaxConnections is derived up to
)

// DefaultOptions returns the defaults. MaxConnections, SoftConnections and Workers are 0 until Resolve.
func DefaultOptions() Options {
	var o Options
	option.SetDefaults(&o)
	return o
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
		o.Workers = max(2, runtime.GOMAXPROCS(0))
	}
	return o
}

// Validate returns everything that is wrong with o, each error an *option.Mistake about its yaml key. A nil result
// means that NewQueue and NewLimits will work, after Resolve.
func (o Options) Validate() []error {
	found := option.Check(&o)
	if o.MaxConnections > 0 && o.SoftConnections > o.MaxConnections {
		found.Add("soft_connections", "%d is above max_connections: allowed is at most %d",
			o.SoftConnections, o.MaxConnections)
	}
	if least := 3 * o.MinRetryAfter; o.MaxRetryAfter < least {
		found.Add("max_retry_after", "%s is below three times min_retry_after: allowed is %s or more",
			option.FormatTime(o.MaxRetryAfter), option.FormatTime(least))
	}
	if !found.Has("reopen_below") && o.ReopenBelow > o.RefuseAbove {
		found.Add("reopen_below", "%v is above refuse_above: allowed is above 0, at most %v", o.ReopenBelow, o.RefuseAbove)
	}
	return found.Errors()
}
