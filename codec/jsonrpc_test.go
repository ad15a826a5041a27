package codec

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestAppendAnswers(t *testing.T) {
	for _, row := range []struct{ got, want string }{
		{string(AppendResult(nil, []byte("12"), []byte(`{}`))), `{"jsonrpc":"2.0","id":12,"result":{}}`},
		{string(AppendResult([]byte("x"), []byte(`"a\n"`), []byte("{\n\t\"a\": 1\r\n}"))),
			`x{"jsonrpc":"2.0","id":"a\n","result":{ ` + "\t" + `"a": 1  }}`},
		{string(AppendError(nil, nil, &Error{Code: CodeParse, Message: "no JSON"})),
			`{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"no JSON"}}`},
		{string(AppendError(nil, []byte("7"), &Error{Code: CodeInternal, Message: "full \"q\"\n",
			Data: []byte("{\n\"reason\":\"queue_full\"}")})),
			`{"jsonrpc":"2.0","id":7,"error":{"code":-32603,"message":"full \"q\"\n","data":{ "reason":"queue_full"}}}`},
	} {
		if row.got != row.want {
			t.Errorf("got %s\nwant %s", row.got, row.want)
		}
	}
}

// TestAppendedAnswersScan: our own scanner takes our own answers, with every id it would have taken.
func TestAppendedAnswersScan(t *testing.T) {
	lim := DefaultLimits().JSON
	for _, id := range []string{`1`, `-9007199254740992`, `"x"`, `"\ud83d\ude00\""`, `""`} {
		raw := AppendResult(nil, []byte(id), []byte(`{"content":[]}`))
		if got, want := scanned(string(raw), &lim), `response ID=`+id+` Result={"content":[]}`; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		raw = AppendError(nil, []byte(id), &Error{Code: CodeInternal, Message: "\x00\xff\u2028"})
		if got := scanned(string(raw), &lim); !strings.HasPrefix(got, "response ID="+id+" Error={") {
			t.Errorf("got %s", got)
		}
	}
	if got := scanned(string(AppendError(nil, nil, &Error{Code: CodeParse})),
		&lim); got != `response Error={"code":-32700,"message":""}` {
		t.Errorf("an error without id is %s", got)
	}
}

func TestAppendQuoted(t *testing.T) {
	for _, row := range []struct{ in, want string }{
		{``, `""`},
		{`plain`, `"plain"`},
		{`a"b\c/d`, `"a\"b\\c/d"`},
		{"\n\r\t\x00\x1f\x7f", `"\n\r\t\u0000\u001f` + "\x7f\""},
		{"é€𝄞", `"é€𝄞"`},
		{"a\xffb", "\"a\ufffdb\""},
		{"\xe2\x82", "\"\ufffd\ufffd\""},
		{"\xed\xa0\x80", "\"\ufffd\ufffd\ufffd\""},
		{"\ufffd", "\"\ufffd\""},
		{"\u0085\u2028\u2029", `"\u0085\u2028\u2029"`},
		{"end\n", `"end\n"`},
	} {
		if got := string(AppendQuoted(nil, row.in)); got != row.want {
			t.Errorf("%q: got %s, want %s", row.in, got, row.want)
		}
	}
}

// checkQuoted says what is wrong with the quoting of s, or "": one line, valid for us and for encoding/json, and the
// same text again.
func checkQuoted(s string) string {
	q := AppendQuoted(nil, s)
	if bytes.ContainsAny(q, "\n\r\u0085\u2028\u2029") || !utf8.Valid(q) {
		return "not one line of UTF-8"
	}
	var back string
	if err := json.Unmarshal(q, &back); err != nil || back != strings.ToValidUTF8(s, "\ufffd") &&
		back != string([]rune(s)) {
		return "encoding/json reads " + back
	}
	if ours, ok := StringOf(q); !ok || string(ours) != back {
		return "StringOf reads " + string(ours)
	}
	s2 := scanner{raw: q, lim: &peekLimits}
	if end, _ := s2.text(0); end != len(q) {
		return "the scanner refuses it"
	}
	return ""
}

