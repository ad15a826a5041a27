package registry

import (
	"time"
	"unicode/utf8"

	"github.com/VictoriaMetrics/metrics"

	"weir/codec/option"
	"weir/registry/clientreq"
	"weir/registry/concurrency"
	"weir/registry/engine"
	"weir/registry/event"
	"weir/registry/finder"
	"weir/registry/offer"
	"weir/registry/result"
	"weir/registry/session"
	"weir/registry/task"
)

// Options holds what a server calls itself and every bound that a registry enforces. Start from DefaultOptions.
// It is copied; changing it afterwards changes nothing.
type Options struct {
	// Name is how the server introduces itself (serverInfo.name). It has no default but that of the program.
	Name string `yaml:"name" min:"1" max:"128"`
	// Title is the name for people (serverInfo.title), shown to clients since revision 2025-06-18.
	Title string `yaml:"title" max:"256"`
	// Version is the version of the server that clients see (serverInfo.version). It has no default but that of
	// the program.
	Version string `yaml:"version" min:"1" max:"128"`
	// Instructions tell a model how to use this server; they go out with initialize and server/discover, which are
	// answered on the loop from prepared bytes.
	Instructions string `yaml:"instructions" max:"65536"`

	// Partitions is into how many independently locked parts the tables of tools and sessions are cut, any number, not
	// only powers of two. A lookup holds its partition's lock for about 20 ns, so partitions matter only when many
	// cores look up at once; each costs 128 bytes.
	Partitions int `yaml:"partitions" default:"64" min:"1" max:"4096" unit:"partitions"`
	// PageSize is how many entries one page of a list (tools, prompts, resources, resource templates) holds; a page
	// also ends before it exceeds max_result_bytes. It is high because many clients read only the first page.
	PageSize int `yaml:"page_size" default:"1000" min:"1" max:"10000" unit:"entries"`
	// ListTTL is for how long clients of revision 2026-07-28 may keep lists and the answer to server/discover (ttlMs,
	// sent in whole milliseconds). Longer saves requests, shorter shows new entries earlier.
	ListTTL time.Duration `yaml:"list_ttl" default:"1m" min:"0s" max:"24h" zero:"do not keep"`
	// MaxTools is how many tools may be registered; each keeps its definition encoded once per shape, about twice its
	// JSON. One more is a panic in AddTool: it is a mistake of the program, not of a peer.
	MaxTools int `yaml:"max_tools" default:"10000" min:"1" max:"100000" unit:"tools"`
	// MaxPrompts is how many prompts may be registered, and what max_tools says is true of them.
	MaxPrompts int `yaml:"max_prompts" default:"10000" min:"1" max:"100000" unit:"prompts"`
	// MaxResources is how many resources may be registered, and what max_tools says is true of them.
	MaxResources int `yaml:"max_resources" default:"10000" min:"1" max:"100000" unit:"resources"`
	// MaxResourceTemplates is how many resource templates may be registered. It is lower than the others because the
	// URI of a read that names no resource is compared with the beginning of each of them, on the event loop, at about
	// 3 ns each.
	MaxResourceTemplates int `yaml:"max_resource_templates" default:"1000" min:"1" max:"10000" unit:"templates"`

	// MaxSessions is how many legacy HTTP sessions may exist at once, at about 160 bytes each. The next initialize is
	// answered with 503. Most clients never end their sessions, so session_idle_timeout does.
	MaxSessions int `yaml:"max_sessions" default:"100000" min:"1" max:"10000000" unit:"sessions"`
	// SessionIdleTimeout is how long a session may go without a request before it is forgotten; its client then gets
	// 404 and starts a new one.
	SessionIdleTimeout time.Duration `yaml:"session_idle_timeout" was:"session_idle" default:"30m" min:"1s" max:"168h"`
	// MaxSessionAge is how long a session may live however busy it is, which bounds the use of a stolen id.
	MaxSessionAge time.Duration `yaml:"max_session_age" was:"session_max_age" default:"24h" min:"1m" max:"8760h" zero:"no limit"`

	// MaxSubscriptions is how many subscriptions all clients may have: resources they watch, and open
	// subscriptions/listen requests. The next is refused with -32603 (over HTTP 503) and reason subscription_limit.
	MaxSubscriptions int `yaml:"max_subscriptions" default:"200000" min:"1" max:"10000000" unit:"subscriptions"`
	// MaxSubscriptionsPerClient is how many resources one session, connection or listen may watch, and how many listens
	// one connection may have open. The next is refused likewise, with reason subscription_limit_per_client.
	MaxSubscriptionsPerClient int `yaml:"max_subscriptions_per_client" default:"1000" min:"1" max:"100000" unit:"subscriptions"`
	// MaxSubscriptionBytes is what all of them may take: each its URI and 640 bytes, an open listen 1,664. The next is
	// refused likewise, with reason subscription_bytes. The default has room for 40,000 with URIs of 200 bytes.
	MaxSubscriptionBytes int `yaml:"max_subscription_bytes" default:"32 MiB" min:"64 KiB" max:"16 GiB" unit:"bytes"`
	// MaxListenBytes is how long params.notifications of a subscriptions/listen may be: it is read on a loop, which others
	// wait for meanwhile. What is longer is refused with -32602 and reason listen_bytes. 128 KiB hold 1000 URIs of 130
	// bytes.
	MaxListenBytes int `yaml:"max_listen_bytes" default:"128 KiB" min:"1 KiB" max:"16 MiB" unit:"bytes"`
	// MaxEventStoreEvents is how many of the latest events of a session's streams, its GET's and its POSTs', are kept,
	// so that a client which lost its connection can resume one with Last-Event-ID. 0 keeps none: the stream of a POST
	// then cannot be resumed, and that of a GET resumes with what comes next.
	MaxEventStoreEvents int `yaml:"max_event_store_events" was:"replay_events" default:"64" min:"0" max:"10000" zero:"none" unit:"events"`
	// MaxEventStoreBytes is how many bytes of events one session keeps; older ones go first. An answer above it is not
	// kept: who resumes its stream gets an error with reason event_store_bytes. 0 is as max_event_store_events 0 is.
	MaxEventStoreBytes int `yaml:"max_event_store_bytes" was:"replay_bytes" default:"256 KiB" min:"0" max:"16 MiB" zero:"none" unit:"bytes"`
	// MaxEventStoreTotalBytes is the same for all sessions together, with 256 bytes of bookkeeping for each event; the
	// session whose event would exceed it forgets what it has kept.
	MaxEventStoreTotalBytes int `yaml:"max_event_store_total_bytes" was:"replay_total_bytes" default:"32 MiB" min:"0" max:"16 GiB" unit:"bytes"`
	// EventStoreTTL is for how long events are kept for clients that resume, looked at once a second: what nobody comes
	// back for makes room.
	EventStoreTTL time.Duration `yaml:"event_store_ttl" was:"replay_ttl" default:"5m" min:"1s" max:"168h"`

	// StateTTL is for how long a client may come back with what a handler asked it for (requestState, MCP 2026-07-28).
	StateTTL time.Duration `yaml:"state_ttl" default:"10m" min:"1s" max:"24h"`
	// StateKey seals requestState: 64 hexadecimal digits, the same on every server that a client may come back to.
	// Empty: a random key of this process, whose states end with it.
	StateKey string `yaml:"state_key" zero:"a random key"`

	// MaxClientRequests is how many requests to legacy clients (sampling, elicitation, roots), sent for handlers that
	// need input, may wait for their answers. A call that would exceed it fails with reason client_request_limit. Each
	// holds about 1 KB and, within max_client_request_bytes, its call's message.
	MaxClientRequests int `yaml:"max_client_requests" was:"max_asks" default:"10000" min:"1" max:"1000000" unit:"requests"`
	// MaxClientRequestsPerClient is the same for one session or connection, with reason
	// client_request_limit_per_client.
	MaxClientRequestsPerClient int `yaml:"max_client_requests_per_client" was:"max_asks_per_client" default:"100" min:"1" max:"100000" unit:"requests"`
	// MaxClientRequestBytes is how many bytes of messages they may hold together: those of the calls that wait, and of
	// the answers to calls that wait for more. A call that would exceed it, with its own or an answer, fails with
	// reason client_request_bytes.
	MaxClientRequestBytes int `yaml:"max_client_request_bytes" was:"max_ask_bytes" default:"32 MiB" min:"64 KiB" max:"16 GiB" unit:"bytes"`
	// ClientRequestTimeout is how long a call waits for them; people answer some.
	ClientRequestTimeout time.Duration `yaml:"client_request_timeout" was:"ask_timeout" default:"5m" min:"1s" max:"24h"`

	// HandlerTimeout is how long a handler may run, unless it was registered with a Timeout of its own. Then its
	// context ends with context.DeadlineExceeded and the call is answered with -32603 and reason handler_timeout,
	// whether the handler returns or not; what it returns later is dropped, and until then it counts as running. It is
	// looked at four times a second, so a call ends up to half a second late. The default is longer than clients wait
	// by themselves (most 60 seconds), and short enough for a lost place to be found. Progress does not extend it; a
	// call that waits for its client (client_request_timeout) does not run, and its handler has the whole time again
	// when it is resumed. Tasks have their own time (task_ttl).
	HandlerTimeout time.Duration `yaml:"handler_timeout" default:"5m" min:"1s" max:"24h" zero:"no limit"`

	// AdaptiveConcurrency finds for each tool that waits how many of its calls are worth running at once, unless it was
	// registered with MaxConcurrent, and refuses the others with reason tool_limit. A tool has no limit until more calls
	// at once bring no more answers. It suits tools whose calls are alike (docs/OPERATING.md, Tools that wait).
	AdaptiveConcurrency bool `yaml:"adaptive_concurrency"`
	// MinConcurrency is the least limit that is found, however slow a tool becomes.
	MinConcurrency int `yaml:"min_concurrency" default:"3" min:"1" max:"100000" unit:"calls"`
	// MaxConcurrency is how many calls of one tool run at once while no limit was found, and the most that is: the next
	// is refused likewise. The default is max_blocking_workers, which bounds all tools together.
	MaxConcurrency int `yaml:"max_concurrency" default:"4096" min:"1" max:"1048576" unit:"calls"`

	// Search has two tools stand for many.
	Search finder.Options `yaml:"search"`
	// Tasks are the bounds of tasks.
	Tasks task.Options `yaml:",inline"`

	// NullIsAbsent takes null for an optional argument of a typed tool, for an argument of a prompt and for one in the
	// context of a completion as if it were left out, for clients that send it for every argument they have nothing
	// for. Without it null is an error, except for pointers, slices, maps and anys, which null makes nil.
	NullIsAbsent bool `yaml:"null_is_absent"`
	// MaxResultBytes is the longest answer to one request, in bytes of JSON. A longer one is replaced by error -32603:
	// what a tool returns is memory that this server must hold until the peer has read it.
	MaxResultBytes int `yaml:"max_result_bytes" default:"1 MiB" min:"4 KiB" max:"64 MiB" unit:"bytes"`

	// PrivateLists has lists and the answer to server/discover say cacheScope private: for a server whose transports
	// serve only those they know. What is offered is the same for all of them, but not for whoever asks a shared cache.
	PrivateLists bool `yaml:"-"`
	// Views say which principals see which part of what is offered, each under a name of its own. Without any everybody
	// sees everything. With some who is in none of them sees nothing.
	Views map[string]*offer.Options `yaml:"views" max:"64"`
	// Metrics receives every series of a registry; nil gives each registry a set of its own. Two registries cannot
	// share one set.
	Metrics *metrics.Set `yaml:"-"`
}

