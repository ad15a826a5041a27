package remote

import (
	"bufio"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// TestEvents: each stream gives these data, however it is cut.
func TestEvents(t *testing.T) {
	for name, row := range map[string]struct {
		stream string
		want   []string
		id     string
	}{
		"LF":                {"data: a\n\ndata:b\n\n", []string{"a", "b"}, ""},
		"CRLF":              {"event: message\r\nid: 7\r\ndata: a\r\n\r\n\r\ndata: b\r\n\r\n", []string{"a", "b"}, "7"},
		"CR":                {"data: a\r\rdata: b\r\r", []string{"a", "b"}, ""},
		"many data lines":   {"data: {\ndata:  \"a\":1\ndata: }\n\n", []string{"{\n \"a\":1\n}"}, ""},
		"comments":          {": ping\n\n:\n\ndata: a\n: between\n\n: ping\n\n", []string{"a"}, ""},
		"a priming event":   {"id: 1\nretry: 60\ndata:\n\ndata: a\n\n", []string{"a"}, "1"},
		"without its end":   {"data: a\n\ndata: b\n", []string{"a", "b"}, ""},
		"cut":               {"data: a\n\ndata: b", []string{"a"}, ""},
		"too long":          {"data: 01234567890\n\ndata: b\n\n", []string{"0123456789!", "b"}, ""},
		"far too long":      {"data: " + strings.Repeat("0", 9000) + "\n\ndata: b\n\n", []string{"0000000000!", "b"}, ""},
		"unknown fields":    {"x\nfoo: b\ndata: a\n\n", []string{"a"}, ""},
		"a byte order mark": {"\ufeffdata: a\n\n", []string{"a"}, ""},
	} {
		for _, in := range []io.Reader{strings.NewReader(row.stream), iotest.OneByteReader(strings.NewReader(row.stream))} {
			e := events{in: bufio.NewReader(in), max: 10, account: &Account{Most: 1 << 20}}
			var got []string
			for {
				ev, err := e.next()
				if err != nil {
					if !errors.Is(err, io.EOF) {
						t.Errorf("%s: %v", name, err)
					}
					break
				}
				data := string(ev.data)
				if ev.long {
					data += "!"
				}
				got = append(got, data)
			}
			if !slices.Equal(got, row.want) || e.lastID != row.id {
				t.Errorf("%s: %q and id %q, want %q and %q", name, got, e.lastID, row.want, row.id)
			}
			if strings.Contains(row.stream, "retry") && e.retry != 60*time.Millisecond {
				t.Errorf("%s: %v", name, e.retry)
			}
		}
	}
}
