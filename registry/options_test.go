package registry

import (
	"strings"
	"testing"
	"time"
)

// namedOptions are the defaults under a name.
func namedOptions() Options {
	o := DefaultOptions()
	o.Name, o.Version = "weir", "dev"
	return o
}

// TestNameIsAskedFor: no server calls itself after this library because its author forgot to name it.
func TestNameIsAskedFor(t *testing.T) {
	_, err := New(DefaultOptions())
	if err == nil || !strings.Contains(err.Error(), "name: ") || !strings.Contains(err.Error(), "version: ") {
		t.Errorf("got %v", err)
	}
}

func TestOptions(t *testing.T) {
	good := namedOptions()
	if errs := good.Validate(); len(errs) > 0 {
		t.Fatal("defaults:", errs)
	}
	f := func(key string, change func(*Options)) {
		t.Helper()
		o := namedOptions()
		change(&o)
		errs := o.Validate()
		if len(errs) != 1 || !strings.HasPrefix(errs[0].Error(), key+": ") {
			t.Errorf("%s: got %v", key, errs)
		}
		if _, err := New(o); err == nil {
			t.Errorf("%s: New took it", key)
		}
	}
	f("name", func(o *Options) { o.Name = "" })
	f("name", func(o *Options) { o.Name = "\xff" })
	f("title", func(o *Options) { o.Title = strings.Repeat("x", 257) })
	f("version", func(o *Options) { o.Version = "" })
	f("instructions", func(o *Options) { o.Instructions = strings.Repeat("x", 65537) })
	f("partitions", func(o *Options) { o.Partitions = 0 })
	f("page_size", func(o *Options) { o.PageSize = 0 })
	f("list_ttl", func(o *Options) { o.ListTTL = -1 })
	f("max_tools", func(o *Options) { o.MaxTools = 0 })
	f("max_prompts", func(o *Options) { o.MaxPrompts = 0 })
	f("max_resources", func(o *Options) { o.MaxResources = 100_001 })
	f("max_resource_templates", func(o *Options) { o.MaxResourceTemplates = 10_001 })
	f("max_sessions", func(o *Options) { o.MaxSessions = 0 })
	f("session_idle_timeout", func(o *Options) { o.SessionIdleTimeout = time.Millisecond })
	f("max_session_age", func(o *Options) { o.MaxSessionAge = time.Second })
	f("max_subscriptions", func(o *Options) { o.MaxSubscriptions = 0 })
	f("max_subscriptions_per_client", func(o *Options) { o.MaxSubscriptionsPerClient = 0 })
	f("max_listen_bytes", func(o *Options) { o.MaxListenBytes = 0 })
	f("max_event_store_events", func(o *Options) { o.MaxEventStoreEvents = -1 })
	f("max_event_store_bytes", func(o *Options) { o.MaxEventStoreBytes = -1 })
	f("max_event_store_total_bytes", func(o *Options) { o.MaxEventStoreTotalBytes = -1 })
	f("state_ttl", func(o *Options) { o.StateTTL = time.Millisecond })
	f("state_key", func(o *Options) { o.StateKey = "secret" })
	f("max_client_requests", func(o *Options) { o.MaxClientRequests = 0 })
	f("max_client_requests_per_client", func(o *Options) { o.MaxClientRequestsPerClient = 0 })
	f("max_client_request_bytes", func(o *Options) { o.MaxClientRequestBytes = 0 })
	f("client_request_timeout", func(o *Options) { o.ClientRequestTimeout = 0 })
	f("min_concurrency", func(o *Options) { o.MinConcurrency = o.MaxConcurrency + 1 })
	f("min_concurrency", func(o *Options) { o.MinConcurrency = 0 })
	f("max_concurrency", func(o *Options) { o.MaxConcurrency = 0 })
	f("max_tasks", func(o *Options) { o.Tasks.MaxTasks = 0 })
	f("max_tasks_per_client", func(o *Options) { o.Tasks.MaxTasksPerClient = 0 })
	f("max_task_bytes", func(o *Options) { o.Tasks.MaxTaskBytes = 100 })
	f("max_task_total_bytes", func(o *Options) { o.Tasks.MaxTaskTotalBytes = 100 })
	f("task_ttl", func(o *Options) { o.Tasks.TaskTTL = time.Millisecond })
	f("max_task_ttl", func(o *Options) { o.Tasks.MaxTaskTTL = o.Tasks.TaskTTL - 1 })
	f("task_poll_interval", func(o *Options) { o.Tasks.TaskPollInterval = 0 })
	f("max_task_waits", func(o *Options) { o.Tasks.MaxTaskWaits = 0 })
	f("max_task_waits_per_task", func(o *Options) { o.Tasks.MaxTaskWaitsPerTask = 0 })
	f("max_result_bytes", func(o *Options) { o.MaxResultBytes = 100 })
}
