package protocol

import (
	"encoding/base64"
	"strings"
	"testing"
)

// A cursor is good for its list, whole, and nothing else is: every byte of it is changed here.
func TestCursors(t *testing.T) {
	for _, name := range []string{"", "a", "tool-06", "test://caf\u00e9", strings.Repeat("x", MaxURIBytes)} {
		token := append([]byte{'"'}, strings.TrimPrefix(string(AppendCursor(nil, 't', name)), `,"nextCursor":"`)...)
		if len(token)-2 != CursorBytes(name) {
			t.Errorf("%q: %d bytes", name, len(token))
		}
		if got, ok := DecodeCursor('t', token); !ok || got != name {
			t.Fatalf("%q: got %q %v", name, got, ok)
		}
		if _, ok := DecodeCursor('r', token); ok {
			t.Errorf("%q: a cursor of another list", name)
		}
		for i := 1; i < len(token)-1; i++ {
			changed := append([]byte{}, token...)
			if changed[i]++; changed[i] == '"' || changed[i] == '\\' {
				changed[i]++
			}
			if got, ok := DecodeCursor('t', changed); ok {
				t.Fatalf("%q: byte %d changed: got %q", name, i, got)
			}
		}
		for cut := 2; cut < len(token)-1; cut++ { // "" alone is the first page
			if _, ok := DecodeCursor('t', append(append([]byte{}, token[:cut]...), '"')); ok {
				t.Fatalf("%q: cut at %d", name, cut)
			}
		}
	}
	for _, first := range [][]byte{nil, []byte(`""`)} {
		if last, ok := DecodeCursor('t', first); !ok || last != "" {
			t.Errorf("%q is not the first page", first)
		}
	}
	for _, token := range []string{`" "`, `7`, `{}`, `"t"`, `"` + strings.Repeat("A", 8000) + `"`,
		`"` + base64.RawURLEncoding.EncodeToString([]byte("t1:echo")) + `"`} {
		if _, ok := DecodeCursor('t', []byte(token)); ok {
			t.Errorf("%.50s: taken", token)
		}
	}
}
