package schema

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// shape is what the JSON of a Go type looks like, in one direction. docs/TYPES.md is its table.
type shape struct {
	kind   shapeKind
	t      reflect.Type
	elem   *shape       // of a pointer, slice, array or map
	fields []shapeField // of a struct
	format string       // of a text
	enum   []any        // what the type's Enum method lists, as JSON
	// recursive: the type contains itself.
	recursive bool
}

type shapeField struct {
	jsonField
	shape *shape
	enum  []any // of the tag enum, as JSON
}

type shapeKind uint8

const (
	isAny shapeKind = iota // an interface: numbers arrive as float64 or json.Number
	isRaw                  // anything, and a method of the type reads or writes it
	isBool
	isInt // of a Go type with a range
	isBigInt
	isFloat
	isNumber // json.Number
	isText   // a string
	isBytes  // base64 in a string
	isSlice
	isArray
	isMap
	isStruct
	isPointer
)

var (
	jsonUnmarshaler = reflect.TypeFor[json.Unmarshaler]()
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
	jsonMarshaler   = reflect.TypeFor[json.Marshaler]()
	textMarshaler   = reflect.TypeFor[encoding.TextMarshaler]()
)

// knownShapes are types of the standard library whose methods do not say what their JSON is.
var knownShapes = map[reflect.Type]shape{
	reflect.TypeFor[time.Time]():       {kind: isText, format: "date-time"},
	reflect.TypeFor[slog.Level]():      {kind: isText},
	reflect.TypeFor[big.Int]():         {kind: isBigInt},
	reflect.TypeFor[json.Number]():     {kind: isNumber},
	reflect.TypeFor[json.RawMessage](): {kind: isRaw},
}

// hopeless are types that have a JSON form by accident, which loses what they hold.
var hopeless = map[reflect.Type]string{
	reflect.TypeFor[url.URL](): "encodes as an object of its fields without its user; use string and url.Parse",
}

// shapes finds the shapes of Go types, or says which field cannot have one and why.
type shapes struct {
	in   bool // decoding; else encoding
	seen map[shapeKey]*shape
	open map[*shape]bool
}

// shapeKey: what encoding/json makes of a type depends on whether the value can be addressed.
type shapeKey struct {
	t           reflect.Type
	addressable bool
}

// shapeOf is the shape of an argument or output of type t.
func shapeOf(t reflect.Type, in bool) (*shape, error) {
	all := shapes{in: in, seen: map[shapeKey]*shape{}, open: map[*shape]bool{}}
	return all.of(t, true, typeName(t))
}

func typeName(t reflect.Type) string {
	for t.Kind() == reflect.Pointer && t.Name() == "" {
		t = t.Elem()
	}
	if t.Name() == "" {
		return "the type"
	}
	return t.Name()
}

// refused names a field and says why it cannot be served.
func refused(path string, t reflect.Type, format string, args ...any) error {
	return fmt.Errorf("%s: %v %s", path, t, fmt.Sprintf(format, args...))
}

func (a *shapes) of(t reflect.Type, addressable bool, path string) (*shape, error) {
	addressable = addressable || a.in // decoding can set everything
	key := shapeKey{t, addressable}
	if s := a.seen[key]; s != nil {
		if a.open[s] {
			s.recursive = true
		}
		return s, nil
	}
	s := &shape{t: t}
	if t.Name() != "" { // a cycle leads through a type with a name
		a.seen[key], a.open[s] = s, true
		defer delete(a.open, s)
	}
	if why := hopeless[t]; why != "" {
		return nil, refused(path, t, "%s", why)
	}
	if known, ok := knownShapes[t]; ok {
		known.t = t
		*s = known
		return s, a.addressed(t, addressable, path)
	}
	byMethod, err := a.byMethod(s, addressable, path)
	if err != nil {
		return nil, err
	}
	if !byMethod {
		if err := a.byKind(s, addressable, path); err != nil {
			return nil, err
		}
	}
	s.enum, err = enumOf(t)
	if err != nil {
		return nil, refused(path, t, "has an Enum method whose values are no JSON: %v", err)
	}
	return s, nil
}

