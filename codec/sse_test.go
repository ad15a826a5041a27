package codec

import (
	"strings"
	"testing"
)

func TestSSEEvent(t *testing.T) {
	f := func(e SSEEvent, want string) {
		t.Helper()
		if got := string(AppendSSEEvent([]byte("x"), &e)); got != "x"+want {
			t.Errorf("%+v\n got %q\nwant %q", e, got, want)
		}
	}
	f(SSEEvent{Data: []byte(`{"a":1}`)}, "data: {\"a\":1}\n\n")
	f(SSEEvent{ID: []byte("0-1")}, "id: 0-1\ndata: \n\n")
	f(SSEEvent{Name: "endpoint", ID: []byte("7"), Retry: 1500, Data: []byte("/m")},
		"event: endpoint\nid: 7\nretry: 1500\ndata: /m\n\n")
	f(SSEEvent{Data: []byte("a\nb\r\nc\rd\n")}, "data: a\ndata: b\ndata: c\ndata: d\ndata: \n\n")
	f(SSEEvent{ID: []byte("1\ndata: forged")}, "data: \n\n")
	f(SSEEvent{ID: []byte("a\x00b"), Retry: -1}, "data: \n\n")
}

// What a reader of the standard makes of the events is what was put in.
func TestSSERoundTrip(t *testing.T) {
	for _, data := range []string{"", "x", " x", "a\nb", "\n", "data: x", ": x", "é\u2028"} {
		text := AppendSSEEvent([]byte(SSEComment), &SSEEvent{ID: []byte("9"), Data: []byte(data)})
		var lines []string
		for line := range strings.Lines(string(text)) {
			if rest, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "data:"); ok {
				lines = append(lines, strings.TrimPrefix(rest, " "))
			}
		}
		if got := strings.Join(lines, "\n"); got != data {
			t.Errorf("got %q, want %q", got, data)
		}
	}
}

func TestSSEAllocations(t *testing.T) {
	dst, data := make([]byte, 0, 1024), []byte(`{"jsonrpc":"2.0"}`)
	if n := testing.AllocsPerRun(100, func() {
		dst = AppendSSEEvent(dst[:0], &SSEEvent{ID: data[:1], Data: data})
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
