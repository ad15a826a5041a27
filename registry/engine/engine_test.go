package engine_test

import (
	"strings"
	"testing"
	"unsafe"

	"go.uber.org/goleak"

	"weir/codec"
	. "weir/registry/engine"
	"weir/registry/protocol"
	"weir/registry/session"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// What is multiplied by connections, sessions or calls has a size that somebody would notice growing.
func TestSizes(t *testing.T) {
	f := func(name string, got, most uintptr) {
		if got > most {
			t.Errorf("%s is %d bytes, at most %d: a small field fits where alignment leaves room, what few have "+
				"belongs behind a pointer that is there; who raises this raises docs/MEMORY.md", name, got, most)
		}
	}
	f("Conversation", unsafe.Sizeof(Conversation{}), 56)
	f("session", unsafe.Sizeof(session.Session[*Call]{}), 96)
	f("Exchange", unsafe.Sizeof(Exchange{}), 376)
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
		if got := r.Route(x); got != want || x.Fault() != nil {
			t.Fatalf("%s: class %d, fault %v", name, got, x.Fault())
		}
		if n := testing.AllocsPerRun(100, func() {
			x.Header = h // Route lets go of it
			r.Route(x)
		}); n != 0 {
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
		return r.AcceptsBatch(&Exchange{Call: Call{Conv: &line.conv}})
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
	if !r.AcceptsBatch(&Exchange{Call: Call{Header: &Header{SessionID: session}}, Transport: HTTP}) {
		t.Error("no batch in a session that has them")
	}
	if r.AcceptsBatch(&Exchange{Call: Call{Principal: "bob", Header: &Header{SessionID: session}}, Transport: HTTP}) {
		t.Error("a batch in a session of somebody else")
	}
	if r.AcceptsBatch(&Exchange{Call: Call{Header: &Header{}}, Transport: HTTP}) {
		t.Error("a batch without session")
	}
	// What must not be in one.
	f := func(message string, want *codec.Error) {
		t.Helper()
		x := &Exchange{Call: Call{Raw: []byte(message), Conv: new(Conversation)}, InBatch: true}
		if err := codec.Scan(x.Raw, &x.Env, &limits.JSON); err != nil {
			t.Fatal(err)
		}
		if r.Route(x); x.Fault() != want {
			t.Errorf("%s: %v, want %v", message, x.Fault(), want)
		}
	}
	f(`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-03-26"}}`, ErrInitializeInBatch)
	f(modernEcho, ErrModernInBatch)
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
