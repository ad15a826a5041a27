package schema

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/jsonschema-go/jsonschema"

	"weir/codec"
)

// flatSchemas are schemas that the flat checker must understand.
var flatSchemas = []string{
	`{"type":"object"}`,
	`{"type":"object","additionalProperties":false}`,
	`{"type":"object","title":"t","description":"d",` +
		`"properties":{"a":{"type":"string","description":"x","format":"date"}},` +
		`"required":["a"],"additionalProperties":false}`,
	`{"type":"object","properties":{"a":{"type":"string","minLength":2,"maxLength":4},` +
		`"b":{"type":"string","enum":["x","yz",""]},"c":{}},"additionalProperties":true}`,
	`{"type":"object","properties":{"a":{"type":"integer","minimum":0,"maximum":600000},` +
		`"b":{"type":"number","exclusiveMinimum":0.5,"exclusiveMaximum":1e3},` +
		`"c":{"type":"boolean"}},"required":["c","a"]}`,
	`{"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"number"}}}`,
}

// deepSchemas are schemas that it must leave to the validator.
var deepSchemas = []string{
	`{"type":"object","properties":{"a\\b":{"type":"string"}}}`,
	`{"type":"object","properties":{"a":{"type":"string","default":"x"}}}`,
	`{"type":"object","properties":{"a":{"type":["string","null"]}}}`,
	`{"type":"object","properties":{"a":{"type":"array","items":{"type":"string"}}}}`,
	`{"type":"object","properties":{"a":{"type":"object"}}}`,
	`{"type":"object","properties":{"a":{"type":"string","pattern":"^x"}}}`,
	`{"type":"object","properties":{"a":{"type":"integer","multipleOf":3}}}`,
	`{"type":"object","properties":{"a":{"type":"integer","enum":[1,2]}}}`,
	`{"type":"object","properties":{"a":{"type":"string","minimum":3}}}`,
	`{"type":"object","properties":{"a":{"minLength":3}}}`,
	`{"type":"object","properties":{"a":{"const":3}}}`,
	`{"type":"object","properties":{"a":{"type":"string"}},"required":["b"]}`,
	`{"type":"object","properties":{"a":false}}`,
	`{"type":"object","minProperties":1}`,
	`{"type":"object","additionalProperties":{"type":"string"}}`,
	`{"type":"object","anyOf":[{"required":["a"]},{"required":["b"]}]}`,
	`{"$schema":"http://json-schema.org/draft-07/schema#","type":"object"}`,
	`{"type":"object","patternProperties":{"^a":{"type":"string"}}}`,
}

func compileText(t testing.TB, text string) *Schema {
	t.Helper()
	var field any = json.RawMessage(text)
	s, err := Input[any](&field, InputOptions{})
	if err != nil {
		t.Fatal(text, err)
	}
	return s
}

func TestFlatSchemasAreRecognised(t *testing.T) {
	for _, text := range flatSchemas {
		if compileText(t, text).flat == nil {
			t.Error("not flat:", text)
		}
	}
	for _, text := range deepSchemas {
		if compileText(t, text).flat != nil {
			t.Error("flat:", text)
		}
	}
	many := &jsonschema.Schema{Type: "object", Properties: map[string]*jsonschema.Schema{}}
	for i := range 65 {
		many.Properties[fmt.Sprint(i)] = &jsonschema.Schema{Type: "string"}
	}
	if compileFlat(many) != nil {
		t.Error("65 properties do not fit the mask")
	}
}

// checkFlat holds the flat checker to its rule: what it accepts, the validator accepts. Not compared is what the
// validator never gets to see, numbers beyond float64: where the schema says nothing of a member, its type decides.
func checkFlat(t *testing.T, s *Schema, instance string) (flat, full bool) {
	t.Helper()
	flat = s.flat != nil && s.flat.accepts(instance)
	var v map[string]any
	if json.Unmarshal([]byte(instance), &v) != nil {
		return false, false
	}
	full = s.resolved.Validate(&v) == nil
	if flat && !full {
		t.Errorf("flat accepts %s, the validator does not (%v)", instance, s.resolved.Validate(&v))
	}
	return flat, full
}

