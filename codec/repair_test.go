package codec

import (
	"encoding/json"
	"testing"
	"unicode/utf8"
)

func TestRepair(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		if got := string(Repair([]byte(text))); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	f(``, ``)
	f(`{"a":[1,"b\n\u00e9\ud83d\ude00é😀"]}`, `{"a":[1,"b\n\u00e9\ud83d\ude00é😀"]}`)
	f("\"\xe9\"", `"�"`)
	f("{\"k\xff\":\"caf\xe9 \xe2\x82\"}", `{"k�":"caf� ��"}`)
	f(`"\ud83d"`, `"\ufffd"`)
	f(`"\ude00\ud83dx"`, `"\ufffd\ufffdx"`)
	f(`"\ud83d\u0041"`, `"\ufffd\u0041"`)
	f("\"\xed\xa0\xbd\"", `"���"`) // a surrogate in UTF-8
	f(`"\\ud83d"`, `"\\ud83d"`)    // a backslash, then text
}

func FuzzRepair(f *testing.F) {
	f.Add([]byte("{\"a\":\"\xe9\\ud83d\"}"))
	f.Add([]byte(`["\ud83d\ud83d\ude00"]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if !json.Valid(text) {
			return
		}
		fixed := Repair(text)
		if !json.Valid(fixed) || !utf8.Valid(fixed) {
			t.Fatalf("%q became %q", text, fixed)
		}
		var e Envelope
		lim := JSONLimits{MaxDepth: 1000, MaxMembers: 1 << 20, MaxIDBytes: 128}
		var wrapped []byte
		if len(text) < 1000 {
			wrapped = append(append([]byte(`{"jsonrpc":"2.0","id":1,"result":[`), fixed...), "]}"...)
			if err := Scan(wrapped, &e, &lim); err != nil && string(Repair(fixed)) != string(fixed) {
				t.Fatalf("%q: %v", fixed, err)
			}
		}
		var before, after any // what encoding/json reads does not change
		if json.Unmarshal(text, &before) != nil || json.Unmarshal(fixed, &after) != nil {
			return
		}
		a, _ := json.Marshal(before)
		b, _ := json.Marshal(after)
		if string(a) != string(b) {
			t.Fatalf("%q: %s became %s", text, a, b)
		}
	})
}