// byMethod says whether a method of the type, and not its kind, decides.
func (a *shapes) byMethod(s *shape, addressable bool, path string) (bool, error) {
	t := s.t
	if t.Kind() == reflect.Interface || t.Kind() == reflect.Pointer {
		return false, nil // what they lead to decides
	}
	pointer := reflect.PointerTo(t)
	switch {
	case a.in && pointer.Implements(jsonUnmarshaler), !a.in && pointer.Implements(jsonMarshaler):
		s.kind = isRaw
	case a.in && pointer.Implements(textUnmarshaler), !a.in && pointer.Implements(textMarshaler):
		s.kind = isText
	default:
		return false, nil
	}
	return true, a.addressed(t, addressable, path)
}

// addressed refuses an output whose method encoding/json could not call.
func (a *shapes) addressed(t reflect.Type, addressable bool, path string) error {
	pointer := reflect.PointerTo(t)
	if a.in || addressable || t.Implements(jsonMarshaler) || t.Implements(textMarshaler) ||
		!pointer.Implements(jsonMarshaler) && !pointer.Implements(textMarshaler) {
		return nil
	}
	return refused(path, t, "says what its JSON is by a method of its pointer, which values of maps do not have; use *%v",
		t)
}

func (a *shapes) byKind(s *shape, addressable bool, path string) (err error) {
	t := s.t
	switch k := t.Kind(); {
	case isInteger(k):
		s.kind = isInt
	case k == reflect.Bool:
		s.kind = isBool
	case k == reflect.Float32, k == reflect.Float64:
		s.kind = isFloat
	case k == reflect.String:
		s.kind = isText
	case k == reflect.Interface:
		s.kind = isAny
		if a.in && t.NumMethod() > 0 {
			return refused(path, t,
				"is an interface with methods: nothing says which type to decode into; use any or json.RawMessage")
		}
	case k == reflect.Pointer:
		s.kind = isPointer
		if pointsToItself(t) {
			return refused(path, t, "points to nothing but itself")
		}
		s.elem, err = a.of(t.Elem(), true, path)
	case k == reflect.Slice:
		s.kind = isSlice
		if a.isBytes(t.Elem()) {
			s.kind = isBytes
			return nil
		}
		s.elem, err = a.of(t.Elem(), true, path+"[]")
	case k == reflect.Array:
		s.kind = isArray
		s.elem, err = a.of(t.Elem(), addressable, path+"[]")
	case k == reflect.Map:
		s.kind = isMap
		if !a.isKeyType(t.Key()) {
			return refused(path, t,
				"has keys that are no JSON keys; use strings, integers, or a type with text methods of its own")
		}
		s.elem, err = a.of(t.Elem(), false, path+"{}")
	case k == reflect.Struct:
		s.kind = isStruct
		return a.structure(s, addressable, path)
	default:
		return refused(path, t, `has no JSON form; leave the field out with json:"-"`)
	}
	return err
}

func pointsToItself(t reflect.Type) bool {
	const longest = 100
	for range longest {
		if t.Kind() != reflect.Pointer {
			return false
		}
		t = t.Elem()
	}
	return true
}

// isBytes: encoding/json takes a slice of bytes for base64, unless the bytes have methods of their own.
func (a *shapes) isBytes(elem reflect.Type) bool {
	pointer := reflect.PointerTo(elem)
	return elem.Kind() == reflect.Uint8 && !pointer.Implements(jsonMarshaler) && !pointer.Implements(textMarshaler) &&
		!pointer.Implements(jsonUnmarshaler) && !pointer.Implements(textUnmarshaler)
}