func TestFlatAgainstValidator(t *testing.T) {
	values := []string{`""`, `"x"`, `"yz"`, `"abc"`, `"abcde"`, `"éé"`, `"\u0041b"`, `"a\"b"`, `"\\"`,
		`0`, `-0`, `-1`, `1`, `1.0`, `0.5`,
		`0.50001`, `999.5`, `1e2`, `1e3`, `600000`, `600001`,
		`123456789012345`, `1234567890123456`, `9007199254740993`, `1e400`,
		`true`, `false`, `null`, `[]`, `[1,{"a":"]"}]`, `{}`, `{"a":"}","b":[1]}`, ` 1 `, "\t\"x\"\n"}
	accepted, valid := 0, 0
	for _, text := range flatSchemas {
		s := compileText(t, text)
		for _, a := range values {
			for _, b := range append([]string{""}, values...) {
				instance := `{"a":` + a + `}`
				if b != "" {
					instance = `{ "a" : ` + a + ` , "b":` + b + `,"c":true}`
				}
				flat, full := checkFlat(t, s, instance)
				if flat {
					accepted++
				}
				if full {
					valid++
				}
			}
		}
		for _, instance := range []string{`{}`, ` { } `, `{"\u0061":"x","c":true}`, `{"A":1}`,
			`{"other":[{"a":[]}]}`, `[]`, `null`, ``} {
			checkFlat(t, s, instance)
		}
	}
	// Being safe must not mean never saying yes.
	if accepted*10 < valid*8 {
		t.Errorf("the flat checker accepts %d of %d valid instances", accepted, valid)
	}
}

func FuzzFlatSchema(f *testing.F) {
	for i := range flatSchemas {
		f.Add(uint8(i), `{"a":"x","b":"yz","c":true}`)
		f.Add(uint8(i), `{"a":12,"b":0.75,"c":false,"d":[{"x":"\\"}]}`)
	}
	schemas := make([]*Schema, len(flatSchemas))
	for i, text := range flatSchemas {
		schemas[i] = compileText(f, text)
	}
	limits := codec.DefaultLimits()
	f.Fuzz(func(t *testing.T, which uint8, instance string) {
		// Arguments come out of a scanned message: valid JSON, no key twice.
		message := []byte(`{"jsonrpc":"2.0","method":"m","params":{"arguments":` + instance + `}}`)
		var e codec.Envelope
		if codec.Scan(message, &e, &limits.JSON) != nil {
			return
		}
		arguments := string(e.Arguments.Of(message))
		if arguments == "" {
			return
		}
		checkFlat(t, schemas[int(which)%len(schemas)], arguments)
	})
}

// Decoding says the same whichever way a value takes, and keeps what the sender wrote.
func TestDecode(t *testing.T) {
	type in struct {
		A string  `json:"a,omitempty"`
		N int64   `json:"n,omitempty"`
		F float64 `json:"f,omitempty"`
		P *int8   `json:"p,omitempty"`
		L []int   `json:"l,omitempty"`
	}
	var field any
	s, err := Input[in](&field, InputOptions{})
	if err != nil {
		t.Fatal(err)
	}
	p := int8(7)
	f := func(args string, want in, wrong string) {
		t.Helper()
		var got in
		err := s.Decode(new(Decoder), args, &got)
		if wrong != "" {
			if err == nil || !strings.Contains(err.Error(), wrong) {
				t.Errorf("%s: error %v, want %q", args, err, wrong)
			}
			return
		}
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v", args, got, err)
		}
	}
	f(``, in{}, "")
	f(`{}`, in{}, "")
	f(`{"a":"x\n\u00e9","n":5,"f":2}`, in{A: "x\né", N: 5, F: 2}, "")
	f(`{"n":9007199254740993}`, in{N: 9007199254740993}, "")
	f(`{"n":`+fmt.Sprint(math.MaxInt64)+`}`, in{N: math.MaxInt64}, "")
	f(`{"n":5.0}`, in{N: 5}, "")
	f(`{"n":5e2,"l":[1.0,2]}`, in{N: 500, L: []int{1, 2}}, "")
	f(`{"p":7}`, in{P: &p}, "")
	f(`{"p":null}`, in{}, "")
	f(`{"p":700}`, in{}, "p") // valid for the schema, too large for the type
	f(`{"n":5.5}`, in{}, `want "integer"`)
	f(`{"A":"x"}`, in{}, `unexpected additional properties ["A"]`)
	f(`{"n":1e999}`, in{}, "n: 1e999 does not fit int64")
	f(`{"n":1e99999999999}`, in{}, `n: 1e99999999999 has type "number", want "integer" of at most 1024 digits`)
}

