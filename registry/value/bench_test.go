package value

import (
	"encoding/json"
	"strings"
	"testing"
)

// BenchmarkFit is what every rich result pays beside its encoding; BenchmarkShort is what arguments with an any, and a
// _meta, pay beside their decoding.
func BenchmarkFit(b *testing.B) {
	for name, text := range map[string]string{
		"ascii":   `{"content":[{"type":"text","text":"` + strings.Repeat("plain text, ", 2000) + `"}]}`,
		"unicode": `{"content":[{"type":"text","text":"` + strings.Repeat("日本語 ", 2000) + `"}]}`,
		"objects": `[` + strings.Repeat(`{"id":12,"name":"x","ok":true},`, 700) + `null]`,
	} {
		b.Run(name, func(b *testing.B) {
			raw := []byte(text)
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Fit(raw); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkMarshal(b *testing.B) {
	v := map[string]any{"rows": make([]map[string]any, 200)}
	for i := range v["rows"].([]map[string]any) {
		v["rows"].([]map[string]any)[i] = map[string]any{"id": i, "name": "some name", "tags": []string{"a", "b"}}
	}
	for name, marshal := range map[string]func(any) ([]byte, error){"ours": Marshal, "encodingjson": json.Marshal} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := marshal(v); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkShort(b *testing.B) {
	text := `{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":` +
		`{"elicitation":{}},"io.modelcontextprotocol/clientInfo":{"name":"client","version":"1.0"},"progressToken":12}`
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if !Short(text, Digits(64)) {
			b.Fatal("long")
		}
	}
}
