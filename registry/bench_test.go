package registry

import (
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/bytedance/sonic"
	"github.com/bytedance/sonic/decoder"
	jsonv2 "github.com/go-json-experiment/json"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/codec"
	"weir/registry/protocol"
	"weir/registry/shard"
)

// Run with: go test ./registry -run '^$' -bench . -benchmem -cpu 1,2

// exchangeOf is a scanned message of a conversation in revision 2025-11-25.
func exchangeOf(b testing.TB, message string) *Exchange {
	x := &Exchange{Raw: []byte(message), Conv: new(Conversation), Seat: new(Seat)}
	x.Conv.negotiate(protocol.LatestLegacy, 0)
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

// The three JSON libraries on the two jobs of a call: which decodes arguments best, which encodes outputs. encoding/json
// is here to compare; it matches keys in any case and could not be used for arguments.
func BenchmarkDecodeArguments(b *testing.B) {
	type order struct {
		Item    string            `json:"item"`
		Count   int               `json:"count"`
		Price   float64           `json:"price"`
		Express bool              `json:"express"`
		Labels  []string          `json:"labels"`
		Extra   map[string]string `json:"extra"`
	}
	small := `{"message":"hello"}`
	large := `{"item":"lamp","count":3,"price":9.75,"express":true,"labels":["a","b","c"],"extra":{"k":"v","l":"w"}}`
	libraries := []struct {
		name   string
		decode func(text string, v any) error
	}{
		{"sonic", func(text string, v any) error { return decodeStrict(new(decoder.Decoder), text, v) }},
		{"sonicCopy", sonic.Config{CaseSensitive: true, CopyString: true}.Froze().UnmarshalFromString},
		{"encodingjson", func(text string, v any) error { return json.Unmarshal([]byte(text), v) }},
		{"v2", func(text string, v any) error { return jsonv2.Unmarshal([]byte(text), v) }},
	}
	for _, l := range libraries {
		b.Run(l.name+"/echo", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				var in echoIn
				if err := l.decode(small, &in); err != nil || in.Message != "hello" {
					b.Fatal(err)
				}
			}
		})
		b.Run(l.name+"/order", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				var in order
				if err := l.decode(large, &in); err != nil || in.Count != 3 {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkEncodeOutput(b *testing.B) {
	out := weatherOut{City: "Oslo", Celsius: 21.5}
	result := &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: "hello"}}}
	fast := sonic.Config{CompactMarshaler: true, ValidateString: true, SortMapKeys: true}.Froze()
	for _, l := range []struct {
		name   string
		encode func(v any) ([]byte, error)
	}{
		{"sonic", fast.Marshal},
		{"encodingjson", json.Marshal},
		{"v2", func(v any) ([]byte, error) { return jsonv2.Marshal(v) }},
	} {
		b.Run(l.name+"/output", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := l.encode(out); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(l.name+"/result", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := l.encode(result); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("byHand/result", func(b *testing.B) {
		dst := make([]byte, 0, 1<<10)
		b.ReportAllocs()
		for b.Loop() {
			dst = appendPlainResult(dst[:0], protocol.RevisionAt(protocol.LatestLegacy), result.Content, nil)
		}
	})
}

// BenchmarkValidate compares the flat checker with the validator that has the last word.
func BenchmarkValidate(b *testing.B) {
	var field any
	s, err := compileSchema[weatherIn](&field)
	if err != nil {
		b.Fatal(err)
	}
	args := `{"city":"Oslo","days":3}`
	b.Run("flat", func(b *testing.B) {
		for b.Loop() {
			if !s.flat.accepts(args) {
				b.Fatal("refused")
			}
		}
	})
	b.Run("full", func(b *testing.B) {
		for b.Loop() {
			instance := make(map[string]any)
			if err := json.Unmarshal([]byte(args), &instance); err != nil {
				b.Fatal(err)
			}
			if err := s.resolved.Validate(&instance); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkShardGet looks sessions up from all cores, with one change per 1,024 lookups.
func BenchmarkShardGet(b *testing.B) {
	const keys = 10_000
	for _, partitions := range []int{1, 16, 64, 100, 256} {
		b.Run(fmt.Sprint(partitions), func(b *testing.B) {
			s := shard.New[*session](partitions)
			ids := make([][]byte, keys)
			for i := range ids {
				ids[i] = fmt.Appendf(nil, "session-%020d", i)
				s.Put(string(ids[i]), new(session), keys)
			}
			var worker atomic.Uint32
			b.RunParallel(func(pb *testing.PB) {
				for i := worker.Add(1) * 7919; pb.Next(); i++ {
					id := ids[i%keys]
					if i%1024 == 0 {
						s.Put(string(id), new(session), keys)
					} else if _, ok := s.Get(id); !ok {
						panic("lost")
					}
				}
			})
		})
	}
}

// BenchmarkSessionBytes measures what a session weighs, table entry included; the promise is at most 400 bytes.
func BenchmarkSessionBytes(b *testing.B) { b.ReportMetric(sessionBytes(b, b.N), "bytes/session") }

func sessionBytes(t testing.TB, sessions int) float64 {
	r := newFixture(t, func(o *Options) { o.MaxSessions = 10_000_000 })
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for range sessions {
		if _, ok := r.openSession("", protocol.LatestLegacy, 0); !ok {
			t.Fatal("refused")
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(r)
	return float64(int64(after.HeapAlloc)-int64(before.HeapAlloc)) / float64(sessions)
}
