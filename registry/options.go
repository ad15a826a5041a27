package registry

import (
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/VictoriaMetrics/metrics"

	"weir/registry/clientreq"
	"weir/registry/task"
)

// Options holds what a registry calls itself and every bound it enforces. Start from DefaultOptions.
// A Registry copies it; changing it afterwards changes nothing.
type Options struct {
	// Name is how the server introduces itself (serverInfo.name). 1 to 128 bytes.
	Name string `yaml:"name"`
	// Title is the name for people (serverInfo.title), shown to clients since revision 2025-06-18. At most 256 bytes.
	Title string `yaml:"title"`
	// Version is the version of the server that clients see (serverInfo.version). 1 to 128 bytes.
	Version string `yaml:"version"`
	// Instructions tell a model how to use this server; they go out with initialize and server/discover, which are
	// answered on the loop from prepared bytes. At most 65536 bytes.
	Instructions string `yaml:"instructions"`

	// Partitions is into how many independently locked parts the tables of tools and sessions are cut, any number,
	// not only powers of two. A lookup holds its partition's lock for about 20 ns, so partitions matter only when
	// many cores look up at once; each costs 128 bytes. 1 to 4096.
	Partitions int `yaml:"partitions"`
	// PageSize is how many entries one page of a list (tools, prompts, resources, resource templates) holds; a page also
	// ends before it exceeds max_result_bytes. It is high because many clients read only the first page. 1 to 10000.
	PageSize int `yaml:"page_size"`
	// ListTTL is for how long clients of revision 2026-07-28 may keep lists and the answer to server/discover (ttlMs,
	// sent in whole milliseconds). Longer saves requests, shorter shows new entries earlier. 0 (do not keep) to 24h.
	ListTTL time.Duration `yaml:"list_ttl"`
	// MaxTools is how many tools may be registered; each keeps its definition encoded once per shape, about twice
	// its JSON. One more is a panic in AddTool: it is a mistake of the program, not of a peer. 1 to 100000.
	MaxTools int `yaml:"max_tools"`
	// MaxPrompts is how many prompts may be registered, and what max_tools says is true of them. 1 to 100000.
	MaxPrompts int `yaml:"max_prompts"`
	// MaxResources is how many resources may be registered, and what max_tools says is true of them. 1 to 100000.
	MaxResources int `yaml:"max_resources"`
	// MaxResourceTemplates is how many resource templates may be registered. It is lower than the others because the
	// URI of a read that names no resource is compared with the beginning of each of them, on the event loop, at about
	// 3 ns each. 1 to 10000.
	MaxResourceTemplates int `yaml:"max_resource_templates"`

	// MaxSessions is how many legacy HTTP sessions may exist at once, at about 160 bytes each. The next initialize is
	// answered with 503. Most clients never end their sessions, so session_idle does. 1 to 10000000.
	MaxSessions int `yaml:"max_sessions"`
	// SessionIdle is how long a session may go without a request before it is forgotten; its client then gets 404 and
	// starts a new one. 1s to 168h.
	SessionIdle time.Duration `yaml:"session_idle"`
	// SessionMaxAge is how long a session may live however busy it is, which bounds the use of a stolen id. 0 is no
	// limit, else 1m to 8760h.
	SessionMaxAge time.Duration `yaml:"session_max_age"`

	// MaxSubscriptions is how many subscriptions all clients may have: resources they watch, and open
	// subscriptions/listen requests, at about 300 bytes each. The next is refused with -32603 (over HTTP 503) and reason
	// subscription_limit. 1 to 10000000.
	MaxSubscriptions int `yaml:"max_subscriptions"`
	// MaxSubscriptionsPerClient is how many resources one session, connection or listen may watch, and how many listens
	// one connection may have open. The next is refused likewise, with reason client_subscription_limit. 1 to 100000.
	MaxSubscriptionsPerClient int `yaml:"max_subscriptions_per_client"`
	// ReplayEvents is how many of the latest events of a session's streams, its GET's and its POSTs', are kept, so that a
	// client which lost its connection can resume one with Last-Event-ID. 0 keeps none: the stream of a POST then cannot be
	// resumed, and that of a GET resumes with what comes next. 0 to 10000.
	ReplayEvents int `yaml:"replay_events"`
	// ReplayBytes is how many bytes of events one session keeps; older ones go first. An answer above it is not kept: who
	// resumes its stream gets an error with reason replay_limit. 0, which is as replay_events 0 is, to 16777216.
	ReplayBytes int `yaml:"replay_bytes"`
	// ReplayTotalBytes is the same for all sessions together; the session whose event would exceed it forgets what it
	// has kept. 0 to 17179869184.
	ReplayTotalBytes int `yaml:"replay_total_bytes"`
	// ReplayTTL is for how long events are kept for clients that resume, looked at once a second: what nobody comes back for
	// makes room. 1s to 168h.
	ReplayTTL time.Duration `yaml:"replay_ttl"`

	// StateTTL is for how long a client may come back with what a handler asked it for (requestState, MCP 2026-07-28).
	// 1s to 24h.
	StateTTL time.Duration `yaml:"state_ttl"`
	// StateKey seals requestState: 64 hexadecimal digits, the same on every server that a client may come back to.
	// Empty: a random key of this process, whose states end with it.
	StateKey string `yaml:"state_key"`

	// MaxAsks is how many requests to legacy clients (sampling, elicitation, roots), sent for handlers that need input, may
	// wait for their answers. A call that would exceed it fails with reason request_limit. Each holds about 1 KB
	// and, within max_ask_bytes, its call's message. 1 to 1000000.
	MaxAsks int `yaml:"max_asks"`
	// MaxAsksPerClient is the same for one session or connection, with reason client_request_limit. 1 to 100000.
	MaxAsksPerClient int `yaml:"max_asks_per_client"`
	// MaxAskBytes is how many bytes of messages they may hold together: those of the calls that wait, and of the answers to
	// calls that wait for more. A call that would exceed it, with its own or an answer, fails with reason request_bytes.
	// 65536 to 17179869184.
	MaxAskBytes int `yaml:"max_ask_bytes"`
	// AskTimeout is how long a call waits for them; people answer some. 1s to 24h.
	AskTimeout time.Duration `yaml:"ask_timeout"`

	// HandlerTimeout is how long a handler may run, unless it was registered with a Timeout of its own. Then its context
	// ends with context.DeadlineExceeded and the call is answered with -32603 and reason handler_timeout, whether the
	// handler returns or not; what it returns later is dropped, and until then it counts as running. It is looked at four
	// times a second, so a call ends up to half a second late. The default is longer than clients wait by themselves (most
	// 60 seconds), and short enough for a lost place to be found. Progress does not extend it; a call that waits for
	// its client (ask_timeout) does not run, and its handler has the whole time again when it is resumed. Tasks have
	// their own time (task_ttl). 0 is no limit, else 1s to 24h.
	HandlerTimeout time.Duration `yaml:"handler_timeout"`

	// MaxTasks is how many tasks may exist, running, waiting or ended and not expired. The next call that would become one
	// is refused with -32603 (over HTTP 503) and reason task_limit. 1 to 1000000.
	MaxTasks int `yaml:"max_tasks"`
	// MaxTasksPerClient is the same for one principal; without authentication for one session or connection, and for all
	// requests of 2026-07-28 over HTTP together. The reason is client_task_limit. 1 to 1000000.
	MaxTasksPerClient int `yaml:"max_tasks_per_client"`
	// MaxTaskBytes is how many bytes one task may keep: its request while it runs, what it asks its client for and is
	// answered, its result, and 2048 of its own. A larger request or answer is refused with reason task_bytes, with anything
	// else too large the task fails, with the same reason. 4096 to 67108864.
	MaxTaskBytes int `yaml:"max_task_bytes"`
	// MaxTaskTotalBytes is the same for all tasks together. 4096 to 17179869184.
	MaxTaskTotalBytes int `yaml:"max_task_total_bytes"`
	// TaskTTL is for how long after its beginning a task is kept, if its client does not say; one that has not ended by then
	// fails with reason task_expired. It is the longest that a handler may take. 1s to 720h.
	TaskTTL time.Duration `yaml:"task_ttl"`
	// TaskMaxTTL is the most that a client of 2025-11-25 may ask for, at least task_ttl. 1s to 720h.
	TaskMaxTTL time.Duration `yaml:"task_max_ttl"`
	// TaskPollInterval is how long clients are told to wait between two tasks/get. 1ms to 1h.
	TaskPollInterval time.Duration `yaml:"task_poll_interval"`
	// MaxTaskWaits is how many tasks/result requests (2025-11-25) may wait for their tasks to end, each with its message and
	// about 1 KB. The next is refused with reason task_wait_limit. 1 to 1000000.
	MaxTaskWaits int `yaml:"max_task_waits"`
	// MaxTaskWaitsPerTask is the same for one task. 1 to 10000.
	MaxTaskWaitsPerTask int `yaml:"max_task_waits_per_task"`

	// MaxResultBytes is the longest answer to one request, in bytes of JSON. A longer one is replaced by error -32603:
	// what a tool returns is memory that this server must hold until the peer has read it. 4096 to 67108864.
	MaxResultBytes int `yaml:"max_result_bytes"`

	// PrivateLists has lists and the answer to server/discover say cacheScope private: for a server whose transports serve
	// only those they know. What is offered is the same for all of them, but not for whoever asks a shared cache.
	PrivateLists bool `yaml:"-"`
	// Metrics receives every series of this package; nil gives the registry a set of its own. Two registries cannot
	// share one set.
	Metrics *metrics.Set `yaml:"-"`
}

