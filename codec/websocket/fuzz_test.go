package websocket

import (
	"bytes"
	"testing"

	"weir/codec/internal/codectest"
)

// FuzzDecoder: no panic, no dependence on cuts.
func FuzzDecoder(f *testing.F) {
	for _, in := range []string{
		masked(finText, "hello") + closeFrame(1000, "bye"),
		masked(startText, "\xf0\x9f") + masked(finPing, "p") + masked(last, "\x98\x80"),
		string(AppendFrame(nil, OpText, bytes.Repeat([]byte("x"), 300))),
		"\x01\x01a\x89\x00\x80\x01b",
		"\x81\xFF\x80\x00\x00\x00\x00\x00\x00\x05mask",
	} {
		f.Add([]byte(in), uint16(len(in)/2))
	}
	lim := Limits{MaxMessageBytes: 512, MaxFragments: 6}
	f.Fuzz(func(t *testing.T, in []byte, cut uint16) {
		if len(in) > 4096 {
			return
		}
		whole := transcript(t, in, &lim, nil)
		if at := int(cut); at > 0 && at < len(in) {
			if got := transcript(t, in, &lim, []int{at}); got != whole {
				t.Fatalf("cut at %d: %s\nwhole: %s", at, got, whole)
			}
		}
		if got := transcript(t, in, &lim, codectest.SingleBytes(len(in))); got != whole {
			t.Fatalf("byte by byte: %s\nwhole: %s", got, whole)
		}
	})
}
