package schema

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net/netip"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"weir/codec"
	"weir/registry/value"
)

// The types of docs/TYPES.md and their relatives. Each is a field X of the arguments, and tried in both directions.

type word string

type hexID [2]byte

func (h hexID) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%x", h[:]), nil }

func (h *hexID) UnmarshalText(text []byte) error {
	if len(text) != 4 {
		return errors.New("an id has four digits")
	}
	_, err := fmt.Sscanf(string(text), "%02x%02x", &h[0], &h[1])
	return err
}

// key is a map key with text methods.
type key struct{ text string }

func (k key) MarshalText() ([]byte, error)     { return []byte(k.text), nil }
func (k *key) UnmarshalText(text []byte) error { k.text = string(text); return nil }

// whole keeps its JSON as it came.
type whole struct{ text string }

func (w whole) MarshalJSON() ([]byte, error)     { return []byte(w.text), nil }
func (w *whole) UnmarshalJSON(text []byte) error { w.text = string(text); return nil }

type node struct {
	V    int64   `json:"v"`
	Kids []*node `json:"kids,omitempty"`
}

type tree map[string]tree

type left struct{ R *right }
type right struct{ L []left }

type Inner struct {
	A int    `json:"a"`
	B string `json:"b"`
}

type hidden struct {
	A int `json:"a"`
}

type twin struct{ D int }

type other struct {
	D int
	C int `json:"c"`
}

type colour string

func (colour) Enum() []any { return []any{colour("red"), colour("blue")} }

type byteLike byte

// args wraps a type as arguments; inferring by hand what a struct literal would say.
type args[T any] struct{ X T }

// typeCase is one type with its schema, JSON that fits and JSON that does not.
type typeCase struct {
	name, schema string
	good, bad    []string
	try          func(t *testing.T, c *typeCase)
	fuzz         func(text string) error
}

// of makes the row of a type whose arguments are T.
func of[T any](schema string, good, bad []string) typeCase {
	return typeCase{name: reflect.TypeFor[T]().String(), schema: schema, good: good, bad: bad,
		try: tryType[T], fuzz: fuzzType[T]}
}

// field makes the row of a type T in a field X; JSON and schema are X's.
func field[T any](schema string, good, bad []string) typeCase {
	c := of[args[T]](`{"type":"object","properties":{"X":`+schema+`},"required":["X"],"additionalProperties":false}`, nil,
		nil)
	for _, text := range good {
		c.good = append(c.good, `{"X":`+text+`}`)
	}
	for _, text := range bad {
		c.bad = append(c.bad, `{"X":`+text+`}`)
	}
	return c
}

type list = []string