func TestDefaults(t *testing.T) {
	type in struct{ Unit string }
	var field any = json.RawMessage(`{"type":"object","properties":{"Unit":{"type":"string","default":"celsius"}}}`)
	s, err := Input[in](&field, InputOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string]string{`{}`: "celsius", `{"Unit":"kelvin"}`: "kelvin"} {
		var got in
		if err := s.Decode(new(Decoder), args, &got); err != nil || got.Unit != want {
			t.Errorf("%s: %+v %v", args, got, err)
		}
	}
	out, err := s.checkOutput([]byte(`{}`))
	if err != nil || string(out) != `{"Unit":"celsius"}` {
		t.Errorf("output: %s %v", out, err)
	}
}

func TestTypedOutputs(t *testing.T) {
	type point struct {
		X int `json:"x"`
	}
	var field any
	pointer, err := Output[*point](&field)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := Encode[*point](pointer, nil); err != nil || string(out) != `{"x":0}` {
		t.Errorf("nil pointer: %s %v", out, err)
	}
	if out, err := Encode(pointer, &point{2}); err != nil || string(out) != `{"x":2}` {
		t.Errorf("pointer: %s %v", out, err)
	}
	if out, err := Encode[any](nil, nil); err != nil || out != nil {
		t.Errorf("nothing: %s %v", out, err)
	}
	field = nil
	object, err := Output[map[string]int](&field)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := Encode(object, map[string]int(nil)); err != nil || string(out) != `{}` {
		t.Errorf("nil map: %s %v", out, err)
	}
	field = json.RawMessage(`{"type":"object","required":["y"]}`)
	if wrong, err := Output[point](&field); err != nil {
		t.Fatal(err)
	} else if _, err := Encode(wrong, point{}); err == nil {
		t.Error("an output that does not fit its schema")
	}
}

// TestNullIsAbsent: F9. A null that does not belong is refused in a sentence, or with the option as good as left out.
func TestNullIsAbsent(t *testing.T) {
	type in struct {
		N int    `json:"n,omitempty"`
		S string `json:"s"`
		P *int   `json:"p,omitempty"`
		L []struct {
			Q int `json:"q,omitempty"`
		} `json:"l,omitempty"`
		Need map[string]int `json:"need,omitempty"`
	}
	f := func(absent bool, args, wrong string) {
		t.Helper()
		var field any
		s, err := Input[in](&field, InputOptions{NullIsAbsent: absent})
		if err != nil {
			t.Fatal(err)
		}
		var got in
		err = s.Decode(new(Decoder), args, &got)
		if wrong == "" && err != nil || wrong != "" && (err == nil || err.Error() != wrong) {
			t.Errorf("%v %s: %v, want %q", absent, args, err, wrong)
		}
	}
	f(false, `{"s":"x","n":null}`, "n: null is not allowed here, want integer")
	f(false, `{"s":null}`, "s: null is not allowed here, want string")
	f(false, `{"s":"x","l":[{"q":1},{"q":null}]}`, "l[1].q: null is not allowed here, want integer")
	f(false, `{"s":"x","p":null,"l":null,"need":null}`, "")
	f(true, `{"s":"x","n":null,"p":null,"l":[{"q":null}]}`, "")
	f(true, `{"s":null}`, "s: null is not allowed here, want string")
	f(true, `{"s":"x","need":{"a":null}}`, "need.a: null is not allowed here, want integer")
}