func TestAppendQuotedEveryByte(t *testing.T) {
	for a := range 256 {
		for b := range 256 {
			if wrong := checkQuoted(string([]byte{'x', byte(a), byte(b)})); wrong != "" {
				t.Fatalf("bytes %#x %#x: %s", a, b, wrong)
			}
		}
	}
}

func TestStringOf(t *testing.T) {
	for _, row := range []struct {
		in, want string
		ok       bool
	}{
		{`""`, "", true},
		{`"abc"`, "abc", true},
		{`"\"\\\/\b\f\n\r\t"`, "\"\\/\b\f\n\r\t", true},
		{`"a\u00e9b\u20ac\ud834\udd1e\u0000"`, "aéb€𝄞\x00", true},
		{`"\ud800"`, "", false},
		{`"\u12"`, "", false},
		{`"\x"`, "", false},
		{`"\"`, "", false},
		{`"`, "", false},
		{``, "", false},
		{`12`, "", false},
		{`{"a":1}`, "", false},
	} {
		got, ok := StringOf([]byte(row.in))
		if ok != row.ok || ok && string(got) != row.want {
			t.Errorf("%s: got %q %v", row.in, got, ok)
		}
	}
	plain := []byte(`"plain"`)
	if n := testing.AllocsPerRun(100, func() { StringOf(plain) }); n != 0 {
		t.Errorf("%v allocations without a backslash", n)
	}
}

