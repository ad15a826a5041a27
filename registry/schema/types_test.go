package schema

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
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
	sdk          func(t *testing.T, c *typeCase)
	row          string // of docs/TYPES.md; "" has none
}

// of makes the row of a type whose arguments are T.
func of[T any](schema string, good, bad []string) typeCase {
	return typeCase{name: reflect.TypeFor[T]().String(), schema: schema, good: good, bad: bad,
		try: tryType[T], fuzz: fuzzType[T], sdk: sdkType[T]}
}

// field makes the row of a type T in a field X; JSON and schema are X's.
func field[T any](schema string, good, bad []string) typeCase {
	c := of[args[T]](`{"type":"object","properties":{"X":`+schema+`},"required":["X"],"additionalProperties":false}`,
		nil, nil)
	for _, text := range good {
		c.good = append(c.good, `{"X":`+text+`}`)
	}
	for _, text := range bad {
		c.bad = append(c.bad, `{"X":`+text+`}`)
	}
	c.row = fmt.Sprintf("| `%s` | `%s` | %s | %s |\n", reflect.TypeFor[T](), schema, quoted(good), quoted(bad))
	return c
}

// quoted lists JSON texts for the page.
func quoted(texts []string) string {
	if len(texts) == 0 {
		return ""
	}
	return "`" + strings.Join(texts, "` `") + "`"
}

type list = []string

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
