package websocket

import (
	"bytes"
	"strings"
	"testing"

	"github.com/gobwas/ws"
)

// BenchmarkDecode reads a text frame of 110 bytes: header, unmasking, UTF-8. The goal is 100 ns. The frame is masked
// again by every second turn, so nothing has to be copied.
func BenchmarkDecode(b *testing.B) {
	lim := DefaultLimits()
	text := ws.NewTextFrame(bytes.Repeat([]byte("x"), 110))
	frame := ws.MustCompileFrame(ws.MaskFrameWith(text, [4]byte{1, 2, 3, 4})) // ASCII masked and not
	var d Decoder
	b.SetBytes(110)
	b.ReportAllocs()
	for b.Loop() {
		if ev, _, n, err := d.Next(frame, &lim); ev != Text || n != len(frame) || err != nil {
			b.Fatal(ev, n, err)
		}
	}
}

// BenchmarkHeader reads the header alone, ours and the library's.
func BenchmarkHeader(b *testing.B) {
	frame := []byte(masked(finText, strings.Repeat("x", 110)))
	b.Run("ours", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if h, _, fail := parseHeader(frame); h.Length != 110 || fail != nil {
				b.Fatal(h, fail)
			}
		}
	})
	b.Run("gobwas", func(b *testing.B) {
		src := bytes.NewReader(frame)
		scratch := make([]byte, ws.MaxHeaderSize)
		b.ReportAllocs()
		for b.Loop() {
			src.Reset(frame)
			if h, err := ws.ReadHeaderBuffer(src, scratch); h.Length != 110 || err != nil {
				b.Fatal(h, err)
			}
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	payload := bytes.Repeat([]byte("x"), 110)
	dst := make([]byte, 0, 256)
	b.SetBytes(110)
	b.ReportAllocs()
	for b.Loop() {
		dst = AppendFrame(dst[:0], OpText, payload)
	}
}

func BenchmarkUpgrade(b *testing.B) {
	key := []byte("dGhlIHNhbXBsZSBub25jZQ==")
	dst := make([]byte, 0, 512)
	b.ReportAllocs()
	for b.Loop() {
		dst = AppendUpgrade(dst[:0], key, "mcp")
	}
}
