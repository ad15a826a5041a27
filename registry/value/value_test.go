package value

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

func TestInteger(t *testing.T) {
	f := func(token, want string) {
		t.Helper()
		got, ok := Integer(token)
		if ok != (want != "") || got != want {
			t.Errorf("%s: %q %v, want %q", token, got, ok, want)
		}
	}
	f("0", "0")
	f("-0.0", "0")
	f("7", "7")
	f("9007199254740993.0", "9007199254740993")
	f("-90071992547409930e-1", "-9007199254740993")
	f("1.5e1", "15")
	f("0.001E3", "1")
	f("100e-2", "1")
	f("1.5", "")
	f("1e-1", "")
	f("1.00000000000000000000000000000001", "")
	f("1e1023", "1"+strings.Repeat("0", 1023))
	f("1e1024", "")
	f("1e999999999999999999999", "")
	f("0e999999999999999999999", "0")
	f("123456789012345678901234567890.00", "123456789012345678901234567890")
}

// TestNumberFits: what a float holds, and nothing else.
func TestNumberFits(t *testing.T) {
	f := func(token string, in64, in32 bool) {
		t.Helper()
		if Fits(token, 64) != in64 || Fits(token, 32) != in32 {
			t.Errorf("%s: %v %v", token, Fits(token, 64), Fits(token, 32))
		}
	}
	f("0", true, true)
	f("-0.000", true, true)
	f("0.1", true, true)
	f("16777216", true, true)
	f("16777217", true, false)
	f("9007199254740992", true, false) // a float32 that is printed 9007199000000000
	f("9007199254740993", false, false)
	f("9007199254740993.0", false, false)
	f("1e22", true, true)
	f("1e23", true, true)
	f("1e39", true, false)
	f("1e400", false, false)
	f("1e-400", false, false)
	f("5e-324", true, false)
	f("0.30000000000000004", true, false)
	f("0.10000000000000001", true, false)                   // as %.17g writes it
	f("0.1000000000000000055511151231257827", true, false)  // all of the float64
	f("0.1000000000000000055511151231257999", false, false) // another number
	f("1."+strings.Repeat("0", 900)+"1", false, false)
	f("1.7976931348623157e308", true, false)
	f("3.14159265358979323846", false, false)
}

// TestNumberFitsWhatIsPrinted: a float64 in any way of writing it.
func TestNumberFitsWhatIsPrinted(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		v := math.Float64frombits(r.Uint64())
		if math.IsNaN(v) || math.IsInf(v, 0) {
			continue
		}
		for _, precision := range []int{-1, 16, 20, 40} {
			if token := strconv.FormatFloat(v, 'e', precision, 64); !Fits(token, 64) {
				t.Fatalf("%s does not fit", token)
			}
		}
		n := float32(v)
		if token := strconv.FormatFloat(float64(n), 'g', -1, 32); !math.IsInf(float64(n), 0) && !Fits(token, 32) {
			t.Fatalf("%s does not fit a float32", token)
		}
		i := r.Int64() >> (r.Uint32() % 40)
		token := strconv.FormatInt(i, 10)
		again := strconv.FormatFloat(float64(i), 'f', -1, 64)
		if Fits(token, 64) != (again == token) {
			t.Fatalf("%s: %v, written again %s", token, Fits(token, 64), again)
		}
		if f, soft := Soften(json.Number(token)).(float64); soft && int64(f) != i {
			t.Fatalf("%s became %v in an any", token, f)
		}
	}
}

func TestComparable(t *testing.T) {
	f := func(token string, want any) {
		t.Helper()
		if got := Comparable(token); got != want {
			t.Errorf("%s: %T %v, want %T %v", token, got, got, want, want)
		}
	}
	f("1.0", int64(1))
	f("9007199254740993", int64(9007199254740993))
	f("18446744073709551615", uint64(math.MaxUint64))
	f("18446744073709551616", 18446744073709551616.0)
	f("1e999999", math.MaxFloat64)
	f("-1e999999", -math.MaxFloat64)
	f("1e-999999", math.SmallestNonzeroFloat64)
	f("1.00000000000000000001", 1.0000000000000002)
	f("0.5", 0.5)
}

func TestShort(t *testing.T) {
	for text, want := range map[string]bool{`{"a":123456789012345,"b":[1.5,-2]}`: true, `{"a":1234567890123456}`: false,
		`[123456789.1234567]`: false, `[1e5]`: false, `[1E5]`: false, `"eeee 12 e"`: true} {
		if Short(text, Digits(64)) != want {
			t.Errorf("%s: %v", text, !want)
		}
	}
}

// TestSoften: an any keeps every number, as a float64 where that is one.
func TestSoften(t *testing.T) {
	v, err := Object(`{"a":1.50,"b":[9007199254740993,{"c":1e400}],"d":null}`)
	want := map[string]any{"a": 1.5, "b": []any{json.Number("9007199254740993"),
		map[string]any{"c": json.Number("1e400")}}, "d": nil}
	if err != nil || fmt.Sprintf("%#v", v) != fmt.Sprintf("%#v", want) {
		t.Errorf("%#v %v", v, err)
	}
	again, err := Encode(v)
	if err != nil || string(again) != `{"a":1.5,"b":[9007199254740993,{"c":1e400}],"d":null}` {
		t.Errorf("%s %v", again, err)
	}
}

// TestMarshalDepth: what is nested without end is an error, not the end of the process.
func TestMarshalDepth(t *testing.T) {
	type node struct {
		Next   *node
		Parent *node `json:"-"`
	}
	chain := new(node)
	for range 1_000_000 {
		chain = &node{Next: chain}
	}
	var tree any
	for range 1_000_000 {
		tree = []any{tree}
	}
	loop := new(node)
	loop.Next = loop
	var self any
	self = &self
	loops := map[string]any{}
	loops["a"] = loops
	for _, v := range []any{chain, *chain, tree, loop, self, loops, map[string]any{"a": tree},
		json.RawMessage(strings.Repeat("[", 5000) + strings.Repeat("]", 5000)), struct{ Any any }{tree}} {
		if out, err := Marshal(v); err == nil {
			t.Errorf("%T: %d bytes", v, len(out))
		}
	}
	child := &node{}
	child.Next = &node{Parent: child}
	if out, err := Marshal(child); err != nil || string(out) != `{"Next":{"Next":null}}` {
		t.Errorf("%s %v", out, err)
	}
	var deep any
	for range MaxDepth {
		deep = []any{deep}
	}
	if _, err := Marshal(deep); err != nil {
		t.Error(err)
	}
}

// TestMarshalRepairs: raw bytes of a handler leave as UTF-8.
func TestMarshalRepairs(t *testing.T) {
	out, err := Marshal(map[string]any{"a": json.RawMessage("\"caf\xe9 \\ud83d\"")})
	if err != nil || string(out) != `{"a":"caf`+"\uFFFD"+` \ufffd"}` {
		t.Errorf("%q %v", out, err)
	}
	if _, err := Marshal(json.RawMessage(`{"a":`)); err == nil {
		t.Error("what is no JSON was encoded")
	}
}
