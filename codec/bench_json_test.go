package codec

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/bytedance/sonic"
	"github.com/bytedance/sonic/ast"
	"github.com/go-json-experiment/json/jsontext"
)

// The question these answer: what does reading one message cost, and would a library have done? Run with
//
//	go test -run '^$' -bench 'JSON|Line|Peek|Append' -benchmem ./codec/
//
// Only jsontext makes the same promises about duplicate keys and UTF-8; sonic and encoding/json are here as the usual
// choices, with sonic's validation switched on.

var benchMessages = []struct {
	name string
	raw  []byte
}{
	{"call", []byte(`{"jsonrpc":"2.0","id":12,"method":"tools/call","params":{"name":"echo","arguments":{"message":"hello"}}}`)},
	{"modern", []byte(`{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"get_weather","arguments":{"city":"Oslo","days":3},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"bench","version":"1.0.0"},"io.modelcontextprotocol/clientCapabilities":{}}}}`)},
	{"text4k", []byte(`{"jsonrpc":"2.0","id":12,"method":"tools/call","params":{"name":"echo","arguments":{"message":"` +
		strings.Repeat("The quick brown fox jumps over the lazy dog. ", 90) + `"}}}`)},
	{"cjk4k", []byte(`{"jsonrpc":"2.0","id":12,"method":"tools/call","params":{"name":"echo","arguments":{"message":"` +
		strings.Repeat("敏捷的棕色狐狸", 195) + `"}}}`)},
	{"wide100", wideMessage(100)},
	{"numbers", []byte(`{"jsonrpc":"2.0","id":12,"method":"tools/call","params":{"name":"sum","arguments":{"values":[` +
		strings.Repeat("12.5,-3,1e9,", 100) + `0]}}}`)},
}

// wideMessage is a call with n arguments.
func wideMessage(n int) []byte {
	var b bytes.Buffer
	b.WriteString(`{"jsonrpc":"2.0","id":12,"method":"tools/call","params":{"name":"wide","arguments":{`)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `"argument_%d":%d`, i, i)
	}
	b.WriteString(`}}}`)
	return b.Bytes()
}

func benchEach(b *testing.B, f func(b *testing.B, raw []byte)) {
	for _, m := range benchMessages {
		b.Run(m.name, func(b *testing.B) {
			b.SetBytes(int64(len(m.raw)))
			b.ReportAllocs()
			f(b, m.raw)
		})
	}
}

func BenchmarkJSONScan(b *testing.B) {
	lim := DefaultLimits().JSON
	benchEach(b, func(b *testing.B, raw []byte) {
		var e Envelope
		for b.Loop() {
			if err := Scan(raw, &e, &lim); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkJSONSonicGet validates, then reads four members lazily.
func BenchmarkJSONSonicGet(b *testing.B) {
	paths := [][]any{{"jsonrpc"}, {"id"}, {"method"}, {"params", "name"}}
	benchEach(b, func(b *testing.B, raw []byte) {
		for b.Loop() {
			if !sonic.ConfigStd.Valid(raw) {
				b.Fatal("invalid")
			}
			s := ast.NewSearcher(string(raw))
			for _, p := range paths {
				if _, err := s.GetByPath(p...); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
}

// BenchmarkJSONSonicStruct decodes the envelope with string validation on; params stay raw.
func BenchmarkJSONSonicStruct(b *testing.B) {
	api := sonic.Config{ValidateString: true, CopyString: true}.Froze()
	benchEach(b, func(b *testing.B, raw []byte) {
		for b.Loop() {
			var m libraryMessage
			if err := api.Unmarshal(raw, &m); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkJSONStd(b *testing.B) {
	benchEach(b, func(b *testing.B, raw []byte) {
		for b.Loop() {
			var m libraryMessage
			if err := json.NewDecoder(bytes.NewReader(raw)).Decode(&m); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkJSONText reads every token of the message, the one library mode that also refuses duplicates and bad UTF-8.
func BenchmarkJSONText(b *testing.B) {
	benchEach(b, func(b *testing.B, raw []byte) {
		r := bytes.NewReader(raw)
		d := jsontext.NewDecoder(r)
		for b.Loop() {
			r.Reset(raw)
			d.Reset(r)
			if err := d.SkipValue(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// libraryMessage is what a server would decode into without a scanner of its own.
type libraryMessage struct {
	JSONRPC string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Method  string          `json:"method"`
	Params  struct {
		Name      string          `json:"name"`
		Arguments json.RawMessage `json:"arguments"`
	} `json:"params"`
}

// BenchmarkJSONDepthBomb: 100,000 '[' must be refused in less than 1 ms; the time is that of maxDepth levels.
func BenchmarkJSONDepthBomb(b *testing.B) {
	lim := DefaultLimits().JSON
	raw := bytes.Repeat([]byte("["), 100_000)
	var e Envelope
	b.ReportAllocs()
	for b.Loop() {
		if Scan(raw, &e, &lim) == nil {
			b.Fatal("accepted")
		}
	}
}

func BenchmarkPeek4MiB(b *testing.B) {
	raw := []byte(`{"method":"tools/call","params":{"name":"echo","arguments":{"message":"` +
		strings.Repeat("x", 4<<20-200) + `"}},"jsonrpc":"2.0","id":12}`)
	var e Envelope
	b.ReportAllocs()
	for b.Loop() {
		if Peek(raw, &e); e.Kind != KindRequest {
			b.Fatal(e.Kind)
		}
	}
}

func BenchmarkLine(b *testing.B) {
	line := append(bytes.Clone(benchMessages[0].raw), '\n')
	burst := bytes.Repeat(line, 100)
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	var d LineDecoder
	rest := burst
	for b.Loop() {
		if len(rest) == 0 {
			rest = burst
		}
		_, n, err := d.Next(rest, 1<<20)
		if err != nil || n == 0 {
			b.Fatal(n, err)
		}
		rest = rest[n:]
	}
}

func BenchmarkAppendResult(b *testing.B) {
	id, result := []byte("12"), []byte(`{"content":[{"type":"text","text":"hello"}]}`)
	dst := make([]byte, 0, 256)
	b.ReportAllocs()
	for b.Loop() {
		dst = AppendResult(dst[:0], id, result)
	}
}

func BenchmarkAppendQuoted(b *testing.B) {
	s := strings.Repeat("The quick brown fox jumps over the lazy dog. ", 90)
	dst := make([]byte, 0, 8192)
	b.SetBytes(int64(len(s)))
	b.ReportAllocs()
	for b.Loop() {
		dst = AppendQuoted(dst[:0], s)
	}
}
