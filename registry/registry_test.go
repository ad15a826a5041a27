package registry

import (
	"strings"
	"testing"
	"time"
	"unsafe"

	"go.uber.org/goleak"

	"weir/codec"
	"weir/registry/protocol"
	"weir/registry/session"
)

func TestMain(m *testing.M) {
	// The examples run servers, and netpoll's pool lives as long as the process.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/cloudwego/netpoll.(*defaultPoll).Wait"))
}

// What is multiplied by connections, sessions or calls has a size that somebody would notice growing.
func TestSizes(t *testing.T) {
	f := func(name string, got, most uintptr) {
		if got > most {
			t.Errorf("%s is %d bytes, at most %d", name, got, most)
		}
	}
	f("Conversation", unsafe.Sizeof(Conversation{}), 56)
	f("session", unsafe.Sizeof(session.Session[*Exchange]{}), 88)
	f("Exchange", unsafe.Sizeof(Exchange{}), 360)
	f("call", unsafe.Sizeof(call{}), 192)
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
	f("max_event_store_events", func(o *Options) { o.MaxEventStoreEvents = -1 })
	f("max_event_store_bytes", func(o *Options) { o.MaxEventStoreBytes = -1 })
	f("max_event_store_total_bytes", func(o *Options) { o.MaxEventStoreTotalBytes = -1 })
	f("state_ttl", func(o *Options) { o.StateTTL = time.Millisecond })
	f("state_key", func(o *Options) { o.StateKey = "secret" })
	f("max_client_requests", func(o *Options) { o.MaxClientRequests = 0 })
	f("max_client_requests_per_client", func(o *Options) { o.MaxClientRequestsPerClient = 0 })
	f("max_client_request_bytes", func(o *Options) { o.MaxClientRequestBytes = 0 })
	f("client_request_timeout", func(o *Options) { o.ClientRequestTimeout = 0 })
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

// The loop must be able to route without paying the garbage collector.
func TestRouteAllocations(t *testing.T) {
	r := newFixture(t)
	http := &peer{r: r, transport: HTTP}
	session := []byte(http.initialize(t, "2025-11-25"))
	f := func(name, message string, want Class, h *Header) {
		t.Helper()
		x := exchangeOf(t, message)
		if h != nil {
			x.Transport, x.Header = HTTP, h
		}
		if got := r.Route(x); got != want || x.refusal != nil {
			t.Fatalf("%s: class %d, refusal %v", name, got, x.refusal)
		}
		if n := testing.AllocsPerRun(100, func() { r.Route(x) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	f("call", echoCall(1, "x"), Compute, nil)
	f("waiting call", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"sleep","arguments":{"ms":1}}}`,
		Blocking, nil)
	f("modern call", modernEcho, Compute, nil)
	addFixtureOffers(r)
	f("read", readOf("test://text"), Compute, nil)
	f("read by template", readOf("test://item/7/data"), Blocking, nil)
	f("prompt", `{"jsonrpc":"2.0","id":1,"method":"prompts/get","params":{"name":"greet"}}`, Compute, nil)
	f("completion", `{"jsonrpc":"2.0","id":1,"method":"completion/complete"}`, Compute, nil)
	f("ping", `{"jsonrpc":"2.0","id":1,"method":"ping"}`, Inline, nil)
	f("cancelled", `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`, Inline, nil)
	f("modern call over HTTP", modernEcho, Compute, &Header{ProtocolVersion: []byte("2026-07-28"),
		Method: []byte("tools/call"), Name: []byte("echo")})
	f("call over HTTP", echoCall(1, "x"), Compute, &Header{ProtocolVersion: []byte("2025-11-25"), SessionID: session})
}

func TestBatches(t *testing.T) {
	r := newFixture(t)
	line := &peer{r: r}
	accepts := func(version string) bool {
		line.conv = Conversation{}
		if version != "" {
			line.initialize(t, version)
		}
		return r.AcceptsBatch(&Exchange{Conv: &line.conv})
	}
	for i := range protocol.LatestRevision {
		rev := protocol.RevisionAt(i)
		if got := accepts(rev.Version); got != (rev.Version == "2025-03-26") {
			t.Errorf("%s: accepts batches: %v", rev.Version, got)
		}
	}
	if accepts("") {
		t.Error("a batch before initialize")
	}
	http := &peer{r: r, transport: HTTP}
	session := []byte(http.initialize(t, "2025-03-26"))
	if !r.AcceptsBatch(&Exchange{Transport: HTTP, Header: &Header{SessionID: session}}) {
		t.Error("no batch in a session that has them")
	}
	if r.AcceptsBatch(&Exchange{Transport: HTTP, Header: &Header{SessionID: session}, Principal: "bob"}) {
		t.Error("a batch in a session of somebody else")
	}
	if r.AcceptsBatch(&Exchange{Transport: HTTP, Header: &Header{}}) {
		t.Error("a batch without session")
	}
	// What must not be in one.
	f := func(message string, want *codec.Error) {
		t.Helper()
		x := &Exchange{Raw: []byte(message), Conv: new(Conversation), InBatch: true}
		if err := codec.Scan(x.Raw, &x.Env, &limits.JSON); err != nil {
			t.Fatal(err)
		}
		if r.Route(x); x.refusal != want {
			t.Errorf("%s: %v, want %v", message, x.refusal, want)
		}
	}
	f(`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-03-26"}}`, errInitializeInBatch)
	f(modernEcho, errModernInBatch)
	f(`{"jsonrpc":"2.0","id":1,"method":"ping"}`, nil)
}

// What waits in line is known from the beginning of a message; control and the unknown do not wait.
func TestQueued(t *testing.T) {
	r := newFixture(t)
	f := func(message string, want bool) {
		t.Helper()
		var e codec.Envelope
		codec.Peek([]byte(message), &e)
		if got := r.Queued([]byte(message), &e); got != want {
			t.Errorf("%.80s: %v, want %v", message, got, want)
		}
	}
	f(echoCall(1, strings.Repeat("x", 8<<10)), true)
	f(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"sleep","arguments":{"x":"`+strings.Repeat("x",
		8<<10), true)
	f(`{"jsonrpc":"2.0","id":1,"method":"tools/call"}`, true)
	f(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, false)
	f(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`, false)
	f(`{"jsonrpc":"2.0","id":1,"method":"nobody"}`, false)
}