// TestDefaultsKeepDigits: F1. Completing arguments and outputs changes no other number, and defaults keep theirs.
func TestDefaultsKeepDigits(t *testing.T) {
	type in struct {
		ID   int64   `json:"id"`
		N    int     `json:"n"`
		More uint64  `json:"more"`
		F    float64 `json:"f"`
	}
	const text = `{"type":"object","properties":{"id":{"type":"integer"},"n":{"type":"integer","default":3},` +
		`"more":{"type":"integer","default":18446744073709551615},"f":{"type":"number","default":0.1}}}`
	var input, output any = json.RawMessage(text), json.RawMessage(text)
	s, err := Input[in](&input, InputOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var got in
	if err := s.Decode(new(Decoder), `{"id":9007199254740993,"n":1.0}`, &got); err != nil ||
		got != (in{9007199254740993, 1, math.MaxUint64, 0.1}) {
		t.Errorf("%+v %v", got, err)
	}
	out, err := Output[map[string]int64](&output)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := Encode(out, map[string]int64{"id": 9007199254740993})
	if err != nil || string(encoded) != `{"f":0.1,"id":9007199254740993,"more":18446744073709551615,"n":3}` {
		t.Errorf("%s %v", encoded, err)
	}
}

// TestLiteralsKeepDigits: enums and constants of a schema are the numbers that it says.
func TestLiteralsKeepDigits(t *testing.T) {
	s := compileText(t, `{"type":"object","properties":{"a":{"enum":[9007199254740993,"x"]},`+
		`"b":{"items":{"const":9007199254740993}}}}`)
	for args, fits := range map[string]bool{`{"a":9007199254740993}`: true, `{"a":9007199254740992}`: false,
		`{"b":[9007199254740993]}`: true, `{"b":[9007199254740992]}`: false} {
		var got any
		if err := s.Decode(new(Decoder), args, &got); (err == nil) != fits {
			t.Errorf("%s: %v", args, err)
		}
	}
}

// TestMistypedSchemas: N11. A type that JSON does not have is refused where it stands.
func TestMistypedSchemas(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		err := CheckInput(json.RawMessage(text))
		if err == nil {
			t.Error(text, "is accepted")
			return
		}
		for _, part := range want {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %v, want %q", text, err, part)
			}
		}
	}
	f(`{"type":"object","properties":{"a":{"type":"int"}}}`, "/properties/a", `"int"`)
	f(`{"type":"object","properties":{"a":{"type":["string","none"]}}}`, `"none"`)
	f(`{"type":"object","properties":{"a":{"items":{"anyOf":[{"type":"string"},{"type":"float"}]}}}}`,
		"/properties/a/items/anyOf/1", `"float"`)
	f(`{"type":"object","$defs":{"d":{"type":"Object"}}}`, "/$defs/d")
	f(`{"type":"object","properties":{"a":{"type":7}}}`)
	f(`{"type":"object","required":"a"}`)
	f(`{"type":"object","properties":{"a":null}}`)
	if err := CheckInput(json.RawMessage(`{"type":"object","properties":{"type":{"type":"string"}},"x-type":"int",` +
		`"examples":[{"type":"int"}]}`)); err != nil {
		t.Error(err)
	}
	var input any = json.RawMessage(`{"type":"object","properties":{"a":{"type":"strng"}}}`)
	if _, err := Input[any](&input, InputOptions{}); err == nil || !strings.Contains(err.Error(), "strng") {
		t.Error(err)
	}
}

