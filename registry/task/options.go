package task

import (
	"time"

	"weir/codec/option"
	"weir/registry/nodeid"
	"weir/registry/protocol"
)

// Options are the bounds of all tasks of one Table. Start from DefaultOptions.
type Options struct {
	// MaxTasks is how many tasks may exist, running, waiting or ended and not expired. The next call that would become
	// one is refused with -32603 (over HTTP 503) and reason task_limit.
	MaxTasks int `yaml:"max_tasks" default:"10000" min:"1" max:"1000000" unit:"tasks"`
	// MaxTasksPerClient is the same for one principal; without authentication for one session or connection, and for
	// all requests of 2026-07-28 over HTTP together. The reason is task_limit_per_client.
	MaxTasksPerClient int `yaml:"max_tasks_per_client" default:"2000" min:"1" max:"1000000" unit:"tasks"`
	// MaxTaskBytes is how many bytes one task may keep: its request while it runs, what it asks its client for and is
	// answered, its result, and 2048 of its own. A larger request or answer is refused with reason task_bytes, with
	// anything else too large the task fails, with the same reason.
	MaxTaskBytes int `yaml:"max_task_bytes" default:"1 MiB" min:"4 KiB" max:"64 MiB" unit:"bytes"`
	// MaxTaskTotalBytes is the same for all tasks together, and for the messages of tasks/result requests that wait.
	MaxTaskTotalBytes int `yaml:"max_task_total_bytes" default:"64 MiB" min:"4 KiB" max:"16 GiB" unit:"bytes"`
	// TaskTTL is for how long after its beginning a task is kept, if its client does not say; one that has not ended by
	// then fails with reason task_expired. It is the longest that a handler may take.
	TaskTTL time.Duration `yaml:"task_ttl" default:"15m" min:"1s" max:"720h"`
	// MaxTaskTTL is the most that a client of 2025-11-25 may ask for, at least task_ttl.
	MaxTaskTTL time.Duration `yaml:"max_task_ttl" was:"task_max_ttl" default:"24h" min:"1s" max:"720h"`
	// TaskPollInterval is how long clients are told to wait between two tasks/get.
	TaskPollInterval time.Duration `yaml:"task_poll_interval" default:"1s" min:"1ms" max:"1h"`
	// MaxTaskWaits is how many tasks/result requests (2025-11-25) may wait for their tasks to end, each with its
	// message and about 1 KB. The next is refused with reason task_wait_limit.
	MaxTaskWaits int `yaml:"max_task_waits" default:"10000" min:"1" max:"1000000" unit:"requests"`
	// MaxTaskWaitsPerTask is the same for one task.
	MaxTaskWaitsPerTask int `yaml:"max_task_waits_per_task" default:"8" min:"1" max:"10000" unit:"requests"`

	// IDs makes the ids of tasks; nil: this server is no node of a cluster.
	IDs *nodeid.Maker `yaml:"-"`
}

// DefaultOptions returns the bounds of a server whose configuration names none.
func DefaultOptions() Options {
	var o Options
	option.SetDefaults(&o)
	return o
}

// MinTTL is the least that a task is kept: less, and it might be gone before its client can ask.
const MinTTL = time.Second

// Validate returns everything that is wrong with the options, each error an *option.Mistake about its yaml key.
func (o *Options) Validate() []error {
	found := option.Check(o)
	if !found.Has("task_ttl") && !found.Has("max_task_ttl") && o.MaxTaskTTL < o.TaskTTL {
		found.Add("max_task_ttl", "%s is below task_ttl: allowed is %s or more",
			option.FormatTime(o.MaxTaskTTL), option.FormatTime(o.TaskTTL))
	}
	return found.Errors()
}

// TTL is how long a task is kept: what its client wishes in milliseconds, a token, within bounds; nil and null are no
// wish. False for what is not a wish.
func (o *Options) TTL(wish []byte) (time.Duration, bool) {
	if wish == nil || string(wish) == "null" {
		return o.TaskTTL, true
	}
	millis, ok := protocol.SafeInteger(string(wish))
	if !ok || millis < 0 {
		return 0, false
	}
	if millis > o.MaxTaskTTL.Milliseconds() {
		return o.MaxTaskTTL, true
	}
	return max(time.Duration(millis)*time.Millisecond, MinTTL), true
}
