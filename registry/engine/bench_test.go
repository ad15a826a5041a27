package engine_test

import (
	"runtime"
	"strings"
	"testing"

	"github.com/VictoriaMetrics/metrics"

	"weir/codec"
	"weir/registry"
	. "weir/registry/engine"
	"weir/registry/event"
	"weir/registry/protocol"
)

// Run with: go test ./registry -run '^$' -bench . -benchmem -cpu 1,2

// emptyHub is what conversations hear of that no registry knows.
var emptyHub = event.NewHub(event.Options{Metrics: metrics.NewSet()})

// exchangeOf is a scanned message of a conversation in revision 2025-11-25.
func exchangeOf(b testing.TB, message string) *Exchange {
	x := &Exchange{Call: Call{Raw: []byte(message), Conv: new(Conversation), Slot: new(WorkerSlot)}}
	x.Conv.Negotiate(protocol.LatestLegacy, 0, emptyHub)
	if err := codec.Scan(x.Raw, &x.Env, &limits.JSON); err != nil {
		b.Fatal(err)
	}
	return x
}

const modernEcho = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"message":"hello"},` + modernMeta + `}}`

// BenchmarkRoute is what the loop pays per message.
func BenchmarkRoute(b *testing.B) {
	for name, message := range map[string]string{"legacy": echoCall(1, "hello"), "modern": modernEcho} {
		b.Run(name, func(b *testing.B) {
			r, x := newFixture(b), exchangeOf(b, message)
			for b.Loop() {
				if r.Route(x) != Compute {
					b.Fatal("not routed")
				}
			}
		})
	}
}

// BenchmarkDispatch is what a worker pays per call, handler included. The budget for echo is 1.2 us.
func BenchmarkDispatch(b *testing.B) {
	for _, c := range []struct{ name, message string }{
		{"echo", echoCall(1, "hello")},
		{"echoModern", modernEcho},
		{"echo1K", echoCall(1, strings.Repeat("0123456789abcdef", 64))},
		{"typedOutput", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"weather","arguments":{"city":"Oslo","days":3}}}`},
		{"badArguments", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{}}}`},
		{"rich", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"raw","arguments":{"a":1}}}`},
		{"list", `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`},
		{"ping", `{"jsonrpc":"2.0","id":1,"method":"ping"}`},
		{"listResources", `{"jsonrpc":"2.0","id":1,"method":"resources/list"}`},
		{"readStatic", readOf("test://text")},
		{"readTemplate", readOf("test://item/7/data")},
		{"prompt", `{"jsonrpc":"2.0","id":1,"method":"prompts/get","params":{"name":"greet","arguments":{"who":"Ada"}}}`},
		{"completion", `{"jsonrpc":"2.0","id":1,"method":"completion/complete","params":{"ref":{"type":"ref/prompt","name":"greet"},"argument":{"name":"who","value":"A"}}}`},
	} {
		b.Run(c.name, func(b *testing.B) {
			r, x := newFixture(b), exchangeOf(b, c.message)
			addFixtureOffers(r)
			r.Route(x)
			dst := make([]byte, 0, 8<<10)
			b.ReportAllocs()
			for b.Loop() {
				dst = r.Dispatch(x, dst[:0])
			}
			if len(dst) == 0 {
				b.Fatal("no answer")
			}
		})
	}
}

// BenchmarkCall is a call from scanned to answered, with its place in the in-flight table, on all cores.
func BenchmarkCall(b *testing.B) {
	r := newFixture(b)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		x, dst := exchangeOf(b, echoCall(1, "hello")), make([]byte, 0, 8<<10)
		for pb.Next() {
			r.Route(x)
			if e := r.Begin(x); e != nil {
				panic(e)
			}
			dst = r.Dispatch(x, dst[:0])
			r.End(x)
		}
	})
}

// BenchmarkSessionBytes measures what a session weighs, table entry included; the promise is at most 400 bytes.
func BenchmarkSessionBytes(b *testing.B) { b.ReportMetric(sessionBytes(b, b.N), "bytes/session") }

func sessionBytes(t testing.TB, sessions int) float64 {
	r := newFixture(t, func(o *registry.Options) { o.MaxSessions = 10_000_000 })
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for range sessions {
		if _, ok := r.SessionTable().Open("", r.Events(), protocol.LatestLegacy, 0); !ok {
			t.Fatal("refused")
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(r)
	return float64(int64(after.HeapAlloc)-int64(before.HeapAlloc)) / float64(sessions)
}
