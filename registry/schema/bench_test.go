package schema

import (
	"encoding/json"
	"testing"

	"github.com/bytedance/sonic"
	jsonv2 "github.com/go-json-experiment/json"
)

// The three JSON libraries at the decoding of arguments. encoding/json is here to compare; it matches keys in any case
// and could not be used for arguments.
func BenchmarkDecodeArguments(b *testing.B) {
	type order struct {
		Item    string            `json:"item"`
		Count   int               `json:"count"`
		Price   float64           `json:"price"`
		Express bool              `json:"express"`
		Labels  []string          `json:"labels"`
		Extra   map[string]string `json:"extra"`
	}
	type echoIn struct {
		Message string `json:"message"`
	}
	small := `{"message":"hello"}`
	large := `{"item":"lamp","count":3,"price":9.75,"express":true,"labels":["a","b","c"],"extra":{"k":"v","l":"w"}}`
	libraries := []struct {
		name   string
		decode func(text string, v any) error
	}{
		{"sonic", func(text string, v any) error { return new(Decoder).Decode(text, v) }},
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

// BenchmarkValidate compares the flat checker with the validator that has the last word.
func BenchmarkValidate(b *testing.B) {
	type weatherIn struct {
		City string `json:"city"`
		Days int    `json:"days,omitempty"`
	}
	var field any
	s, err := Input[weatherIn](&field, InputOptions{})
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