// TestOutputSentences: N12. A nil map is refused in words that say where.
func TestOutputSentences(t *testing.T) {
	type inner struct {
		M map[string]int `json:"m"`
	}
	type out struct {
		Inner inner `json:"inner"`
	}
	var field any
	s, err := Output[out](&field)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Encode(s, out{})
	if err == nil || err.Error() != "validating tool output: inner.m: null is not allowed here, want object" {
		t.Error(err)
	}
}

// TestOutputDepth: A3. An output that is nested without end is an error, and the process lives.
func TestOutputDepth(t *testing.T) {
	var field any
	s, err := Output[node](&field)
	if err != nil {
		t.Fatal(err)
	}
	deep := new(node)
	for range 1_000_000 {
		deep = &node{Kids: []*node{deep}}
	}
	loop := new(node)
	loop.Kids = []*node{loop}
	for _, out := range []node{*deep, *loop} {
		if _, err := Encode(s, out); err == nil || !strings.Contains(err.Error(), "nested deeper than 1000 levels") {
			t.Error(err)
		}
	}
	if _, err := Encode[any](nil, deep); err == nil {
		t.Error("an any")
	}
	if encoded, err := Encode(s, node{V: 9007199254740993, Kids: []*node{{V: 1}}}); err != nil ||
		string(encoded) != `{"v":9007199254740993,"kids":[{"v":1}]}` {
		t.Errorf("%s %v", encoded, err)
	}
}

// TestOutputRepaired: F2. Raw JSON in a typed output leaves as UTF-8; what is no JSON does not leave.
func TestOutputRepaired(t *testing.T) {
	var field any
	s, err := Output[args[json.RawMessage]](&field)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := Encode(s, args[json.RawMessage]{json.RawMessage("\"\xe9\\ud83d\"")})
	if err != nil || string(encoded) != "{\"X\":\"\uFFFD\\ufffd\"}" {
		t.Errorf("%q %v", encoded, err)
	}
	if _, err := Encode(s, args[json.RawMessage]{json.RawMessage(`{`)}); err == nil {
		t.Error("no JSON")
	}
}

// TestRefusalsNameTheField: whatever does not fit, the sentence begins with where.
func TestRefusalsNameTheField(t *testing.T) {
	type in struct {
		ID   hexID              `json:"id,omitzero"`
		Data []byte             `json:"data,omitempty"`
		When time.Time          `json:"when,omitzero"`
		Q    int                `json:"q,omitzero,string"`
		L    []struct{ N int8 } `json:"l,omitempty"`
		M    map[int8]string    `json:"m,omitempty"`
		F    map[string]float32 `json:"f,omitempty"`
	}
	var field any
	inferredSchema, err := Input[in](&field, InputOptions{})
	if err != nil {
		t.Fatal(err)
	}
	field = json.RawMessage(`{"type":"object"}`)
	given, err := Input[in](&field, InputOptions{})
	if err != nil {
		t.Fatal(err)
	}
	f := func(args, begins string) {
		t.Helper()
		for _, s := range []*Schema{inferredSchema, given} {
			var got in
			if err := s.Decode(new(Decoder), args, &got); err == nil || !strings.HasPrefix(err.Error(), begins) {
				t.Errorf("%s: %v, want it to begin with %q", args, err, begins)
			}
		}
	}
	f(`{"id":"xyz"}`, "id: an id has four digits")
	f(`{"data":"?"}`, "data: illegal base64")
	f(`{"when":"now"}`, "when: ")
	f(`{"q":"seven"}`, "q: ")
	f(`{"l":[{"N":1},{"N":9007199254740993}]}`, "l[1].N: 9007199254740993 does not fit int8")
	f(`{"m":{"300":"x"}}`, "m: ")
	f(`{"f":{"a.b":16777217}}`, "f.a.b: 16777217 does not fit a float32")
	var got in
	if err := given.Decode(new(Decoder), `{"data":7}`, &got); err == nil || !strings.HasPrefix(err.Error(), "data: ") {
		t.Error(err)
	}
}