// DefaultOptions returns the options a server has when its configuration names none. Name and Version are empty: New
// refuses that, since they are the author's to say.
func DefaultOptions() Options {
	var o Options
	option.SetDefaults(&o)
	return o
}

// Validate returns everything that is wrong with the options, each error an *option.Mistake about its yaml key
// (relative to this struct). No error means that New will accept them.
func (o *Options) Validate() []error {
	found := option.Check(o)
	for _, text := range [][2]string{
		{"name", o.Name}, {"title", o.Title}, {"version", o.Version}, {"instructions", o.Instructions},
	} {
		if !utf8.ValidString(text[1]) {
			found.Add(text[0], "%s is not UTF-8: allowed is text that is", option.Quote(text[1]))
		}
	}
	if o.MaxConcurrency > 0 && o.MinConcurrency > o.MaxConcurrency { // 0 is told already
		found.Add("min_concurrency", "%d is more than max_concurrency (%d): allowed is that, or less", o.MinConcurrency,
			o.MaxConcurrency)
	}
	if o.StateKey != "" {
		if err := clientreq.CheckKey(o.StateKey); err != nil {
			found.Add("state_key", "%v", err) // the value is a secret
		}
	}
	for _, mistake := range offer.Check(o.Views) {
		found.Add(mistake.Key, "%s", mistake.Text)
	}
	return found.Errors()
}