var typeCases = []typeCase{
	field[int](`{"type":"integer"}`, list{`0`, `-7`, `9007199254740993`, `1.0`, `5e2`}, list{`1.5`, `"1"`, `null`, `true`,
		`9223372036854775808`, `1e400`}),
	field[int8](`{"type":"integer","minimum":-128,"maximum":127}`, list{`-128`, `127`}, list{`128`, `-129`}),
	field[uint64](`{"type":"integer","minimum":0}`, list{`18446744073709551615`}, list{`-1`, `18446744073709551616`}),
	field[float64](`{"type":"number"}`, list{`0.1`, `-1e-7`, `1e22`, `123456789012345680000`, `0.10000000000000001`},
		list{`9007199254740993`, `1e400`, `"1"`, `null`}),
	field[float32](`{"type":"number"}`, list{`0.1`, `16777216`}, list{`16777217`, `1e39`}),
	field[bool](`{"type":"boolean"}`, list{`true`, `false`}, list{`0`, `null`, `"true"`}),
	field[string](`{"type":"string"}`, list{`""`, `"a\n\u00e9\ud83d\ude00<"`}, list{`1`, `null`}),
	field[word](`{"type":"string"}`, list{`"x"`}, list{`[]`}),
	field[*int](`{"type":"integer"}`, list{`1`, `null`}, list{`"1"`, `1.5`}),
	field[***int8](`{"type":"integer","minimum":-128,"maximum":127}`, list{`1`, `null`}, list{`300`}),
	field[[]string](`{"type":"array","items":{"type":"string"}}`, list{`[]`, `["a"]`, `null`}, list{`[1]`, `[null]`,
		`{}`}),
	field[[]*int](`{"type":"array","items":{"type":"integer"}}`, list{`[1,null]`}, list{`["x"]`}),
	field[[][]float64](`{"type":"array","items":{"type":"array","items":{"type":"number"}}}`, list{`[[1,2.5],null]`},
		list{`[[9007199254740993]]`}),
	field[[2]int](`{"type":"array","items":{"type":"integer"},"minItems":2,"maxItems":2}`, list{`[1,2]`}, list{`[1]`,
		`[1,2,3]`, `null`}),
	field[[0]int](`{"type":"array","items":{"type":"integer"},"minItems":0,"maxItems":0}`, list{`[]`}, list{`[1]`}),
	field[[]byte](`{"type":"string","contentEncoding":"base64"}`, list{`"AQID"`, `""`, `null`}, list{`"A"`, `[1]`}),
	field[[]byteLike](`{"type":"string","contentEncoding":"base64"}`, list{`"AQID"`}, list{`[1]`}),
	field[[3]byte](`{"type":"array","items":{"type":"integer","minimum":0,"maximum":255},"minItems":3,"maxItems":3}`,
		list{`[1,2,255]`}, list{`"AQID"`, `[1,2,256]`}),
	field[map[string]int64](`{"type":"object","additionalProperties":{"type":"integer"}}`, list{`{"a":9007199254740993}`,
		`{}`, `null`}, list{`{"a":"x"}`, `[]`}),
	field[map[int]string](`{"type":"object","propertyNames":{"pattern":"^-?[0-9]+$"},"additionalProperties":{`+
		`"type":"string"}}`, list{`{"-1":"a"}`}, list{`{"x":"a"}`, `{"99999999999999999999":"a"}`}),
	field[map[uint8]bool](`{"type":"object","propertyNames":{"pattern":"^-?[0-9]+$"},"additionalProperties":{`+
		`"type":"boolean"}}`, list{`{"255":true}`}, list{`{"256":true}`}),
	field[map[key]string](`{"type":"object","additionalProperties":{"type":"string"}}`, list{`{"a":"b","\u0041":"c"}`},
		list{`{"a":1}`}),
	field[map[netip.Addr]int](`{"type":"object","additionalProperties":{"type":"integer"}}`, list{`{"1.2.3.4":1}`},
		list{`{"x":1}`}),
	field[map[string]*int](`{"type":"object","additionalProperties":{"type":"integer"}}`, list{`{"a":1,"b":null}`}, nil),
	field[any](`{"description":"any JSON value"}`, list{`1`, `null`, `"x"`, `{"a":[1.5,true]}`, `9007199254740993`,
		`1e400`}, nil),
	field[map[string]any](`{"type":"object","additionalProperties":true}`, list{`{"a":9007199254740993,"b":[1]}`},
		list{`[]`}),
	field[[]any](`{"type":"array","items":true}`, list{`[1,"a",null,{"b":1e23}]`}, list{`{}`}),
	field[json.RawMessage](`{"description":"any JSON value"}`, list{`{"a":1.50}`, `[9007199254740993]`, `"x"`}, nil),
	field[*json.RawMessage](`{"description":"any JSON value"}`, list{`{"a":1.50}`, `null`}, nil),
	field[json.Number](`{"type":"number"}`, list{`1.50`, `9007199254740993`, `1e400`}, list{`"x"`, `true`}),
	field[big.Int](`{"type":"integer"}`, list{`123456789012345678901234567890`, `9007199254740993.0`, `1e30`}, list{`1.5`,
		`"12"`, `1e1024`}),
	field[*big.Int](`{"type":"integer"}`, list{`-123456789012345678901234567890`, `null`}, list{`0.1`}),
	field[big.Float](`{"type":"string"}`, list{`"1.5"`}, list{`1.5`, `"x"`}),
	field[big.Rat](`{"type":"string"}`, list{`"1/3"`}, list{`1`, `"x"`}),
	field[time.Time](`{"type":"string","format":"date-time"}`, list{`"2026-01-02T03:04:05.5+01:00"`}, list{`"yesterday"`,
		`1`}),
	field[*time.Time](`{"type":"string","format":"date-time"}`, list{`"2026-01-02T03:04:05Z"`, `null`}, nil),
	field[time.Duration](`{"type":"integer"}`, list{`1000000000`}, list{`"1s"`}),
	field[slog.Level](`{"type":"string"}`, list{`"WARN"`}, list{`4`, `"x"`}),
	field[netip.Addr](`{"type":"string"}`, list{`"192.0.2.1"`, `""`}, list{`"x"`, `[1]`}),
	field[hexID](`{"type":"string"}`, list{`"01ff"`}, list{`"x"`, `[1,2]`}),
	field[whole](`{"description":"any JSON value"}`, list{`{"a":1.50}`, `"x"`}, nil),
	field[[]whole](`{"type":"array","items":true}`, list{`[1,"x"]`}, nil),
	field[colour](`{"type":"string","enum":["red","blue"]}`, list{`"red"`}, list{`"green"`}),
	field[struct{}](`{"type":"object","properties":{},"additionalProperties":false}`, list{`{}`}, list{`{"a":1}`}),
	of[struct{}](`{"type":"object","properties":{},"additionalProperties":false}`, list{`{}`}, list{`{"a":1}`}),
	of[*Inner](`{"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"string"}},"required":["a","b"],`+
		`"additionalProperties":false}`, list{`{"a":1,"b":"x"}`}, list{`{"A":1,"b":"x"}`}),
	of[map[string]int](`{"type":"object","properties":{},"additionalProperties":{"type":"integer"}}`, list{`{"a":1}`},
		list{`{"a":"x"}`}),
	of[node](`{"type":"object","$defs":{"node":{"type":"object","properties":{"v":{"type":"integer"},"kids":{`+
		`"type":"array","items":{"$ref":"#/$defs/node"}}},"required":["v"],"additionalProperties":false}},"properties":{`+
		`"v":{"type":"integer"},"kids":{"type":"array","items":{"$ref":"#/$defs/node"}}},"required":["v"],`+
		`"additionalProperties":false}`,
		list{`{"v":1,"kids":[{"v":9007199254740993.0},null,{"v":2,"kids":null}]}`}, list{`{"v":1,"kids":[{"v":1,` +
			`"kids":[{"v":"x"}]}]}`, `{"v":1,"kids":[{}]}`}),
	of[args[tree]](`{"type":"object","$defs":{"tree":{"type":"object","additionalProperties":{"$ref":"#/$defs/tree"}}`+
		`},"properties":{"X":{"$ref":"#/$defs/tree"}},"required":["X"],"additionalProperties":false}`, list{`{"X":{"a":{` +
		`"b":{}},"c":null}}`}, list{`{"X":{"a":1}}`}),
	of[left](``, list{`{"R":{"L":[{"R":null}]}}`}, list{`{"R":{"L":[{}]}}`}),
	of[struct{ Inner }](`{"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"string"}},`+
		`"required":["a","b"],"additionalProperties":false}`, list{`{"a":1,"b":"x"}`}, list{`{"Inner":{}}`}),
	of[struct{ hidden }](`{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"],`+
		`"additionalProperties":false}`, list{`{"a":1}`}, nil),
	of[struct{ *Inner }](`{"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"string"}},`+
		`"additionalProperties":false}`, list{`{"a":1,"b":"x"}`, `{}`}, nil),
	of[struct {
		Inner `json:"in"`
	}](`{"type":"object","properties":{"in":{"type":"object","properties":{"a":{"type":"integer"},"b":{`+
		`"type":"string"}},"required":["a","b"],"additionalProperties":false}},"required":["in"],`+
		`"additionalProperties":false}`, list{`{"in":{"a":1,"b":"x"}}`}, list{`{"a":1,"b":"x"}`}),
	of[struct {
		Inner
		B int `json:"b"`
	}](`{"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"integer"}},"required":["a","b"],`+
		`"additionalProperties":false}`, list{`{"a":1,"b":2}`}, list{`{"a":1,"b":"x"}`}),
	of[struct {
		twin
		other
	}](`{"type":"object","properties":{"c":{"type":"integer"}},"required":["c"],"additionalProperties":false}`,
		list{`{"c":1}`}, list{`{"D":1,"c":1}`}),
	of[struct {
		I int      `json:"i,string"`
		F float64  `json:"f,string"`
		B bool     `json:"b,omitempty,string"`
		S string   `json:"s,string"`
		P *int     `json:"p,string"`
		L []string `json:"l,string"`
	}](`{"type":"object","properties":{"i":{"type":"string"},"f":{"type":"string"},"b":{"type":"string"},"s":{`+
		`"type":"string"},"p":{"type":"string"},"l":{"type":"array","items":{"type":"string"}}},"required":["i","f","s",`+
		`"p","l"],"additionalProperties":false}`,
		list{`{"i":"12","f":"1.5","b":"true","s":"\"x\\n\"","p":null,"l":["x"]}`,
			`{"i":"\u0031","f":"1","s":"\"\"","p":"5","l":null}`},
		list{`{"i":12,"f":"1","s":"\"\"","p":"5","l":[]}`, `{"i":"1","f":"9007199254740993","s":"\"\"","p":"5","l":[]}`,
			`{"i":"x","f":"1","s":"\"\"","p":"5","l":[]}`}),
	of[struct {
		A string `json:"-,"`
		B string `json:"-"`
		C string `json:"c,omitzero"`
		d string
	}](`{"type":"object","properties":{"-":{"type":"string"},"c":{"type":"string"}},"required":["-"],`+
		`"additionalProperties":false}`, list{`{"-":"x"}`, `{"-":"x","c":"y"}`}, list{`{"-":"x","B":"y"}`,
		`{"-":"x","d":"y"}`}),
	of[struct {
		Name  string
		Lower string `json:"name"`
	}](`{"type":"object","properties":{"Name":{"type":"string"},"name":{"type":"string"}},"required":["Name","name"],`+
		`"additionalProperties":false}`, list{`{"name":"b","Name":"a"}`}, list{`{"NAME":"x","name":"y"}`}),
	of[struct {
		A string `json:"a b"`
		E string `json:"é"`
		Q string `json:"x\"y"`
		P string `json:"<&>/~%"`
	}](`{"type":"object","properties":{"a b":{"type":"string"},"é":{"type":"string"},"Q":{"type":"string"},"<&>/~%":{`+
		`"type":"string"}},"required":["a b","é","Q","<&>/~%"],"additionalProperties":false}`, list{`{"a b":"1",` +
		`"\u00e9":"2","Q":"3","<&>/~%":"4"}`}, nil),
	of[struct {
		Unit  string   `json:"unit,omitempty" enum:"c,f" jsonschema:"of the answer"`
		Count *int     `json:"count" enum:"1,2"`
		Days  []string `json:"days,omitempty" enum:"mon,tue"`
	}](`{"type":"object","properties":{"unit":{"type":"string","description":"of the answer","enum":["c","f"]},`+
		`"count":{"type":"integer","enum":[1,2]},"days":{"type":"array","items":{"type":"string","enum":["mon","tue"]}}}`+
		`,"required":["count"],"additionalProperties":false}`,
		list{`{"count":1,"unit":"c","days":["tue"]}`, `{"count":null}`}, list{`{"count":3}`, `{"count":1,"unit":"k"}`,
			`{"count":1,"days":["wed"]}`}),
}

