package task

import (
	"fmt"
	"time"
)

// Options are the bounds of all tasks of one Table. Start from DefaultOptions.
type Options struct {
	// MaxTasks is how many tasks may exist, running, waiting or ended and not expired. The next call that would become one
	// is refused with -32603 (over HTTP 503) and reason task_limit. 1 to 1000000.
	MaxTasks int `yaml:"max_tasks"`
	// MaxTasksPerClient is the same for one principal; without authentication for one session or connection, and for all
	// requests of 2026-07-28 over HTTP together. The reason is client_task_limit. 1 to 1000000.
	MaxTasksPerClient int `yaml:"max_tasks_per_client"`
	// MaxTaskBytes is how many bytes one task may keep: its request while it runs, what it asks its client for and is
	// answered, its result, and 2048 of its own. A larger request or answer is refused with reason task_bytes, with
	// anything else too large the task fails, with the same reason. 4096 to 67108864.
	MaxTaskBytes int `yaml:"max_task_bytes"`
	// MaxTaskTotalBytes is the same for all tasks together. 4096 to 17179869184.
	MaxTaskTotalBytes int `yaml:"max_task_total_bytes"`
	// TaskTTL is for how long after its beginning a task is kept, if its client does not say; one that has not ended by
	// then fails with reason task_expired. It is the longest that a handler may take. 1s to 720h.
	TaskTTL time.Duration `yaml:"task_ttl"`
	// TaskMaxTTL is the most that a client of 2025-11-25 may ask for, at least task_ttl. 1s to 720h.
	TaskMaxTTL time.Duration `yaml:"task_max_ttl"`
	// TaskPollInterval is how long clients are told to wait between two tasks/get. 1ms to 1h.
	TaskPollInterval time.Duration `yaml:"task_poll_interval"`
	// MaxTaskWaits is how many tasks/result requests (2025-11-25) may wait for their tasks to end, each with its message
	// and about 1 KB. The next is refused with reason task_wait_limit. 1 to 1000000.
	MaxTaskWaits int `yaml:"max_task_waits"`
	// MaxTaskWaitsPerTask is the same for one task. 1 to 10000.
	MaxTaskWaitsPerTask int `yaml:"max_task_waits_per_task"`
}

// DefaultOptions returns the bounds of a server whose configuration names none.
func DefaultOptions() Options {
	return Options{
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

// MinTTL is the least that a task is kept: less, and it might be gone before its client can ask.
const MinTTL = time.Second

// Validate returns everything that is wrong with the options, each error naming the yaml key, the value and what is
// allowed.
func (o *Options) Validate() []error {
	var errs []error
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
	number("max_tasks", o.MaxTasks, 1, 1_000_000)
	number("max_tasks_per_client", o.MaxTasksPerClient, 1, 1_000_000)
	number("max_task_bytes", o.MaxTaskBytes, 4096, 64<<20)
	number("max_task_total_bytes", o.MaxTaskTotalBytes, 4096, 16<<30)
	span("task_ttl", o.TaskTTL, MinTTL, 720*time.Hour)
	if o.TaskTTL <= 720*time.Hour {
		span("task_max_ttl", o.TaskMaxTTL, max(o.TaskTTL, MinTTL), 720*time.Hour)
	}
	span("task_poll_interval", o.TaskPollInterval, time.Millisecond, time.Hour)
	number("max_task_waits", o.MaxTaskWaits, 1, 1_000_000)
	number("max_task_waits_per_task", o.MaxTaskWaitsPerTask, 1, 10_000)
	return errs
}