func TestMember(t *testing.T) {
	for _, row := range []struct{ object, key, want string }{
		{`{}`, "a", ""},
		{`{"a":1}`, "a", "1"},
		{` { "b" : [ 1, {"a":2} ] , "a" : {"x":"}"} } `, "a", `{"x":"}"}`},
		{`{"b":"\"a\":1","a":"\\"}`, "a", `"\\"`},
		{`{"n":{"a":1}}`, "a", ""},
		{`{"\u0061b":true}`, "ab", "true"},
		{`{"a":null,"b":-1.5e3}`, "b", "-1.5e3"},
		{`{"aa":1,"A":2}`, "a", ""},
		{`{"":7}`, "", "7"},
		{`[{"a":1}]`, "a", ""},
		{`"a"`, "a", ""},
		{``, "a", ""},
		{`{"a"`, "a", ""},
		{`{"a":`, "a", ""},
		{`{"a" 1}`, "a", ""},
		{`{"a":[1`, "a", ""},
	} {
		if got := string(Member([]byte(row.object), row.key)); got != row.want {
			t.Errorf("%s, %q: got %q, want %q", row.object, row.key, got, row.want)
		}
	}
	object := []byte(`{"x":{"y":[1,2,3]},"\u00e9":2,"z":"found"}`)
	if n := testing.AllocsPerRun(100, func() {
		if Member(object, "z") == nil {
			t.Fatal("not found")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestNextMember(t *testing.T) {
	for _, row := range []struct{ object, want string }{
		{`{}`, "end"},
		{` { } `, "end"},
		{`{"a":1}`, `"a"=1 end`},
		{` { "b" : [ 1, {"a":2} ] , "\u0061" : "}\"," } `, `"b"=[ 1, {"a":2} ] "\u0061"="}\"," end`},
		{`{"\\":"\\\\","":null}`, `"\\"="\\\\" ""=null end`},
		{`[{"a":1}]`, "broken"},
		{``, "broken"},
		{`{`, "broken"},
		{`{"a"`, "broken"},
		{`{"a":1,}`, `"a"=1 broken`},
		{`{"a":1]`, `"a"=1 broken`},
		{`{"a":"\"`, "broken"},
		{`{"a\`, "broken"},
	} {
		var got []string
		for off := 0; ; {
			key, value, next := NextMember([]byte(row.object), off)
			if next <= 0 {
				got = append(got, map[bool]string{true: "end", false: "broken"}[next < 0])
				break
			}
			got = append(got, string(key)+"="+string(value))
			off = next
		}
		if text := strings.Join(got, " "); text != row.want {
			t.Errorf("%s: got %s, want %s", row.object, text, row.want)
		}
	}
}

// walkBatch collects what NextElement finds.
func walkBatch(raw []byte) (elems []string, err error) {
	for off := 0; ; {
		elem, next, err := NextElement(raw, off)
		if err != nil || next < 0 {
			return elems, err
		}
		if next <= off {
			panic("NextElement does not advance")
		}
		elems, off = append(elems, string(elem)), next
	}
}

func TestBatch(t *testing.T) {
	for _, row := range []struct{ raw, want string }{
		{`[]`, ``},
		{" [ \n] ", ``},
		{`[1]`, `1`},
		{`[1,2,3]`, `1|2|3`}, // JSON-RPC 2.0, section 7: three invalid requests
		{` [ {"a":[1,{"b":"]"}]} , "x\"]" ,[[]], true ] `, `{"a":[1,{"b":"]"}]}|"x\"]"|[[]]|true`},
		{`[{],[}]`, `{]|[}`}, // what the elements are, Scan says
		{`[{]}]`, `{]! "}" instead of ',' or ']' at byte 3`},
		{"\ufeff [1]", `1`},
		{`[`, `! end of the message instead of a message at byte 1`},
		{`[1`, `1! end of the message instead of ',' or ']' at byte 2`},
		{`[1,`, `1! end of the message instead of a message at byte 3`},
		{`[1,]`, `1! "]" instead of a message at byte 3`},
		{`[,1]`, `! "," instead of a message at byte 1`},
		{`[1 2]`, `1! "2" instead of ',' or ']' at byte 3`},
		{`[{"a":1]`, `{"a":1]! end of the message instead of ',' or ']' at byte 8`},
		{`["a]`, `! "\"" instead of a message at byte 1`},
		{`[1] 2`, `1! more bytes after the batch at byte 4`},
		{`[]]`, `! more bytes after the batch at byte 2`},
		{`{}`, `! "{" instead of '[' at byte 0`},
		{``, `! end of the message instead of '[' at byte 0`},
	} {
		elems, err := walkBatch([]byte(row.raw))
		got := strings.Join(elems, "|")
		if err != nil {
			got += "! " + err.(*Error).Message
		}
		if got != row.want {
			t.Errorf("%s\n got %s\nwant %s", row.raw, got, row.want)
		}
	}
	for raw, want := range map[string]bool{"[": true, " \t\r\n[1]": true, "\ufeff[": true, "{}": false, "": false,
		"\f[": false} {
		if IsBatch([]byte(raw)) != want {
			t.Errorf("IsBatch(%q) is %v", raw, !want)
		}
	}
}

func TestErrorText(t *testing.T) {
	e := &Error{Code: CodeParse, Message: "no JSON at byte 0"}
	if got, want := e.Error(), "no JSON at byte 0 (-32700)"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := excerpt([]byte(strings.Repeat("k", 40))), `"`+strings.Repeat("k", 32)+`"...`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestKindString(t *testing.T) {
	for k, want := range map[Kind]string{KindInvalid: "invalid", KindRequest: "request", KindNotification: "notification",
		KindResponse: "response"} {
		if k.String() != want {
			t.Errorf("%d is %q", k, k.String())
		}
	}
}

func TestSpan(t *testing.T) {
	raw := []byte("abcdef")
	if s := span(2, 4); string(s.Of(raw)) != "cd" || cap(s.Of(raw)) != 2 || !s.Present() {
		t.Errorf("%q cap %d", s.Of(raw), cap(s.Of(raw)))
	}
	if s := (Span{}); s.Of(raw) != nil || s.Present() {
		t.Error("the zero span is not absent")
	}
}