// TestTypes holds every row: its schema, the same values as encoding/json in both directions, and its refusals.
func TestTypes(t *testing.T) {
	if len(typeCases) < 40 {
		t.Error("only", len(typeCases))
	}
	for _, c := range typeCases {
		t.Run(c.name, func(t *testing.T) { c.try(t, &c) })
	}
}

func tryType[T any](t *testing.T, c *typeCase) {
	var shown, output any
	in, err := Input[T](&shown, InputOptions{})
	if err != nil {
		t.Fatal(err)
	}
	out, err := Output[T](&output)
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := json.Marshal(shown); c.schema != "" && canonical(string(got)) != canonical(c.schema) {
		t.Errorf("schema\n got %s\nwant %s", got, c.schema)
	}
	for _, text := range c.good {
		var got, again, want T
		if err := in.Decode(new(Decoder), text, &got); err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if reference(text, &want) == nil && !same(&got, &want) {
			t.Errorf("%s: %+v, encoding/json has %+v", text, got, want)
		}
		encoded, err := Encode(out, got)
		if err != nil {
			if !strings.Contains(err.Error(), "null is not allowed") { // a nil map, which the SDK refuses too
				t.Errorf("%s: encoded: %v", text, err)
			}
			continue
		}
		if theirs, err := json.Marshal(&got); err != nil || canonical(string(theirs)) != canonical(string(encoded)) {
			t.Errorf("%s: encoded as %s, encoding/json has %s (%v)", text, encoded, theirs, err)
		}
		if err := in.Decode(new(Decoder), string(encoded), &again); err != nil || !same(&got, &again) {
			t.Errorf("%s: through %s came %+v (%v)", text, encoded, again, err)
		}
	}
	for _, text := range c.bad {
		var got T
		err := in.Decode(new(Decoder), text, &got)
		if err == nil {
			t.Errorf("%s was taken for %+v", text, got)
		} else if strings.Contains(err.Error(), "reflect") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// reference is encoding/json, with numbers of an any as they are.
func reference(text string, v any) error {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	return d.Decode(v)
}

// same compares two values by their JSON, since an any may hold a number in two ways.
func same(a, b any) bool {
	one, err := json.Marshal(a)
	two, err2 := json.Marshal(b)
	return err == nil && err2 == nil && canonical(string(one)) == canonical(string(two))
}

// canonical is JSON with its keys in order and its numbers in one form.
func canonical(text string) string {
	v, err := value.Decode(text)
	if err != nil {
		return "no JSON: " + text
	}
	var walk func(v any) any
	walk = func(v any) any {
		switch v := v.(type) {
		case json.Number:
			r, ok := new(big.Rat).SetString(string(v))
			if len(v) > 100 || !ok || strings.ContainsAny(string(v), "eE") && len(v) > 12 {
				return "number " + string(v)
			}
			return "number " + r.RatString()
		case map[string]any:
			for key, member := range v {
				v[key] = walk(member)
			}
		case []any:
			for i := range v {
				v[i] = walk(v[i])
			}
		}
		return v
	}
	encoded, err := value.Encode(walk(v))
	if err != nil {
		return err.Error()
	}
	return string(encoded)
}

// fuzzType compares what decodes with encoding/json, and lives through what does not.
func fuzzType[T any](text string) error {
	var shown any
	in, err := Input[T](&shown, InputOptions{NullIsAbsent: len(text)%2 == 0})
	if err != nil {
		return err
	}
	var got, want T
	if in.Decode(new(Decoder), text, &got) != nil {
		return nil
	}
	if err := reference(text, &want); err != nil {
		return nil // 1.0 for an int, or an escape in a quoted number: TestTypes has them
	}
	if !same(&got, &want) {
		return fmt.Errorf("%s: %+v, encoding/json has %+v", text, got, want)
	}
	return nil
}

// FuzzTypes: the same bytes into every type, by us and by encoding/json.
func FuzzTypes(f *testing.F) {
	for i, c := range typeCases {
		for _, text := range append(append(list{}, c.good...), c.bad...) {
			f.Add(uint8(i), text)
		}
	}
	limits := codec.DefaultLimits()
	f.Fuzz(func(t *testing.T, which uint8, arguments string) {
		message := []byte(`{"jsonrpc":"2.0","method":"m","params":{"arguments":` + arguments + `}}`)
		var e codec.Envelope
		if codec.Scan(message, &e, &limits.JSON) != nil {
			return
		}
		text := string(e.Arguments.Of(message))
		if text == "" || text[0] != '{' {
			return
		}
		if err := typeCases[int(which)%len(typeCases)].fuzz(text); err != nil {
			t.Error(err)
		}
	})
}

type pointsAtItself *pointsAtItself

type lonely struct{ n int }

type hiddenPointer struct{ *hidden }

// TestTypesRefused: what no call could fill or no client read is refused at registration, with its field and the
// reason.
func TestTypesRefused(t *testing.T) {
	_ = lonely{n: 1}
	f := func(err error, want ...string) {
		t.Helper()
		if err == nil {
			t.Error("accepted, want", want)
			return
		}
		for _, part := range want {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%v: no %q", err, part)
			}
		}
	}
	f(refusedInput[args[chan int]](), "X: chan int", "no JSON form", `json:"-"`)
	f(refusedInput[args[func()]](), "X: func()")
	f(refusedInput[args[complex128]](), "X: complex128")
	f(refusedInput[args[unsafe.Pointer]](), "X: unsafe.Pointer")
	f(refusedInput[args[map[float64]int]](), "X: map[float64]int", "keys")
	f(refusedInput[args[map[*key]int]](), "X: map[*schema.key]int", "keys")
	f(refusedInput[args[map[bool]int]](), "keys")
	f(refusedInput[args[map[struct{}]int]](), "keys")
	f(refusedInput[args[error]](), "X: error", "interface with methods")
	f(refusedInput[args[fmt.Stringer]](), "X: fmt.Stringer")
	f(refusedInput[args[url.URL]](), "X: url.URL", "use string")
	f(refusedInput[args[*url.URL]](), "X: url.URL")
	f(refusedInput[args[[]map[string]chan int]](), "X[]{}: chan int")
	f(refusedInput[args[sync.Mutex]](), "X: sync.Mutex", "unexported fields only")
	f(refusedInput[args[atomic.Int64]](), "X: atomic.Int64")
	f(refusedInput[args[lonely]](), "X: schema.lonely")
	f(refusedInput[args[pointsAtItself]](), "points to nothing but itself")
	f(refusedInput[args[hiddenPointer]](), "X.hidden", "embeds a pointer to an unexported struct")
	f(refusedInput[struct{ time.Time }](), "its embedded Time")
	f(refusedInput[struct {
		X int `jsonschema:""`
	}](), "X", "description")
	f(refusedInput[struct {
		X int `jsonschema:"minimum=1"`
	}](), "X", "WORD=")
	f(refusedInput[struct {
		X int `enum:"1,two"`
	}](), "X", `"two"`)
	f(refusedInput[struct {
		X struct{} `enum:"a"`
	}](), "X", "no list of values")
	f(refusedOutput[args[chan int]](), "X: chan int")
	f(refusedOutput[args[map[float64]int]](), "X: map[float64]int")
	f(refusedOutput[args[url.URL]](), "X: url.URL")
	f(refusedOutput[args[map[string]big.Int]](), "X{}: big.Int", "use *big.Int")
	f(refusedOutput[struct{ time.Time }](), "its embedded Time")
	for _, err := range []error{refusedOutput[args[error]](), refusedOutput[args[hiddenPointer]](),
		refusedOutput[args[map[*key]int]](),
		refusedOutput[args[map[string]*big.Int]](), refusedOutput[args[[]big.Int]](),
		refusedInput[args[map[string]big.Int]]()} {
		if err != nil {
			t.Error(err)
		}
	}
}

func refusedInput[T any]() error {
	var definition any
	_, err := Input[T](&definition, InputOptions{})
	return err
}

func refusedOutput[T any]() error {
	var definition any
	_, err := Output[T](&definition)
	return err
}
