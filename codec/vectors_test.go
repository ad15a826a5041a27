package codec

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

// vector is one JSON text and what must happen to it. RFC 8259 decides for "yes" and "no"; where it leaves the choice
// to the implementation, "yes!" and "no!" are ours, with the reason in the name.
type vector struct {
	name, text, want string
}

var vectors = []vector{
	// Structure.
	{"empty object", `{}`, "yes"},
	{"empty array", `[]`, "yes"},
	{"empty key", `{"":0}`, "yes"},
	{"nested", `{"a":{"b":[{"c":[]}]}}`, "yes"},
	{"array of everything", `[null,true,false,0,-1.5e3,"",[],{}]`, "yes"},
	{"top string", `"x"`, "yes"},
	{"top number", `42`, "yes"},
	{"top true", `true`, "yes"},
	{"top null", `null`, "yes"},
	{"space everywhere", " \t\r\n{ \"a\" :\n[ 1 ,\t2 ] , \"b\" : { } } \r\n", "yes"},
	{"space in empty array", `[ ]`, "yes"},
	{"space in empty object", "{\n}", "yes"},
	{"no text", ``, "no"},
	{"only space", ` `, "no"},
	{"only BOM", "\ufeff", "no"},
	{"two BOMs", "\ufeff\ufeff{}", "no"},
	{"UTF-16 text", "{\x00}\x00", "no"},
	{"open array", `[`, "no"},
	{"open object", `{`, "no"},
	{"open array after value", `[1`, "no"},
	{"open array after comma", `[1,`, "no"},
	{"open object after key", `{"a"`, "no"},
	{"open object after colon", `{"a":`, "no"},
	{"open object after value", `{"a":1`, "no"},
	{"open object after comma", `{"a":1,`, "no"},
	{"close array", `]`, "no"},
	{"close object", `}`, "no"},
	{"extra close array", `[]]`, "no"},
	{"extra close object", `{}}`, "no"},
	{"crossed brackets", `[{]}`, "no"},
	{"array closed by brace", `[1}`, "no"},
	{"object closed by bracket", `{"a":1]`, "no"},
	{"trailing comma in array", `[1,]`, "no"},
	{"trailing comma in object", `{"a":1,}`, "no"},
	{"leading comma in array", `[,1]`, "no"},
	{"leading comma in object", `{,"a":1}`, "no"},
	{"double comma in array", `[1,,2]`, "no"},
	{"double comma in object", `{"a":1,,"b":2}`, "no"},
	{"only comma in array", `[,]`, "no"},
	{"only comma in object", `{,}`, "no"},
	{"missing comma in array", `[1 2]`, "no"},
	{"missing comma in object", `{"a":1 "b":2}`, "no"},
	{"missing colon", `{"a" 1}`, "no"},
	{"double colon", `{"a"::1}`, "no"},
	{"comma for colon", `{"a",1}`, "no"},
	{"colon in array", `["a":1]`, "no"},
	{"missing value", `{"a":}`, "no"},
	{"missing key", `{:1}`, "no"},
	{"number key", `{1:1}`, "no"},
	{"null key", `{null:1}`, "no"},
	{"bare key", `{a:1}`, "no"},
	{"single quoted key", `{'a':1}`, "no"},
	{"array key", `{[]:1}`, "no"},
	{"two values", `1 2`, "no"},
	{"two objects", `{}{}`, "no"},
	{"value then comma", `{},`, "no"},
	{"value then junk", `{}x`, "no"},
	{"value then NUL", "{}\x00", "no"},
	{"value then comment", `{}/**/`, "no"},
	{"value then line comment", `{}//`, "no"},
	{"value then hash", `{}#`, "no"},
	{"comment inside", `[1/*x*/]`, "no"},
	{"form feed as space", "[\f]", "no"},
	{"vertical tab as space", "[\v]", "no"},
	{"NUL as space", "[\x00]", "no"},
	{"no-break space as space", "[\u00a0]", "no"},
	{"word joiner as space", "[\u2060]", "no"},
	{"line separator as space", "[\u2028]", "no"},
	{"angle brackets", `<1>`, "no"},
	{"parenthesis", `(1)`, "no"},
	{"lone byte 0xff", "\xff", "no"},
	{"lone continuation", "[\x80]", "no"},
	{"star", `*`, "no"},
	{"backslash outside", `[\u0020]`, "no"},
	{"escaped newline outside", `[1\n]`, "no"},
	{"64 levels", nest(64), "yes"},
	{"65 levels: max_depth", nest(65), "no!"},
	{"64 objects", nestObjects(64), "yes"},
	{"65 objects: max_depth", nestObjects(65), "no!"},
	{"100000 open arrays", strings.Repeat("[", 100_000), "no"},
	{"50000 open objects", strings.Repeat(`{"":`, 50_000), "no"},
	{"wide and shallow", "[" + strings.Repeat("[],", 200) + "[]]", "yes"},

	// Literals.
	{"true", `[true]`, "yes"},
	{"false", `[false]`, "yes"},
	{"null", `[null]`, "yes"},
	{"True", `[True]`, "no"},
	{"TRUE", `[TRUE]`, "no"},
	{"tru", `[tru]`, "no"},
	{"tru at the end", `tru`, "no"},
	{"truth", `[truth]`, "no"},
	{"truee", `[truee]`, "no"},
	{"fals", `[fals]`, "no"},
	{"nul", `nul`, "no"},
	{"nil", `[nil]`, "no"},
	{"undefined", `[undefined]`, "no"},
	{"two literals glued", `[truefalse]`, "no"},

	// Numbers.
	{"zero", `0`, "yes"},
	{"minus zero", `[-0]`, "yes"},
	{"minus zero exponent", `[-0e-0]`, "yes"},
	{"zero point zero", `[0.0]`, "yes"},
	{"fraction", `[123.456]`, "yes"},
	{"exponent", `[1e5]`, "yes"},
	{"capital exponent", `[1E5]`, "yes"},
	{"plus exponent", `[1e+5]`, "yes"},
	{"minus exponent", `[1E-5]`, "yes"},
	{"exponent leading zero", `[1e05]`, "yes"},
	{"fraction and exponent", `[1.5e10]`, "yes"},
	{"zero exponent", `[0e1]`, "yes"},
	{"long fraction", `[0.` + strings.Repeat("0", 200) + `1]`, "yes"},
	{"beyond float64: kept as text", `[1e400]`, "yes!"},
	{"negative beyond float64: kept as text", `[-1e400]`, "yes!"},
	{"below float64: kept as text", `[1e-400]`, "yes!"},
	{"beyond uint64: kept as text", `[123456789012345678901234567890]`, "yes!"},
	{"huge exponent: kept as text", `[0.4e006699999999999999999999999999]`, "yes!"},
	{"plus", `[+1]`, "no"},
	{"leading zero", `[01]`, "no"},
	{"minus leading zero", `[-01]`, "no"},
	{"double zero", `[00]`, "no"},
	{"point first", `[.5]`, "no"},
	{"minus point", `[-.5]`, "no"},
	{"point last", `[5.]`, "no"},
	{"point exponent", `[5.e3]`, "no"},
	{"zero point exponent", `[0.e1]`, "no"},
	{"two points", `[1.2.3]`, "no"},
	{"bare exponent", `[1e]`, "no"},
	{"bare exponent plus", `[1e+]`, "no"},
	{"bare exponent minus", `[1E-]`, "no"},
	{"exponent fraction", `[1e1.5]`, "no"},
	{"exponent first", `[e1]`, "no"},
	{"two exponents", `[1e2e3]`, "no"},
	{"minus alone", `[-]`, "no"},
	{"minus at the end", `-`, "no"},
	{"point at the end", `1.`, "no"},
	{"exponent at the end", `1e`, "no"},
	{"double minus", `[--1]`, "no"},
	{"minus plus", `[-+1]`, "no"},
	{"minus space", `[- 1]`, "no"},
	{"minus letter", `[-a]`, "no"},
	{"trailing minus", `[1-]`, "no"},
	{"inner minus", `[1-2]`, "no"},
	{"hexadecimal", `[0x1F]`, "no"},
	{"octal", `[0o7]`, "no"},
	{"underscore", `[1_000]`, "no"},
	{"comma in fraction", `{"a":1,5}`, "no"},
	{"letter after number", `[1a]`, "no"},
	{"NaN", `[NaN]`, "no"},
	{"minus NaN", `[-NaN]`, "no"},
	{"Infinity", `[Infinity]`, "no"},
	{"minus Infinity", `[-Infinity]`, "no"},
	{"full width digit", "[\uff11]", "no"},
	{"space in number", `[1 000]`, "no"},

	// Strings.
	{"empty string", `[""]`, "yes"},
	{"all escapes", `["\"\\\/\b\f\n\r\t\u00e9"]`, "yes"},
	{"escape hex cases", `["\uABCD\uabcd\uAbCd"]`, "yes"},
	{"surrogate pair", `["\ud83d\ude00"]`, "yes"},
	{"last surrogate pair", `["\udbff\udfff"]`, "yes"},
	{"escaped noncharacter", `["\uffff"]`, "yes"},
	{"escaped backslash then u", `["\\u0000"]`, "yes"},
	{"raw DEL", "[\"\x7f\"]", "yes"},
	{"raw U+2028", "[\"\u2028\u2029\"]", "yes"},
	{"two bytes", `["é"]`, "yes"},
	{"three bytes", `["€"]`, "yes"},
	{"four bytes", `["𝄞"]`, "yes"},
	{"U+10FFFF", "[\"\U0010ffff\"]", "yes"},
	{"raw noncharacter U+FFFF", "[\"\uffff\"]", "yes"},
	{"BOM in a string", "[\"\ufeff\"]", "yes"},
	{"slash", `["/"]`, "yes"},
	{"escaped NUL in a value: text like any other", `["\u0000"]`, "yes!"},
	{"lone high surrogate escape: no text", `["\ud800"]`, "no!"},
	{"lone low surrogate escape: no text", `["\udc00"]`, "no!"},
	{"high then letter: no text", `["\ud800abcdef"]`, "no!"},
	{"high then high: no text", `["\ud800\ud800"]`, "no!"},
	{"low then high: no text", `["\udc00\ud800"]`, "no!"},
	{"low then low: no text", `["\udc00\udc00"]`, "no!"},
	{"high then U+E000: no text", `["\ud800\ue000"]`, "no!"},
	{"high then other escape: no text", `["\ud800\n\n\n"]`, "no!"},
	{"high then escaped letter: no text", `["\ud800\u0061"]`, "no!"},
	{"lone surrogate in a key: no text", `{"\udfff":0}`, "no!"},
	{"high surrogate then cut escape", `["\ud800\u"]`, "no"},
	{"high surrogate then bad hex", `["\ud800\udcxx"]`, "no"},
	{"raw NUL", "[\"\x00\"]", "no"},
	{"raw tab", "[\"\t\"]", "no"},
	{"raw newline", "[\"\n\"]", "no"},
	{"raw CR", "[\"\r\"]", "no"},
	{"raw U+001F", "[\"\x1f\"]", "no"},
	{"raw control after long text", "[\"" + strings.Repeat("x", 70) + "\x1f\"]", "no"},
	{"raw control in a key", "{\"a\x01\":0}", "no"},
	{"escape x", `["\x41"]`, "no"},
	{"escape a", `["\a"]`, "no"},
	{"escape zero", `["\0"]`, "no"},
	{"escape quote single", `["\'"]`, "no"},
	{"escape capital U", `["\U0041"]`, "no"},
	{"escape space", `["\ "]`, "no"},
	{"escape raw newline", "[\"\\\n\"]", "no"},
	{"escape non-ASCII", `["\é"]`, "no"},
	{"escape one hex", `["\u1"]`, "no"},
	{"escape three hex", `["\u00A"]`, "no"},
	{"escape not hex", `["\u00G0"]`, "no"},
	{"escape plus hex", `["\u+041"]`, "no"},
	{"escape cut by the end", `["\u00`, "no"},
	{"backslash at the end", `["\`, "no"},
	{"escaped quote at the end", `["\"]`, "no"},
	{"three backslashes", `["\\\"]`, "no"},
	{"unterminated", `"abc`, "no"},
	{"unterminated long", `"` + strings.Repeat("x", 100), "no"},
	{"only a quote", `"`, "no"},
	{"single quotes", `['a']`, "no"},
	{"no quotes", `[abc]`, "no"},
	{"escape outside", `\u0022a"`, "no"},
	{"text after string", `["a"b]`, "no"},
	{"two strings", `["a" "b"]`, "no"},

	// UTF-8: encoding/json rewrites all of these to U+FFFD, which is a message nobody sent (RFC 3629, section 3).
	{"lone continuation byte: not UTF-8", "[\"\x80\"]", "no!"},
	{"byte 0xff: not UTF-8", "[\"\xff\"]", "no!"},
	{"byte 0xfe: not UTF-8", "[\"\xfe\"]", "no!"},
	{"overlong slash, two bytes: not UTF-8", "[\"\xc0\xaf\"]", "no!"},
	{"overlong, C1: not UTF-8", "[\"\xc1\xbf\"]", "no!"},
	{"overlong, three bytes: not UTF-8", "[\"\xe0\x80\xaf\"]", "no!"},
	{"overlong, three bytes at the border: not UTF-8", "[\"\xe0\x9f\xbf\"]", "no!"},
	{"overlong, four bytes: not UTF-8", "[\"\xf0\x80\x80\xaf\"]", "no!"},
	{"overlong, four bytes at the border: not UTF-8", "[\"\xf0\x8f\xbf\xbf\"]", "no!"},
	{"modified UTF-8 NUL: not UTF-8", "[\"\xc0\x80\"]", "no!"},
	{"encoded high surrogate: not UTF-8", "[\"\xed\xa0\x80\"]", "no!"},
	{"encoded low surrogate: not UTF-8", "[\"\xed\xbf\xbf\"]", "no!"},
	{"CESU-8 pair: not UTF-8", "[\"\xed\xa0\xbd\xed\xb8\x80\"]", "no!"},
	{"above U+10FFFF: not UTF-8", "[\"\xf4\x90\x80\x80\"]", "no!"},
	{"byte F5: not UTF-8", "[\"\xf5\x80\x80\x80\"]", "no!"},
	{"five bytes: not UTF-8", "[\"\xf8\x88\x80\x80\x80\"]", "no!"},
	{"two bytes cut: not UTF-8", "[\"\xc3\"]", "no!"},
	{"three bytes cut: not UTF-8", "[\"\xe2\x82\"]", "no!"},
	{"three bytes cut after one: not UTF-8", "[\"\xe2\"]", "no!"},
	{"four bytes cut: not UTF-8", "[\"\xf0\x9f\x98\"]", "no!"},
	{"second byte wrong: not UTF-8", "[\"\xe2\x28\xa1\"]", "no!"},
	{"third byte wrong: not UTF-8", "[\"\xe2\x82\x28\"]", "no!"},
	{"fourth byte wrong: not UTF-8", "[\"\xf0\x9f\x98\x28\"]", "no!"},
	{"Latin-1 e acute: not UTF-8", "[\"caf\xe9\"]", "no!"},
	{"bad byte in a key: not UTF-8", "{\"a\xff\":0}", "no!"},
	{"bad byte after long text: not UTF-8", "[\"" + strings.Repeat("x", 70) + "\xff\"]", "no!"},
	{"cut by the end of the message", "\"\xe2\x82", "no"},
	{"U+D7FF and U+E000", "[\"\ud7ff\ue000\"]", "yes"},
	{"U+0080 and U+0800", "[\"\u0080\u0800\"]", "yes"},
	{"U+10000", "[\"\U00010000\"]", "yes"},
}

func nest(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }

func nestObjects(n int) string {
	return strings.Repeat(`{"k":`, n-1) + "{}" + strings.Repeat("}", n-1)
}

func isParseError(err error) bool {
	e, ok := err.(*Error)
	return ok && e.Code == CodeParse
}

// TestVectors reads each vector alone, and each that is one value as an argument of a call.
func TestVectors(t *testing.T) {
	lim := DefaultLimits().JSON
	inside := lim
	inside.MaxDepth += 2 // the envelope's own levels
	seen := map[string]bool{}
	for _, v := range vectors {
		if seen[v.name] {
			t.Errorf("two vectors are named %q", v.name)
		}
		seen[v.name] = true
		want := strings.HasPrefix(v.want, "yes")
		var e Envelope
		if err := Scan([]byte(v.text), &e, &lim); isParseError(err) == want {
			t.Errorf("%s: %.80q alone: want %s, got %v", v.name, v.text, v.want, err)
		}
		if v.name == "comma in fraction" || strings.HasPrefix(v.name, "value then") || strings.HasPrefix(v.name, "extra") {
			continue // what they break is the whole, not the value
		}
		raw := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"arguments":` + v.text + `}}`
		if err := Scan([]byte(raw), &e, &inside); (err == nil) != want {
			t.Errorf("%s: %.80q as an argument: want %s, got %v", v.name, v.text, v.want, err)
		}
	}
	if len(vectors) < 150 {
		t.Errorf("%d vectors are left", len(vectors))
	}
}

// TestVectorsAgainstStandardLibrary asks an outside judge: encoding/json must agree wherever the RFC decides, and every
// row where it does not must be one of our decisions.
func TestVectorsAgainstStandardLibrary(t *testing.T) {
	for _, v := range vectors {
		if strings.HasSuffix(v.want, "!") {
			continue
		}
		if got, want := json.Valid([]byte(v.text)), v.want == "yes"; got != want {
			t.Errorf("%s: %.80q: encoding/json says %v", v.name, v.text, got)
		}
	}
}

// TestVectorsAgainstJSONText asks a second judge, one as strict about UTF-8, surrogates and duplicates as we are: it
// may differ in the depth limit only.
func TestVectorsAgainstJSONText(t *testing.T) {
	for _, v := range vectors {
		if strings.Contains(v.name, "max_depth") {
			continue
		}
		if got, want := jsontext.Value(v.text).IsValid(), strings.HasPrefix(v.want, "yes"); got != want {
			t.Errorf("%s: %.80q: jsontext says %v", v.name, v.text, got)
		}
	}
}

// TestVectorsBroken damages texts everywhere: each prefix, and each byte replaced by each of a few hostile ones.
func TestVectorsBroken(t *testing.T) {
	check := func(text []byte) {
		if complaint := compareWithStandardLibrary(text); complaint != "" {
			t.Error(complaint)
		}
	}
	hostile := []byte("\x00\x1f\"\\,:[]{}09-+.eEu x\x7f\x80\xff")
	for _, v := range vectors {
		if len(v.text) > 200 {
			continue
		}
		for cut := range v.text {
			check([]byte(v.text[:cut]))
			for _, c := range hostile {
				damaged := []byte(v.text)
				damaged[cut] = c
				check(damaged)
			}
		}
	}
}

// compareWithStandardLibrary wants encoding/json's verdict on text, alone and as an argument, except where a decision
// of ours is the reason. It returns what is wrong, or "".
func compareWithStandardLibrary(text []byte) string {
	lim := DefaultLimits().JSON
	lim.MaxDepth += 2
	call := append([]byte(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"arguments":`), text...)
	call = append(call, `}}`...)
	for _, raw := range [][]byte{text, call} {
		var e Envelope
		err := Scan(raw, &e, &lim)
		valid := json.Valid(raw)
		switch {
		case err == nil && !valid:
			return fmt.Sprintf("%q: accepted, and encoding/json calls it invalid", raw)
		case isParseError(err) && valid && !mayDiffer(text):
			return fmt.Sprintf("%q: valid for encoding/json, refused: %v", raw, err)
		}
	}
	return ""
}

// mayDiffer says whether one of our decisions can be why text, valid for encoding/json, was refused as no JSON.
func mayDiffer(text []byte) bool {
	deep, most := 0, 0
	for _, c := range text {
		switch c {
		case '[', '{':
			deep++
			most = max(most, deep)
		case ']', '}':
			deep--
		}
	}
	return !bytes.Equal(text, bytes.ToValidUTF8(text, nil)) || bytes.Contains(bytes.ToLower(text), []byte(`\ud`)) ||
		most > 64
}
