package value

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"

	"weir/codec"
)

// MaxDepth is how deep the JSON may be nested that a handler supplies: as deep as the Go SDK reads. encoding/json
// recurses, and a value that is nested deeper, or contains itself, would end the process and not the call.
const MaxDepth = 1000

// maxHops is how many pointers and interfaces may lead to one value; only one that leads to itself has more.
const maxHops = 100

// ErrDepth is of what is nested deeper.
var ErrDepth = fmt.Errorf("the value is nested deeper than %d levels, or contains itself", MaxDepth)

// Marshal encodes what a handler supplied: as encoding/json does, but bounded in depth and repaired (codec.Repair). The
// result is one line.
func Marshal(v any) ([]byte, error) {
	if err := CheckDepth(v); err != nil {
		return nil, err
	}
	encoded, err := json.Marshal(v)
	if err != nil {
		return nil, depthError(err)
	}
	return Fit(encoded)
}

// depthError is ErrDepth where encoding/json has given up on raw JSON that is nested deeper than it reads.
func depthError(err error) error {
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok && strings.HasSuffix(syntax.Error(), "exceeded max depth") {
		return ErrDepth
	}
	return err
}

// Fit checks and repairs what encoding/json made of values whose methods say what their JSON is.
func Fit(encoded []byte) ([]byte, error) {
	if !shallow(encoded) {
		return nil, ErrDepth
	}
	return codec.Repair(encoded), nil
}

// shallow says whether valid JSON is nested in MaxDepth levels at most.
func shallow(text []byte) bool {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			i = stringEnd(text, i)
		case '{', '[':
			if depth++; depth > MaxDepth {
				return false
			}
		case '}', ']':
			depth--
		}
	}
	return true
}

// stringEnd is the index of the quote that ends the string which begins at text[i].
func stringEnd(text []byte, i int) int {
	for {
		next := bytes.IndexByte(text[i+1:], '"')
		if next < 0 {
			return len(text)
		}
		i += 1 + next
		slashes := 0
		for text[i-1-slashes] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			return i
		}
	}
}

// CheckDepth refuses values that encoding/json would follow for more than MaxDepth levels. It costs a lookup for values
// of types that cannot be nested so deep.
func CheckDepth(v any) error {
	if nestsAny(v, MaxDepth, maxHops) {
		return nil
	}
	return ErrDepth
}

// nestsAny is nests for what is in an any. The types that decoded JSON has need no reflection.
func nestsAny(v any, levels, hops int) bool {
	switch v := v.(type) {
	case nil, string, bool, float64, int, int64, json.Number, json.RawMessage:
		return true
	case map[string]any:
		for _, member := range v {
			if levels == 0 || !nestsAny(member, levels-1, maxHops) {
				return false
			}
		}
		return true
	case []any:
		for _, element := range v {
			if levels == 0 || !nestsAny(element, levels-1, maxHops) {
				return false
			}
		}
		return true
	}
	return !mayNest(reflect.TypeOf(v)) || nests(reflect.ValueOf(v), levels, hops)
}

// nests says whether v is nested in levels at most.
func nests(v reflect.Value, levels, hops int) bool {
	switch v.Kind() {
	case reflect.Interface:
		if v.CanInterface() {
			return hops > 0 && nestsAny(v.Interface(), levels, hops-1)
		}
		return v.IsNil() || hops > 0 && nests(v.Elem(), levels, hops-1)
	case reflect.Pointer:
		return v.IsNil() || hops > 0 && nests(v.Elem(), levels, hops-1)
	case reflect.Struct, reflect.Map, reflect.Slice, reflect.Array:
	default:
		return true
	}
	t := v.Type()
	if !mayNest(t) || opaque(t) {
		return true
	}
	if levels == 0 {
		return false
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range t.NumField() {
			if encodes(t.Field(i)) && !nests(v.Field(i), levels-1, maxHops) {
				return false
			}
		}
	case reflect.Map:
		if v.CanInterface() {
			if object, ok := v.Interface().(map[string]any); ok {
				return nestsAny(object, levels, hops)
			}
		}
		for _, member := range v.Seq2() {
			if !nests(member, levels-1, maxHops) {
				return false
			}
		}
	default:
		for i := range v.Len() {
			if !nests(v.Index(i), levels-1, maxHops) {
				return false
			}
		}
	}
	return true
}

// encodes says whether encoding/json looks into a field.
func encodes(f reflect.StructField) bool {
	return (f.IsExported() || f.Anonymous) && f.Tag.Get("json") != "-"
}

// opaque says whether a method of t, and not encoding/json, says what its JSON is. The SDK's own types have methods
// that encode their fields as they stand.
func opaque(t reflect.Type) bool {
	if strings.HasPrefix(t.PkgPath(), "github.com/modelcontextprotocol/go-sdk/") {
		return false
	}
	for _, has := range []reflect.Type{t, reflect.PointerTo(t)} {
		if has.Implements(reflect.TypeFor[json.Marshaler]()) || has.Implements(reflect.TypeFor[encoding.TextMarshaler]()) {
			return true
		}
	}
	return false
}

// nesting remembers mayNest: a program has so many types, and no client can add one.
var nesting sync.Map // reflect.Type to bool

// mayNest says whether values of t can be nested without bound: where t contains itself, or anything.
func mayNest(t reflect.Type) bool {
	if known, ok := nesting.Load(t); ok {
		return known.(bool)
	}
	nests := unbounded(t, map[reflect.Type]bool{})
	nesting.Store(t, nests)
	return nests
}

func unbounded(t reflect.Type, open map[reflect.Type]bool) bool {
	switch t.Kind() {
	case reflect.Interface:
		return true
	case reflect.Struct, reflect.Map, reflect.Slice, reflect.Array, reflect.Pointer:
	default:
		return false
	}
	if open[t] {
		return true
	}
	open[t] = true
	defer delete(open, t)
	if t.Kind() != reflect.Struct {
		return unbounded(t.Elem(), open)
	}
	for i := range t.NumField() {
		if f := t.Field(i); encodes(f) && unbounded(f.Type, open) {
			return true
		}
	}
	return false
}
