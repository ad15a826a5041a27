package result

import (
	"encoding/json"
	"testing"

	"github.com/bytedance/sonic"
	jsonv2 "github.com/go-json-experiment/json"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/registry/protocol"
)

// Which JSON library encodes outputs best.
func BenchmarkEncodeOutput(b *testing.B) {
	out := struct {
		City    string  `json:"city"`
		Celsius float64 `json:"celsius"`
	}{City: "Oslo", Celsius: 21.5}
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
			dst = appendPlain(dst[:0], protocol.RevisionAt(protocol.LatestLegacy), result.Content, nil)
		}
	})
}