// DefaultOptions returns the options a server has when its configuration names none.
func DefaultOptions() Options {
	return Options{
		Name:                 "weir",
		Version:              "dev",
		Partitions:           64,
		PageSize:             1000,
		ListTTL:              time.Minute,
		MaxTools:             10_000,
		MaxPrompts:           10_000,
		MaxResources:         10_000,
		MaxResourceTemplates: 1000,
		MaxSessions:          100_000,
		SessionIdle:          30 * time.Minute,
		SessionMaxAge:        24 * time.Hour,
		MaxResultBytes:       1 << 20,

		MaxSubscriptions:          200_000,
		MaxSubscriptionsPerClient: 1000,
		ReplayEvents:              64,
		ReplayBytes:               256 << 10,
		ReplayTotalBytes:          32 << 20,
		ReplayTTL:                 5 * time.Minute,

		StateTTL: 10 * time.Minute,

		MaxAsks:          10_000,
		MaxAsksPerClient: 100,
		MaxAskBytes:      32 << 20,
		AskTimeout:       5 * time.Minute,
		HandlerTimeout:   5 * time.Minute,

		MaxTasks:            10_000,
		MaxTasksPerClient:   2000,
		MaxTaskBytes:        1 << 20,
		MaxTaskTotalBytes:   64 << 20,
		TaskTTL:             15 * time.Minute,
		TaskMaxTTL:          24 * time.Hour,
		TaskPollInterval:    time.Second,
		MaxTaskWaits:        10_000,
		MaxTaskWaitsPerTask: 8,
	}
}