// engine is the options as the engine has them, part by part.
func (o *Options) engine() engine.Options {
	set := o.Metrics
	if set == nil {
		set = metrics.NewSet()
	}
	return engine.Options{
		Results: result.Options{
			Name: o.Name, Title: o.Title, Version: o.Version, Instructions: o.Instructions,
			ListTTL: o.ListTTL, Private: o.PrivateLists, PageSize: o.PageSize, MaxBytes: o.MaxResultBytes,
		},
		Sessions: session.Options{Max: o.MaxSessions, Idle: o.SessionIdleTimeout, MaxAge: o.MaxSessionAge,
			EventTTL: o.EventStoreTTL},
		Events: event.Options{
			MaxSubscriptions: o.MaxSubscriptions, MaxSubscriptionsPerClient: o.MaxSubscriptionsPerClient,
			MaxSubscriptionBytes: o.MaxSubscriptionBytes,
			MaxListenBytes:       o.MaxListenBytes,
			MaxEventStoreEvents:  o.MaxEventStoreEvents, MaxEventStoreBytes: o.MaxEventStoreBytes,
			MaxEventStoreTotalBytes: o.MaxEventStoreTotalBytes,
		},
		ClientRequests: clientreq.Options{
			Max: o.MaxClientRequests, MaxPerClient: o.MaxClientRequestsPerClient,
			MaxBytes: o.MaxClientRequestBytes, Timeout: o.ClientRequestTimeout,
		},
		Tasks: o.Tasks, Search: o.Search, StateKey: o.StateKey, StateTTL: o.StateTTL, Partitions: o.Partitions,
		MaxTools: o.MaxTools, MaxPrompts: o.MaxPrompts,
		MaxResources: o.MaxResources, MaxResourceTemplates: o.MaxResourceTemplates, Views: o.Views,
		AdaptiveConcurrency: o.AdaptiveConcurrency,
		Concurrency:         concurrency.Options{Min: o.MinConcurrency, Max: o.MaxConcurrency},
		HandlerTimeout:      o.HandlerTimeout, NullIsAbsent: o.NullIsAbsent, Metrics: set,
	}
}