func (a *shapes) isKeyType(key reflect.Type) bool {
	if key.Kind() == reflect.String || isInteger(key.Kind()) {
		return true
	}
	if a.in {
		return key.Kind() != reflect.Pointer && reflect.PointerTo(key).Implements(textUnmarshaler)
	}
	return key.Implements(textMarshaler)
}

func (a *shapes) structure(s *shape, addressable bool, path string) error {
	if hidesAll(s.t) {
		return refused(path, s.t, "has unexported fields only: nothing of it is JSON; use another type, or json:\"-\"")
	}
	if a.in {
		if name := deadEnd(s.t, map[reflect.Type]bool{}); name != "" {
			return refused(path+"."+name, s.t,
				"embeds a pointer to an unexported struct, which encoding/json cannot set; embed the struct")
		}
	}
	for _, f := range jsonFields(s.t) {
		at := path + "." + f.Name
		field := shapeField{jsonField: f}
		var err error
		if field.shape, err = a.of(f.Type, addressable || f.behindPointer, at); err != nil {
			return err
		}
		if tag, ok := f.Tag.Lookup("enum"); ok {
			if field.enum, err = enumTag(field, tag); err != nil {
				return fmt.Errorf("%s: the tag enum:%q: %w", at, tag, err)
			}
		}
		s.fields = append(s.fields, field)
	}
	return nil
}

// hidesAll says whether a struct has fields and none that is exported or embedded.
func hidesAll(t reflect.Type) bool {
	for i := range t.NumField() {
		if f := t.Field(i); f.IsExported() || f.Anonymous {
			return false
		}
	}
	return t.NumField() > 0
}

// deadEnd finds an embedded pointer to an unexported struct.
func deadEnd(t reflect.Type, open map[reflect.Type]bool) string {
	if open[t] {
		return ""
	}
	open[t] = true
	for i := range t.NumField() {
		f := t.Field(i)
		if !f.Anonymous || f.Tag.Get("json") == "-" {
			continue
		}
		inner := f.Type
		if inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
			if inner.Kind() == reflect.Struct && !f.IsExported() {
				return f.Name
			}
		}
		if inner.Kind() == reflect.Struct {
			if name := deadEnd(inner, open); name != "" {
				return f.Name + "." + name
			}
		}
	}
	return ""
}

// enumerated is a type that lists its values.
type enumerated interface{ Enum() []any }

// enumOf is what a type's Enum method lists, as JSON values; nil without one.
func enumOf(t reflect.Type) ([]any, error) {
	if t.Kind() == reflect.Interface || t.Kind() == reflect.Pointer ||
		!reflect.PointerTo(t).Implements(reflect.TypeFor[enumerated]()) {
		return nil, nil
	}
	var values []any
	for _, v := range reflect.New(t).Interface().(enumerated).Enum() {
		raw, err := json.Marshal(v)
		if err != nil {
			return nil, err
		}
		decoded, err := literal(string(raw))
		if err != nil {
			return nil, err
		}
		values = append(values, decoded)
	}
	return values, nil
}

// enumTag reads the values of a tag, which commas part: what each stands for in JSON depends on the field.
func enumTag(f shapeField, tag string) ([]any, error) {
	s := f.shape
	for s.kind == isPointer || s.kind == isSlice || s.kind == isArray || s.kind == isMap {
		s = s.elem
	}
	var values []any
	for text := range strings.SplitSeq(tag, ",") {
		var v any = text
		var err error
		if !f.quoted {
			switch s.kind {
			case isText:
			case isInt, isBigInt, isFloat, isNumber:
				v, err = literal(text)
				if err == nil && !isJSONNumber(v) {
					err = errors.New("not a number")
				}
			case isBool:
				v, err = strconv.ParseBool(text)
			default:
				err = fmt.Errorf("%v has no list of values", f.Type)
			}
		}
		if err != nil {
			return nil, fmt.Errorf("%q: %w", text, err)
		}
		values = append(values, v)
	}
	return values, nil
}