// Validate returns everything that is wrong with the options, each error naming the yaml key (relative to this struct),
// the value and what is allowed. No error means that New will accept them.
func (o *Options) Validate() []error {
	var errs []error
	text := func(key, value string, low, high int) {
		if len(value) < low || len(value) > high {
			errs = append(errs, fmt.Errorf("%s: %d bytes long, allowed is %d to %d", key, len(value), low, high))
		} else if !utf8.ValidString(value) {
			errs = append(errs, fmt.Errorf("%s: %q is not valid UTF-8", key, value))
		}
	}
	number := func(key string, value, low, high int) {
		if value < low || value > high {
			errs = append(errs, fmt.Errorf("%s: %d is out of range, allowed is %d to %d", key, value, low, high))
		}
	}
	span := func(key string, value, low, high time.Duration) {
		if value < low || value > high {
			errs = append(errs, fmt.Errorf("%s: %s is out of range, allowed is %s to %s", key, value, low, high))
		}
	}
	text("name", o.Name, 1, 128)
	text("title", o.Title, 0, 256)
	text("version", o.Version, 1, 128)
	text("instructions", o.Instructions, 0, 64<<10)
	number("partitions", o.Partitions, 1, 4096)
	number("page_size", o.PageSize, 1, 10_000)
	span("list_ttl", o.ListTTL, 0, 24*time.Hour)
	number("max_tools", o.MaxTools, 1, 100_000)
	number("max_prompts", o.MaxPrompts, 1, 100_000)
	number("max_resources", o.MaxResources, 1, 100_000)
	number("max_resource_templates", o.MaxResourceTemplates, 1, 10_000)
	number("max_sessions", o.MaxSessions, 1, 10_000_000)
	span("session_idle", o.SessionIdle, time.Second, 168*time.Hour)
	if o.SessionMaxAge != 0 {
		span("session_max_age", o.SessionMaxAge, time.Minute, 8760*time.Hour)
	}
	number("max_subscriptions", o.MaxSubscriptions, 1, 10_000_000)
	number("max_subscriptions_per_client", o.MaxSubscriptionsPerClient, 1, 100_000)
	number("replay_events", o.ReplayEvents, 0, 10_000)
	number("replay_bytes", o.ReplayBytes, 0, 16<<20)
	number("replay_total_bytes", o.ReplayTotalBytes, 0, 16<<30)
	span("replay_ttl", o.ReplayTTL, time.Second, 168*time.Hour)
	span("state_ttl", o.StateTTL, time.Second, 24*time.Hour)
	if o.StateKey != "" {
		if err := clientreq.CheckKey(o.StateKey); err != nil {
			errs = append(errs, fmt.Errorf("state_key: %w", err)) // the value is a secret
		}
	}
	number("max_asks", o.MaxAsks, 1, 1_000_000)
	number("max_asks_per_client", o.MaxAsksPerClient, 1, 100_000)
	number("max_ask_bytes", o.MaxAskBytes, 64<<10, 16<<30)
	span("ask_timeout", o.AskTimeout, time.Second, 24*time.Hour)
	if o.HandlerTimeout != 0 {
		span("handler_timeout", o.HandlerTimeout, time.Second, 24*time.Hour)
	}
	number("max_result_bytes", o.MaxResultBytes, 4096, 64<<20)
	tasks := o.tasks()
	return append(errs, tasks.Validate()...)
}

// tasks are the bounds of tasks.
func (o *Options) tasks() task.Options {
	return task.Options{
		MaxTasks: o.MaxTasks, MaxTasksPerClient: o.MaxTasksPerClient,
		MaxTaskBytes: o.MaxTaskBytes, MaxTaskTotalBytes: o.MaxTaskTotalBytes,
		TaskTTL: o.TaskTTL, TaskMaxTTL: o.TaskMaxTTL, TaskPollInterval: o.TaskPollInterval,
		MaxTaskWaits: o.MaxTaskWaits, MaxTaskWaitsPerTask: o.MaxTaskWaitsPerTask,
	}
}
